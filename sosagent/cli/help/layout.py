"""Lay out the help of a command as text, for a terminal of any width."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from .page import Entry, Page

__all__ = ["LEAST_WIDTH", "MOST_WIDTH", "command_lines", "help_text", "short_help_text", "width_of"]

LEAST_WIDTH = 40
MOST_WIDTH = 100  # longer lines are hard to read
#: On narrower terminals, a meaning is below its option, not beside it.
_BESIDE = 56
_INDENT = 2
_BELOW = 6
_SHORT_LABEL = 12
_LEAST_COLUMN = 26


def width_of(columns: int) -> int:
    """Return the width of the help for a terminal of `columns` columns."""
    return min(max(columns, LEAST_WIDTH), MOST_WIDTH)


def help_text(page: Page, columns: int, *, bold: bool = False) -> str:
    """Return the help of a command.

    Args:
        page: the command.
        columns: the width of the terminal.
        bold: emphasise the headings with the terminal's bold.
    """
    layout = _Layout(width_of(columns), bold)
    summary, *rest = page.paragraphs or ("",)
    parts = [
        layout.paragraph(summary),
        layout.usage(page),
        layout.examples(page),
        *(layout.paragraph(one) for one in rest),
        *layout.lists(page.topics),
        *layout.lists([("Arguments", _rows(page.arguments))] if page.arguments else []),
        *layout.lists((title, _rows(entries)) for title, entries in page.groups),
        *layout.lists([("Exit status", page.notes.statuses)] if page.notes.statuses else []),
        layout.paragraph(_read_on(page)),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def short_help_text(page: Page, columns: int) -> str:
    """Return what a group of commands shows when it is called without a command.

    Args:
        page: the group.
        columns: the width of the terminal.
    """
    layout = _Layout(width_of(columns), bold=False)
    wanted = page.notes.frequent
    more = f"More about a command: {page.help_command} COMMAND"
    rows = [(word, text) for _, commands in page.topics for word, text in commands if not wanted or word in wanted]
    parts = [
        layout.paragraph((page.paragraphs or ("",))[0]),
        layout.usage(page),
        *layout.lists([("Frequent commands" if wanted else "Commands", rows)]),
        layout.paragraph(f"{'All commands: ' + page.help_command + '. ' if wanted else ''}{more}"),
    ]
    return "\n\n".join(parts) + "\n"


def _rows(entries: Iterable[Entry]) -> list[tuple[str, str]]:
    # The long names are below each other: options without a short name are indented.
    return [("    " * one.names[0].startswith("--") + one.label, one.meaning) for one in entries]


def _read_on(page: Page) -> str:
    places = [f"man {page.man_page}", *(f"docs/{one}" for one in page.notes.read_on)]
    return "Read on: " + ", ".join(places)


class _Layout:
    """Wraps text to a width.

    Args:
        width: the number of columns.
        bold: emphasise headings.
    """

    def __init__(self, width: int, bold: bool) -> None:
        self._width = width
        self._bold = bold

    def paragraph(self, text: str, indent: int = 0) -> str:
        return "\n".join(self._wrapped(text, indent))

    def heading(self, text: str) -> str:
        return f"\x1b[1m{text}:\x1b[0m" if self._bold else f"{text}:"

    def usage(self, page: Page) -> str:
        lines = []
        for form in page.usage:
            command = f"{page.name} {form}"
            hanging = " " * (_INDENT + 2)
            lines += self._fill(command, " " * _INDENT, hanging)
        return "\n".join([self.heading("Usage"), *lines])

    def examples(self, page: Page) -> str:
        if not page.notes.examples:
            return ""
        lines = [self.heading("Examples")]
        for one in page.notes.examples:
            lines += self._wrapped(f"{one.purpose}:", _INDENT)
            lines += command_lines(one.command, self._width, _INDENT + 2)
        return "\n".join(lines)

    def lists(self, lists: Iterable[tuple[str, Sequence[tuple[str, str]]]]) -> Iterator[str]:
        """Yield each list with its title. All meanings begin in the same column."""
        lists = list(lists)
        column = self._column([label for _, rows in lists for label, _ in rows])
        for title, rows in lists:
            lines = [self.heading(title)]
            for label, meaning in rows:
                lines += self._row(label, meaning, column)
            yield "\n".join(lines)

    def _column(self, labels: Sequence[str]) -> int:
        """Return the column where the meanings begin; a longer label has a line of its own."""
        lengths = [len(label) for label in labels]
        if self._width < _BESIDE and max(lengths, default=0) > _SHORT_LABEL:
            return _BELOW
        most = max(_LEAST_COLUMN, self._width * 2 // 5)
        return max((one + 2 * _INDENT for one in lengths if one + 2 * _INDENT <= most), default=_BELOW)

    def _row(self, label: str, meaning: str, column: int) -> list[str]:
        text = self._wrapped(meaning, column)
        start = " " * _INDENT + (label.lstrip() if column == _BELOW else label)
        if not text or len(start) + _INDENT > column:
            return [start, *text]
        return [start.ljust(column) + text[0].lstrip(), *text[1:]]

    def _wrapped(self, text: str, indent: int) -> list[str]:
        return self._fill(text, " " * indent, " " * indent)

    def _fill(self, text: str, first: str, rest: str) -> list[str]:
        return textwrap.wrap(
            text,
            self._width,
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )


def command_lines(command: str, width: int, indent: int) -> list[str]:
    """Return a shell command in lines of at most `width` columns, with backslashes, so that it can be pasted.

    Args:
        command: the command.
        width: the columns.
        indent: spaces before the first line.
    """
    lines, line = [], " " * indent
    words = _words(command)
    for at, word in enumerate(words):
        if line.strip() and len(line) + len(word) + len(" \\") > width and len(line + " ".join(words[at:])) > width:
            lines.append(f"{line.rstrip()} \\")
            line = " " * (indent + 2)
        line += f"{word} "
    return [*lines, line.rstrip()]


def _words(command: str) -> list[str]:
    """Return the words of a shell command as they are written, with their quotes."""
    return re.findall(r"(?:'[^']*'|\"[^\"]*\"|\S)+", command)
