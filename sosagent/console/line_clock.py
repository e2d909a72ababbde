"""How long bytes take on the line: declared by the transport, or measured on what arrives."""

from __future__ import annotations

import asyncio
import math
from collections import deque

__all__ = ["QUIET_SECONDS", "STALL_SECONDS", "LineClock", "LineWait"]

#: A prompt counts once the line has been quiet for this long, and for three bytes more. The echo of what is typed there
#: is compared, so a prompt that was recognised too early does no harm; a password has no echo and needs more
#: (login/password.py).
QUIET_SECONDS = 0.03
#: A busy machine may stop for this long in the middle of a line: it swaps, or its disk is stuck.
STALL_SECONDS = 6.0

_BITS_PER_BYTE = 10  # start bit, eight data bits, stop bit
_SLOW_SECONDS = 0.002  # per byte: a line of less than 5000 baud
_PACED_SECONDS = 0.004  # per byte: a line of less than 2500 baud
_SLOWEST_SECONDS = 0.05  # per byte: a slower line is a person who types
_SAMPLES, _LEAST_SAMPLES = 48, 4
_TEXT_BYTES = 64  # at once on a fast line; a stall of a slow one delivers less
_MOST_BYTES = 16  # in one portion of a slow line: the FIFO of a UART
_MOST_GAP_SECONDS = 0.6  # between two such portions
_AHEAD_SECONDS = 0.25  # how much of what was sent may still be on its way
_JOB_BYTES = 8000  # of a small job: about 4,000 for adding a key to a new file, and as much for repetitions
_MOST_EXTENSION_BYTES = 4096  # extend a wait; a program that always prints must not extend it for ever


class LineClock:
    """The speed of one line, and how much of what was sent it has carried by now.

    Args:
        baud: the declared speed, in bits per second; None if it is unknown.
    """

    def __init__(self, baud: int | None) -> None:
        self._declared = _BITS_PER_BYTE / baud if baud else 0.0
        self._measured = 0.0
        self._samples: deque[tuple[int, float]] = deque(maxlen=_SAMPLES)
        self._last = 0.0
        self._within_line = False
        self._answer_due = False  # something was sent, so what arrives next shows the distance, not the speed
        self._longest_gap = 0.0
        self._sent_until = 0.0  # when the line will have carried what was sent
        self.arrived_seconds = 0.0  # what arrived so far took this long on the line; 0 on a fast line

    @property
    def byte_seconds(self) -> float:
        """Seconds that a byte takes; 0 on a line that is not slow, or whose speed is unknown."""
        seconds = max(self._declared, self._measured)
        return seconds if seconds >= _SLOW_SECONDS else 0.0

    def time_hint(self, limit: float) -> str:
        """Return a sentence that says which time limit a slow line needs; empty if `limit` seconds are enough."""
        needed = math.ceil(_JOB_BYTES * self.byte_seconds / 60) * 60
        if needed <= limit:
            return ""
        speed = f"The line carries about {1 / self.byte_seconds:.0f} bytes per second"
        return f"{speed}; allow a small job {needed} s there, and a large one more: --timeout {needed}."

    @property
    def quiet_seconds(self) -> float:
        """The line is quiet if nothing arrives for this long.

        On a slow line that includes the time of what was sent, of three bytes, and of a pause as long as those seen.
        """
        if not self.byte_seconds:
            return QUIET_SECONDS
        return QUIET_SECONDS + 3 * self.byte_seconds + self._longest_gap + self.backlog_seconds

    @property
    def backlog_seconds(self) -> float:
        """Seconds until a slow line has carried what was sent."""
        return max(self._sent_until - asyncio.get_running_loop().time(), 0.0)

    def send_delay(self) -> float:
        """Return how long to wait before more is sent, so that a slow line can be left soon."""
        return max(self.backlog_seconds - _AHEAD_SECONDS, 0.0)

    @property
    def portion(self) -> int | None:
        """How many bytes to send at once; None for any number."""
        return max(int(_AHEAD_SECONDS / self.byte_seconds), 1) if self.byte_seconds >= _PACED_SECONDS else None

    def wait(self, seconds: float) -> LineWait:
        """Return a time limit that starts when the line has carried what was sent; see `LineWait`."""
        return LineWait(self, seconds)

    def note_sent(self, size: int) -> None:
        """Note that `size` bytes were sent."""
        self._answer_due = True
        if self.byte_seconds:
            now = asyncio.get_running_loop().time()
            self._sent_until = max(self._sent_until, now) + size * self.byte_seconds

    def note_received(self, data: bytes) -> None:
        """Note that `data` arrived now. A slow line delivers few bytes at a time, and pauses between them in a line."""
        now, size = asyncio.get_running_loop().time(), len(data)
        was_slow = self.byte_seconds > 0
        gap, self._last = now - self._last, now
        within_line, self._within_line = self._within_line, not data.endswith(b"\n")
        answer, self._answer_due = self._answer_due, False
        if size > _MOST_BYTES:
            self._samples.clear()
            if size > _TEXT_BYTES and gap < size * _SLOW_SECONDS:
                self._measured = 0.0
        elif gap > min(size * _SLOWEST_SECONDS + QUIET_SECONDS, _MOST_GAP_SECONDS):
            self._samples.clear()  # a pause
        elif within_line and not answer:  # a program may print short lines, one after the other
            self._samples.append((size, gap))
        if len(self._samples) >= _LEAST_SAMPLES:
            # The median, because a distant or busy machine makes single bytes late.
            self._measured = sorted(gap / size for size, gap in self._samples)[len(self._samples) // 2]
            self._longest_gap = max(gap for _, gap in self._samples)
        # What the line has just been measured on counts as well.
        arrived = size if was_slow else max(size, sum(sampled for sampled, _ in self._samples))
        self.arrived_seconds += arrived * self.byte_seconds


class LineWait:
    """A time limit that does not count the time which bytes take on a slow line.

    It starts when the line has carried what was sent, and what arrives extends it. On a line that is not slow, it is a
    `Deadline`.

    Args:
        clock: the clock of the line.
        seconds: the time limit.
    """

    __slots__ = ("_arrived", "_at", "_clock")

    def __init__(self, clock: LineClock, seconds: float) -> None:
        self._clock = clock
        self._arrived = clock.arrived_seconds
        self._at = asyncio.get_running_loop().time() + seconds + clock.backlog_seconds

    @property
    def remaining(self) -> float:
        """Seconds until then, never less than 0."""
        clock = self._clock
        extension = min(clock.arrived_seconds - self._arrived, _MOST_EXTENSION_BYTES * clock.byte_seconds)
        return max(self._at + extension - asyncio.get_running_loop().time(), 0.0)

    @property
    def passed(self) -> bool:
        """Whether the moment has come."""
        return self.remaining == 0.0
