"""What is on a console: the state that it is in, and the screen that a terminal would show. Never logs in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

from ..access import ConnectOptions
from ..console import Console
from ..endpoint.located import Locatable
from ..errors import ConsoleOccupied, ConsoleSilent
from ..login.detect import find_state
from ..login.listen import listen
from ..session.connect import connect
from ..terminal.states import SILENT, UNKNOWN, Observation
from ..transports import Transport

__all__ = ["ConsoleState", "console_state"]


@dataclass(frozen=True)
class ConsoleState:
    """What was seen.

    Fields:
        host: the endpoint.
        name: the state's, from `terminal.states`.
        title: the same in words.
        would: what a job would do about it.
        hint: what the user does, where a job would stop.
        hostname: the machine's name, where the prompt shows it.
        tail: the console's last lines, made printable.
        output: the last bytes that came, for a picture of the screen.
    """

    host: str
    name: str
    title: str
    would: str
    hint: str
    hostname: str | None
    tail: tuple[str, ...]
    output: bytes


async def console_state(
    target: Locatable | Transport | Console,
    *,
    poke: bool = False,
    seconds: float = 2.0,
    timeout: float = 60.0,
    **options: Unpack[ConnectOptions],
) -> ConsoleState:
    """Look at a console.

    Args:
        target: HOST as on the command line, a `Target`, a connected transport, or a `Console` that `connect` gave.
            A `Console` is connected already, so `timeout` and `options` have no effect on it.
        poke: type what a job would where the line shows nothing: ^L, then ^U and Enter. Else nothing is typed.
        seconds: how long the line must be quiet before it is named.
        timeout: seconds for all of it.
        options: how to connect, see `ConnectOptions`. Without `poke`, ``kick=`` types nothing at the endpoint's own
            prompt.

    Returns:
        The state and what the console shows. Nobody is logged in or out.

    Raises:
        ConsoleError: no connection, or the time was up.

    Cancelling it leaves the console as it is.
    """
    if isinstance(target, Console):
        return await _seen(target, target.transport.name, poke, seconds)
    async with connect(target, timeout=timeout, **options) as console:
        return await _seen(console, target.name if isinstance(target, Transport) else str(target), poke, seconds)


async def _seen(console: Console, host: str, poke: bool, seconds: float) -> ConsoleState:
    hint = ""
    try:
        seen = await find_state(console) if poke else await listen(console, seconds)
    except ConsoleSilent as error:
        seen, hint = Observation(SILENT), error.hint
    except ConsoleOccupied as error:
        seen, hint = Observation(UNKNOWN), f"{error.message}. {error.hint}"
    state = seen.state
    if state is SILENT and not poke:
        hint = "Nothing came by itself; --poke asks for a prompt, as a job would."
    return ConsoleState(
        host=host,
        name=state.name,
        title=state.title,
        would=state.action.value,
        hint=hint or state.hint,
        hostname=seen.hostname,
        tail=console.tail(),
        output=console.output,
    )
