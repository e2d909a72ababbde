"""The time of the way out: logging out, leaving the endpoint and closing may exceed the job's deadline a little."""

from __future__ import annotations

from ..deadline import Deadline

__all__ = ["WAY_OUT_SECONDS", "WayOut"]

#: How long the way out may take after the job's deadline.
WAY_OUT_SECONDS = 10.0
_LONGEST_SECONDS = 30.0  # while the job's deadline has not passed
_KEPT_SECONDS = 2.5  # for leaving the endpoint and closing
_CLOSING_SECONDS = 1.0
_LEAST_SECONDS = 0.001


class WayOut:
    """The deadline of the way out of one console; none until it begins."""

    def __init__(self) -> None:
        self._deadline: Deadline | None = None

    def begin(self, job: Deadline) -> float:
        """Begin the way out, unless it has begun; return the seconds for logging out.

        Args:
            job: the job's deadline. The way out may last until then, for 30 s at most, and for 10 s at least.
        """
        if self._deadline is None:
            return self.end_within(max(WAY_OUT_SECONDS, job.within(_LONGEST_SECONDS)))
        return self.end_within(self._deadline.remaining)

    def end_within(self, seconds: float) -> float:
        """End the way out `seconds` from now; return the seconds for logging out."""
        self._deadline = Deadline(seconds)
        return max(seconds - _KEPT_SECONDS, _LEAST_SECONDS)

    def cancel(self) -> None:
        """The job goes on after all."""
        self._deadline = None

    def endpoint_seconds(self, at_most: float) -> float:
        """Return the seconds that leaving the endpoint may take: `at_most`, or less near the end of the way out."""
        least = _KEPT_SECONDS - _CLOSING_SECONDS
        if self._deadline is None:
            return at_most
        return min(at_most, max(self._deadline.remaining - _CLOSING_SECONDS, least))

    @property
    def closing_seconds(self) -> float:
        """The seconds that closing the connection may take."""
        return WAY_OUT_SECONDS / 2 if self._deadline is None else max(self._deadline.remaining, _CLOSING_SECONDS)
