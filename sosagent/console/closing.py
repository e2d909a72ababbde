"""Errors for an endpoint that closed the connection, or that another session uses: its own text, and what to do."""

from __future__ import annotations

from ..errors import (
    ConsoleError,
    EndpointBusy,
    EndpointLost,
    EndpointReadOnly,
    EndpointRefused,
    EndpointUnreachable,
)
from ..terminal.endpoint_texts import Means, find_text
from .endpoint import Endpoint

__all__ = ["busy_hint", "explained"]

_WAIT = "Wait until the other session ends, or end it at the endpoint."
_NOTHING_TYPED = "Nothing was typed on the machine's console; run the command again."
#: The class and the start of the message, for an endpoint whose console was not reached.
_ERRORS: dict[Means, tuple[type[ConsoleError], str]] = {
    Means.BUSY: (EndpointBusy, "another session has the console of {}"),
    Means.READ_ONLY: (EndpointReadOnly, "{} accepts no input"),
    Means.NO_CONSOLE: (EndpointRefused, "{} provides no console"),
    Means.LOGIN: (EndpointRefused, "{} lets nobody in with these credentials"),
    Means.UNREACHABLE: (EndpointUnreachable, "{} did not reach the console"),
}


def explained(lost: EndpointLost, name: str, endpoint: Endpoint) -> ConsoleError:
    """Return the error for a connection that the endpoint closed, with the reason if its last lines contain one.

    Args:
        lost: the error without a reason.
        name: the endpoint's name, safe to print.
        endpoint: its state. If Enter was typed on the machine's console, something may remain open there, so the error
            is an `EndpointLost` whatever the reason is.
    """
    found = find_text(lost.tail)
    if found is None:
        return lost
    text, line = found
    if text.means is Means.ENDED or endpoint.entered:
        next_step = EndpointLost.default_hint if endpoint.entered else _NOTHING_TYPED
        message = f"{name} closed the connection: {line}"
        return EndpointLost(message, hint=f"{text.hint} {next_step}".strip(), state=text.means.state, tail=lost.tail)
    kind, message = _ERRORS[text.means]
    hint = busy_hint(endpoint, text.hint) if text.means is Means.BUSY else text.hint
    return kind(f"{message.format(name)}: {line}", hint=hint, state=text.means.state, tail=lost.tail)


def busy_hint(endpoint: Endpoint, otherwise: str = _WAIT) -> str:
    """Return how to free a console that another session uses.

    Args:
        endpoint: the endpoint.
        otherwise: the hint if its dialect does not say how.
    """
    dialect = endpoint.dialect
    if not dialect.free:
        return otherwise
    hint = f"How to free it: {dialect.free}."
    return f"{hint} --kick does that." if dialect.can_kick and not endpoint.kick else hint
