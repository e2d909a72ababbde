"""Typer apps whose commands show our help: for 40 columns and more, in groups, with examples and exit statuses."""

from __future__ import annotations

import sys
from collections.abc import Callable
from shutil import get_terminal_size
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ..colour import colour_allowed

__all__ = ["App", "HelpCommand", "HelpGroup", "full_name", "single_command"]

_HELP_NAMES = {"help_option_names": ["-h", "--help"]}
_USAGE = 2


def full_name(context: Any) -> str:
    """Return the full name of the command of a typer context, such as ``sosagent keys list``."""
    names = []
    while context is not None:
        names.append(context.command.name or "")
        context = context.parent
    return " ".join(reversed(names))


class _WithHelp:
    """What commands and groups have in common. typer calls these methods; `self` is its command."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help into `formatter`."""
        # Jobs need none of this.
        from .layout import help_text
        from .page import page_of

        page = page_of(full_name(ctx), self)
        formatter.write(help_text(page, get_terminal_size().columns, bold=colour_allowed(sys.stdout)))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words after the name in the usage line of an error message."""
        from .page import page_of

        return page_of(full_name(ctx), self).usage[0].split()


class HelpCommand(_WithHelp, TyperCommand):
    """A command with our help."""


class HelpGroup(_WithHelp, TyperGroup):
    """A group of commands with our help. Without a command, it shows the short help and fails."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments of the group."""
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            from .layout import short_help_text
            from .page import page_of

            print(short_help_text(page_of(full_name(ctx), self), get_terminal_size().columns), end="", file=sys.stderr)
            raise typer.Exit(_USAGE)
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed


class App(typer.Typer):
    """A group of commands.

    Args:
        name: the name of the group.
        help: its description; the first sentence is shown in lists of commands.
    """

    def __init__(self, name: str, help: str) -> None:
        super().__init__(
            name=name,
            help=help,
            cls=HelpGroup,
            no_args_is_help=True,
            pretty_exceptions_enable=False,
            # rich takes longer to import than all else that the help needs.
            rich_markup_mode=None,
            context_settings=_HELP_NAMES,
            add_completion=False,  # `sosagent completion` is faster, and knows machines and runbooks
        )

    def command(self, *args: Any, **settings: Any) -> Callable[[Any], Any]:
        """Register a command as `typer.Typer.command` does, with our help."""
        settings = {"cls": HelpCommand, "context_settings": _HELP_NAMES, "rich_help_panel": None, **settings}
        return super().command(*args, **settings)


def single_command(name: str, function: Callable[..., None]) -> typer.Typer:
    """Return an app that consists of one command.

    Args:
        name: the name of the program.
        function: the command.
    """
    app = App(name, "")
    app.command(name)(function)
    return app
