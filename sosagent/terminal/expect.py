"""Search patterns in growing console text, looking at each byte once.

The interface resembles pexpect's. A pattern that ends in ``$`` is a prompt and is tried on the open line only; any
other is a message and is searched in new text only. So the cost is linear in the number of bytes and the memory is
bounded, whatever the size of the portions. Unlike pexpect's, a result never changes after it was returned.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from .text import Text

__all__ = ["EOF", "TIMEOUT", "Ending", "Expecter", "Match", "Pattern", "Patterns", "compile_patterns"]

_PROMPT_WINDOW = 1024  # a prompt is searched in this many last characters of the open line
_SPAN_OVERLAP = 1024  # how far back in searched text a match that spans lines may start
_KEEP_BEFORE = 64 * 1024  # how much of the text before a match is kept
_KEEP_NEW = 1024 * 1024  # how much text is kept while `find` is not called


class Ending:
    """An entry of a pattern list that stands for an event instead of text (`TIMEOUT`, `EOF`)."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


TIMEOUT = Ending("TIMEOUT")
EOF = Ending("EOF")

Pattern = str | re.Pattern[str] | Ending


@dataclass(frozen=True)
class Match:
    """The result of `expect`.

    Fields:
        index: the position of the pattern in the list.
        text: the matching text; empty for TIMEOUT and EOF.
        before: the text between the previous match and this one, at most its last 64 KiB.
        groups: the groups of the pattern.
    """

    index: int
    text: str
    before: str
    groups: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Patterns:
    """A compiled list of patterns.

    Fields:
        prompts: (index in the list, compiled pattern), tried on the open line.
        messages: pairs of the same form, searched in all new text.
        spanning: whether a message may match across a newline.
        timeout, eof: the index of TIMEOUT and EOF in the list; None if absent.
    """

    prompts: tuple[tuple[int, re.Pattern[str]], ...]
    messages: tuple[tuple[int, re.Pattern[str]], ...]
    spanning: bool
    timeout: int | None
    eof: int | None


def compile_patterns(patterns: Sequence[Pattern], *, exact: bool = False) -> Patterns:
    """Compile the patterns of an `expect`. The result can be used many times.

    Args:
        patterns: regular expressions as text or compiled, TIMEOUT, EOF.
        exact: match texts literally.

    Raises:
        re.error: a text is not a valid regular expression.
    """
    prompts: list[tuple[int, re.Pattern[str]]] = []
    messages: list[tuple[int, re.Pattern[str]]] = []
    endings: dict[Ending, int] = {}
    for index, pattern in enumerate(patterns):
        if isinstance(pattern, Ending):
            endings[pattern] = index
            continue
        if isinstance(pattern, str):
            pattern = re.compile(re.escape(pattern) if exact else pattern)
        (prompts if _is_prompt(pattern) and not exact else messages).append((index, pattern))
    spanning = any(_may_span(pattern) for _, pattern in messages)
    return Patterns(tuple(prompts), tuple(messages), spanning, endings.get(TIMEOUT), endings.get(EOF))


def _is_prompt(pattern: re.Pattern[str]) -> bool:
    body = pattern.pattern
    escapes = len(body[:-1]) - len(body[:-1].rstrip("\\"))
    return body.endswith("$") and escapes % 2 == 0 and not pattern.flags & re.MULTILINE


def _may_span(pattern: re.Pattern[str]) -> bool:
    return bool(pattern.flags & re.DOTALL) or bool(re.search(r"\n|\\[nsDWS]|\[\^|\(\?[a-z]*s", pattern.pattern))


