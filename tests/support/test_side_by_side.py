"""tests/support/side_by_side.py runs all cases, and names those that fail."""

from __future__ import annotations

import asyncio

import pytest

from .side_by_side import side_by_side


@pytest.mark.virtual_time
async def test_all_cases_run_and_the_failures_are_named() -> None:
    ended: list[int] = []

    async def check(case: int) -> None:
        await asyncio.sleep(10)
        assert case % 2
        ended.append(case)

    with pytest.raises(ExceptionGroup) as caught:
        await side_by_side(range(5), check)
    assert ended == [1, 3]
    assert [error.__notes__[0] for error in caught.value.exceptions] == ["case: 0", "case: 2", "case: 4"]
    assert asyncio.get_running_loop().time() < 11
