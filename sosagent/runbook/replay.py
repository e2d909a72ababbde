"""Go through a runbook's steps with a recording in the machine's place: where would it do something else?

What a step would do is looked for in the recording, and what came of it is taken from there. From a step that
differs it goes on as though what it did had come to what the recording's came to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ..errors import EndpointBusy, EndpointLost, EndpointReadOnly, SosError, StepFailed, UsageError
from ..login.transitions import Entry
from ..secrets.secret import Secret
from ..session.machine import Access
from .engine import Engine, Settings
from .load import Loaded
from .model import Include, Run, Send, Step, WaitFor
from .names import filled_names, program_names, stored_names
from .plan import described, numbered
from .record import RunRecord, StepRecord
from .recording import Recording, Started
from .replay_site import ReplaySite, never_came
from .scope import Scope
from .site import Site
from .steps import Outcome
from .tape import Tape, Unlike, Verdict, Wanted
from .values import check_given

__all__ = ["Replayed", "ReplayedStep", "replay"]

#: What these move is not in a recording, and here they would write to files.
_NOT_COMPARED = {"upload": "files are not compared", "download": "files are not compared"}
#: How a step fails when the console is gone, or is somebody else's: it may have sent nothing, and nothing follows.
_GONE = {one.code: one for one in (EndpointLost, EndpointBusy, EndpointReadOnly)}
_NEVER_KNOWN = frozenset({"error", "state"})
_WORST: tuple[Verdict, ...] = ("same", "cannot be compared", "differs", "not in the recording")


@dataclass(frozen=True)
class ReplayedStep:
    """A step of the runbook.

    Fields:
        number, name, action: as in a record of a run.
        verdict: how it is to the recording.
        said: why, or what came of it there.
    """

    number: str
    name: str
    action: str
    verdict: Verdict
    said: str


@dataclass(frozen=True)
class Replayed:
    """How a runbook is to a recording.

    Fields:
        runbook: its name.
        title: the recording's.
        steps: in order.
        also: what the recording did, and the runbook would not.
    """

    runbook: str
    title: str
    steps: tuple[ReplayedStep, ...]
    also: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs, as far as it can be told."""
        return not self.also and all(step.verdict in ("same", "cannot be compared") for step in self.steps)


async def replay(recording: Recording, loaded: Loaded, given: Mapping[str, Any]) -> Replayed:
    """Compare a runbook with a recording. It connects nowhere.

    Args:
        recording: of a run.
        loaded: the runbook.
        given: values of its parameters; secret ones are not needed.

    Raises:
        UsageError: a parameter has no value, or a wrong one.
    """
    secrets = {name for name, one in loaded.runbook.parameters.items() if one.type == "secret"}
    values = check_given(loaded.runbook, {**dict.fromkeys(secrets, Secret("(a secret)")), **given})
    engine = _Replay(recording, loaded, Scope(loaded, values))
    try:
        record = await engine.go()
    except SosError as error:
        if not isinstance(error.record, RunRecord):
            raise
        record = error.record
    return Replayed(loaded.runbook.name, recording.title, engine.verdicts(record), tuple(engine.tape.left_over()))


