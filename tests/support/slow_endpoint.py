"""A console endpoint on a socket whose serial line has a speed, for commands that run as processes of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sosagent.lab import Faults, FaultyTransport
from sosagent.transports import Transport

__all__ = ["SlowEndpoint", "slow_endpoint"]


class SlowEndpoint:
    """Passes bytes between one client at a time and a machine, at the speed of a line that outlives the clients.

    Args:
        machine: the machine's end of the line.
        path: the socket.
        baud: the speed of the line.

    Attributes:
        host: HOST for the command line.
        connected: set when a client has connected; `wait_for_client` clears it.
        connected_at: when the last client connected, on the clock of the event loop.
    """

    def __init__(self, machine: Transport, path: Path, baud: int) -> None:
        self.host = f"unix:{path}"
        self.connected = asyncio.Event()
        self.connected_at = 0.0
        self._path = path
        self._line = FaultyTransport(machine, Faults(baud=baud))
        self._client: asyncio.StreamWriter | None = None

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Accept clients inside the context."""
        server = await asyncio.start_unix_server(self._on_client, str(self._path))
        output = asyncio.ensure_future(self._pass_output())
        try:
            yield
        finally:
            server.close()
            output.cancel()
            if self._client is not None:
                self._client.close()
            await self._line.aclose()

    async def _on_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._client, self.connected_at = writer, asyncio.get_running_loop().time()
        self.connected.set()
        try:
            while data := await reader.read(4096):
                await self._line.write(data)
        except OSError:  # the client was killed
            pass
        finally:
            if self._client is writer:
                self._client = None
            writer.close()

    async def _pass_output(self) -> None:
        """Pass the machine's output to the client; without one it is lost, as on a real line."""
        while data := await self._line.read():
            if self._client is not None:
                self._client.write(data)


@asynccontextmanager
async def slow_endpoint(machine: Transport, path: Path, baud: int) -> AsyncIterator[SlowEndpoint]:
    """Open an endpoint at `path` whose line to `machine` has a speed of `baud`."""
    endpoint = SlowEndpoint(machine, path, baud)
    async with endpoint.serve():
        yield endpoint
