"""Look at a console without logging in: its state, and the screen that a terminal would show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

from ..access import ConnectOptions, ConnectSettings
from ..console.console import Console as _Console
from ..deadline import Deadline
from ..endpoint.located import Locatable
from ..errors import ConsoleOccupied, ConsoleSilent
from ..login.detect import find_state
from ..login.failures import endpoint_text
from ..login.listen import listen
from ..session.connect import open_console
from ..session.console import Console, connected
from ..terminal.states import SILENT, UNKNOWN, Observation
from ..transports import Transport

__all__ = ["ConsoleState", "console_state"]


@dataclass(frozen=True)
class ConsoleState:
    """The state of a console.

    Fields:
        host: the endpoint.
        name: name of the state, from `terminal.states`.
        title: the state in words.
        would: what a job would do in this state.
        hint: what the user should do if a job would stop.
        hostname: the machine's name, if the prompt shows it.
        tail: the console's last lines, printable.
        output: the last bytes received, for a picture of the screen.
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
        target: HOST as on the command line, a target, a located machine, a connected transport, or a `Console`.
            A `Console` is connected already, so `timeout` and `options` have no effect on it.
        poke: if the line is silent, type what a job would type: ^L, then ^U and Enter. Otherwise nothing is typed.
        seconds: how long the line must be quiet before its state is determined.
        timeout: seconds for the whole job.
        options: how to connect; see `ConnectOptions`. Without `poke`, ``kick=`` types nothing at the endpoint's own
            prompt.

    Returns:
        The state and the output of the console. It neither logs in nor out.

    Raises:
        ConsoleError: no connection, or the timeout has passed.

    If it is cancelled, it leaves the console as it is.
    """
    if isinstance(target, Console):
        console = connected(target)
        return await _observe(console, console.transport.name, poke, seconds)
    async with open_console(target, Deadline(timeout), ConnectSettings(**options)) as console:
        return await _observe(console, target.name if isinstance(target, Transport) else str(target), poke, seconds)


async def _observe(console: _Console, host: str, poke: bool, seconds: float) -> ConsoleState:
    hint = ""
    try:
        observation = await find_state(console) if poke else await listen(console, seconds)
    except ConsoleSilent as error:
        observation, hint = Observation(SILENT), error.hint
    except ConsoleOccupied as error:
        observation, hint = Observation(UNKNOWN), f"{error.message}. {error.hint}"
    state = observation.state
    found = endpoint_text(console, state)
    if state is SILENT and not poke:
        hint = "The console sent nothing; --poke requests a prompt as a job would."
    return ConsoleState(
        host=host,
        name=state.name,
        title=state.title,
        would=state.action.value,
        hint=hint or (found[0].hint if found is not None else "") or state.hint,
        hostname=observation.hostname,
        tail=console.tail(),
        output=console.output,
    )
