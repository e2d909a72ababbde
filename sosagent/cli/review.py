"""Show changes before they are made: --dry-run and --yes, the diff, and the question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..printable import printable
from ..user_terminal import has_terminal, in_foreground
from .ask import ask_yes_or_no, in_thread
from .help.groups import SAFETY

if TYPE_CHECKING:
    from ..file_change import Confirm, FileChange
    from .progress import Progress

__all__ = ["ReviewOptions", "ask_about", "check_foreground", "show_diff"]


@dataclass(frozen=True, kw_only=True)
class ReviewOptions:
    """Whether to show a change, ask about it, and make it."""

    dry_run: Annotated[
        bool,
        typer.Option(
            "-n", "--dry-run", help="Show what would change, as a diff; change nothing.", rich_help_panel=SAFETY
        ),
    ] = False
    yes: Annotated[
        bool, typer.Option("-y", "--yes", help="Make the change without asking.", rich_help_panel=SAFETY)
    ] = False

    def asking(self, progress: Progress, question: Callable[[FileChange], str]) -> Confirm | None:
        """Return what shows a change and asks the user about it.

        Args:
            progress: the display, whose clock stops meanwhile.
            question: returns the question about a change.

        Returns:
            None if nobody is to be asked: after --yes, in a dry run, and without a terminal.

        Raises:
            UsageError: the command runs in the background of its terminal, so nobody can answer.
        """
        if self.yes or self.dry_run or not has_terminal():
            return None
        check_foreground()

        async def confirm(change: FileChange) -> bool:
            return await ask_about(progress, change.diff, question(change))

        return confirm


def check_foreground() -> None:
    """Refuse to ask a question from the background of a terminal.

    Raises:
        UsageError: it is in the background.
    """
    if not in_foreground():
        raise UsageError(
            "this command asks before the change, and cannot do so in the background of a terminal",
            hint="Run it in the foreground, or make the change without a question: --yes.",
        )


async def ask_about(progress: Progress, lines: Sequence[str], question: str) -> bool:
    """Show `lines`, which are printable, and ask a yes-or-no question on the terminal; the end of input means no."""
    from ..file_change import shortened

    shown = shortened(lines, "--dry-run shows all of them")
    with progress.paused():
        return bool(await in_thread(lambda: ask_yes_or_no("\n".join([*shown, printable(question)]))))


def show_diff(change: FileChange | None) -> None:
    """Print what a dry run would change."""
    if change is not None:
        for line in change.diff or [f"{printable(change.path)} would stay as it is."]:
            print(line)
    print("Nothing was changed (--dry-run).")