class Expecter:
    """Growing console text, and the search in it.

    Pass bytes to `feed` and search with `find`. Text that a match consumed is not searched again. Text after the
    match is kept for the next `find`; if that is not called, at least the last mebibyte.

    Args:
        width: columns of the terminal that the machine assumes.
    """

    def __init__(self, width: int = 80) -> None:
        self._text = Text(width)
        self._open_used = 0  # how many characters of the open line a match has consumed
        self._new: list[str] = []  # finished lines, with newlines, that were not searched yet
        self._new_size = 0  # their size since the last `find`, at least
        self._old: deque[str] = deque()  # finished lines that were searched without a match
        self._old_size = 0
        self._last_patterns: Patterns | None = None

    @property
    def open_line(self) -> str:
        """The line that has no newline yet, including what is behind the cursor."""
        return self._text.open_line

    @property
    def prompt(self) -> str:
        """The open line without a right prompt; see `Text.prompt`."""
        return self._text.prompt

    @property
    def after_cursor(self) -> str:
        """The part of the open line behind the cursor; see `Text.after_cursor`."""
        return self._text.after_cursor

    @property
    def interrupted(self) -> bool:
        """Whether text of the open line is from before an interruption; see `Text.note_interruption`."""
        return self._text.interrupted

    def note_interruption(self) -> None:
        """A whole line was removed behind the open line; see `Text.note_interruption`."""
        self._text.note_interruption()

    @property
    def cursor_jumps(self) -> int:
        """The number of times that a program moved the cursor to another row; see `Text.cursor_jumps`."""
        return self._text.cursor_jumps

    def feed(self, data: bytes) -> list[str]:
        """Process the next bytes of the console; return the lines that they finish."""
        lines = self._text.feed(data)
        if lines:
            text = "\n".join(lines) + "\n"
            if self._open_used:
                text = text[min(self._open_used, len(lines[0])) :]
                self._open_used = 0
            self._new.append(text)
            self._new_size += len(text)
            if self._new_size > 2 * _KEEP_NEW:  # `find` is not being called
                self._new = ["".join(self._new)[-_KEEP_NEW:]]
                self._new_size = _KEEP_NEW
        return lines

    @property
    def just_jumped(self) -> bool:
        """Whether nothing was written since the last cursor jump; see `Text.just_jumped`."""
        return self._text.just_jumped

    def restart(self, open_line: str) -> None:
        """Consume all text and make the open line `open_line`; see `Text.restart`."""
        self._text.restart(open_line)
        self.skip()

    def skip(self) -> None:
        """Consume all text received so far: only later text can match."""
        self._new.clear()
        self._old.clear()
        self._old_size = 0
        self._open_used = len(self._text.open_line)

    def find(self, patterns: Patterns, *, with_prompts: bool = True) -> Match | None:
        """Search the text that is new since the last `find`; with other `patterns` than then, all unconsumed text.

        Args:
            patterns: what to search for.
            with_prompts: search for the prompts among them, too; False if the open line may be a finished one.
        """
        self._new_size = 0
        if patterns is not self._last_patterns:
            self._last_patterns = patterns
            self._new = [*self._old, *self._new]
            self._old.clear()
            self._old_size = 0
        if patterns.messages and (self._new or self._text.open_line):
            message = self._find_message(patterns)
            if message is not None:
                return message
        elif self._new:
            self._keep("".join(self._new))
        line = self._text.prompt
        start = max(self._open_used, len(line) - _PROMPT_WINDOW)
        for index, pattern in patterns.prompts if with_prompts else ():
            match = pattern.search(line, start)
            if match is not None:
                before = self._before(line[self._open_used : match.start()])
                self.skip()
                return Match(index, match[0], before, match.groups())
        return None

    def _find_message(self, patterns: Patterns) -> Match | None:
        new = "".join(self._new)
        overlap = self._overlap() if patterns.spanning else ""
        text = overlap + new + self._text.open_line[self._open_used :]
        best: tuple[int, re.Match[str]] | None = None
        for index, pattern in patterns.messages:
            match = pattern.search(text)
            if match is not None and (best is None or match.start() < best[1].start()):
                best = index, match
        if best is None:
            self._keep(new)
            return None
        index, match = best
        before = self._before(text[len(overlap) : match.start()], drop=max(len(overlap) - match.start(), 0))
        self._consume(new, match.end() - len(overlap))
        return Match(index, match[0], before, match.groups())

    def _overlap(self) -> str:
        """Return the end of the searched text, where a match that reaches into the new text may start."""
        parts: list[str] = []
        size = 0
        for text in reversed(self._old):
            parts.append(text)
            size += len(text)
            if size >= _SPAN_OVERLAP:
                break
        return "".join(reversed(parts))[-_SPAN_OVERLAP:]

    def _consume(self, new: str, end: int) -> None:
        self._old.clear()
        self._old_size = 0
        self._last_patterns = None
        if end < len(new):
            self._new = [new[max(end, 0) :]]
        else:
            self._new = []
            self._open_used += end - len(new)

    def _keep(self, text: str) -> None:
        """Keep text that did not match: its end becomes `before` of a later match."""
        self._new.clear()
        if not text:
            return
        self._old.append(text[-_KEEP_BEFORE:])
        self._old_size += len(self._old[-1])
        while self._old_size - len(self._old[0]) >= _KEEP_BEFORE:
            self._old_size -= len(self._old.popleft())

    def _before(self, last: str, drop: int = 0) -> str:
        text = "".join(self._old)
        return (text[: len(text) - drop] + last)[-_KEEP_BEFORE:]
