"""The times of a record leave out how long a person took to answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sosagent.access import Access
from sosagent.errors import StepFailed
from sosagent.lab import Lab
from sosagent.runbook import work_clock
from sosagent.runbook.engine import Engine, Settings
from sosagent.runbook.load import load_runbook
from sosagent.runbook.scope import Scope
from sosagent.runbook.values import complete_values
from sosagent.runbook.work_clock import WorkClock

from ..conftest import target_of
from .runs import fail_on, run_on, statuses, write_runbook

HOUR = 3600.0


@pytest.fixture
def let_pass(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that lets time pass on the clock of the records."""
    passed = [0.0]

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return time.monotonic() + passed[0]

    def let(seconds: float) -> None:
        passed[0] += seconds

    monkeypatch.setattr(work_clock, "time", Clock)
    return let


async def test_a_record_leaves_out_the_time_of_an_answer(
    lab: Lab, tmp_path: Path, let_pass: Callable[[float], None]
) -> None:
    path = write_runbook(tmp_path, "  - confirm: First?\n  - run: 'true'\n  - confirm: Second?\n  - run: 'true'")

    async def slowly(question: str) -> bool:
        let_pass(HOUR)
        return question == "First?"

    error, record = await fail_on(lab, path, StepFailed, confirm=slowly)
    assert "the answer was no" in error.message
    assert statuses(record) == {"1": "done", "2": "done", "3": "failed", "4": "not run"}
    assert record.seconds < HOUR
    assert all(0 <= step.seconds < HOUR and 0 <= step.started < HOUR for step in record.steps)


async def test_what_the_machine_does_counts(lab: Lab, tmp_path: Path, let_pass: Callable[[float], None]) -> None:
    path = write_runbook(tmp_path, "  - run: 'true'")
    record = await run_on(lab, path, on_event=lambda event: let_pass(HOUR if "[1]" in event.text else 0))
    assert (record.steps[0].seconds >= HOUR, record.seconds >= HOUR) == (True, True)


async def test_each_question_of_a_run_is_left_out(lab: Lab, tmp_path: Path, let_pass: Callable[[float], None]) -> None:
    """Those of the endpoint, of the machine, of steps, and before steps."""

    async def ask(*_: object) -> None:
        let_pass(HOUR)

    loaded = load_runbook(write_runbook(tmp_path, "  - run: 'true'"))
    access = replace(Access(target_of(lab), lab.password), ask=ask, ask_code=ask)
    engine = Engine(access, loaded, Scope(loaded, complete_values(loaded.runbook, {})), Settings(None, ask, ask), 0)  # type: ignore[arg-type]
    for question in (engine.access.ask, engine.access.ask_code, engine.settings.ask, engine.settings.gate):
        assert question is not None
        await question("x", "y", True)  # type: ignore[call-arg]
    assert engine._clock.seconds < HOUR
    assert WorkClock().without(None) is None


async def test_a_question_that_ends_early_is_left_out(let_pass: Callable[[float], None]) -> None:
    clock = WorkClock()

    async def never() -> None:
        let_pass(HOUR)
        await asyncio.get_running_loop().create_future()

    async def fail() -> None:
        let_pass(HOUR)
        raise ValueError

    asking, failing = clock.without(never), clock.without(fail)
    assert asking is not None and failing is not None
    task = asyncio.ensure_future(asking())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ValueError):
        await failing()
    assert clock.seconds < HOUR
