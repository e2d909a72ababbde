"""How long a run has worked: the time that a person took to answer questions does not count."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

__all__ = ["WorkClock"]

P = ParamSpec("P")
T = TypeVar("T")


class WorkClock:
    """Measures one run, from now on."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """The seconds since the start, without those of answers."""
        return time.monotonic() - self._started

    def without(self, ask: Callable[P, Awaitable[T]] | None) -> Callable[P, Awaitable[T]] | None:
        """Return the same function, whose time does not count, also if it fails or is cancelled.

        Args:
            ask: asks a person; None if there is nobody.
        """
        if ask is None:
            return None

        @functools.wraps(ask)
        async def asking(*arguments: P.args, **options: P.kwargs) -> T:
            before = time.monotonic()
            try:
                return await ask(*arguments, **options)
            finally:
                self._started += time.monotonic() - before

        return asking
