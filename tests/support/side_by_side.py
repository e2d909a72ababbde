"""Checks that mostly wait, run at the same time in one test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

__all__ = ["side_by_side"]

Case = TypeVar("Case")


async def side_by_side(cases: Iterable[Case], check: Callable[[Case], Awaitable[None]]) -> None:
    """Call `check` for all `cases` at once.

    Raises:
        ExceptionGroup: the exceptions of all checks that failed, each with a note that names its case.
    """

    async def one(case: Case) -> None:
        try:
            await check(case)
        except Exception as error:
            error.add_note(f"case: {case!r}")
            raise

    results = await asyncio.gather(*map(one, cases), return_exceptions=True)
    failures = [result for result in results if isinstance(result, Exception)]
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {len(results)} cases failed", failures)
