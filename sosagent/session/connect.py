"""A located machine -> a connected `Console`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Unpack

from ..access import ConnectOptions, ConnectSettings
from ..console.endpoint import Endpoint
from ..console.events import Event
from ..console.transcript import Transcript
from ..deadline import Deadline
from ..endpoint.located import Locatable
from ..endpoint.target import Target, dialect_of
from ..errors import ConsoleError, DeadlineExceeded, EndpointLost
from ..login.entrance import leave_endpoint
from ..paths import StrPath
from ..printable import printable
from ..transports import Transport
from ..transports.opening import open_transport
from .console import ConnectedConsole, Console
from .finish import finish
from .locate import locate

__all__ = ["connect", "open_console"]

_LEAST_SECONDS = 0.001


@asynccontextmanager
async def connect(
    target: Locatable | Transport, *, timeout: float | None = None, **options: Unpack[ConnectOptions]
) -> AsyncIterator[Console]:
    """Connect to a console endpoint.

    Args:
        target: HOST as on the command line, a `Target`, or a connected transport.
        timeout: seconds for everything that is done with the console, including connecting; None for no limit.
        options: ``transcript=``, ``on_event=``, ``on_traffic=``, ``ask=`` and ``kick=``, see `ConnectOptions`.

    Returns:
        A context manager whose value is a `Console`. At its end, also on an error or a cancellation, it logs out of the
        shell that `Console.login` opened, leaves the endpoint and closes the connection.

    Raises:
        TargetInvalid, EndpointUnreachable, EndpointRefused, EndpointBusy, HostKeyUnknown,
        HostKeyChanged: each says what to do next.
    """
    async with open_console(target, Deadline(timeout), ConnectSettings(**options)) as console:
        yield Console(console)


@asynccontextmanager
async def open_console(
    target: Locatable | Transport, deadline: Deadline, settings: ConnectSettings, *, only_to_leave: bool = False
) -> AsyncIterator[ConnectedConsole]:
    """Connect to a console endpoint; see `connect`.

    Args:
        target: see `connect`.
        deadline: the end of everything that is done with the console.
        settings: how to connect.
        only_to_leave: the connection is a part of the way out of an earlier one, so `deadline` includes closing.
    """
    if isinstance(target, Transport):
        endpoint = Endpoint(ask=settings.ask)
        name = target.name
    else:
        timeout = None if deadline.seconds is None else deadline.remaining
        located = await locate(target, timeout=timeout, on_event=settings.on_event)
        target, name = located.target, str(located)
        endpoint = Endpoint(dialect_of(target), console_name=target.console, kick=settings.kick, ask=settings.ask)
    recorder = None if settings.transcript is None else _start_transcript(settings, settings.transcript, name)
    try:
        transport = target if isinstance(target, Transport) else await _open(target, settings, deadline)
    except BaseException:
        if recorder is not None:
            recorder.close()
        raise
    settings.emit(Event("done", f"connected to {printable(transport.name)}"))
    settings.emit(Event("detail", f"endpoint type: {endpoint.dialect.title}{_speed(transport)}"))
    async with ConnectedConsole(
        transport, transcript=recorder, on_event=settings.on_event, endpoint=endpoint
    ) as console:
        if settings.on_traffic is not None:
            console.recorder.pass_traffic_to(console.guard(settings.on_traffic, "the callback on_traffic"))
        console.set_deadline(deadline)
        if only_to_leave:
            console.leave_within(deadline.remaining)
        failure: BaseException | None = None
        try:
            yield console
        except BaseException as error:
            failure = error
            raise
        finally:
            await finish(_leave(console, failure))
            settings.emit(Event("detail", _traffic(console)))
            if failure is not None:
                for text in console.local_failures:
                    failure.add_note(text)


def _start_transcript(settings: ConnectSettings, path: StrPath, name: str) -> Transcript:
    def note(text: str) -> None:
        settings.emit(Event("note", f"{text}; the recording ends here, and the job goes on"))

    return Transcript(path, f"sosagent {name}", on_failure=note)


async def _open(target: Target, settings: ConnectSettings, deadline: Deadline) -> Transport:
    settings.emit(Event("start", f"connect to {target}"))
    seconds = deadline.remaining
    try:
        async with deadline.timeout():
            return await open_transport(
                target, ask=settings.ask, note=lambda text: settings.emit(Event("note", text)), kick=settings.kick
            )
    except TimeoutError:
        raise DeadlineExceeded(f"no connection to {target} within {seconds:.0f} s") from None


def _speed(transport: Transport) -> str:
    return "" if transport.baud is None else f", {transport.baud} baud"


def _traffic(console: ConnectedConsole) -> str:
    damage = console.damage_report()
    counts = f"{console.bytes_sent:,} bytes sent, {console.bytes_received:,} received, {console.exchanges} exchanges"
    return f"{counts}. {damage}" if damage else counts


async def _leave(console: ConnectedConsole, failure: BaseException | None) -> None:
    """Log out if `Console.login` has logged in, within the time of the way out, and leave the endpoint."""
    if isinstance(failure, EndpointLost):
        console.leave_within(_LEAST_SECONDS)  # there is nobody to wait for
    else:
        console.start_leaving()
        try:
            await console.logout()
        except ConsoleError as error:
            if failure is None:
                raise
            failure.add_note(f"while logging out: {error.message}. {error.hint}")
    await leave_endpoint(console)
