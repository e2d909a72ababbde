"""A buffer for bytes that have arrived from an endpoint and have not been read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["Incoming"]

_PAUSE_BYTES = 1 << 20


class Incoming:
    """Passes bytes from a callback to a task that reads them. Holds about 1 MiB.

    Args:
        pause, resume: stop the source when too many bytes are waiting, and start it again. Each may be called
            several times in a row.
    """

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._pause, self._resume = pause, resume
        self._data = bytearray()
        self._arrived = asyncio.Event()
        self._paused = False
        self.ended = False

    def feed(self, data: bytes) -> None:
        """Add bytes that have arrived."""
        self._data += data
        self._arrived.set()
        if len(self._data) > _PAUSE_BYTES and not self._paused:
            self._paused = True
            self._pause()

    def end(self) -> None:
        """Mark the end of the stream."""
        self.ended = True
        self._arrived.set()

    async def read(self) -> bytes:
        """Wait for bytes; ``b""`` at the end of the stream. No bytes are lost when cancelled."""
        await self._arrived.wait()
        data = bytes(self._data)
        self._data.clear()
        if not self.ended:
            self._arrived.clear()
        if self._paused:
            self._paused = False
            if not self.ended:
                self._resume()
        return data
