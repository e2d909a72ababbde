"""Work that is done to its end though whoever waits for it is cancelled: the way back out of a machine."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ..errors import ConsoleError

__all__ = ["finish"]


async def finish(work: Coroutine[Any, Any, None]) -> None:
    """Await `work` to its end, even when cancelled meanwhile; then let the cancellation go on."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except ConsoleError:
            break
    task.result()
    if cancelled is not None:
        raise cancelled
