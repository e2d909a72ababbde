"""Generate docs/reference/command-line.md from the commands.

Run:  python -m docs.command_line
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from docs.generated import DOCS, GeneratedPart
from sosagent.cli.app import sosagent_app

_BAR = "\\|"


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name, such as ``sosagent keys list``."""
    yield from _leaves("sosagent", typer.main.get_command(sosagent_app()))


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield name, command
        return
    for word, subcommand in subcommands.items():
        yield from _leaves(f"{name} {word}", subcommand)


def all_sections() -> str:
    """Return a section for each command, as Markdown."""
    return "\n\n".join(_section(name, command) for name, command in commands())


def _section(name: str, command: Any) -> str:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    usage = " ".join([name, *(["[OPTIONS]"] if options else []), *map(_argument, arguments)])
    parts = [f"## {name}", f"    {usage}", _paragraphs(command.help or "")]
    if arguments:
        parts.append(_table("argument", [(f"`{_metavar(one)}`", _meaning(one)) for one in arguments]))
    if options:
        parts.append(_table("option", [(_spellings(one), _meaning(one)) for one in options]))
    return "\n\n".join(parts)


def _paragraphs(text: str) -> str:
    """Return the help text with each paragraph on one line."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _metavar(argument: Any) -> str:
    name = str(argument.metavar or argument.name.upper())
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name


def _argument(argument: Any) -> str:
    metavar = _metavar(argument)
    name = metavar + ("..." if argument.nargs == -1 and not metavar.endswith("...") else "")
    return name if argument.required else f"[{name}]"


def _spellings(option: Any) -> str:
    value = "" if option.is_flag else f" {option.metavar or 'TEXT'}"
    return ", ".join(f"`{name}{value if name.startswith('--') else ''}`" for name in sorted(option.opts, key=len))


def _meaning(parameter: Any) -> str:
    meaning = " ".join((parameter.help or "").split())
    shown = parameter.show_default
    if isinstance(shown, str):
        meaning += f" Default: {shown}."
    elif shown and not getattr(parameter, "is_flag", False) and isinstance(parameter.default, str | int | float):
        meaning += f" Default: `{parameter.default}`." if parameter.default != "" else ""
    return meaning


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    lines = [f"| {title} | meaning |", "|---|---|"]
    # A bar would end the cell, even in code.
    lines += [f"| {name.replace('|', _BAR)} | {_escaped(meaning)} |" for name, meaning in rows]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """Return `text` with the characters escaped that have a meaning in Markdown."""
    for char in "\\*_[]<|":
        text = text.replace(char, f"\\{char}")
    return text


COMMAND_LINE = GeneratedPart(DOCS / "reference" / "command-line.md", "commands", "docs/command_line.py", all_sections)

if __name__ == "__main__":
    COMMAND_LINE.write()
