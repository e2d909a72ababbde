"""The typing pace on a line that loses bytes, and the damage noted so far."""

from __future__ import annotations

import asyncio

from ..transports import Transport
from .events import Event, EventSink
from .line_clock import LineClock

__all__ = ["SLOWEST_PACE", "Pacer", "pace_for_damage"]

#: (bytes in a burst, seconds between bursts), from the fastest pace to the slowest. A UART without flow control
#: has a FIFO of 16 bytes and loses what arrives while it is full; iDRAC requires 5 bytes in 0.2 s.
_PACES = ((4096, 0.0), (64, 0.02), (16, 0.02), (8, 0.05), (5, 0.2))
SLOWEST_PACE = len(_PACES) - 1
#: The number of damaged lines after which each slower pace applies. A slower pace helps against overruns, but not
#: against noise, so each step needs more evidence than the one before.
_DAMAGE_LIMITS = (2, 4, 7, 11)


def pace_for_damage(damaged_lines: int) -> int:
    """Return the pace (0 is the fastest) to use after `damaged_lines` typed lines came back damaged."""
    return sum(damaged_lines >= limit for limit in _DAMAGE_LIMITS)


class Pacer:
    """Writes to a transport at a limited pace, which falls as damage is noted.

    Args:
        transport: the connection to write to.
        pace: the first pace, an index from 0 (as fast as possible) to `SLOWEST_PACE`.
        emit: receives an event when the pace falls.
        line: how long bytes take on the line; on a slow line, little is sent ahead.
    """

    def __init__(self, transport: Transport, pace: int, emit: EventSink, line: LineClock) -> None:
        self._transport = transport
        self._line = line
        self._pace = pace
        self._emit = emit
        self._last_write = 0.0
        self._damaged_lines = 0
        self._seen = 0  # of the damage that was noted, what was seen to be damage
        self._blocked = False

    @property
    def pace(self) -> int:
        """The current pace: 0 is as fast as possible, `SLOWEST_PACE` the slowest."""
        return self._pace

    @property
    def blocked(self) -> bool:
        """Whether the connection does not take what is written to it, or did not when the last write was cancelled."""
        return self._blocked

    def slow_down(self, pace: int) -> None:
        """Type no faster than `pace` from now on."""
        self._pace = max(self._pace, pace)

    def note_damage(self, *, typed: bool = True, seen: bool = True) -> None:
        """Count one line that may be damaged, and type slower if there have been too many.

        Args:
            typed: whether a typed line was damaged; False for a reply, which a slower pace does not help.
            seen: whether something came back that differs from what was sent. A missing answer may have other causes,
                so it is no part of the report.
        """
        self._damaged_lines += typed
        self._seen += seen
        pace = pace_for_damage(self._damaged_lines)
        if pace > self._pace:
            self._pace = pace
            burst, pause = _PACES[pace]
            text = f"what is typed does not arrive as it should: now {burst} bytes at a time, {pause} s apart"
            self._emit(Event("detail", text))

    def damage_report(self, size: int) -> str:
        """Return a sentence about the damage that was seen and its remedy; empty if there was none.

        Args:
            size: how many bytes went over the line, in both directions.
        """
        count = self._seen
        if not count:
            return ""
        times = "once" if count == 1 else f"{count} times"
        return (
            f"The line damaged data {times} in {size:,} bytes, at least 1 byte in {size // count:,}. "
            "Lower its speed or check its flow control, then run again."
        )

    async def write(self, data: bytes, pace: int | None = None) -> None:
        """Write `data` in bursts.

        Args:
            data: bytes for the transport.
            pace: the pace to use instead of the current one.

        Raises:
            EndpointLost: the connection is gone.

        When it is cancelled, a part of `data` may have been sent.
        """
        loop = asyncio.get_running_loop()
        self._blocked = False
        burst, pause = _PACES[self._pace if pace is None else pace]
        burst = min(burst, self._line.portion or burst)
        for start in range(0, len(data), burst):
            if pause:
                await asyncio.sleep(pause - (loop.time() - self._last_write))
            if start and self._line.portion:
                await asyncio.sleep(self._line.send_delay())
            portion = data[start : start + burst]
            self._blocked = True
            await self._transport.write(portion)
            self._blocked = False
            self._line.note_sent(len(portion))
            self._last_write = loop.time()
