"""Generate docs/reference/command-line.md from the commands.

Run:  python -m docs.command_line
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import typer

from docs.generated import DOCS, GeneratedPart, table_row
from sosagent.cli.app import sosagent_app
from sosagent.cli.help.groups import HELP
from sosagent.cli.help.page import Entry, Page, page_of


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name, such as ``sosagent keys list``."""
    for name, command in commands_and_groups():
        if not hasattr(command, "commands"):
            yield name, command


@functools.cache
def commands_and_groups() -> tuple[tuple[str, Any], ...]:
    """Return `sosagent`, every command and every group of commands, with their full names."""
    return tuple(_below("sosagent", typer.main.get_command(sosagent_app())))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for word, subcommand in getattr(command, "commands", {}).items():
        yield from _below(f"{name} {word}", subcommand)


def all_sections() -> str:
    """Return a section for each command, as Markdown."""
    return "\n\n".join(_section(page_of(name, command)) for name, command in commands())


def _section(page: Page) -> str:
    usage = "\n".join(f"    {page.name} {form}" for form in page.usage)
    parts = [f"## {page.name}", usage, *page.paragraphs]
    if page.arguments:
        parts.append(_table("Argument", page.arguments))
    for title, entries in page.groups:
        shown = [one for one in entries if "--help" not in one.names]
        if shown and title != HELP:
            parts.append(_table(title, shown))
    return "\n\n".join(parts)


def _table(title: str, entries: Iterable[Entry]) -> str:
    rows = [table_row(_spellings(one), _escaped(one.meaning)) for one in entries]
    return "\n".join([table_row(title, "meaning"), "|---|---|", *rows])


def _spellings(entry: Entry) -> str:
    *others, last = entry.names
    return ", ".join([*(f"`{name}`" for name in others), f"`{last} {entry.value}`".replace(" `", "`")])


def _escaped(text: str) -> str:
    """Return `text` with the characters escaped that have a meaning in Markdown."""
    for char in "\\*_[]<":
        text = text.replace(char, f"\\{char}")
    return text


COMMAND_LINE = GeneratedPart(DOCS / "reference" / "command-line.md", "commands", "docs/command_line.py", all_sections)

if __name__ == "__main__":
    COMMAND_LINE.write()
