"""What all jobs share: connect, get to a shell, do one thing, leave; again where the endpoint is read-only still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypedDict, TypeVar

from ..console.console import Console
from ..console.events import Event, EventSink
from ..endpoint.target import ProviderTarget, Target, parse_target, place_of
from ..errors import EndpointLost, EndpointReadOnly, PasswordMissing, SosError
from ..login.transitions import Entry, Login
from ..printable import printable
from ..providers import resolve
from ..secrets.secret import Secret
from ..transports import Ask, Transport
from ..transports.remember import remembering
from .connect import connect
from .lock import alone
from .root_shell import RootShell, root_shell

__all__ = ["Access", "Done", "Rights", "There", "at_console", "at_machine", "on_machine", "reached", "resolved"]

T = TypeVar("T")

_READ_ONLY_SECONDS = 10.0
_LOG_OUT_SECONDS = 60.0


class Rights(TypedDict):
    """Whose file, and what the shell is to that user; see `append_keys`."""

    user: str
    own: bool
    logged_in: bool


@dataclass(frozen=True)
class Access:
    """How to get to a machine.

    Fields:
        target: HOST as on the command line, a `Target`, or a connected transport.
        password: of the login on the machine (not of the endpoint); None where a provider is to give it.
        entry: how to get in.
        timeout: seconds for the whole job.
        dead_man: seconds after which the machine closes our shell by itself; the time limit and 30 s by default.
        transcript: a file for a recording in asciicast v2, without secrets.
        on_event: is told of progress.
        ask, kick: see `connect`.
    """

    target: str | Target | Transport
    password: Secret | None
    entry: Entry
    timeout: float = 120.0
    dead_man: int | None = None
    transcript: Path | None = None
    on_event: EventSink | None = None
    ask: Ask | None = None
    kick: bool = False

    @property
    def given_password(self) -> Secret:
        """The password.

        Raises:
            PasswordMissing: there is none.
        """
        if self.password is None:
            raise PasswordMissing(f"no password of {printable(self.entry.login, 60)} on the machine was given")
        return self.password

    @property
    def host(self) -> str:
        """The endpoint's name."""
        return self.target.name if isinstance(self.target, Transport) else str(self.target)

    def rights(self, session: RootShell, user: str) -> Rights:
        """What the shell that we got to is to `user`."""
        return {
            "user": user,
            "own": user == ("root" if session.root else self.entry.login),
            "logged_in": session.ours and self.entry.become is None,
        }

    def tell(self, text: str) -> None:
        """A note for the user."""
        if self.on_event is not None:
            self.on_event(Event("note", text))


@dataclass(frozen=True)
class Done(Generic[T]):
    """What a job gave, and how the visit went.

    Fields:
        value: the job's.
        host: the endpoint's name.
        session: how we got in, and whether the state found is back.
        console: counts bytes and exchanges.
    """

    value: T
    host: str
    session: RootShell
    console: Console


async def resolved(access: Access) -> Access:
    """With what a provider knows of the machine, where HOST is one's. What the user gave goes before it.

    Raises:
        SosError: the provider's; see `sosagent.providers`.
    """
    target = parse_target(access.target) if isinstance(access.target, str) else access.target
    if not isinstance(target, ProviderTarget):
        return replace(access, target=target, entry=replace(access.entry, expect_host=access.entry.expect_host or None))
    found = await resolve(target, access.timeout)
    access.tell(f"{target} is at {found.target}")
    if found.note:
        access.tell(found.note)
    password, entry = access.password, access.entry
    if password is None and found.password is not None and entry.login == "root":
        access.tell(f"root's password is the one that {target.scheme}: gave")
        password = found.password
    if entry.expect_host is None and found.hostname is not None:
        access.tell(
            f"{target.scheme}: calls it {printable(found.hostname, 80)}, which the console must show, too; "
            "--expect-host NAME says otherwise, and --expect-host '' lets it show any name"
        )
        entry = replace(entry, expect_host=found.hostname)
    return replace(
        access, target=found.target, password=password, entry=replace(entry, expect_host=entry.expect_host or None)
    )


