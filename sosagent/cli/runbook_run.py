"""`sosagent run RUNBOOK HOST`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..endpoint.parse import parse_target
from ..errors import NotConfirmed, SosError, StepFailed, UsageError
from ..printable import printable
from ..user_terminal import ask_line, has_terminal
from .ask import ask_yes_or_no, in_thread
from .endpoint_options import HOST_HELP
from .exits import Reported, expected_errors_only
from .help.groups import OUTPUT, SAFETY
from .machine_options import LOGIN, LoginOnlyOptions
from .options import with_options
from .parameters import ParameterOption, read_parameters
from .review import ask_about, check_foreground
from .run import run_job, run_prepared
from .runbook_show import lines_of_plan, lines_of_record, lines_of_steps
from .show import Progress, as_json, error_fields, show_error
from .streams import keep_status

if TYPE_CHECKING:
    from ..runbook.engine import Gate, Settings
    from ..runbook.load import Loaded
    from ..runbook.record import RunRecord
    from ..runbook.steps import Ask
    from ..secrets.secret import Secret

__all__ = ["RunbookArgument", "run"]

RunbookArgument = Annotated[
    str,
    typer.Argument(metavar="RUNBOOK", help="A file, or the name of a shipped runbook.", show_default=False),
]
#: The user's answer before a step -> the action. The end of input stops the run.
_GATE_ANSWERS: dict[str | None, Literal["run", "skip", "stop"]] = {
    "": "run", "y": "run", "yes": "run", "s": "skip", "skip": "skip", "t": "stop", "stop": "stop", None: "stop",
}  # fmt: skip


#: The endings of the names of reports in Markdown. All others are HTML.
_MARKDOWN = (".md", ".markdown")


@dataclass(frozen=True)
class RunOptions:
    """The runbook, and how to run it."""

    runbook: RunbookArgument
    parameter: ParameterOption = None
    dry_run: Annotated[
        bool,
        typer.Option(
            "-n", "--dry-run", help="Show what the runbook would do, without a connection.", rich_help_panel=SAFETY
        ),
    ] = False
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="lab", help="Run on a simulated machine; no HOST.", show_default=False),
    ] = None
    step: Annotated[bool, typer.Option("--step", help="Ask before each step.", rich_help_panel=SAFETY)] = False
    start_at: Annotated[
        str | None,
        typer.Option("--from", metavar="STEP", help="Start at this step: its number or name.", show_default=False),
    ] = None
    yes: Annotated[
        bool,
        typer.Option(
            "-y", "--yes", help="Answer yes to all questions, also to those of the runbook.", rich_help_panel=SAFETY
        ),
    ] = False
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write the record of the run as HTML, or as Markdown if FILE ends in .md.",
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = None

    def check(self, host: str) -> None:
        """Check the options before anything is read.

        Raises:
            UsageError: some options are invalid or contradict each other.
        """
        if self.against not in (None, "lab"):
            raise UsageError(f"--against must be lab, not {printable(self.against, 60)!r}")
        if not host and self.against is None and not self.dry_run:
            raise UsageError("HOST is missing", hint="--against lab runs the runbook on a simulated machine.")
        if host and self.against is not None:
            raise UsageError("--against lab runs on a simulated machine; leave HOST out")
        if self.report is not None and not self.report.parent.is_dir():
            raise UsageError(f"--report: there is no folder {printable(str(self.report.parent))}")


@dataclass(frozen=True)
class RunMachineOptions(LoginOnlyOptions):
    """The options of other commands, but HOST is optional, and the default time limit is the runbook's."""

    host: Annotated[str, typer.Argument(metavar="[HOST]", help=HOST_HELP, show_default=False)] = ""
    timeout: Annotated[
        str | None,
        typer.Option(
            "--timeout",
            metavar="TIME",
            help="Limit for the whole run.",
            show_default="the runbook's",
            rich_help_panel=SAFETY,
        ),
    ] = None


@with_options(RunOptions, RunMachineOptions)
def run(options: RunOptions, machine: RunMachineOptions) -> None:
    """Run a runbook on a machine through its serial console.

    The first step that fails ends the run. On a terminal, a runbook that changes the machine without a question of
    its own is shown first, and runs if you answer yes.
    """
    record: RunRecord | None = None
    failure: SosError | None = None
    with machine.reporting(lambda _: _short_fields(options, machine), silent=options.dry_run) as progress:
        try:
            with expected_errors_only(machine.verbose > 0), machine.suggesting():
                options.check(machine.host)
                record = _run(options, machine, progress)
        except SosError as error:
            from ..runbook.record import record_of

            failure, record = error, record_of(error)
            progress.log("!", error.message)
        if failure is None:
            progress.close()
        progress.stop()
        report_failure: SosError | None = None
        if record is not None and options.report is not None:
            report_failure = _write_report(options.report, record, machine.transcript)
            if failure is not None and report_failure is not None:
                failure.add_note(report_failure.message)
            failure = failure or report_failure
        _show(options, machine, record, failure)
        if record is not None and options.report is not None and report_failure is None and not machine.quiet:
            # On standard error: with --json, standard output is one object.
            print(f"wrote the report to {shlex.quote(printable(str(options.report), 4000))}", file=sys.stderr)
        progress.close(failed=True)
    if failure is not None:
        raise Reported(failure.exit_code)


