"""A simulated serial line, which damages and delays bytes. The same seed causes the same faults."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from .faults import Faults

__all__ = ["Line"]

_BITS_PER_BYTE = 10  # on the line: start bit, eight data bits, stop bit
_TICK_SECONDS = 0.005  # between two deliveries on a line with a limited speed
_KERNEL_WAIT_SECONDS = 0.02  # how long a kernel line waits for output that it can interrupt
_KERNEL_LINES = (
    "usb 1-1: new high-speed USB device number 4 using xhci_hcd",
    "perf: interrupt took too long (2531 > 2500), lowering kernel.perf_event_max_sample_rate to 79000",
    "IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready",
    "audit: type=1400 audit(1700000000.123:42): apparmor=\"DENIED\" operation=\"open\" profile=\"ntpd\"",
    "EXT4-fs (sda1): re-mounted. Opts: errors=remount-ro",
)  # fmt: skip


class _Wire:
    """One direction of a line: damages bytes, one by one, and delivers them at the speed of the line.

    Args:
        faults: the faults of the line.
        name: the name of the direction; part of the seed.
        deliver: called with the bytes that arrive at the far end.
        to_machine: whether the bytes pass through the machine's UART and tty.
    """

    def __init__(self, faults: Faults, name: str, deliver: Callable[[bytes], None], *, to_machine: bool) -> None:
        self._faults = faults
        self._random = random.Random(f"{faults.seed} {name}")
        self._deliver = deliver
        self._to_machine = to_machine
        self._waiting = bytearray()
        self._inserted = b""
        self._timer: asyncio.TimerHandle | None = None
        self._credit = 0.0  # bytes that the speed allows and the last tick did not use
        self._ticked: float | None = None  # time of the last tick; None while no bytes are waiting
        self._stalled_until = 0.0
        self._fifo_free, self._fifo_at = faults.fifo, 0.0
        self._column = 0

    def carry(self, data: bytes) -> None:
        """Accept bytes at the near end."""
        damaged = self._damaged(data)
        if damaged and self._inserted:
            at = self._random.randint(0, len(damaged))
            damaged, self._inserted = damaged[:at] + self._inserted + damaged[at:], b""
        self._waiting += damaged
        if not self._faults.baud and asyncio.get_running_loop().time() >= self._stalled_until:
            self._pass_on(len(self._waiting))
        elif self._timer is None:
            self._tick()

    def insert(self, text: bytes) -> None:
        """Insert `text` into the middle of the next bytes, or deliver it alone if none follow soon."""
        self._inserted += text
        asyncio.get_running_loop().call_later(_KERNEL_WAIT_SECONDS, self._insert_now)

    def _insert_now(self) -> None:
        self._waiting += self._inserted
        self._inserted = b""
        if self._waiting:
            self.carry(b"")

    def stall(self, seconds: float) -> None:
        """Deliver nothing for `seconds` seconds."""
        self._stalled_until = asyncio.get_running_loop().time() + seconds
        self._ticked = None
        if self._timer is None:
            self._tick()

    def stop(self) -> None:
        """Discard the waiting bytes, and deliver no more."""
        self._waiting.clear()
        self._inserted = b""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _damaged(self, data: bytes) -> bytes:
        faults, draw = self._faults, self._random.random
        if not (faults.drop or faults.double or faults.flip):
            return data
        damaged = bytearray()
        for byte in data:
            drawn = draw()
            if drawn < faults.drop:
                continue
            drawn -= faults.drop
            if drawn < faults.double:
                damaged.append(byte)
            elif drawn - faults.double < faults.flip:
                byte ^= 1 << self._random.randrange(8)
            damaged.append(byte)
        return bytes(damaged)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        if loop.time() >= self._stalled_until:
            count = min(self._allowed(loop.time()), len(self._waiting))
            self._credit -= count
            self._pass_on(count)
        if not self._waiting:
            self._credit, self._ticked = min(self._credit, 0.0), None
        if self._waiting or loop.time() < self._stalled_until:
            self._timer = loop.call_later(_TICK_SECONDS, self._tick)

    def _allowed(self, now: float) -> int:
        """Return how many bytes the speed allows since the last tick, which may have been longer ago than planned."""
        if not self._faults.baud:
            self._credit = 1e9
            return len(self._waiting)
        # A late tick must not deliver more than one interval at once, because that would overflow a FIFO.
        elapsed = now - self._ticked if self._ticked is not None and not self._faults.fifo else _TICK_SECONDS
        self._credit += self._faults.baud / _BITS_PER_BYTE * elapsed
        self._ticked = now
        return int(self._credit)

    def _pass_on(self, count: int) -> None:
        data = bytes(self._waiting[:count])
        del self._waiting[:count]
        if self._faults.fifo and self._to_machine:
            data = self._through_fifo(data)
        if self._faults.longest and self._to_machine:
            data = self._truncate_lines(data)
        if data:
            self._deliver(data)

    def _through_fifo(self, data: bytes) -> bytes:
        now = asyncio.get_running_loop().time()
        if now - self._fifo_at >= self._faults.fifo_seconds:
            self._fifo_free, self._fifo_at = self._faults.fifo, now
        kept = data[: self._fifo_free]
        self._fifo_free -= len(kept)
        return kept

    def _truncate_lines(self, data: bytes) -> bytes:
        kept = bytearray()
        for byte in data:
            self._column = 0 if byte in b"\r\n" else self._column + 1
            if self._column <= self._faults.longest:
                kept.append(byte)
        return bytes(kept)


class Line:
    """A line between a user and a machine, with faults. Needs a running event loop.

    Args:
        faults: the faults of the line.
        to_machine, to_user: called with the bytes that arrive at each end.
        on_cut: called once when the connection ends. Nothing is delivered from then on until `reconnect`.
    """

    def __init__(
        self,
        faults: Faults,
        to_machine: Callable[[bytes], None],
        to_user: Callable[[bytes], None],
        on_cut: Callable[[], None],
    ) -> None:
        self.faults = faults
        self._carried = 0  # bytes in both directions
        self._on_cut = on_cut
        self._up = True
        self._has_stalled = False
        self._in = _Wire(faults, "in", to_machine, to_machine=True)
        self._out = _Wire(faults, "out", to_user, to_machine=False)
        self._random = random.Random(f"{faults.seed} kernel")
        self._started = asyncio.get_running_loop().time()
        self._kernel_timer: asyncio.TimerHandle | None = None
        self._kernel_prints_until = 0.0
        self._schedule_kernel_line()

    def type(self, data: bytes) -> None:
        """Carry bytes from the user to the machine."""
        self._carry(data, self._in)

    def print(self, data: bytes) -> None:
        """Carry bytes from the machine to the user."""
        self._carry(data, self._out)

    def reconnect(self) -> None:
        """Start the next connection after a cut. It is not cut again."""
        self._up = True

    def close(self) -> None:
        """Stop all timers."""
        self._in.stop()
        self._out.stop()
        if self._kernel_timer is not None:
            self._kernel_timer.cancel()

    def _carry(self, data: bytes, wire: _Wire) -> None:
        if not self._up:
            return
        faults, before = self.faults, self._carried
        self._carried += len(data)
        cut = bool(faults.cut) and before < faults.cut <= self._carried
        wire.carry(data[: faults.cut - before] if cut else data)
        if cut:
            self._up = False
            self._on_cut()
        elif faults.stall and not self._has_stalled and self._carried >= faults.stall_after:
            self._has_stalled = True
            self._in.stall(faults.stall)
            self._out.stall(faults.stall)

    def _schedule_kernel_line(self) -> None:
        if self.faults.klog:
            loop = asyncio.get_running_loop()
            delay = self._random.expovariate(self.faults.klog)
            self._kernel_timer = loop.call_later(delay, self._print_kernel_line)

    def _print_kernel_line(self) -> None:
        now = asyncio.get_running_loop().time()
        text = f"[{now - self._started + 100:12.6f}] {self._random.choice(_KERNEL_LINES)}\r\n".encode()
        # The kernel waits for its console, so that it never takes all of a slow line.
        if self._up and now >= self._kernel_prints_until:
            self._out.insert(text)
            self._kernel_prints_until = now + (len(text) * _BITS_PER_BYTE / self.faults.baud if self.faults.baud else 0)
        self._schedule_kernel_line()
