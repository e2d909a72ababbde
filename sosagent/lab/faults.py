"""What serial lines do to the bytes that pass: a testing aid, the same faults for the same seed.

A UART without flow control loses what comes while its FIFO is full; long or bad wires drop, double
and flip; the kernel prints into the middle of words, without asking; connections end at any byte.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import EndpointLost, UsageError
from ..printable import printable
from ..transports import Transport

__all__ = ["Faults", "FaultyTransport", "Line"]

_BITS = 10  # of a byte on the line: start, eight, stop
_TICK = 0.005  # seconds; bytes at a speed are handed on so often
_KERNEL_WAITS = 0.02  # so long for something to break into
_KERNEL_LINES = (
    "usb 1-1: new high-speed USB device number 4 using xhci_hcd",
    "perf: interrupt took too long (2531 > 2500), lowering kernel.perf_event_max_sample_rate to 79000",
    "IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready",
    "audit: type=1400 audit(1700000000.123:42): apparmor=\"DENIED\" operation=\"open\" profile=\"ntpd\"",
    "EXT4-fs (sda1): re-mounted. Opts: errors=remount-ro",
)  # fmt: skip


@dataclass(frozen=True)
class Faults:
    """A line's faults; none by default.

    Fields:
        drop, double, flip: how likely a byte is lost, comes twice, or comes with one bit turned; each way.
        klog: lines that the kernel prints, a second on average, in the middle of others.
        baud: speed of the line, both ways; 0 for as fast as it goes.
        fifo: how many bytes the machine's UART holds; what comes while it is full is lost. 0 for no limit.
        fifo_seconds: how often the machine empties it.
        longest: how many characters of a typed line the machine takes (MAX_CANON of a tty); 0 for no limit.
        stall: seconds that the line stands still, once, after `stall_after` bytes both ways.
        cut: the connection ends after so many bytes both ways, once; 0 for never.
        seed: of all chance.
    """

    drop: float = 0.0
    double: float = 0.0
    flip: float = 0.0
    klog: float = 0.0
    baud: int = 0
    fifo: int = 0
    fifo_seconds: float = 0.01
    longest: int = 0
    stall: float = 0.0
    stall_after: int = 0
    cut: int = 0
    seed: int = 0

    @classmethod
    def parse(cls, text: str) -> Faults:
        """Read faults from words, such as ``drop=1e-3,klog=20/s,baud=9600,fifo=16,stall=2@500,cut=4711,seed=7``.

        Raises:
            UsageError: what is wrong, and what there is.
        """
        found = cls()
        for word in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = word.partition("=")
            values = _WORDS[name](value) if name in _WORDS else None
            if values is None:
                raise UsageError(
                    f"{printable(word, 60)!r} is no fault of a line",
                    hint="There are " + ", ".join(_EXAMPLES) + "; several are separated by commas.",
                )
            found = replace(found, **values)
        return found


def _chance(name: str) -> Callable[[str], dict[str, float] | None]:
    def read(value: str) -> dict[str, float] | None:
        number = _number(value)
        return {name: number} if number is not None and number <= 1 else None

    return read


def _count(name: str) -> Callable[[str], dict[str, int] | None]:
    return lambda value: {name: int(value)} if re.fullmatch(r"\d{1,9}", value, re.ASCII) else None


def _klog(value: str) -> dict[str, float] | None:
    number = _number(value.removesuffix("/s"))
    return None if number is None else {"klog": number}


def _fifo(value: str) -> dict[str, float] | None:
    found = re.fullmatch(r"(\d{1,6})(?:/([\d.]+)s?)?", value, re.ASCII)
    if found is None:
        return None
    seconds = _number(found[2]) if found[2] else Faults.fifo_seconds
    return {"fifo": int(found[1]), "fifo_seconds": seconds} if seconds else None


def _stall(value: str) -> dict[str, float] | None:
    found = re.fullmatch(r"([\d.]+)s?@(\d{1,9})", value, re.ASCII)
    seconds = _number(found[1]) if found else None
    return {"stall": seconds, "stall_after": int(found[2])} if found and seconds is not None else None


def _number(value: str) -> float | None:
    return float(value) if re.fullmatch(r"\d+(?:\.\d*)?(?:[eE]-?\d{1,2})?", value, re.ASCII) else None


_EXAMPLES = ("drop=1e-3", "double=1e-3", "flip=1e-4", "klog=20/s", "baud=9600", "fifo=16", "longest=255", "stall=2@500",
             "cut=4711", "seed=7")  # fmt: skip
_WORDS: dict[str, Callable[[str], dict[str, float] | dict[str, int] | None]] = {
    **{name: _chance(name) for name in ("drop", "double", "flip")},
    **{name: _count(name) for name in ("baud", "longest", "cut", "seed")},
    "klog": _klog,
    "fifo": _fifo,
    "stall": _stall,
}


class _Wire:
    """One direction: damages bytes, and hands them on at the line's speed. Draws chance byte by byte."""

    def __init__(self, faults: Faults, name: str, give: Callable[[bytes], None], kernel: bool) -> None:
        self._faults = faults
        self._chance = random.Random(f"{faults.seed} {name}")
        self._give = give
        self._kernel = kernel
        self._waiting = bytearray()
        self._inserted = b""
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0  # bytes that the speed allows, left over from the last tick
        self._ticked: float | None = None  # when that was; None while nothing waits
        self._still_until = 0.0
        self._fifo_free, self._fifo_at = faults.fifo, 0.0
        self._column = 0

    def carry(self, data: bytes) -> None:
        """Take bytes in at one end."""
        damaged = self._damaged(data)
        if damaged and self._inserted:
            at = self._chance.randint(0, len(damaged))
            damaged, self._inserted = damaged[:at] + self._inserted + damaged[at:], b""
        self._waiting += damaged
        if not self._faults.baud and asyncio.get_running_loop().time() >= self._still_until:
            self._hand_on(len(self._waiting))
        elif self._timer is None:
            self._tick()

    def insert(self, text: bytes) -> None:
        """Put `text` into the middle of what passes next, or of nothing, if nothing does soon."""
        self._inserted += text
        asyncio.get_running_loop().call_later(_KERNEL_WAITS, self._insert_now)

    def _insert_now(self) -> None:
        self._waiting += self._inserted
        self._inserted = b""
        if self._waiting:
            self.carry(b"")

    def stand_still(self, seconds: float) -> None:
        """Let nothing pass for a while."""
        self._still_until = asyncio.get_running_loop().time() + seconds
        self._ticked = None
        if self._timer is None:
            self._tick()

    def stop(self) -> None:
        """Hand nothing on any more."""
        self._waiting.clear()
        self._inserted = b""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _damaged(self, data: bytes) -> bytes:
        faults, chance = self._faults, self._chance.random
        if not (faults.drop or faults.double or faults.flip):
            return data
        damaged = bytearray()
        for byte in data:
            drawn = chance()
            if drawn < faults.drop:
                continue
            drawn -= faults.drop
            if drawn < faults.double:
                damaged.append(byte)
            elif drawn - faults.double < faults.flip:
                byte ^= 1 << self._chance.randrange(8)
            damaged.append(byte)
        return bytes(damaged)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        if loop.time() >= self._still_until:
            count = min(self._passes(loop.time()), len(self._waiting))
            self._due -= count
            self._hand_on(count)
        if not self._waiting:
            self._due, self._ticked = min(self._due, 0.0), None
        if self._waiting or loop.time() < self._still_until:
            self._timer = loop.call_later(_TICK, self._tick)

    def _passes(self, now: float) -> int:
        """How many bytes the speed lets pass: a line's clock does not wait for ours, which may be late."""
        if not self._faults.baud:
            self._due = 1e9
            return len(self._waiting)
        # What a FIFO is to hold must not come in one piece because we were late.
        late = now - self._ticked if self._ticked is not None and not self._faults.fifo else _TICK
        self._due += self._faults.baud / _BITS * late
        self._ticked = now
        return int(self._due)

    def _hand_on(self, count: int) -> None:
        data = bytes(self._waiting[:count])
        del self._waiting[:count]
        if self._faults.fifo and not self._kernel:
            data = self._through_fifo(data)
        if self._faults.longest and not self._kernel:
            data = self._short_lines(data)
        if data:
            self._give(data)

    def _through_fifo(self, data: bytes) -> bytes:
        now = asyncio.get_running_loop().time()
        if now - self._fifo_at >= self._faults.fifo_seconds:
            self._fifo_free, self._fifo_at = self._faults.fifo, now
        kept = data[: self._fifo_free]
        self._fifo_free -= len(kept)
        return kept

    def _short_lines(self, data: bytes) -> bytes:
        kept = bytearray()
        for byte in data:
            self._column = 0 if byte in b"\r\n" else self._column + 1
            if self._column <= self._faults.longest:
                kept.append(byte)
        return bytes(kept)


