"""Runs a runbook: its steps in order, what is to be done when one fails, and what is to be done in any case."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from ..console.events import Event
from ..errors import (
    DeadlineExceeded,
    EndpointBusy,
    EndpointLost,
    MachineRestarted,
    PasswordMissing,
    SosError,
    StepFailed,
    UsageError,
)
from ..printable import printable
from ..session.machine import Access, at_console, reached
from ..transports import Transport
from ..transports.remember import remembering
from .load import Loaded
from .model import Include, Run, Step
from .names import GIVEN, stored_names, used_names
from .plan import described, needs_shell, numbered
from .record import RunRecord, StepRecord
from .scope import Scope
from .site import Site
from .steps import DOES, Ask, Outcome
from .values import check_given

__all__ = ["Engine", "Settings", "first_step", "run_loaded"]

_SECONDS = {"run": 60.0, "expect": 60.0, "wait_for": 300.0}
#: For a program and its output to pass a slow line, besides its own time.
_ON_THE_WAY = 30.0
_SCREEN_BYTES = 16384
#: Nothing can be done on the console any more, or it is somebody else's.
_GONE = (EndpointLost, EndpointBusy)

Gate = Callable[[str, str], Awaitable[Literal["run", "skip", "stop"]]]


@dataclass(frozen=True)
class Settings:
    """How a runbook is run.

    Fields:
        begin: the number or name of the first step to do.
        ask: asks a person a question of `confirm`; None where nobody is there.
        gate: is asked before each step, with its number and name.
        count: is told how much of a file has been carried, and of how much.
    """

    begin: str | None = None
    ask: Ask | None = None
    gate: Gate | None = None
    count: Callable[[int, int], None] | None = None


async def run_loaded(access: Access, loaded: Loaded, given: Mapping[str, Any], settings: Settings) -> RunRecord:
    """Run a runbook.

    Args:
        access: the way to the machine; its `timeout` is for the whole run.
        loaded: the runbook.
        given: values of its parameters.
        settings: how.

    Returns:
        What was done.

    Raises:
        SosError: what stopped it, with a `record` of what was done until then.

    When cancelled, what is in `finally` is done, and it logs out; then the cancellation goes on, with a `record`. That
    takes a minute at most, and another one where a program still runs on the machine: there is no key that ends it.
    """
    values = check_given(loaded.runbook, given)
    first = first_step(loaded, settings.begin)
    if access.password is None and needs_shell(loaded) and isinstance(access.target, Transport):
        raise PasswordMissing(f"no password of {printable(access.entry.login, 60)} on the machine was given")
    with remembering():
        return await Engine(access, loaded, Scope(loaded, values), settings, first).go()


def first_step(loaded: Loaded, begin: str | None) -> int:
    """The index of the step to begin with.

    Raises:
        UsageError: there is none, or a later step needs what an earlier one stores.
    """
    steps = loaded.runbook.steps
    if begin is None:
        return 0
    found = [at for at, step in enumerate(steps) if begin in (str(at + 1), step.name)]
    if not found:
        names = ", ".join(f"{at + 1} ({described(step)})" for at, step in enumerate(steps))
        raise UsageError(
            f"--from: there is no step {printable(begin, 60)!r}", hint=f"There are {printable(names, 1000)}."
        )
    first = found[0]
    stored = {name: at for at in range(first) for name in stored_names(steps[at])}
    for at in range(first, len(steps)):
        for name in sorted(used_names(steps[at]) & set(stored)):
            raise UsageError(
                f"--from {printable(begin, 60)}: step {at + 1} needs {name}, which step {stored[name] + 1} stores",
                hint=f"Begin at step {stored[name] + 1} or before.",
            )
        for name in stored_names(steps[at]) if steps[at].when is None else ():
            stored.pop(name, None)
    return first


class Engine:
    """One run. `Replay` is one on a recording instead of a machine."""

    def __init__(self, access: Access, loaded: Loaded, scope: Scope, settings: Settings, first: int) -> None:
        self.access = access
        self.loaded = loaded
        self.scope = scope
        self.settings = settings
        self.first = first
        self.began = datetime.now(UTC)
        self.clock = time.monotonic()
        self.records: list[StepRecord] = []
        self.site: Site | None = None

    async def go(self) -> RunRecord:
        failure: BaseException | None = None
        try:
            async with self.sited() as site:
                self.site, access = site, self.access
                self.scope.known.update(host=access.host, login=access.entry.login, hostname="", state="", error="")
                await self._all(site)
        except BaseException as error:  # noqa: BLE001 - it goes on below, with the record
            failure = error
        record = self._record(failure)
        if failure is not None:
            if isinstance(failure, (SosError, asyncio.CancelledError)):
                failure.record = record  # type: ignore[union-attr]
            raise failure
        return record

    @asynccontextmanager
    async def sited(self) -> AsyncIterator[Site]:
        """Where the steps are done."""
        async with reached(self.access) as (access, deadline):
            left = deadline - asyncio.get_running_loop().time()
            async with at_console(access, left) as console:
                self.access = access
                patience = int(max(_SECONDS["run"], *self._program_seconds()) + 5)
                yield Site(console, access, deadline, patience, count=self.settings.count)

    def _program_seconds(self) -> list[float]:
        steps = [step for _, step in numbered(self.loaded) if isinstance(step.does, Run)]
        return [step.timeout or 0.0 for step in steps] or [0.0]

    async def _all(self, site: Site) -> None:
        failure: BaseException | None = None
        try:
            await self._runbook(site, self.scope, "", self.first)
        except BaseException as error:  # noqa: BLE001 - it goes on when we are logged out
            failure = error
        await site.log_out(failure)
        if failure is not None:
            raise failure

    async def _runbook(self, site: Site, scope: Scope, prefix: str, first: int) -> None:
        """All steps of a runbook; then, whatever came of them, what it says is to be done."""
        runbook = scope.loaded.runbook
        with site.console.unrecorded(*scope.secrets):
            pass  # the console knows them from here on, and hides them wherever they come from
        failure: BaseException | None = None
        try:
            await self._steps(site, scope, runbook.steps, prefix, first)
        except BaseException as error:  # noqa: BLE001 - it goes on when all is cleaned up
            failure = error
            if isinstance(error, (MachineRestarted, *_GONE)):
                await site.log_out(error)
        try:
            if failure is not None and isinstance(failure, SosError):
                scope.known["error"] = printable(failure.message, 400)
                await self._cleaning(site, scope, runbook.on_failure, f"{prefix}on_failure ", failure)
            await self._cleaning(site, scope, runbook.finally_, f"{prefix}finally ", failure)
        except BaseException as error:  # noqa: BLE001 - the same
            failure = failure or error
        if failure is not None:
            raise failure

    async def _cleaning(
        self, site: Site, scope: Scope, steps: tuple[Step, ...], prefix: str, failure: BaseException | None
    ) -> None:
        """What is done after a failure, or in any case; what goes wrong there is told with what went wrong first."""
        if not steps:
            return
        if isinstance(failure, _GONE):
            self._not_run(steps, prefix, 0, "the console is gone")
            return
        if failure is not None:
            site.leave_time()
        try:
            await self._steps(site, scope, steps, prefix, 0)
        except SosError as error:
            if failure is None:
                raise
            failure.add_note(f"{prefix.strip()}: {error.message}")

    async def _steps(self, site: Site, scope: Scope, steps: tuple[Step, ...], prefix: str, first: int) -> None:
        for at, step in enumerate(steps):
            number = f"{prefix}{at + 1}"
            if at < first:
                self.records.append(StepRecord(number, described(step), step.action, "skipped", said="--from"))
                continue
            try:
                await self._step(site, scope, step, number)
            except BaseException:
                self._not_run(steps, prefix, at + 1)
                raise

    def _not_run(self, steps: tuple[Step, ...], prefix: str, first: int, why: str = "") -> None:
        self.records += [
            StepRecord(f"{prefix}{at + 1}", described(step), step.action, "not run", said=why)
            for at, step in enumerate(steps)
            if at >= first
        ]

    async def _step(self, site: Site, scope: Scope, step: Step, number: str) -> None:
        words = described(step)
        scope.known.update(hostname=site.hostname, state=site.console.state, host=self.access.host)
        started, times = time.monotonic() - self.clock, 0
        outcome = Outcome()
        status: Literal["done", "failed", "skipped"] = "failed"
        place = len(self.records)
        try:
            if step.when is not None and not scope.holds(step.when):
                status, outcome = "skipped", Outcome("its condition does not hold")
                return
            answer = "run" if self.settings.gate is None else await self.settings.gate(number, words)
            if answer == "skip":
                status, outcome = "skipped", Outcome("somebody said so")
                return
            if answer == "stop":
                raise StepFailed("somebody said stop", hint="Nothing after it was done.")
            site.console.emit(Event("start", f"[{number}] {words}"))
            site.console.mark_recording(f"{number} {words}")
            while True:
                times += 1
                outcome = await self._within(site, scope, step, number)
                if self._enough(scope, step, outcome, times):
                    break
                assert step.repeat is not None
                await self.pause(site, step.repeat.pause)
            status = "done"
            site.console.emit(Event("done", f"[{number}] {words}: {outcome.said}"))
        except SosError as error:
            told = error.record if isinstance(error.record, Outcome) else outcome
            error.record = None
            outcome = replace(told, said=printable(error.message, 600))
            # Its words may hold what a secret program printed; for `replay`, that it failed is enough.
            site.console.mark_recording(f"failed {number}: {error.code}")
            if not error.message.startswith("step "):
                error.message = f"step {number}, {words}: {error.message}"
            raise
        except asyncio.CancelledError:
            outcome = Outcome("it was interrupted")
            raise
        finally:
            record = StepRecord(
                number, words, step.action, status, started, time.monotonic() - self.clock - started, times,
                outcome.said, outcome.output, outcome.exit_status, site.console.output[-_SCREEN_BYTES:],
            )  # fmt: skip
            self.records.insert(place, record)

    async def _within(self, site: Site, scope: Scope, step: Step, number: str) -> Outcome:
        """Do it once, within its time."""
        seconds = step.timeout or _SECONDS.get(step.action)
        limit = self._limit(site, step, seconds)
        try:
            async with asyncio.timeout(limit) as timer:
                outcome = await self._do(site, scope, step, number)
        except TimeoutError:
            if not timer.expired():
                raise
            over = seconds is None or (limit is not None and limit < seconds)
            raise DeadlineExceeded(
                "the time for the whole run is up" if over else f"it was not done within {seconds:.0f} s",
                state=site.console.state,
                tail=site.console.tail(),
                hint=None if over else "Give the step a longer timeout, if it only needs more time.",
            ) from None
        scope.known["result"] = outcome.value or {"output": outcome.said}
        store = getattr(step.does, "store", None)
        if store is not None:
            scope.known[store] = outcome.value
        return outcome

    async def _do(self, site: Site, scope: Scope, step: Step, number: str) -> Outcome:
        if not isinstance(step.does, Include):
            return await DOES[step.action](site, scope, step.does, self.settings.ask)
        other = scope.loaded.included[step.does.runbook]
        given = {
            name: (scope.secret(value) or scope.fill(value)) if isinstance(value, str) else value
            for name, value in step.does.parameters.items()
        }
        known = {name: value for name, value in scope.known.items() if name in GIVEN}
        inner = Scope(other, check_given(other.runbook, given), known)
        await self._runbook(site, inner, f"{number}.", 0)
        return Outcome(f"did {len(other.runbook.steps)} steps")

    def _limit(self, site: Site, step: Step, seconds: float | None) -> float | None:
        """What a step may take at most, here. A program is ended there, at its own time."""
        if isinstance(step.does, Include):
            return seconds  # its steps have limits of their own, and more time when the run's is up
        if isinstance(step.does, Run):
            site.time_for(seconds or _SECONDS["run"])
            seconds = site.run_seconds + site.busy + _ON_THE_WAY
        left = site.console.time_left()
        return min((one for one in (seconds, left) if one is not None), default=None)

    async def pause(self, site: Site, seconds: float) -> None:
        """Between two times of a step."""
        left = site.console.time_left()
        await asyncio.sleep(seconds if left is None else min(seconds, left))
        if left is not None and left < seconds:
            raise DeadlineExceeded("the time for the whole run is up", state=site.console.state)

    def _enough(self, scope: Scope, step: Step, outcome: Outcome, times: int) -> bool:
        if step.repeat is None or scope.holds(step.repeat.until):
            return True
        if times >= step.repeat.times:
            error = StepFailed(f"what is waited for did not come in {times} times; at last: {outcome.said}")
            error.record = outcome
            raise error
        return False

    def _record(self, failure: BaseException | None) -> RunRecord:
        site, runbook = self.site, self.loaded.runbook
        error = None
        if failure is not None:
            error = {
                "code": getattr(failure, "code", "interrupted"),
                "message": printable(getattr(failure, "message", "it was interrupted"), 2000),
                "hint": printable(getattr(failure, "hint", ""), 2000),
                "state": getattr(failure, "state", ""),
                "tail": list(getattr(failure, "tail", ())),
            }
        return RunRecord(
            runbook.name, self.loaded.name, runbook.description, self.access.host, self.access.entry.login, self.began,
            "done" if failure is None else "failed",
            self.scope.shown,
            tuple(self.records),
            *(("", None) if site is None else (site.hostname, site.machine_id)),
            seconds=time.monotonic() - self.clock,
            state_found="" if site is None else site.state_found,
            logged_out=None if site is None else site.logged_out,
            warnings=() if site is None else tuple(site.troubles),
            error=error,
        )  # fmt: skip
