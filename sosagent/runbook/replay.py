"""Compare a runbook with a recording: where would it do something else?

The engine runs the steps, but on a `ReplaySite`: what a step would do is looked up in the recording, and the
results are taken from there. A step that differs gets the results of what the recording did in its place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ..access import Access
from ..errors import EndpointBusy, EndpointLost, EndpointReadOnly, SosError, StepFailed, UsageError
from ..secrets.marks import REDACTED
from ..secrets.secret import Secret
from .actions import Include, Run, Send
from .engine import Engine, Settings
from .load import Loaded
from .model import Step
from .names import program_names, stored_names, template_names
from .outcome import Outcome
from .plan import numbered, title_of, unrun_step
from .playback import Differs, LaterSteps, Playback, Verdict
from .record import RunRecord, StepRecord, record_of
from .recording import Recording, ShellStarted
from .replay_site import ReplaySite
from .scope import Scope
from .site import Site
from .values import complete_values

__all__ = ["Replayed", "ReplayedStep", "replay"]

#: Failures after which the console is gone: the step may have sent nothing, and no step follows.
_CONSOLE_GONE = {one.code: one for one in (EndpointLost, EndpointBusy, EndpointReadOnly)}
#: Names whose values no recording contains.
_NEVER_KNOWN = frozenset({"error", "state"})
#: From the best to the worst.
_VERDICTS: tuple[Verdict, ...] = ("same", "cannot be compared", "differs", "not in the recording")


@dataclass(frozen=True)
class ReplayedStep:
    """The comparison of one step.

    Fields:
        number, name, action: as in `StepRecord`.
        verdict: how the step compares with the recording.
        said: the reason for the verdict, or the result of the step if it is the same.
    """

    number: str
    name: str
    action: str
    verdict: Verdict
    said: str


@dataclass(frozen=True)
class Replayed:
    """The comparison of a runbook with a recording.

    Fields:
        runbook: its name.
        title: the title of the recording.
        steps: in order.
        also: actions that only the recording contains.
    """

    runbook: str
    title: str
    steps: tuple[ReplayedStep, ...]
    also: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether no difference is known. Steps that cannot be compared do not count."""
        return not self.also and all(step.verdict in ("same", "cannot be compared") for step in self.steps)


async def replay(recording: Recording, loaded: Loaded, parameters: Mapping[str, Any]) -> Replayed:
    """Compare a runbook with a recording, without a connection.

    Args:
        recording: the recording of a run.
        loaded: the runbook.
        parameters: values of its parameters; secret ones may be missing.

    Raises:
        UsageError: the value of a parameter is missing or not allowed.
    """
    secrets = {name for name, one in loaded.runbook.parameters.items() if one.type == "secret"}
    values = complete_values(loaded.runbook, {**dict.fromkeys(secrets, Secret(REDACTED)), **parameters})
    engine = _ReplayEngine(recording, loaded, Scope(loaded, values))
    try:
        record = await engine.run()
    except SosError as error:
        failed = record_of(error)
        if failed is None:
            raise
        record = failed
    return Replayed(loaded.runbook.name, recording.title, engine.verdicts(record), engine.only_recorded())


