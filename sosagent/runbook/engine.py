"""Run a runbook: its steps in order, then `on_failure` if one failed, then `finally`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from ..access import Access
from ..console.redact import redact_secrets
from ..errors import DeadlineExceeded, EndpointBusy, EndpointLost, MachineRestarted, SosError, StepFailed
from ..printable import printable
from ..session.machine import at_console, locked
from .actions import Confirm, Include, Run
from .attempts import Attempts
from .live_site import LiveSite
from .load import Loaded
from .model import Step
from .names import BUILT_IN, stored_names
from .outcome import Outcome, step_failure
from .plan import numbered, title_of, unrun_step
from .record import RunRecord, StepRecord, attach_record, redacted
from .scope import Scope
from .site import Site
from .steps import NOT_ANSWERED, STEPS, Ask, confirm
from .values import complete_values
from .work_clock import WorkClock

__all__ = ["Engine", "Settings"]

_PROGRAM_SECONDS = 60.0
#: The action -> the time limit of a step without `timeout`.
_STEP_SECONDS = {"run": _PROGRAM_SECONDS, "expect": 60.0, "wait_for": 300.0}
#: Added to the patience of the shell, so that the machine ends a program before we give up.
_PATIENCE_MARGIN = 5
#: After these, nothing can be done on the console: the connection is gone, or another user has taken it.
_CONSOLE_GONE = (EndpointLost, EndpointBusy)

#: Called before each step with its number and title.
Gate = Callable[[str, str], Awaitable[Literal["run", "skip", "stop"]]]


@dataclass(frozen=True)
class Settings:
    """How a runbook is run.

    Fields:
        start_at: number or name of the first step to run; the steps before it are skipped.
        ask: asks the user the questions of `confirm` steps; None if no user is present.
        gate: decides before each step whether it runs.
        count: called with the bytes of a file copied so far, and their total.
    """

    start_at: str | None = None
    ask: Ask | None = None
    gate: Gate | None = None
    count: Callable[[int, int], None] | None = None


class Engine:
    """One run of a runbook on a machine. `replay` derives from it a run on a recording.

    Args:
        access: how to reach the machine.
        loaded: the runbook.
        scope: the values of its parameters.
        settings: how to run it.
        first: index of the first step to run.
    """

    def __init__(self, access: Access, loaded: Loaded, scope: Scope, settings: Settings, first: int) -> None:
        self._clock = clock = WorkClock()
        self.access = replace(access, ask=clock.without(access.ask), ask_code=clock.without(access.ask_code))
        self.loaded = loaded
        self.scope = scope
        self.settings = replace(settings, ask=clock.without(settings.ask), gate=clock.without(settings.gate))
        self.first = first
        self.records: list[StepRecord] = []
        self.site: Site | None = None
        self._began = datetime.now(UTC)

    async def run(self) -> RunRecord:
        """Run it; see `run.run_loaded`."""
        failure: BaseException | None = None
        try:
            async with self.open_site() as site:
                self.site, access = site, self.access
                self.scope.known.update(host=access.host, login=access.login, hostname="", state="", error="")
                await self._run_and_log_out(site)
        except BaseException as error:  # noqa: BLE001 - raised again below, with the record
            failure = error
        record = self._record(failure)
        if failure is not None:
            if isinstance(failure, (SosError, asyncio.CancelledError)):
                attach_record(failure, record)
            raise failure
        return record

    @asynccontextmanager
    async def open_site(self) -> AsyncIterator[Site]:
        """Connect to the console."""
        async with locked(self.access) as (access, deadline), at_console(access, deadline) as console:
            self.access = access
            patience = int(max(_PROGRAM_SECONDS, *self._program_timeouts()) + _PATIENCE_MARGIN)
            yield LiveSite(console, access, deadline, patience, self.settings.count)

    def _program_timeouts(self) -> list[float]:
        steps = [step for _, step in numbered(self.loaded) if isinstance(step.options, Run)]
        return [step.timeout or 0.0 for step in steps] or [0.0]

    # -- runbooks -----------------------------------------------------------------------------

    async def _run_and_log_out(self, site: Site) -> None:
        failure: BaseException | None = None
        try:
            await self._run_all(site, self.scope, "", self.first)
        except BaseException as error:  # noqa: BLE001 - raised again after logging out
            failure = error
        await site.log_out(failure)
        if failure is not None:
            raise failure

    async def _run_all(self, site: Site, scope: Scope, prefix: str, first: int) -> None:
        """Run all sections of a runbook, which may be an included one."""
        runbook = scope.loaded.runbook
        with site.console.unrecorded(*scope.secrets):
            pass  # from now on, the console redacts them wherever they appear
        failure: BaseException | None = None
        try:
            await self._run_steps(site, scope, runbook.steps, prefix, first)
        except BaseException as error:  # noqa: BLE001 - raised again after the cleanup
            failure = error
            if isinstance(error, (MachineRestarted, *_CONSOLE_GONE)):
                await site.log_out(error)
        try:
            if failure is not None and isinstance(failure, SosError):
                scope.known["error"] = printable(failure.message, 400)
                await self._clean_up(site, scope, runbook.on_failure, f"{prefix}on_failure ", failure)
            await self._clean_up(site, scope, runbook.finally_, f"{prefix}finally ", failure)
        except BaseException as error:  # noqa: BLE001 - the first failure is the one to raise
            failure = failure or error
        if failure is not None:
            raise failure

    async def _clean_up(
        self, site: Site, scope: Scope, steps: tuple[Step, ...], prefix: str, failure: BaseException | None
    ) -> None:
        """Run `on_failure` or `finally`. If they fail after `failure`, they only add a note to it."""
        if not steps:
            return
        if isinstance(failure, _CONSOLE_GONE):
            self._record_not_run(scope, steps, prefix, 0, "the console is gone")
            return
        if failure is not None:
            site.allow_cleanup()
        try:
            await self._run_steps(site, scope, steps, prefix, 0)
        except SosError as error:
            if failure is None:
                raise
            failure.add_note(f"{prefix.strip()}: {error.message}")

    async def _run_steps(self, site: Site, scope: Scope, steps: tuple[Step, ...], prefix: str, first: int) -> None:
        for at, step in enumerate(steps):
            number = f"{prefix}{at + 1}"
            if at < first:
                self.records.append(unrun_step(number, step, scope, "skipped", "--from"))
                continue
            try:
                await self.run_step(site, scope, step, number)
            except BaseException:
                self._record_not_run(scope, steps, prefix, at + 1)
                raise

    def _record_not_run(self, scope: Scope, steps: tuple[Step, ...], prefix: str, first: int, why: str = "") -> None:
        self.records += [
            unrun_step(f"{prefix}{at + 1}", step, scope, "not run", why) for at, step in enumerate(steps) if at >= first
        ]

    # -- one step -----------------------------------------------------------------------------

    async def run_step(self, site: Site, scope: Scope, step: Step, number: str) -> None:
        """Run a step, with its condition and repetition, and record it.

        Raises:
            SosError: why it failed; the message names the step.
        """
        scope.known.update(hostname=site.hostname, state=site.console.state, host=self.access.host)
        before = dict(scope.known)  # the step may store another value under a name in its own title

        def title() -> str:
            return self._redact(title_of(step, replace(scope, known={**before, "hostname": site.hostname})))

        attempts = Attempts(number, title, self._clock.seconds)
        place = len(self.records)
        try:
            if await self._is_wanted(scope, step, attempts):
                await self._attempt(site, scope, step, attempts)
            else:
                attempts.emit(site, "detail", f"skipped: {attempts.outcome.message}")
        except SosError as caught:
            error = step_failure(caught)
            attempts.outcome = replace(attempts.outcome, message=printable(error.message, 600))
            # The message may contain the output of a secret program; `replay` needs only the code.
            site.console.mark_recording(f"failed {number}: {error.code}")
            attempts.emit(site, "failed", f"failed: {error.message}")
            error.at(f"step {number}, {attempts.title}")
            if error is caught:
                raise
            raise error from None
        except asyncio.CancelledError:
            attempts.outcome = Outcome("interrupted")
            attempts.emit(site, "failed", "interrupted")
            raise
        finally:
            self.records.insert(place, attempts.record(site, step, self._clock.seconds))

    async def _is_wanted(self, scope: Scope, step: Step, attempts: Attempts) -> bool:
        if step.when is not None and not scope.holds(step.when):
            attempts.status, attempts.outcome = "skipped", Outcome("its condition is false")
            return False
        answer = "run" if self.settings.gate is None else await self.settings.gate(attempts.number, attempts.title)
        if answer == "skip":
            attempts.status, attempts.outcome = "skipped", Outcome("skipped by the user")
        if answer == "stop":
            raise StepFailed("stopped by the user", hint="This step and the steps after it were not run.")
        return answer == "run"

    async def _attempt(self, site: Site, scope: Scope, step: Step, attempts: Attempts) -> None:
        """Run the step until its repetition ends."""
        attempts.emit(site, "start")
        site.console.mark_recording(f"{attempts.number} {self._redact(title_of(step))}")
        while True:
            attempts.times += 1
            attempts.outcome = await self._run_within_limit(site, scope, step, attempts.number)
            if attempts.outcome.failure is not None:
                raise attempts.outcome.failure
            if self.is_enough(scope, step, attempts.outcome, attempts.times):
                break
            assert step.repeat is not None
            await self.pause(site, step.repeat.pause)
        attempts.status = "done"
        attempts.emit(site, "done", attempts.outcome.message)

    async def _run_within_limit(self, site: Site, scope: Scope, step: Step, number: str) -> Outcome:
        """Run the step once, within its time limit, and store its value."""
        seconds = step.timeout or _STEP_SECONDS.get(step.action)
        limit = self._limit(site, step, seconds)
        try:
            async with asyncio.timeout(limit) as timer:
                outcome = await self.run_action(site, scope, step, number)
        except TimeoutError:
            if not timer.expired():
                raise
            run_is_over = seconds is None or (limit is not None and limit < seconds)
            raise self._time_is_up(site, scope, step, None if run_is_over else seconds) from None
        if outcome.failure is None:
            scope.known["result"] = outcome.value or {"output": outcome.message}
            for name in stored_names(step):
                scope.known[name] = outcome.value
        return outcome

    def _time_is_up(self, site: Site, scope: Scope, step: Step, seconds: float | None) -> SosError:
        """Return the error of a step that did not finish within its `seconds`, or None, within the run's time."""
        if isinstance(step.options, Confirm) and seconds is not None:
            question = printable(scope.fill(step.options.question), 1000)
            return StepFailed(f"nobody answered within {seconds:g} s: {question}", hint=NOT_ANSWERED)
        return DeadlineExceeded(
            "the time of the whole run is up" if seconds is None else f"the step did not finish within {seconds:g} s",
            state=site.console.state,
            tail=site.console.tail(),
            hint=None if seconds is None else "If it only needs more time, give the step a longer timeout.",
        )

    async def run_action(self, site: Site, scope: Scope, step: Step, number: str) -> Outcome:
        """Run the action of a step once."""
        if isinstance(step.options, Confirm):
            return await confirm(scope, step.options, self.settings.ask)
        if not isinstance(step.options, Include):
            return await STEPS[step.action](site, scope, step.options)
        other = scope.loaded.included[step.options.runbook]
        parameters = {
            name: (scope.secret(value) or scope.fill(value)) if isinstance(value, str) else value
            for name, value in step.options.parameters.items()
        }
        known = {name: value for name, value in scope.known.items() if name in BUILT_IN}
        inner = Scope(other, complete_values(other.runbook, parameters), known)
        await self._run_all(site, inner, f"{number}.", 0)
        return Outcome(f"ran {len(other.runbook.steps)} steps")

    def _limit(self, site: Site, step: Step, seconds: float | None) -> float | None:
        """Return the seconds after which we give up on a step; None for no limit."""
        if isinstance(step.options, Include):
            return seconds  # its steps have limits of their own, and time for cleanup after the end of the run
        if isinstance(step.options, Run):
            seconds = site.limit_program(seconds or _PROGRAM_SECONDS)
        left = site.console.time_left()
        return min((one for one in (seconds, left) if one is not None), default=None)

    async def pause(self, site: Site, seconds: float) -> None:
        """Wait between two repetitions of a step."""
        left = site.console.time_left()
        await asyncio.sleep(seconds if left is None else min(seconds, left))
        if left is not None and left < seconds:
            raise DeadlineExceeded("the time of the whole run is up", state=site.console.state)

    def is_enough(self, scope: Scope, step: Step, outcome: Outcome, times: int) -> bool:
        """Whether a step need not be repeated.

        Raises:
            StepFailed: it has been repeated as often as allowed.
        """
        if step.repeat is None or scope.holds(step.repeat.until):
            return True
        if times >= step.repeat.times:
            raise StepFailed(f"the condition of repeat was still false after {times} times; last: {outcome.message}")
        return False

    # -- records ------------------------------------------------------------------------------

    def _record(self, failure: BaseException | None) -> RunRecord:
        site, runbook = self.site, self.loaded.runbook
        error = None
        if failure is not None:
            error = {
                "code": getattr(failure, "code", "interrupted"),
                "message": printable(getattr(failure, "message", "interrupted"), 2000),
                "hint": printable(getattr(failure, "hint", ""), 2000),
                "state": getattr(failure, "state", ""),
                "tail": list(getattr(failure, "tail", ())),
            }
        record = RunRecord(
            runbook.name,
            self.loaded.name,
            runbook.description,
            self.access.host,
            self.access.login,
            self._began,
            "done" if failure is None else "failed",
            self.scope.shown,
            tuple(self.records),
            hostname="" if site is None else site.hostname,
            machine_id=None if site is None else site.machine_id,
            seconds=self._clock.seconds,
            state_found="" if site is None else site.state_found,
            logged_out=None if site is None else site.logged_out,
            warnings=() if site is None else tuple(site.troubles),
            error=error,
        )
        return redacted(record, self._redact)

    def _redact(self, text: str) -> str:
        """Return `text` without the secrets of the run. Before there is a console: without the parameters'."""
        return redact_secrets(text, self.scope.secrets) if self.site is None else self.site.console.redact(text)