async def on_machine(access: Access, do: Callable[[RootShell], Awaitable[T]]) -> Done[T]:
    """Get to a verified shell, await ``do(session)``, and leave the console as it was found.

    Raises:
        SosError: as `at_machine`, or of `do`.
    """
    with remembering():
        async with at_machine(access) as there:
            value = await do(there.session)
    return Done(value, there.host, there.session, there.console)


@dataclass(frozen=True)
class There:
    """Where `at_machine` led: the fields are those of `Done`."""

    host: str
    session: RootShell
    console: Console


@asynccontextmanager
async def at_machine(access: Access) -> AsyncIterator[There]:
    """Get to a verified shell, and leave the console as it was found at the end.

    Raises:
        SosError: as `reached` and `at_console`, or of the way to a shell.
        PasswordMissing: there is none.
    """
    async with reached(access) as (access, deadline):
        way, session, console = await _get_in(access, access.given_password, deadline)
        async with way:
            yield There(access.host, session, console)


@asynccontextmanager
async def reached(access: Access) -> AsyncIterator[tuple[Access, float]]:
    """The way to the machine as a provider tells it, for us alone; and the loop's time at which all has to end.

    Raises:
        SosError: the provider's.
        EndpointBusy: another run of ours has this console.
    """
    deadline = asyncio.get_running_loop().time() + access.timeout
    access = await resolved(access)
    target = access.target
    assert not isinstance(target, str)
    # Who brings a connection has seen to that.
    with nullcontext() if isinstance(target, Transport) else alone(str(target), place_of(target)):
        yield access, deadline


@asynccontextmanager
async def at_console(access: Access, seconds: float) -> AsyncIterator[Console]:
    """Connect as `access` says, and end the connection at the end.

    Raises:
        SosError: of the way there, or of what is done meanwhile. If the line died while a shell of ours was open
            that no switch closes, it was connected to again, and the error's note says what came of it.
    """
    target = access.target
    try:
        async with connect(
            target,
            timeout=seconds,
            transcript=access.transcript,
            on_event=access.on_event,
            ask=access.ask,
            kick=access.kick,
        ) as console:
            yield console
    except EndpointLost as error:
        if error.shell_open and isinstance(target, Target):
            error.add_note(await _log_out_again(target, access))
        raise


async def _get_in(access: Access, password: Secret, deadline: float) -> tuple[AsyncExitStack, RootShell, Console]:
    """Connect and get to a shell; again where the endpoint is read-only still. The stack leads back out."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            # Not around the caller's own work as well: that may end in another context than it begins in.
            with remembering():
                async with AsyncExitStack() as way:
                    console = await way.enter_async_context(at_console(access, deadline - loop.time()))
                    session = await way.enter_async_context(
                        root_shell(console, password, entry=access.entry, dead_man=access.dead_man)
                    )
                    return way.pop_all(), session, console
        except EndpointReadOnly:
            # It stays so until somebody connects anew.
            if isinstance(access.target, Transport) or deadline - loop.time() < 2 * _READ_ONLY_SECONDS:
                raise
            access.tell(f"the endpoint is read-only still; trying again in {_READ_ONLY_SECONDS:.0f} s")
            await asyncio.sleep(_READ_ONLY_SECONDS)


async def _log_out_again(target: Target, access: Access) -> str:
    """The line died while a shell of ours was open, before a switch could close it: connect again and do it."""
    try:
        async with connect(target, timeout=_LOG_OUT_SECONDS, on_event=access.on_event, ask=access.ask) as console:
            await Login(console, access.entry).close_open_shell()
    except SosError as error:
        return f"a shell that we logged in to may be open on the console still: {error.message}"
    return "the console was connected to again, and no shell of ours is open on it"