class _ReplayEngine(Engine):
    """An engine that runs on a recording."""

    def __init__(self, recording: Recording, loaded: Loaded, scope: Scope) -> None:
        host = recording.title.removeprefix("sosagent ")
        logins = (item.login for item in recording.items if isinstance(item, ShellStarted) and item.login)
        access = Access(host, Secret(""), login=next(logins, "root"))
        super().__init__(access, loaded, scope, Settings(ask=self._answer), 0)
        self._playback = Playback(recording)
        self._replay_site = ReplaySite(self._playback, access)
        self._unknown = set(_NEVER_KNOWN)
        self._notes: dict[str, tuple[Verdict, str]] = {}
        self._number = ""  # of the current step
        self._step_started = False  # whether the recording contains its start
        self._plan = list(numbered(loaded))
        self._stopped: Verdict = "same"

    @asynccontextmanager
    async def open_site(self) -> AsyncIterator[Site]:
        yield self._replay_site

    async def pause(self, site: Site, seconds: float) -> None:
        pass

    # -- verdicts -----------------------------------------------------------------------------

    def _note(self, number: str, verdict: Verdict, message: str) -> None:
        """Note how a step differs, and keep the worst verdict."""
        before = self._notes.get(number)
        if before is None or _VERDICTS.index(before[0]) < _VERDICTS.index(verdict):
            self._notes[number] = verdict, message

    def verdicts(self, record: RunRecord) -> tuple[ReplayedStep, ...]:
        """Return the comparison of each step in the record of the replay."""
        return tuple(ReplayedStep(step.number, step.name, step.action, *self._verdict(step)) for step in record.steps)

    def _verdict(self, step: StepRecord) -> tuple[Verdict, str]:
        if step.number in self._notes:
            return self._notes[step.number]
        if step.status == "not run":
            if self._stopped == "differs":
                return "not in the recording", "the recording ends before this step"
            return "cannot be compared", "the recording ends before this step, and so does the runbook"
        return "same", step.said

    def only_recorded(self) -> tuple[str, ...]:
        """Describe what only the recording did."""
        return tuple(self._playback.unused())

    # -- steps --------------------------------------------------------------------------------

    async def run_step(self, site: Site, scope: Scope, step: Step, number: str) -> None:
        self._number = number
        own = self._expected(scope, [step])
        started = self._playback.start_step(number, title_of(step), own.expect, self._later_steps(scope, number))
        self._step_started = started
        missing = sorted(template_names(step) & self._unknown)
        if not missing:
            await super().run_step(site, scope, step, number)
            if started and self.records[-1].number == number and self.records[-1].status == "skipped":
                self._note(number, "differs", "would be skipped, because its condition is false; the recording ran it")
                self._playback.skip_step()
            return
        message = f"it needs {', '.join(missing)}, which the recording does not contain"
        self._note(number, "cannot be compared", message)
        self.records.append(unrun_step(number, step, scope, "skipped", message))
        self._unknown |= stored_names(step)
        failed = self._playback.skip_step() if started else ""
        if failed:
            raise self._stop("cannot be compared", failed)

    async def run_action(self, site: Site, scope: Scope, step: Step, number: str) -> Outcome:
        if isinstance(step.options, Include):
            return await super().run_action(site, scope, step, number)
        self._replay_site.start_step(_program_end(scope, step), any_values=bool(program_names(step) & self._unknown))
        try:
            outcome = await super().run_action(site, scope, step, number)
        except Differs as difference:
            return self._substitute(step, number, difference)
        except SosError as error:
            outcome = Outcome(error.message, failure=error)
        if outcome.failure is not None:
            if self._playback.pass_failure():
                self._stopped = "same"
                return outcome
            self._note(number, "differs", f"would fail there: {outcome.failure.message}")
            outcome = outcome.succeeded()
        for message in self._replay_site.differences:
            self._note(number, "differs", message)
        return outcome

    def _substitute(self, step: Step, number: str, difference: Differs) -> Outcome:
        """Describe what the recording did instead of a step that differs."""
        failed = self._playback.skip_step() if self._step_started else ""
        verdict, substitute = difference.verdict, difference.substitute
        if verdict == "not in the recording" and failed in _CONSOLE_GONE:
            verdict = "cannot be compared"
        self._note(number, verdict, difference.message)
        if substitute is None:
            self._unknown |= {*stored_names(step), "result"}
        if failed:
            raise self._stop(verdict, failed)
        output = "" if substitute is None else substitute.output.decode("utf-8", "replace")
        status = 0 if substitute is None else substitute.status
        return Outcome(difference.message, output, status, {"output": output, "status": status})

    def is_enough(self, scope: Scope, step: Step, outcome: Outcome, times: int) -> bool:
        if self._number in self._notes:
            return True
        try:
            enough = super().is_enough(scope, step, outcome, times)
        except SosError as error:
            if self._playback.pass_failure():
                raise
            self._note(self._number, "differs", f"would fail there: {error.message}")
            return True
        failed = self._playback.pass_failure() if enough else ""
        if failed:
            self._note(self._number, "differs", "would not fail; this step failed in the recording")
            raise self._stop("differs", failed)
        return enough

    def _stop(self, verdict: Verdict, failed: str) -> SosError:
        self._stopped = verdict
        return _CONSOLE_GONE.get(failed, StepFailed)("it failed in the recording")

    async def _answer(self, _question: str) -> bool:
        """Answer a question as the user did in the recording."""
        return not self._playback.failure()

    # -- what later steps do ------------------------------------------------------------------

    def _later_steps(self, scope: Scope, number: str) -> LaterSteps:
        numbers = [one for one, _ in self._plan]
        at = numbers.index(number) + 1 if number in numbers else len(numbers)
        return self._expected(scope, [step for _, step in self._plan[at:]])

    def _expected(self, scope: Scope, steps: Sequence[Step]) -> LaterSteps:
        return LaterSteps(
            frozenset(filter(None, (_program_end(scope, step) for step in steps))),
            frozenset(filter(None, (_typed_text(scope, step) for step in steps))),
            frozenset(title_of(step) for step in steps),
        )


def _program_end(scope: Scope, step: Step) -> str:
    """Return the last part of a step's program, which does not depend on the values of variables."""
    if not isinstance(step.options, Run):
        return ""
    program, _ = Scope(scope.loaded, {}).program(step.options.program)
    return program[program.index(";eval ") :]


def _typed_text(scope: Scope, step: Step) -> str:
    if not isinstance(step.options, Send) or step.options.keys:
        return ""
    try:
        return scope.fill(step.options.text) + ("\r" if step.options.enter else "")
    except UsageError:
        return ""  # a secret, or a value that a step stores later