class Line:
    """A line between a user and a machine, with its faults. Needs a running event loop.

    Args:
        faults: what it does.
        to_machine, to_user: are given what arrives at either end.
        on_cut: is called once, when the connection has ended; nothing arrives anywhere until `mend`.
    """

    def __init__(
        self,
        faults: Faults,
        to_machine: Callable[[bytes], None],
        to_user: Callable[[bytes], None],
        on_cut: Callable[[], None],
    ) -> None:
        self.faults = faults
        self.passed = 0
        self._on_cut = on_cut
        self._up = True
        self._stalled = False
        self._in = _Wire(faults, "in", to_machine, kernel=False)
        self._out = _Wire(faults, "out", to_user, kernel=True)
        self._chance = random.Random(f"{faults.seed} kernel")
        self._begun = asyncio.get_running_loop().time()
        self._kernel: asyncio.TimerHandle | None = None
        self._next_kernel_line()

    def type(self, data: bytes) -> None:
        """Take what the user sends."""
        self._pass(data, self._in)

    def print(self, data: bytes) -> None:
        """Take what the machine sends."""
        self._pass(data, self._out)

    def mend(self) -> None:
        """After a cut: the next connection; nothing else is cut."""
        self._up = True

    def close(self) -> None:
        """End all timers."""
        self._in.stop()
        self._out.stop()
        if self._kernel is not None:
            self._kernel.cancel()

    def _pass(self, data: bytes, wire: _Wire) -> None:
        if not self._up:
            return
        faults, before = self.faults, self.passed
        self.passed += len(data)
        cut = bool(faults.cut) and before < faults.cut <= self.passed
        wire.carry(data[: faults.cut - before] if cut else data)
        if cut:
            self._up = False
            self._on_cut()
        elif faults.stall and not self._stalled and self.passed >= faults.stall_after:
            self._stalled = True
            self._in.stand_still(faults.stall)
            self._out.stand_still(faults.stall)

    def _next_kernel_line(self) -> None:
        if self.faults.klog:
            loop = asyncio.get_running_loop()
            self._kernel = loop.call_later(self._chance.expovariate(self.faults.klog), self._kernel_line)

    def _kernel_line(self) -> None:
        seconds = asyncio.get_running_loop().time() - self._begun
        text = f"[{seconds + 100:12.6f}] {self._chance.choice(_KERNEL_LINES)}\r\n".encode()
        if self._up:
            self._out.insert(text)
        self._next_kernel_line()


