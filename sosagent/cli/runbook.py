"""`sosagent run RUNBOOK HOST` and `sosagent runbook check|list|show|new|schema`."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..endpoint.parse import parse_target
from ..errors import ConfigInvalid, SosError, UsageError
from ..printable import printable
from .ask import in_thread
from .endpoint_options import checked_timeout
from .exits import Reported, expected_errors_only
from .machine_options import LOGIN, MachineOptions
from .options import with_options
from .parameters import ParameterOption, read_parameters
from .run import run_job, run_prepared
from .runbook_show import lines_of_plan, lines_of_record
from .show import Progress, as_json, error_fields, show_error

if TYPE_CHECKING:
    from ..runbook.engine import Settings
    from ..runbook.load import Loaded
    from ..runbook.record import RunRecord
    from ..secrets.secret import Secret

__all__ = ["run", "runbook_app"]

runbook_app = typer.Typer(name="runbook", help="Runbooks: check, list, show, begin a new one.", no_args_is_help=True)

RunbookArgument = Annotated[
    str,
    typer.Argument(metavar="RUNBOOK", help="A file, or the name of a shipped one.", show_default=False),
]


@dataclass(frozen=True)
class RunOptions:
    """What is to be run, and how."""

    runbook: RunbookArgument
    parameter: ParameterOption = None
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Show what would be done; connect nowhere.")] = False
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="lab", help="Try it on a simulated machine; no HOST.", show_default=False),
    ] = None
    step: Annotated[bool, typer.Option("--step", help="Ask before each step.")] = False
    start_at: Annotated[
        str | None,
        typer.Option("--from", metavar="STEP", help="Begin at this step: its number or name.", show_default=False),
    ] = None
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Say yes to all that the runbook asks.")] = False
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write the record as an HTML page.", show_default=False),
    ] = None

    def check(self, host: str) -> None:
        """Before anything is read.

        Raises:
            UsageError: what cannot be together.
        """
        if self.against not in (None, "lab"):
            raise UsageError(f"--against is lab, not {printable(self.against, 60)!r}")
        if not host and self.against is None and not self.dry_run:
            raise UsageError(
                "HOST is missing: the machine to run it on", hint="--against lab tries it on a simulated one."
            )
        if host and self.against is not None:
            raise UsageError("--against lab runs it on a simulated machine: there is no HOST then")
        if self.report is not None and not self.report.parent.is_dir():
            raise UsageError(f"--report: there is no folder {printable(str(self.report.parent))}")


@dataclass(frozen=True)
class RunMachineOptions(MachineOptions):
    """The same as elsewhere, but HOST may be left out, and the time limit is the runbook's."""

    host: Annotated[str, typer.Argument(metavar="[HOST]", help="As for addkey.", show_default=False)] = ""
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", help="For the whole run.", show_default="the runbook's")
    ] = 0.0


@with_options(RunOptions, RunMachineOptions)
def run(wanted: RunOptions, machine: RunMachineOptions) -> None:
    """Run a runbook on a machine through its serial console.

    Its steps are done in order; the first that fails ends it. Exit status 9 is a step that did not come to
    what it says; all else is as for other commands.
    """
    progress = Progress(quiet=machine.quiet, verbose=machine.verbose)
    record: RunRecord | None = None
    failure: SosError | None = None
    try:
        with expected_errors_only(machine.verbose), machine.suggesting():
            wanted.check(machine.host)
            record = _done(wanted, machine, progress)
    except SosError as error:
        from ..runbook.record import record_of

        failure, record = error, record_of(error)
    progress.stop()
    if record is not None and wanted.report is not None:
        trouble = _written(wanted.report, record, machine.transcript)
        if failure is not None and trouble is not None:
            failure.add_note(trouble.message)
        failure = failure or trouble
    if machine.json:
        from ..runbook.record import record_fields

        short = {"status": "failed", "runbook": wanted.runbook, "host": machine.host}
        fields = short if record is None else record_fields(record)
        print(as_json(fields | {"error": None if failure is None else error_fields(failure)}))
    else:
        if record is not None:
            for line in lines_of_plan(record) if wanted.dry_run else lines_of_record(record, machine.verbose):
                print(line)
        if failure is not None:
            show_error(failure)
    if failure is not None:
        raise Reported(failure.exit_code)


def _done(wanted: RunOptions, machine: RunMachineOptions, progress: Progress) -> RunRecord:
    from ..runbook.engine import Settings
    from ..runbook.load import load_runbook
    from ..runbook.plan import needs_shell, planned
    from ..runbook.run import find_first_step, run_loaded
    from ..runbook.values import complete_values, parameter_values

    loaded = load_runbook(wanted.runbook)
    find_first_step(loaded, wanted.start_at)
    values = read_parameters(loaded, wanted.parameter or [], ask=not wanted.dry_run)
    if not wanted.dry_run:
        complete_values(loaded.runbook, values)  # before a password is asked for
    if wanted.dry_run:
        user = LOGIN if wanted.against or not machine.host else machine.login_name
        return planned(loaded, parameter_values(loaded.runbook, values), wanted.against or machine.host or "HOST", user)
    settings = Settings(
        wanted.start_at, _confirming(progress, wanted.yes), _gate(progress) if wanted.step else None, progress.count
    )
    seconds = checked_timeout(machine.timeout or loaded.runbook.timeout)
    if wanted.against is not None:
        return run_job(_in_lab(machine, progress, loaded, values, settings, seconds))

    async def prepare() -> Coroutine[Any, Any, RunRecord]:
        access = await replace(machine, timeout=seconds).access(progress, password=needs_shell(loaded))
        return run_loaded(access, loaded, values, settings)

    return run_prepared(prepare())


