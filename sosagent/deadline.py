"""Deadlines: a moment on the event loop's clock at which waits end, created once and passed down."""

from __future__ import annotations

import asyncio
import math

__all__ = ["Deadline"]


class Deadline:
    """A moment at which waiting ends.

    Args:
        seconds: time from now, on the clock of the running event loop; None for no deadline.

    Attributes:
        seconds: the total duration of the wait, as passed.
    """

    __slots__ = ("_at", "seconds")

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._at = math.inf if seconds is None else asyncio.get_running_loop().time() + seconds

    @property
    def remaining(self) -> float:
        """Seconds until then, never less than 0; infinity without a deadline."""
        return self._at if self._at == math.inf else max(self._at - asyncio.get_running_loop().time(), 0.0)

    @property
    def passed(self) -> bool:
        """Whether the moment has come."""
        return self.remaining == 0.0

    def within(self, seconds: float) -> float:
        """Return `seconds`, or what remains if that is less."""
        return min(seconds, self.remaining)

    def postpone(self, seconds: float) -> None:
        """Move the moment by `seconds`, such as the time in which a person answered a question."""
        self._at += seconds

    def timeout(self, seconds: float = math.inf) -> asyncio.Timeout:
        """Return a context that raises `TimeoutError` at the deadline, or after `seconds` if that is earlier."""
        limit = self.within(seconds)
        return asyncio.timeout(None if limit == math.inf else limit)
