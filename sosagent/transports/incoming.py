"""What has come from an endpoint and was not read yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["Incoming"]

_PAUSE_BYTES = 1 << 20


class Incoming:
    """Bytes between a callback that brings them and a task that reads them. Holds about 1 MiB.

    Args:
        pause, resume: stop the source when too much waits, and let it go on; they may be called
            several times in a row.
    """

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._pause, self._resume = pause, resume
        self._data = bytearray()
        self._arrived = asyncio.Event()
        self._paused = False
        self.ended = False

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._data += data
        self._arrived.set()
        if len(self._data) > _PAUSE_BYTES and not self._paused:
            self._paused = True
            self._pause()

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self._arrived.set()

    async def read(self) -> bytes:
        """Wait for bytes; ``b""`` at the end. Cancelling it loses nothing."""
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