class _Replay(Engine):
    """A run on a recording."""

    def __init__(self, recording: Recording, loaded: Loaded, scope: Scope) -> None:
        host = recording.title.removeprefix("sosagent ")
        logins = (item.login for item in recording.items if isinstance(item, Started) and item.login)
        access = Access(host, Secret(""), Entry(next(logins, "root")))
        super().__init__(access, loaded, scope, Settings(ask=self._answer), 0)
        self.tape = Tape(recording)
        self.unknown = set(_NEVER_KNOWN)
        self.noted: dict[str, tuple[Verdict, str]] = {}
        self.number = ""
        self.begun = False
        self.plan = list(numbered(loaded))
        self.stopped: Verdict = "same"

    @asynccontextmanager
    async def sited(self) -> AsyncIterator[Site]:
        yield ReplaySite(self.tape, self.access)

    async def pause(self, site: Site, seconds: float) -> None:
        pass

    def note(self, number: str, verdict: Verdict, words: str) -> None:
        """What is found out of a step; the worst counts."""
        before = self.noted.get(number)
        if before is None or _WORST.index(before[0]) < _WORST.index(verdict):
            self.noted[number] = verdict, words

    def verdicts(self, record: RunRecord) -> tuple[ReplayedStep, ...]:
        """What was found out of all steps."""
        return tuple(ReplayedStep(step.number, step.name, step.action, *self._verdict(step)) for step in record.steps)

    def _verdict(self, step: StepRecord) -> tuple[Verdict, str]:
        if step.number in self.noted:
            return self.noted[step.number]
        if step.status == "not run":
            if self.stopped == "differs":
                return "not in the recording", "the recording stops before it"
            return "cannot be compared", "the recording stops before it, as the runbook does"
        return "same", step.said

    async def _step(self, site: Site, scope: Scope, step: Step, number: str) -> None:
        self.number = number
        self.tape.later = self._later(scope, number)
        own = self._wanted(scope, [step])
        begun = self.begun = self.tape.begin(number, described(step), own.wants)
        missing = sorted(filled_names(step) & self.unknown)
        if not missing:
            await super()._step(site, scope, step, number)
            if begun and self.records[-1].number == number and self.records[-1].status == "skipped":
                self.note(number, "differs", "would be left out, since its condition does not hold; it was done there")
                self.tape.leave()
            return
        words = f"it needs {', '.join(missing)}, which the recording does not tell"
        self.note(number, "cannot be compared", words)
        self.records.append(StepRecord(number, described(step), step.action, "skipped", said=words))
        self.unknown |= stored_names(step)
        failed = self.tape.leave() if begun else ""
        if failed:
            raise self._stop("cannot be compared", failed)

    async def _do(self, site: Site, scope: Scope, step: Step, number: str) -> Outcome:
        if isinstance(step.does, Include):
            return await super()._do(site, scope, step, number)
        assert isinstance(site, ReplaySite)
        site.notes.clear()
        site.end, site.loose = _end(scope, step), bool(program_names(step) & self.unknown)
        try:
            outcome = await self._done(site, scope, step, number)
        except Unlike as unlike:
            return self._unlike(step, number, unlike)
        except SosError as error:
            if self.tape.failed(go=True):
                self.stopped = "same"
                raise
            self.note(number, "differs", f"would fail there: {error.message}")
            outcome = error.record if isinstance(error.record, Outcome) else Outcome(error.message)
        for words in site.notes:
            self.note(number, "differs", words)
        return outcome

    async def _done(self, site: ReplaySite, scope: Scope, step: Step, number: str) -> Outcome:
        if step.action in _NOT_COMPARED:
            raise Unlike("cannot be compared", _NOT_COMPARED[step.action])
        if not isinstance(step.does, WaitFor) or step.does.state is None:
            return await super()._do(site, scope, step, number)
        await site.raw()
        seen = self.tape.state(step.does.state)
        if seen is None:
            raise never_came(self.tape, f"waits for the state {step.does.state}, which never came")
        return Outcome(f"on the console is {seen.state.title}", value={"output": seen.hostname or ""})

    def _unlike(self, step: Step, number: str, unlike: Unlike) -> Outcome:
        """Go on as though it had come to what the recording's came to."""
        failed = self.tape.leave() if self.begun else ""
        verdict = unlike.verdict
        if verdict == "not in the recording" and failed in _GONE:
            verdict = "cannot be compared"
        self.note(number, verdict, unlike.words)
        if unlike.stand_in is None:
            self.unknown |= {*stored_names(step), "result"}
        if failed:
            raise self._stop(verdict, failed)
        output = "" if unlike.stand_in is None else unlike.stand_in.output.decode("utf-8", "replace")
        status = 0 if unlike.stand_in is None else unlike.stand_in.status
        return Outcome(unlike.words, output, status, {"output": output, "status": status})

    def _enough(self, scope: Scope, step: Step, outcome: Outcome, times: int) -> bool:
        if self.number in self.noted:
            return True
        try:
            enough = super()._enough(scope, step, outcome, times)
        except SosError as error:
            if self.tape.failed(go=True):
                raise
            self.note(self.number, "differs", f"would fail there: {error.message}")
            return True
        failed = self.tape.failed(go=True) if enough else ""
        if failed:
            self.note(self.number, "differs", "would not fail; in the recording, this step failed")
            raise self._stop("differs", failed)
        return enough

    def _stop(self, verdict: Verdict, failed: str) -> SosError:
        self.stopped = verdict
        return _GONE.get(failed, StepFailed)("it failed in the recording")

    async def _answer(self, _question: str) -> bool:
        """What somebody answered there."""
        return not self.tape.failed()

    # -- what comes later -----------------------------------------------------------------------

    def _later(self, scope: Scope, number: str) -> Wanted:
        numbers = [one for one, _ in self.plan]
        at = numbers.index(number) + 1 if number in numbers else len(numbers)
        return self._wanted(scope, [step for _, step in self.plan[at:]])

    def _wanted(self, scope: Scope, steps: Sequence[Step]) -> Wanted:
        return Wanted(
            frozenset(filter(None, (_end(scope, step) for step in steps))),
            frozenset(filter(None, (_sent(scope, step) for step in steps))),
            frozenset(described(step) for step in steps),
        )


def _end(scope: Scope, step: Step) -> str:
    """How the program of a step ends as it is sent, whatever its names stand for."""
    if not isinstance(step.does, Run):
        return ""
    program, _ = Scope(scope.loaded, {}).program(step.does.program)
    return program[program.index(";eval ") :]


def _sent(scope: Scope, step: Step) -> str:
    if not isinstance(step.does, Send) or step.does.keys:
        return ""
    try:
        return scope.fill(step.does.text) + ("\r" if step.does.enter else "")
    except UsageError:
        return ""  # of a secret, or of what is stored by then
