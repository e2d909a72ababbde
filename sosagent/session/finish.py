"""Finish a piece of work even if the task that waits for it is cancelled: logging out must not be interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ..errors import ConsoleError

__all__ = ["finish"]


async def finish(work: Coroutine[Any, Any, None]) -> None:
    """Await `work` to its end.

    On cancellation, wait for the end of `work` first, and then raise `CancelledError`.
    """
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
