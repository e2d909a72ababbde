"""A target -> a connected `Console`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ..console.endpoint import Endpoint
from ..console.events import Event, EventSink
from ..console.transcript import Transcript
from ..endpoint.target import ProviderTarget, Target, dialect_of, parse_target
from ..errors import ConsoleError, DeadlineExceeded, EndpointLost
from ..login.entrance import leave_endpoint
from ..printable import printable
from ..providers import resolve
from ..transports import Ask, Transport
from ..transports.opening import open_transport
from .console import ConnectedConsole
from .finish import finish

__all__ = ["connect"]

_LOG_OUT_SECONDS = 30.0


@asynccontextmanager
async def connect(
    target: str | Target | Transport,
    *,
    timeout: float | None = None,
    transcript: Path | None = None,
    on_event: EventSink | None = None,
    ask: Ask | None = None,
    kick: bool = False,
) -> AsyncIterator[ConnectedConsole]:
    """Connect to a console endpoint.

    Args:
        target: HOST as on the command line, a `Target`, or a transport that is connected already.
        timeout: seconds for all that is done with the console; None for no limit.
        transcript: a file for a recording in asciicast v2.
        on_event: is told of progress.
        ask: asks the user what the endpoint wants to know: ``await ask(endpoint, prompt, echo)``.
            Never given the machine's password to answer with. None: nobody is there.
        kick: end somebody else's session at the endpoint, where that is known how to.

    Returns:
        A context that gives a `ConnectedConsole`. When it ends, also by a cancellation, the endpoint is left and the
        connection closed; nobody is logged out: `sosagent.root_shell` does that for the shells that it opens.

    Raises:
        TargetInvalid, EndpointUnreachable, EndpointRefused, EndpointBusy, HostKeyUnknown,
        HostKeyChanged: each with what to do next.
    """
    if isinstance(target, str):
        target = parse_target(target)
    tell = on_event or (lambda _event: None)
    if isinstance(target, ProviderTarget):
        started = time.monotonic()
        found = await resolve(target, timeout)
        tell(Event("note", f"{target} is at {found.target}"))
        if found.note:
            tell(Event("note", found.note))
        target = found.target
        timeout = None if timeout is None else max(timeout - (time.monotonic() - started), 0.001)
    recorder = Transcript(transcript, f"sosagent {_name(target)}") if transcript is not None else None
    try:
        if isinstance(target, Transport):
            transport = target
        else:
            tell(Event("start", f"connect to {target}"))
            started = time.monotonic()
            try:
                async with asyncio.timeout(timeout):
                    transport = await open_transport(
                        target, ask=ask, note=lambda text: tell(Event("note", text)), kick=kick
                    )
            except TimeoutError:
                raise DeadlineExceeded(f"{target} did not let us in within {timeout:.0f} s") from None
            timeout = None if timeout is None else max(timeout - (time.monotonic() - started), 0.001)
    except BaseException:
        if recorder is not None:
            recorder.close()
        raise
    tell(Event("done", f"connected to {printable(transport.name)}"))
    endpoint = Endpoint(ask=ask)
    if isinstance(target, Target):
        endpoint = Endpoint(dialect_of(target), console_name=target.console, kick=kick, ask=ask)
    async with ConnectedConsole(transport, transcript=recorder, on_event=on_event, endpoint=endpoint) as console:
        console.set_deadline(timeout)
        failure: BaseException | None = None
        try:
            yield console
        except BaseException as error:
            failure = error
            raise
        finally:
            await finish(_left(console, failure))


async def _left(console: ConnectedConsole, failure: BaseException | None) -> None:
    """Log out where `ConnectedConsole.login` has logged in, within a time of its own, and leave the endpoint."""
    if not isinstance(failure, EndpointLost):
        console.set_deadline(_LOG_OUT_SECONDS)
        try:
            await console.logout()
        except ConsoleError as error:
            if failure is None:
                raise
            failure.add_note(f"on the way back: {error.message}. {error.hint}")
    await leave_endpoint(console)


def _name(target: Target | Transport) -> str:
    return target.name if isinstance(target, Transport) else str(target)
