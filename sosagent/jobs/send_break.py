"""A BREAK on a console's line, and what the machine prints then."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Unpack

from ..access import ConnectOptions
from ..console import Console
from ..endpoint.located import Locatable
from ..login.entrance import enter_endpoint
from ..printable import printable
from ..session.connect import connect
from ..transports import Transport

__all__ = ["send_break"]

_QUIET_SECONDS = 1.0
_LISTEN_SECONDS = 5.0


async def send_break(
    target: Locatable | Transport,
    *,
    sysrq: str | None = None,
    timeout: float = 30.0,
    **options: Unpack[ConnectOptions],
) -> tuple[str, ...]:
    """Send a BREAK, which Linux takes for its SysRq key on a serial console, and boot loaders and others for a stop.

    Args:
        target: HOST as on the command line, a `Target`, or a connected transport.
        sysrq: one character, sent right behind it; Linux waits for it five seconds.
        timeout: seconds for all of it.
        options: how to connect, see `ConnectOptions`.

    Returns:
        The lines that came then, until the line was quiet for a second, or five seconds long; safe to print.

    Raises:
        UsageError: the endpoint has no way to send one.
        ConsoleError: no connection, or the time was up.
    """
    async with connect(target, timeout=timeout, **options) as console:
        await enter_endpoint(console)
        await _listen(console)
        console.recorder.clear_output()  # what was there before is no answer
        await console.send_break()
        if sysrq is not None:
            await console.send(sysrq)
        await _listen(console)
        text = console.output.decode("utf-8", "replace")
        return tuple(printable(line, 500) for line in text.splitlines() if line.strip())


async def _listen(console: Console) -> None:
    """Until the line is quiet, or some seconds if it never is."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LISTEN_SECONDS):
            while await console.receive(_QUIET_SECONDS) is not None:
                pass
