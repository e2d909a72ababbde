"""`sosagent runbook check|list|show|new|schema`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ConfigInvalid, SosError, UsageError
from ..printable import printable
from ..sudo import give_to_caller
from .exits import Reported, expected_errors_only
from .help.app import App
from .options import with_options
from .output_options import OutputOptions
from .runbook_run import RunbookArgument
from .show import as_json, error_fields, json_text, show_error, show_message

if TYPE_CHECKING:
    from ..runbook.load import Loaded

__all__ = ["runbook_app"]

runbook_app = App("runbook", "Check, list, show and create runbooks.")


@runbook_app.command("check")
@with_options(OutputOptions)
def check(
    output: OutputOptions,
    files: Annotated[list[str], typer.Argument(metavar="RUNBOOK...", help="Files, or names of shipped runbooks.")],
) -> None:
    """Check runbooks, and print all mistakes with file, line and column. The exit status is 2 if there are any."""
    first: SosError | None = None
    checked = []
    with output.reporting(silent=True):
        for name in files:
            loaded, error = _check(name)
            first = first or error
            mistakes = () if error is None else _mistakes(error)
            steps = None if loaded is None else len(loaded.runbook.steps)
            checked.append({"runbook": name, "steps": steps, "mistakes": list(mistakes)})
            if output.json:
                continue
            if error is not None and not isinstance(error, ConfigInvalid):
                show_error(error)
            elif error is not None:
                for mistake in mistakes:
                    show_message(mistake)
            elif loaded is not None and not output.quiet:
                print(f"{printable(name, 200)}: {steps} steps, no mistakes{_asks(loaded)}")
    if output.json:
        error_or_none = None if first is None else error_fields(first)
        status = "ok" if first is None else "invalid"
        print(as_json({"status": status, "runbooks": checked, "error": error_or_none}))
    if first is not None:
        raise Reported(UsageError.exit_code)


def _check(name: str) -> tuple[Loaded | None, SosError | None]:
    """Return a runbook, or why it cannot be used."""
    from ..runbook.examine import check_runbook

    try:
        with expected_errors_only(False):
            return check_runbook(name), None
    except SosError as error:
        return None, error


def _mistakes(error: SosError) -> Sequence[str]:
    return (error.mistakes if isinstance(error, ConfigInvalid) else ()) or (error.message,)


def _asks(loaded: Loaded) -> str:
    """Return what the user of a runbook that asks questions should know."""
    from ..runbook.examine import questions
    from ..runbook.unasked import changes_unasked

    count = questions(loaded)
    asked = "1 question" if count == 1 else f"{count} questions"
    before = "; on a terminal, it asks before it changes the machine" if changes_unasked(loaded) else ""
    return before + (f"; it asks {asked}: without a terminal, --yes is needed" if count else "")


@runbook_app.command("list")
@with_options(OutputOptions)
def list_command(output: OutputOptions) -> None:
    """List the runbooks that come with sosagent."""
    from ..runbook.load import load_runbook, shipped

    titles = output.attempt(lambda: {name: load_runbook(name).runbook.name for name in shipped()})
    if output.json:
        listed = [{"name": name, "title": title} for name, title in titles.items()]
        print(as_json({"runbooks": listed, "error": None}))
        return
    for name, title in titles.items():
        print(f"{name:<16} {title}")


@runbook_app.command("show")
@with_options(OutputOptions)
def show(
    output: OutputOptions,
    name: RunbookArgument,
    text: Annotated[bool, typer.Option("--text", help="Print the file itself.")] = False,
) -> None:
    """Show the parameters and steps of a runbook."""
    from ..runbook.load import load_runbook
    from .runbook_show import fields_of_runbook, lines_of_runbook

    loaded = output.attempt(lambda: load_runbook(name), lambda _: {"runbook": name})
    if output.json:
        print(as_json({"runbook": name} | fields_of_runbook(loaded) | {"error": None}, {"text": loaded.text}))
        return
    if text:
        print(loaded.text, end="")
        return
    for line in lines_of_runbook(loaded):
        print(line)


@runbook_app.command("new")
@with_options(OutputOptions)
def new(
    output: OutputOptions,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to create; - prints it.")],
) -> None:
    """Create a small working runbook to start from."""
    from ..runbook.library import NEW

    def create() -> None:
        if str(path) == "-":
            return
        try:
            with path.open("x", encoding="utf-8") as file:
                give_to_caller(file.fileno(), path.resolve().parent)
                file.write(NEW)
        except OSError as error:
            raise UsageError(f"cannot create {printable(str(path))}: {error.strerror}") from None

    output.attempt(create, lambda _: {"status": "failed", "file": str(path)})
    if output.json:
        created = str(path) != "-"
        fields = {"status": "created" if created else "printed", "file": str(path) if created else None}
        print(as_json(fields | {"error": None}, {"text": NEW}))
    elif str(path) == "-":
        print(NEW, end="")
    else:
        # A name that starts with a dash would be an option.
        shown = shlex.quote(printable(f"./{path}" if str(path).startswith("-") else str(path), 4000))
        print(f"created {shown}; next: sosagent runbook check {shown}")


@runbook_app.command("schema")
@with_options(OutputOptions)
def schema(output: OutputOptions) -> None:
    """Print the JSON Schema of runbooks, for editors."""
    from ..runbook.schema import runbook_schema

    print(json_text(output.attempt(runbook_schema)))
