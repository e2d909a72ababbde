"""Errors that report the console state in which a login stops, and what to do about it."""

from __future__ import annotations

from ..console.closing import busy_hint
from ..console.console import Console
from ..errors import (
    ConsoleError,
    ConsoleOccupied,
    ConsoleSilent,
    ConsoleStateUnknown,
    EndpointBusy,
    EndpointReadOnly,
    EndpointRefused,
    LoginRefused,
)
from ..terminal.endpoint_texts import Text, find_text
from ..terminal.states import GARBLED, SILENT, UNKNOWN, Action, Observation, State, looks_garbled
from .observe import conclude

__all__ = ["busy_error", "endpoint_text", "silent_error", "state_error"]

_BUSY = "endpoint-busy"
_TO_LOGIN = "Bring the console to a login prompt by hand, then run again."
_ONE_AT_A_TIME = (
    "QEMU and others accept one connection at a time. `ss -xp` shows which process has it: end that process first."
)
_SILENT_NOW = (
    "The lines above came over this console, so the line works in that direction. Check that a getty runs on this port "
    "(systemctl status 'serial-getty@*'), and that the machine receives what is typed."
)
_SPEEDS = (115200, 9600, 57600, 38400, 19200)
#: The error for an action that ends the login; `ConsoleOccupied` for any other.
_ERRORS: dict[Action, type[ConsoleError]] = {
    Action.CLOSED: EndpointRefused,
    Action.RECONNECT: EndpointReadOnly,
    Action.REFUSED: LoginRefused,
}


def state_error(console: Console, observed: Observation) -> ConsoleError:
    """Return the error for a state that has no transition."""
    state = observed.state
    if state.action is Action.BUSY:
        return busy_error(console)
    conclude(console, state)
    if state is GARBLED:
        return console.error(ConsoleOccupied, f"the console shows {state.title}", _other_speed(console))
    if state is UNKNOWN:
        return console.error(
            ConsoleStateUnknown,
            "the console shows text that sosagent does not recognise; no command was typed there",
            None if console.transport.baud is None else f"If the text is not readable: {_other_speed(console)}",
        )
    if state is SILENT:
        return silent_error(console, "the console went silent")
    kind = _ERRORS.get(state.action, ConsoleOccupied)
    found = endpoint_text(console, state)
    reason, hint = ("", state.hint) if found is None else (f": {found[1]}", found[0].hint)
    return console.error(kind, f"the console shows {state.title}{reason}", hint or state.hint or _TO_LOGIN)


def endpoint_text(console: Console, state: State) -> tuple[Text, str] | None:
    """Return the text of the endpoint that led to `state`, if it is one of an endpoint, and the printable line."""
    found = find_text(console.tail()) if state.name.startswith("endpoint-") else None
    return found if found is not None and found[0].means.state == state.name else None


def busy_error(console: Console) -> ConsoleError:
    """Return the error for a console that another session holds; its hint says how to free it."""
    console.note_state(_BUSY)
    message = f"another session has the console of {console.transport.name}"
    return console.error(EndpointBusy, message, busy_hint(console.endpoint))


def silent_error(console: Console, message: str) -> ConsoleError:
    """Return the error for a console that does not answer: the cause may be its speed, or another connection."""
    if looks_garbled(console.output):
        return state_error(console, Observation(GARBLED))
    others = console.transport.others()
    if others and not console.bytes_received:
        message = f"{console.transport.name} sends nothing, and {others}"
        return console.error(EndpointBusy, message, _ONE_AT_A_TIME)
    if console.received.line_count or console.open_line:
        return console.error(ConsoleSilent, message, _SILENT_NOW)
    return console.error(ConsoleSilent, message)


def _other_speed(console: Console) -> str:
    baud = console.transport.baud
    if baud is None:
        return GARBLED.hint
    others = ", ".join(str(speed) for speed in _SPEEDS if speed != baud)
    return (
        f"This end of the line runs at {baud} baud, and the machine's end probably at another speed. "
        f"Set it by ?baud= after HOST; try {others}."
    )