async def _in_lab(
    machine: RunMachineOptions,
    progress: Progress,
    loaded: Loaded,
    values: dict[str, str | Secret],
    settings: Settings,
    seconds: float,
) -> RunRecord:
    """On a simulated machine that is there for this run alone."""
    from ..access import Access
    from ..lab import open_lab
    from ..runbook.run import run_loaded

    async with open_lab() as lab:
        config = lab.folder / "ssh_config"
        config.touch()
        target = parse_target(lab.address, identities=(lab.identity,), known_hosts=lab.known_hosts, ssh_config=config)
        access = Access(target, lab.password, timeout=seconds, transcript=machine.transcript, on_event=progress)
        return await run_loaded(access, loaded, values, settings)


def _confirming(progress: Progress, yes: bool) -> Any:
    async def ask(question: str) -> bool:
        if yes:
            return True
        progress.stop()
        answer = await in_thread(lambda: _answer(f"{question} [y/N] "))
        return (answer or "").strip().lower() in ("y", "yes")

    return ask if yes or sys.stdin.isatty() else None


def _answer(words: str) -> str:
    print(words, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _gate(progress: Progress) -> Any:
    if not sys.stdin.isatty():
        raise UsageError("--step asks before each step, and nobody can be asked")

    async def gate(number: str, words: str) -> Literal["run", "skip", "stop"]:
        progress.stop()
        while True:
            answer = await in_thread(lambda: _answer(f"[{number}] {printable(words)}? [Y]es, [s]kip, s[t]op "))
            found = {"": "run", "y": "run", "yes": "run", "s": "skip", "skip": "skip", "t": "stop", "stop": "stop"}.get(
                "stop" if answer is None else answer.strip().lower()
            )
            if found is not None:
                return found  # type: ignore[return-value]

    return gate


def _written(path: Path, record: RunRecord, transcript: Path | None) -> SosError | None:
    """Write the record as a page; gives what went wrong with that, for a run's own failure goes before it."""
    from .report import page, write_page

    try:
        write_page(path, page(record, _recorded(record, transcript)))
    except UsageError as error:
        return error
    return None


def _recorded(record: RunRecord, transcript: Path | None) -> str | None:
    """The name of this run's recording; None where the run ended before one began, and an older may lie there."""
    try:
        if transcript is not None and transcript.stat().st_mtime >= record.began.timestamp() - 1:
            return transcript.name
    except OSError:
        pass  # there is none
    return None


@runbook_app.command("check")
def check(
    files: Annotated[list[str], typer.Argument(metavar="RUNBOOK...", help="Files, or names of shipped ones.")],
) -> None:
    """Read runbooks and tell every mistake: file, line, column, what was expected. Exit status 2 if there is one."""
    from ..runbook.load import load_runbook

    wrong = 0
    for name in files:
        try:
            with expected_errors_only(False):
                loaded = load_runbook(name)
        except ConfigInvalid as error:
            for mistake in error.mistakes or (error.message,):
                wrong += 1
                print(f"sosagent: {printable(mistake, 4000)}", file=sys.stderr)
        except SosError as error:
            wrong += 1
            show_error(error)
        else:
            print(f"{printable(name, 200)}: {len(loaded.runbook.steps)} steps, nothing is wrong")
    if wrong:
        raise Reported(UsageError.exit_code)


@runbook_app.command("list")
def list_command() -> None:
    """List the runbooks that come with sosagent."""
    from ..runbook.load import load_runbook, shipped

    for name in shipped():
        print(f"{name:<16} {load_runbook(name).runbook.name}")


@runbook_app.command("show")
def show(
    name: RunbookArgument,
    text: Annotated[bool, typer.Option("--text", help="The file itself.")] = False,
) -> None:
    """Show what a runbook does: its parameters and steps."""
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
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to make; - prints it.")],
) -> None:
    """Begin a runbook: a small one that works, with what else there is in comments."""
    from ..runbook.library import NEW

    if str(path) == "-":
        print(NEW, end="")
        return
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(NEW)
    except OSError as error:
        show_error(UsageError(f"cannot make {printable(str(path))}: {error.strerror}"))
        raise Reported(UsageError.exit_code) from None
    print(f"{printable(str(path))} is there. Next: sosagent runbook check {printable(str(path))}")


@runbook_app.command("schema")
def schema() -> None:
    """Print the JSON Schema of runbooks, for editors."""
    import json

    from ..runbook.schema import runbook_schema

    print(json.dumps(runbook_schema(), indent=2))
