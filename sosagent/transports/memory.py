"""A console in memory: for tests, for trying out patterns, and for programs that already have the bytes."""

from __future__ import annotations

import asyncio

from ..errors import EndpointLost
from .base import Transport

__all__ = ["MemoryTransport", "memory_pair"]


class MemoryTransport(Transport):
    """One end of a pair. Each `read` returns the bytes of one `write` at the other end."""

    def __init__(self, name: str = "memory") -> None:
        self.name = name
        self.peer: MemoryTransport | None = None
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self._closed = False

    async def read(self) -> bytes:
        """See `Transport.read`."""
        if self._closed:
            return b""
        data = await self._incoming.get()
        if not data:
            self._closed = True
        return data

    async def write(self, data: bytes) -> None:
        """See `Transport.write`."""
        if self._closed or self.peer is None:
            raise EndpointLost(f"the connection to {self.name} is closed")
        if data:
            self.peer._incoming.put_nowait(data)
        await asyncio.sleep(0)

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        if self.peer is not None:
            self.peer._incoming.put_nowait(b"")
            self.peer = None
        self._closed = True


def memory_pair() -> tuple[MemoryTransport, MemoryTransport]:
    """Return two transports that are connected to each other."""
    one, other = MemoryTransport(), MemoryTransport()
    one.peer, other.peer = other, one
    return one, other
