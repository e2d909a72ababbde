"""Deadlines, in virtual time."""

from __future__ import annotations

import asyncio
import math

import pytest

from sosagent.deadline import Deadline

pytestmark = pytest.mark.virtual_time


async def test_a_deadline_passes_after_its_seconds() -> None:
    deadline = Deadline(10)
    assert (deadline.seconds, deadline.passed) == (10, False)
    assert deadline.within(3) == 3
    await asyncio.sleep(8)
    assert deadline.within(3) == pytest.approx(2, abs=0.01)
    await asyncio.sleep(3)
    assert (deadline.passed, deadline.remaining) == (True, 0)


async def test_no_deadline_never_passes() -> None:
    deadline = Deadline(None)
    await asyncio.sleep(1e6)
    assert (deadline.remaining, deadline.passed, deadline.within(5)) == (math.inf, False, 5)
    async with deadline.timeout():
        await asyncio.sleep(1e6)


@pytest.mark.parametrize(("seconds", "limit", "expected"), [(10, math.inf, 10), (10, 3, 3), (None, 3, 3)])
async def test_a_timeout_ends_at_the_earlier_of_deadline_and_limit(
    seconds: float | None, limit: float, expected: float
) -> None:
    start = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        async with Deadline(seconds).timeout(limit):
            await asyncio.sleep(60)
    assert asyncio.get_running_loop().time() - start == pytest.approx(expected, abs=0.01)


async def test_a_timeout_after_the_deadline_ends_at_once() -> None:
    deadline = Deadline(1)
    await asyncio.sleep(2)
    with pytest.raises(TimeoutError):
        async with deadline.timeout():
            await asyncio.sleep(60)