def _run(options: RunOptions, machine: RunMachineOptions, progress: Progress) -> RunRecord:
    from ..runbook.engine import Settings
    from ..runbook.load import load_runbook
    from ..runbook.plan import needs_shell, planned
    from ..runbook.run import find_first_step, run_loaded
    from ..runbook.unasked import changes_unasked
    from ..runbook.values import complete_values, parameter_values

    loaded = load_runbook(options.runbook)
    first = find_first_step(loaded, options.start_at)
    with progress.paused():
        values = read_parameters(loaded, options.parameter or [], ask=not options.dry_run)
    if options.dry_run:
        user = LOGIN if options.against or not machine.host else machine.login_name
        host = options.against or machine.host or "HOST"
        return planned(loaded, parameter_values(loaded.runbook, values), host, user)
    complete_values(loaded.runbook, values)  # before the user is asked for a password
    gate = _gate(progress) if options.step else None
    settings = Settings(options.start_at, _confirm(progress, options.yes), gate, progress.count)
    if machine.timeout is None:
        machine = replace(machine, timeout=f"{loaded.runbook.timeout:.3f}")
    seconds = machine.seconds
    if options.against is not None:
        return run_job(_run_in_lab(machine, progress, loaded, values, settings, seconds))

    async def prepare() -> Coroutine[Any, Any, RunRecord]:
        if not options.yes and not options.step and changes_unasked(loaded, first):
            known = parameter_values(loaded.runbook, values)
            await _ask_about_changes(progress, planned(loaded, known, machine.host, machine.login_name), first)
        access = await machine.access(progress, password=needs_shell(loaded))
        return run_loaded(access, loaded, values, settings)

    return run_prepared(prepare())


async def _run_in_lab(
    machine: RunMachineOptions,
    progress: Progress,
    loaded: Loaded,
    values: dict[str, str | Secret],
    settings: Settings,
    seconds: float,
) -> RunRecord:
    """Run on a simulated machine that exists only for this run."""
    from ..access import Access
    from ..lab import open_lab
    from ..runbook.run import run_loaded

    async with open_lab(own_system=True) as lab:
        config = lab.folder / "ssh_config"
        config.touch()
        target = parse_target(lab.address, identities=(lab.identity,), known_hosts=lab.known_hosts, ssh_config=config)
        traffic = progress.traffic if progress.wants_traffic else None
        access = Access(
            target, lab.password, timeout=seconds, transcript=machine.transcript, on_event=progress, on_traffic=traffic
        )
        return await run_loaded(access, loaded, values, settings)


# -- questions --------------------------------------------------------------------------------


async def _ask_about_changes(progress: Progress, plan: RunRecord, first: int) -> None:
    """Show the steps that run, and ask whether to run them; without a terminal, nobody is asked.

    Raises:
        NotConfirmed: the answer was no.
    """
    if not has_terminal():
        return
    check_foreground()
    lines = list(lines_of_steps(plan, first))
    if not await ask_about(progress, lines, f"Run {'this step' if len(lines) == 2 else 'these steps'} on {plan.host}?"):
        raise NotConfirmed("not confirmed; nothing was sent")


def _confirm(progress: Progress, yes: bool) -> Ask | None:
    """Return the function that answers the questions of the runbook; None if no user is present."""

    async def ask(question: str) -> bool:
        if yes:
            return True
        with progress.paused():
            answer = await in_thread(lambda: ask_yes_or_no(question))
        if answer is None:
            from ..runbook.steps import NOT_ANSWERED

            raise StepFailed(f"nobody answered: {question}", hint=NOT_ANSWERED)
        return answer

    return ask if yes or has_terminal() else None


def _gate(progress: Progress) -> Gate:
    """Return what asks the user before each step.

    Raises:
        UsageError: there is no terminal.
    """
    if not has_terminal():
        raise UsageError("--step asks before each step, but there is no terminal")

    async def gate(number: str, title: str) -> Literal["run", "skip", "stop"]:
        while True:
            with progress.paused():
                text = await in_thread(lambda: ask_line(f"[{number}] {printable(title)}? [Y]es, [s]kip, s[t]op "))
            answer = _GATE_ANSWERS.get(None if text is None else text.strip().lower())
            if answer is not None:
                return answer

    return gate


# -- results ----------------------------------------------------------------------------------


def _show(options: RunOptions, machine: RunMachineOptions, record: RunRecord | None, failure: SosError | None) -> None:
    if not options.dry_run:
        keep_status()
    if machine.json:
        from ..runbook.record import record_fields

        fields = _short_fields(options, machine) if record is None else record_fields(record)
        print(as_json(fields | {"error": None if failure is None else error_fields(failure)}))
        return
    if record is not None:
        for line in lines_of_plan(record) if options.dry_run else lines_of_record(record, machine.verbose > 0):
            print(line)
    if failure is not None:
        show_error(failure)


def _short_fields(options: RunOptions, machine: RunMachineOptions) -> dict[str, Any]:
    return {"status": "failed", "runbook": options.runbook, "host": machine.host}


def _write_report(path: Path, record: RunRecord, transcript: Path | None) -> SosError | None:
    """Write the report. Return its failure instead of raising it, because a failure of the run is more important."""
    from .report import page, write_page
    from .report_markdown import markdown

    text = (markdown if path.suffix.lower() in _MARKDOWN else page)(record, _recording_name(record, transcript))
    try:
        write_page(path, text)
    except UsageError as error:
        return error
    return None


def _recording_name(record: RunRecord, transcript: Path | None) -> str | None:
    """Return the file name of this run's recording; None if the run failed too early to write one."""
    try:
        # An older file may have this name.
        if transcript is not None and transcript.stat().st_mtime >= record.began.timestamp() - 1:
            return transcript.name
    except OSError:
        pass
    return None