class FaultyTransport(Transport):
    """Another transport, whose bytes pass a line with faults. It owns that transport.

    Args:
        inner: what is beneath.
        faults: what happens on the way.
    """

    def __init__(self, inner: Transport, faults: Faults) -> None:
        self.name, self.place = inner.name, inner.place
        self.logged_in, self.baud = inner.logged_in, inner.baud
        self._inner = inner
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self._typed: asyncio.Queue[bytes] = asyncio.Queue()
        self._ended = False
        self.line = Line(faults, self._typed.put_nowait, self._arrived.put_nowait, self._cut)
        self._tasks = [asyncio.ensure_future(self._read_on()), asyncio.ensure_future(self._write_on())]

    async def read(self) -> bytes:
        """See `Transport.read`."""
        if self._ended and self._arrived.empty():
            return b""
        return await self._arrived.get()

    async def write(self, data: bytes) -> None:
        """See `Transport.write`."""
        if self._ended:
            raise EndpointLost(f"the connection to {self.name} is closed")
        self.line.type(data)
        await asyncio.sleep(0)

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        self._ended = True
        self.line.close()
        for task in self._tasks:
            task.cancel()
        await self._inner.aclose()

    async def _read_on(self) -> None:
        while data := await self._inner.read():
            self.line.print(data)
        self._end()

    async def _write_on(self) -> None:
        try:
            while True:
                await self._inner.write(await self._typed.get())
        except EndpointLost:
            self._end()

    def _cut(self) -> None:
        self._end()
        asyncio.ensure_future(self._inner.aclose())  # noqa: RUF006 - it ends with the connection

    def _end(self) -> None:
        self._ended = True
        self._arrived.put_nowait(b"")
