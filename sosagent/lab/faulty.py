"""A transport whose bytes pass through a line with faults."""

from __future__ import annotations

import asyncio

from ..errors import EndpointLost
from ..transports import Transport
from .faults import Faults
from .line import Line

__all__ = ["FaultyTransport"]


class FaultyTransport(Transport):
    """Wraps another transport, whose bytes pass through a line with faults. It owns that transport.

    Args:
        inner: the transport to wrap; closed with this one.
        faults: the faults of the line.
    """

    def __init__(self, inner: Transport, faults: Faults) -> None:
        self.name, self.place = inner.name, inner.place
        self.logged_in, self.baud = inner.logged_in, inner.baud
        self._inner = inner
        self._received: asyncio.Queue[bytes] = asyncio.Queue()
        self._to_send: asyncio.Queue[bytes] = asyncio.Queue()
        self._ended = False
        self.line = Line(faults, self._to_send.put_nowait, self._received.put_nowait, self._cut)
        self._tasks = [asyncio.ensure_future(self._receive_all()), asyncio.ensure_future(self._send_all())]

    async def read(self) -> bytes:
        """See `Transport.read`."""
        if self._ended and self._received.empty():
            return b""
        return await self._received.get()

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

    async def _receive_all(self) -> None:
        while data := await self._inner.read():
            self.line.print(data)
        self._end()

    async def _send_all(self) -> None:
        try:
            while True:
                await self._inner.write(await self._to_send.get())
        except EndpointLost:
            self._end()

    def _cut(self) -> None:
        self._end()
        asyncio.ensure_future(self._inner.aclose())  # noqa: RUF006 - it ends with the connection

    def _end(self) -> None:
        self._ended = True
        self._received.put_nowait(b"")
