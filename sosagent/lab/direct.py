"""A simulated machine's console without an endpoint: for thousands of runs."""

from __future__ import annotations

import asyncio

from ..errors import EndpointLost
from ..transports import Transport
from .machine import SimulatedMachine

__all__ = ["DirectTransport"]


class DirectTransport(Transport):
    """The console of `machine`, as if by a cable. Closing it leaves the machine on."""

    def __init__(self, machine: SimulatedMachine) -> None:
        self.name = machine.name
        self._machine = machine
        self._shown: asyncio.Queue[bytes] = asyncio.Queue()
        self._closed = False
        machine.on_output = self._shown.put_nowait

    async def read(self) -> bytes:
        """See `Transport.read`."""
        return b"" if self._closed else await self._shown.get()

    async def write(self, data: bytes) -> None:
        """See `Transport.write`."""
        if self._closed:
            raise EndpointLost(f"the connection to {self.name} is closed")
        self._machine.type(data)
        await asyncio.sleep(0)

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        if not self._closed:
            self._closed = True
            self._machine.on_output = None
            self._shown.put_nowait(b"")
