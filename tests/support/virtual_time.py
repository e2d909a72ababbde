"""An event loop whose clock jumps to the next timer as soon as no task can run.

A test marked `virtual_time` runs on it: timeouts of minutes pass in milliseconds, in the same order as in
real time, however busy the computer is. It suits tests whose peer is in the same process (`memory_pair`). The
loop refuses real I/O, which needs real time to answer.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

__all__ = ["RealWork", "VirtualTimeLoop"]


#: Seconds that one turn of the loop takes, so that code which polls a deadline reaches it.
_TURN = 1e-6


class RealWork(AssertionError):
    """A test in virtual time needs a socket, a process or a thread, or waits for an event that cannot come."""


class _JumpingSelector(selectors.SelectSelector):
    """Advances a clock by the timeout instead of waiting.

    Only the loop's own wake-up socket is ever registered, and it is polled.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += _TURN
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise RealWork("every task waits, and no timer is set: in virtual time this never ends")
        self.now += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, which starts at 0.

    Sockets, pipes, subprocesses and executor threads raise `RealWork`. If the code under test catches that,
    `close()` raises it again, so that the test fails anyway.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        self._wakeup_ready = False
        self._refused: list[str] = []
        super().__init__(self._jumping)
        self._wakeup_ready = True

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._jumping.now

    def close(self) -> None:
        """Close the loop.

        Raises:
            RealWork: real work was refused while the loop ran.
        """
        super().close()
        if self._refused:
            refused, self._refused = self._refused, []
            raise RealWork(f"in virtual time: {', '.join(refused)}")

    def _refuse(self, what: str) -> NoReturn:
        self._refused.append(what)
        raise RealWork(f"{what} in virtual time: drop the marker virtual_time, or use a far end in memory")

    def _add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> asyncio.Handle:
        if self._wakeup_ready:
            self._refuse("a file descriptor to read")
        return super()._add_reader(fd, callback, *args)  # type: ignore[misc,no-any-return]

    def _add_writer(self, fd: Any, callback: Callable[..., object], *args: Any) -> asyncio.Handle:
        self._refuse("a file descriptor to write")

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> NoReturn:  # type: ignore[override]
        """Refuse: a thread takes real time."""
        self._refuse("a thread")

    async def _make_subprocess_transport(self, *args: Any, **options: Any) -> NoReturn:
        self._refuse("a subprocess")


def loop_factory(virtual: bool) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Return the event loop factory of a test by its name, in the form that pytest-asyncio requires."""
    return {"virtual": VirtualTimeLoop} if virtual else {"real": asyncio.new_event_loop}
