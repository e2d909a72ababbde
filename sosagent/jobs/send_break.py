"""Send a BREAK on a console's line, and return the output that follows."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Unpack

from ..access import ConnectOptions, ConnectSettings
from ..console import Console
from ..deadline import Deadline
from ..endpoint.located import Locatable
from ..login.entrance import enter_endpoint
from ..printable import printable
from ..session.connect import open_console
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
    """Send a BREAK: the SysRq key of Linux on a serial console, and an interrupt to many boot loaders.

    Args:
        target: HOST as on the command line, a target, a located machine, or a connected transport.
        sysrq: one character to send directly after the BREAK; Linux waits for it for five seconds.
        timeout: seconds for the whole job.
        options: how to connect; see `ConnectOptions`.

    Returns:
        The lines that follow, until the line is quiet for a second, for at most five seconds; safe to print.

    Raises:
        UsageError: the endpoint cannot send a BREAK.
        ConsoleError: no connection, or the timeout has passed.
    """
    async with open_console(target, Deadline(timeout), ConnectSettings(**options)) as console:
        await enter_endpoint(console)
        await _listen(console)
        console.recorder.clear_output()  # earlier output is not an answer
        await console.send_break()
        if sysrq is not None:
            await console.send(sysrq)
        await _listen(console)
        text = console.output.decode("utf-8", "replace")
        return tuple(printable(line, 500) for line in text.splitlines() if line.strip())


async def _listen(console: Console) -> None:
    """Wait until the line is quiet, or for some seconds if it never is."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LISTEN_SECONDS):
            while await console.receive(_QUIET_SECONDS) is not None:
                pass
