"""Sends the user's input to the console: typed keys at once, pastes in chunks at the line's pace."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ..console.console import Console
from .escape import PASTE_END, PASTE_START

__all__ = ["Sender"]

_DEFAULT_PACE = 2  # of the console's paces: below 9600 baud, and never more at once than a UART holds
_CHUNK = 64  # bytes of a paste after which ^C is noticed
#: Prompts for secrets. What the user types there is left out of recordings.
_SECRET_PROMPT = re.compile(
    r"(?i)(?:pass(?:word|phrase|code|wort)|mot de passe|contraseña|\bpin\b|\botp\b|\bcode\b)[^:]{0,100}: ?$"
)


class Sender:
    """The queue of input for the console.

    Args:
        console: receives the input.
        pace: the pace of pastes, one of the console's paces; None for a pace below 9600 baud.
        notice: shows the user a message.
        on_secret: called before input is sent at a password prompt.
    """

    def __init__(
        self, console: Console, pace: int | None, notice: Callable[[str], None], on_secret: Callable[[], None]
    ) -> None:
        self.pace = max(_DEFAULT_PACE, console.pacer.pace) if pace is None else pace
        self._console = console
        self._notice = notice
        self._on_secret = on_secret
        self._queue: deque[tuple[bytes, bool]] = deque()  # the bytes, and whether they were pasted
        self._queued = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._lock = asyncio.Lock()

    def send(self, data: bytes, *, pasted: bool) -> None:
        """Queue `data` after the input that is waiting already."""
        self._queue.append((data, pasted))
        self._queued.set()
        self._idle.clear()

    @property
    def pasting(self) -> bool:
        """Whether part of a paste is waiting to be sent."""
        return any(pasted for _, pasted in self._queue)

    def drop_paste(self) -> None:
        """Discard the rest of a paste. If its start bracket was sent, the end bracket is sent, too."""
        waiting = [data for data, pasted in self._queue if pasted]
        if not waiting:
            return
        typed = [one for one in self._queue if not one[1]]
        end = [(PASTE_END, True)] if PASTE_END in waiting and PASTE_START not in waiting else []
        self._queue = deque([*end, *typed])
        self._notice(f"the rest of the paste was dropped, {sum(map(len, waiting))} bytes")

    async def flushed(self) -> None:
        """Wait until the queue is empty and everything has been sent."""
        await self._idle.wait()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Send nothing meanwhile. Input that is queued waits."""
        async with self._lock:
            yield

    async def run(self) -> None:
        """Send what is queued, until cancelled.

        Raises:
            EndpointLost: the connection ended.
        """
        while True:
            await self._queued.wait()
            async with self._lock:
                if not self._queue:
                    self._queued.clear()
                    self._idle.set()
                    continue
                await self._send_next()

    async def _send_next(self) -> None:
        data, pasted = self._queue.popleft()
        if pasted and len(data) > _CHUNK:
            self._queue.appendleft((data[_CHUNK:], True))
            data = data[:_CHUNK]
        if _SECRET_PROMPT.search(self._console.open_line):
            self._on_secret()
        taken = self._console.endpoint.intercepted(data) if pasted else ""
        if taken:
            self.drop_paste()
            self._notice(f"the paste contains {taken} there, which the endpoint would interpret itself")
            return
        await self._console.send_interactive(data, self.pace if pasted else 0)
