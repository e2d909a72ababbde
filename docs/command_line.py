"""Write docs/reference/command-line.md from the commands themselves.

python -m docs.command_line
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from docs.state_table import between
from sosagent.cli.main import sosagent_app

PAGE = Path(__file__).parent / "reference" / "command-line.md"
BEGIN, END = "<!-- commands: made by docs/command_line.py -->", "<!-- end of commands -->"
BAR = "\\|"


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its name, such as ``sosagent keys list``."""
    yield from _below("sosagent", typer.main.get_command(sosagent_app()))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
        return
    for word, one in below.items():
        yield from _below(f"{name} {word}", one)


def pages() -> str:
    """All commands as Markdown."""
    return "\n\n".join(_section(name, command) for name, command in commands())


def _section(name: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    usage = " ".join([name, *(["[OPTIONS]"] if options else []), *map(_argument, arguments)])
    parts = [f"## {name}", f"    {usage}", _paragraphs(command.help or "")]
    if arguments:
        parts.append(_table("argument", [(f"`{_bare(one)}`", _words(one)) for one in arguments]))
    if options:
        parts.append(_table("option", [(_spelled(one), _words(one)) for one in options]))
    return "\n\n".join(parts)


def _paragraphs(text: str) -> str:
    """The help, each paragraph on a line of its own: Markdown wraps them."""
    return "\n\n".join(" ".join(one.split()) for one in text.split("\n\n"))


def _bare(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper()).strip("[]")


def _argument(argument: Any) -> str:
    name = _bare(argument) + ("..." if argument.nargs == -1 and not _bare(argument).endswith("...") else "")
    return name if argument.required else f"[{name}]"


def _spelled(option: Any) -> str:
    value = "" if option.is_flag else f" {option.metavar or 'TEXT'}"
    return ", ".join(f"`{one}{value if one.startswith('--') else ''}`" for one in sorted(option.opts, key=len))


def _words(parameter: Any) -> str:
    words = " ".join((parameter.help or "").split())
    shown = parameter.show_default
    if isinstance(shown, str):
        words += f" By default {shown}."
    elif shown and not getattr(parameter, "is_flag", False) and isinstance(parameter.default, str | int | float):
        words += f" By default `{parameter.default}`." if parameter.default != "" else ""
    return words


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    lines = [f"| {title} | meaning |", "|---|---|"]
    # A bar would end the cell, in code too.
    lines += [f"| {name.replace('|', BAR)} | {_text(words)} |" for name, words in rows]
    return "\n".join(lines)


def _text(words: str) -> str:
    """Words of a help, as Markdown that means nothing else."""
    for char in "\\*_[]<|":
        words = words.replace(char, f"\\{char}")
    return words


def with_table(text: str) -> str:
    """Give the page's `text` with the commands as they are now."""
    return between(text, BEGIN, END, pages())


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")
