"""The console of a simulated machine without an endpoint, for tests with thousands of runs."""

from __future__ import annotations

import asyncio

from ..errors import EndpointLost
from ..transports import Transport
from .machine import SimulatedMachine

__all__ = ["DirectTransport"]


class DirectTransport(Transport):
    """The console of `machine`, as over a serial cable. The machine keeps running when this is closed."""

    def __init__(self, machine: SimulatedMachine) -> None:
        self.name = machine.name
        self._machine = machine
        self._output: asyncio.Queue[bytes] = asyncio.Queue()
        self._closed = False
        machine.connect(self._output.put_nowait)

    async def read(self) -> bytes:
        """See `Transport.read`."""
        return b"" if self._closed else await self._output.get()

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
            self._machine.disconnect()
            self._output.put_nowait(b"")
