"""What there is to say about a command: read from its declaration and from the table of notes.

The help, the man pages and the command line reference all show a `Page`.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from .groups import COMMANDS, HELP, OPTION_ORDER, OUTPUT, OWN, TOPIC_ORDER
from .notes import NOTES, Notes

__all__ = ["Entry", "Page", "page_of", "summary_of"]

#: A command with at most this many options shows them in one group, besides those for the output and the help.
_FEW = 5
_HELP_OPTION = "Show this help and exit."


@dataclass(frozen=True)
class Entry:
    """An argument or an option.

    Fields:
        names: of an option, the short one first; of an argument, its only name.
        value: the name of an option's value; empty for a flag and for an argument.
        meaning: what it does, and its default.
    """

    names: tuple[str, ...]
    value: str
    meaning: str

    @property
    def label(self) -> str:
        """The names and the value, such as ``-i, --identity FILE``."""
        return f"{', '.join(self.names)} {self.value}".rstrip()


@dataclass(frozen=True)
class Page:
    """A command.

    Fields:
        name: such as ``sosagent keys list``.
        usage: what may follow the name; several forms for some commands.
        paragraphs: the description. The first says in a sentence what the command does.
        arguments: the arguments.
        groups: the groups of options in the order of `OPTION_ORDER`: title and options.
        topics: the subcommands: the title of a topic, and the name and summary of each command.
        notes: examples, exit statuses and where to read on.
    """

    name: str
    usage: tuple[str, ...]
    paragraphs: tuple[str, ...]
    arguments: tuple[Entry, ...]
    groups: tuple[tuple[str, tuple[Entry, ...]], ...]
    topics: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    notes: Notes

    @property
    def summary(self) -> str:
        """What the command does, without a full stop."""
        return _first_sentence(self.paragraphs[0] if self.paragraphs else "")

    @property
    def man_page(self) -> str:
        """The name of the man page, such as ``sosagent-keys-list``."""
        return self.name.replace(" ", "-")

    @property
    def help_command(self) -> str:
        """The command that prints this page, such as ``sosagent help keys list``."""
        program, _, rest = self.name.partition(" ")
        return f"{program} help {rest}".rstrip()

    def has_option(self, name: str) -> bool:
        """Return whether the command has the option `name`, such as ``--config``."""
        return any(name in one.names for _, entries in self.groups for one in entries)


def page_of(name: str, command: Any) -> Page:
    """Return the page of a command.

    Args:
        name: its full name, such as ``sosagent keys list``.
        command: as typer makes it.
    """
    # sos-addkey is the same command.
    notes = NOTES.get("sosagent addkey" if name == "sos-addkey" else name, Notes())
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    subcommands = {word: one for word, one in getattr(command, "commands", {}).items() if not one.hidden}
    words = ["COMMAND [ARG...]"] if subcommands else [_usage_of(one) for one in arguments]
    return Page(
        name,
        notes.usage or (" ".join(["[OPTIONS]", *words]),),
        tuple(" ".join(part.split()) for part in inspect.cleandoc(command.help or "").split("\n\n")),
        tuple(Entry((_argument_name(one),), "", _meaning(one)) for one in arguments),
        _groups(command),
        _topics(subcommands),
        notes,
    )


def summary_of(command: Any) -> str:
    """Return the first sentence of a command's description, without the full stop."""
    return _first_sentence(" ".join((command.help or "").split()))


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].removesuffix(".")


def _groups(command: Any) -> tuple[tuple[str, tuple[Entry, ...]], ...]:
    options = [(_group(one), _entry(one)) for one in command.params if _is_shown_option(one)]
    options.append((HELP, Entry(("-h", "--help"), "", _HELP_OPTION)))
    apart: tuple[str, ...] = () if len(options) <= _FEW else (OUTPUT, HELP)
    if sum(title not in apart for title, _ in options) <= _FEW:
        options = [(title if title in apart else OWN, entry) for title, entry in options]
    by_title = {title: tuple(entry for group, entry in options if group == title) for title in OPTION_ORDER}
    return tuple((title, entries) for title, entries in by_title.items() if entries)


def _topics(subcommands: dict[str, Any]) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    rows = [(one.rich_help_panel or COMMANDS, (word, summary_of(one))) for word, one in subcommands.items()]
    by_title = {title: tuple(row for topic, row in rows if topic == title) for title in TOPIC_ORDER}
    return tuple((title, commands) for title, commands in by_title.items() if commands)


def _is_shown_option(parameter: Any) -> bool:
    return parameter.param_type_name == "option" and not parameter.hidden


def _group(option: Any) -> str:
    return getattr(option, "rich_help_panel", None) or OWN


def _entry(option: Any) -> Entry:
    value = "" if option.is_flag or getattr(option, "count", False) else option.metavar or "TEXT"
    return Entry(tuple(sorted(option.opts, key=len)), value, _meaning(option))


def _argument_name(argument: Any) -> str:
    name = str(argument.metavar or argument.name.upper())
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name


def _usage_of(argument: Any) -> str:
    name = _argument_name(argument)
    name += "..." if argument.nargs == -1 and "..." not in name else ""
    return name if argument.required else f"[{name}]"


def _meaning(parameter: Any) -> str:
    """Return the help text of a parameter, and its default if it has one worth showing."""
    text = " ".join((parameter.help or "").split())
    shown = parameter.show_default
    default = shown if isinstance(shown, str) else _default(parameter) if shown else ""
    return f"{text} Default: {default}." if default else text


def _default(parameter: Any) -> str:
    value = parameter.default
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return value if isinstance(value, str) else f"{value:g}"
