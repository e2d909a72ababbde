"""A console behind a file descriptor: of a serial device or a pty."""

from __future__ import annotations

import asyncio
import os

from ..errors import EndpointLost
from .base import Transport
from .incoming import Incoming

__all__ = ["DescriptorTransport"]

_CHUNK = 1 << 16


class DescriptorTransport(Transport):
    """Reads and writes a descriptor without blocking. Subclasses override `_close` if they own the descriptor.

    Args:
        name: the endpoint's name, safe to print.
        descriptor: the file descriptor of a tty; it is set to non-blocking mode.
    """

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._incoming = Incoming(self._stop_reading, self._start_reading)
        self._closed = False
        self._ready: asyncio.Future[None] | None = None
        os.set_blocking(descriptor, False)
        self._start_reading()

    async def read(self) -> bytes:
        """See `Transport.read`."""
        return await self._incoming.read()

    async def write(self, data: bytes) -> None:
        """See `Transport.write`."""
        rest = memoryview(data)
        while rest:
            if self._closed or self._incoming.ended:
                raise EndpointLost(f"the connection to {self.name} is closed")
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                await self._writable()
            except OSError as error:
                self._end()
                raise EndpointLost(f"cannot write to {self.name}: {error.strerror}") from None
        await asyncio.sleep(0)

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        if self._closed:
            return
        self._end()
        self._closed = True
        await self._close()

    async def _close(self) -> None:
        os.close(self._descriptor)

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return
        except OSError:  # EIO: the other end of the pty is closed; ENXIO: the device was unplugged
            data = b""
        if data:
            self._incoming.feed(data)
        else:
            self._end()

    async def _writable(self) -> None:
        self._ready = self._loop.create_future()
        self._loop.add_writer(self._descriptor, self._wake_writer)
        try:
            await self._ready
        finally:
            self._loop.remove_writer(self._descriptor)
            self._ready = None

    def _wake_writer(self) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    def _end(self) -> None:
        if not self._incoming.ended:
            self._stop_reading()
            self._incoming.end()
            self._wake_writer()

    def _stop_reading(self) -> None:
        self._loop.remove_reader(self._descriptor)

    def _start_reading(self) -> None:
        self._loop.add_reader(self._descriptor, self._readable)
