"""The commands with their options and arguments, from table.txt, which is faster than building the commands.

`docs/completion_table.py` writes the file. A line of it has fields that tabs separate:

    @ COMMAND                       a command, such as ``sosagent keys list``
    c NAME HELP                     one of its subcommands
    a KIND MOST                     an argument; MOST is ``*`` if it takes all words that follow
    o NAMES KIND MOST HELP          an option; KIND is empty if it takes no value, MOST ``*`` if it is repeatable
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Argument", "Command", "Option", "find_command"]

_FILE = Path(__file__).with_name("table.txt")


@dataclass(frozen=True)
class Option:
    """An option.

    Fields:
        names: its spellings.
        kind: what its value is, see `sources.candidates`; empty if it takes none.
        repeatable: whether it may be on the command line more than once.
        help: one line.
    """

    names: tuple[str, ...]
    kind: str
    repeatable: bool
    help: str


@dataclass(frozen=True)
class Argument:
    """An argument; `kind` and `repeatable` as for an option."""

    kind: str
    repeatable: bool


@dataclass(frozen=True)
class Command:
    """A command with its subcommands (name -> help), or with its arguments."""

    subcommands: dict[str, str] = field(default_factory=dict)
    arguments: list[Argument] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)

    def option(self, name: str) -> Option | None:
        """Return the option with that spelling, or None."""
        return next((one for one in self.options if name in one.names), None)


def find_command(program: str, words: list[str]) -> tuple[Command, list[str]]:
    """Return the command that `words` lead to, and the words that belong to it.

    Args:
        program: ``sosagent`` or ``sos-addkey``.
        words: the command line behind the program.
    """
    text = _FILE.read_text("utf-8")
    command = _section(text, program)
    path, at = program, 0
    while at < len(words) and command.subcommands:
        word, at = words[at], at + 1
        if word in command.subcommands:
            path = f"{path} {word}"
            command = _section(text, path)
        elif not word.startswith("-"):
            return Command(), []
    return command, words[at:]


def _section(text: str, path: str) -> Command:
    command = Command()
    _, found, rest = text.partition(f"\n@\t{path}\n")
    for line in rest.partition("\n@")[0].splitlines() if found else []:
        kind, *fields = line.split("\t")
        if kind == "c":
            command.subcommands[fields[0]] = fields[1]
        elif kind == "a":
            command.arguments.append(Argument(fields[0], fields[1] == "*"))
        elif kind == "o":
            command.options.append(Option(tuple(fields[0].split(",")), fields[1], fields[2] == "*", fields[3]))
    return command
