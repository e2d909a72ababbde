"""`sosagent help [COMMAND...]`: the help of a command."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..errors import UsageError
from ..printable import printable
from ..suggest import did_you_mean
from .exits import Reported
from .show import show_error

__all__ = ["show_help"]


def show_help(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="The command, such as keys list. All by default.", show_default=False),
    ] = None,
) -> None:
    """Show the help of a command, as its option --help does."""
    above: Any = context.parent
    words = " ".join(command or []).split()
    for at, word in enumerate(words):
        # A command that has no subcommands has none of that name either.
        subcommands = getattr(above.command, "commands", {})
        if word not in subcommands:
            name = " ".join(words[: at + 1])
            error = UsageError(
                f"no command {printable(name, 80)!r}{did_you_mean(word, subcommands)}",
                hint="`sosagent help` lists the commands.",
            )
            show_error(error)
            raise Reported(error.exit_code)
        above = typer.Context(subcommands[word], info_name=word, parent=above)
    print(above.get_help())
