"""`sosagent runbook check|list|show|new|schema`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import ConfigInvalid, SosError, UsageError
from ..printable import printable
from .exits import Reported, expected_errors_only
from .help.app import App
from .runbook_run import RunbookArgument
from .show import show_error

__all__ = ["runbook_app"]

runbook_app = App("runbook", "Check, list, show and create runbooks.")


@runbook_app.command("check")
def check(
    files: Annotated[list[str], typer.Argument(metavar="RUNBOOK...", help="Files, or names of shipped runbooks.")],
) -> None:
    """Check runbooks, and print all mistakes with file, line and column. The exit status is 2 if there are any."""
    from ..runbook.examine import check_runbook, questions

    mistakes = 0
    for name in files:
        try:
            with expected_errors_only(False):
                loaded = check_runbook(name)
        except ConfigInvalid as error:
            for mistake in error.mistakes or (error.message,):
                mistakes += 1
                print(f"sosagent: {printable(mistake, 4000)}", file=sys.stderr)
        except SosError as error:
            mistakes += 1
            show_error(error)
        else:
            print(f"{printable(name, 200)}: {len(loaded.runbook.steps)} steps, no mistakes{_asks(questions(loaded))}")
    if mistakes:
        raise Reported(UsageError.exit_code)


def _asks(count: int) -> str:
    """Return what the user of a runbook that asks `count` questions should know."""
    asked = "1 question" if count == 1 else f"{count} questions"
    return f"; it asks {asked}: without a terminal, --yes is needed" if count else ""


@runbook_app.command("list")
def list_command() -> None:
    """List the runbooks that come with sosagent."""
    from ..runbook.load import load_runbook, shipped

    for name in shipped():
        print(f"{name:<16} {load_runbook(name).runbook.name}")


@runbook_app.command("show")
def show(
    name: RunbookArgument,
    text: Annotated[bool, typer.Option("--text", help="Print the file itself.")] = False,
) -> None:
    """Show the parameters and steps of a runbook."""
    from ..runbook.load import load_runbook
    from .runbook_show import lines_of_runbook

    try:
        with expected_errors_only(False):
            loaded = load_runbook(name)
    except SosError as error:
        show_error(error)
        raise Reported(error.exit_code) from None
    if text:
        print(loaded.text, end="")
        return
    for line in lines_of_runbook(loaded):
        print(line)


@runbook_app.command("new")
def new(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to create; - prints it.")],
) -> None:
    """Create a small working runbook to start from."""
    from ..runbook.library import NEW

    if str(path) == "-":
        print(NEW, end="")
        return
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(NEW)
    except OSError as error:
        show_error(UsageError(f"cannot create {printable(str(path))}: {error.strerror}"))
        raise Reported(UsageError.exit_code) from None
    # A name that starts with a dash would be an option.
    shown = shlex.quote(printable(f"./{path}" if str(path).startswith("-") else str(path), 4000))
    print(f"created {shown}; next: sosagent runbook check {shown}")


@runbook_app.command("schema")
def schema() -> None:
    """Print the JSON Schema of runbooks, for editors."""
    import json

    from ..runbook.schema import runbook_schema

    print(json.dumps(runbook_schema(), indent=2))
