"""The steps that all jobs share: connect, get to a verified shell, run the job, and restore the console."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Generic, TypedDict, TypeVar

from ..access import Access, ConnectSettings
from ..console.console import Console
from ..console.question import QUESTION_SECONDS
from ..console.way_out import WAY_OUT_SECONDS
from ..deadline import Deadline
from ..endpoint.located import Located
from ..endpoint.target import place_of
from ..errors import DeadlineExceeded, EndpointLost, EndpointReadOnly, SosError
from ..login.transitions import Login
from ..printable import printable
from ..secrets.secret import Secret
from ..transports import Transport
from ..transports.remember import remembering
from .connect import open_console
from .locate import locate
from .lock import alone
from .root_shell import DEAD_MAN_MARGIN_SECONDS, RootShell, root_shell

__all__ = [
    "Done", "Rights", "There", "at_console", "at_machine", "locked", "on_machine", "rights_of", "with_located",
    "with_question",
]  # fmt: skip

T = TypeVar("T")

_READ_ONLY_SECONDS = 10.0
#: For connecting again to log out: as long as the job may take, but at least this long and at most a minute. Closing
#: the lost connection takes the tenth second of the way out.
_LOG_OUT_SECONDS, _MOST_LOG_OUT_SECONDS = WAY_OUT_SECONDS - 1.0, 60.0


class Rights(TypedDict):
    """The user whose file is meant, and how our shell relates to that user; see `append_keys`."""

    user: str
    own: bool
    logged_in: bool


def rights_of(access: Access, session: RootShell, user: str) -> Rights:
    """Return how the shell that `access` led to relates to `user`."""
    return {
        "user": user,
        "own": user == ("root" if session.root else access.login),
        "logged_in": session.ours and access.become is None,
    }


@dataclass(frozen=True)
class Done(Generic[T]):
    """The result of a job, and how it got in and out.

    Fields:
        value: the job's result.
        host: the endpoint's name.
        session: how the shell was reached, and whether the initial state was restored.
        console: counts bytes and exchanges.
    """

    value: T
    host: str
    session: RootShell
    console: Console

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know about the way out, and about failures on this computer."""
        return tuple(filter(None, (self.session.trouble, *self.console.local_failures)))


@dataclass(frozen=True)
class There:
    """A verified shell on a machine; the fields are those of `Done`."""

    host: str
    session: RootShell
    console: Console


def with_located(access: Access, located: Located) -> Access:
    """Return `access` to the located machine. The user's password and host name override the provider's."""
    password, expect_host = access.password, access.expect_host
    if password is None and located.password is not None and access.login == "root":
        access.note("using root's password from the provider")
        password = located.password
    if expect_host is None and located.hostname is not None:
        access.note(
            f"the provider calls the machine {printable(located.hostname, 80)}, and the console must show that name; "
            "--expect-host NAME expects another one, and --expect-host '' allows any"
        )
        expect_host = located.hostname
    return replace(access, target=located, password=password, expect_host=expect_host)


def with_question(access: Access) -> Access:
    """Return `access` for a job that asks the user in between: our shell on the machine waits for the answer."""
    return replace(access, dead_man=access.dead_man or int(access.timeout + QUESTION_SECONDS) + DEAD_MAN_MARGIN_SECONDS)


async def on_machine(access: Access, do: Callable[[RootShell], Awaitable[T]]) -> Done[T]:
    """Get to a verified shell, await ``do(session)``, and leave the console as it was.

    Raises:
        SosError: from `at_machine` or `do`.
    """
    with remembering():
        async with at_machine(access) as there:
            value = await do(there.session)
    return Done(value, there.host, there.session, there.console)


@asynccontextmanager
async def at_machine(access: Access) -> AsyncIterator[There]:
    """Get to a verified shell, and leave the console as it was at the end.

    Raises:
        SosError: from `locked` or `at_console`, or because there is no shell.
        PasswordMissing: there is no password.
    """
    async with locked(access) as (access, deadline):
        stack, session, console = await _get_in(access, access.known_password, deadline)
        async with stack:
            yield There(access.host, session, console)


@asynccontextmanager
async def locked(access: Access, *, interactive: bool = False) -> AsyncIterator[tuple[Access, Deadline]]:
    """Locate the machine and lock its console, so that no other run of sosagent on this computer uses it.

    Args:
        access: how to reach the machine; its timeout starts now.
        interactive: see `alone`.

    Returns:
        A context manager whose value is the access to the located machine, and the job's deadline. The time that
        locating takes counts.

    Raises:
        SosError: from the provider.
        EndpointBusy: another run is using the console.
    """
    deadline = Deadline(access.timeout)
    if isinstance(access.target, Transport):
        yield access, deadline  # whoever opened the connection is responsible for locking
        return
    located = await locate(access.target, timeout=access.timeout, on_event=access.on_event)
    with alone(str(located), place_of(located.target), interactive=interactive):
        yield with_located(access, located), deadline


@asynccontextmanager
async def at_console(access: Access, deadline: Deadline) -> AsyncIterator[Console]:
    """Connect to the console of a located machine, and close the connection at the end.

    Args:
        access: from `locked`.
        deadline: the end of everything that is done meanwhile.

    Raises:
        SosError: from connecting, or from the caller's block. If the connection was lost while our shell was open and
            no dead-man's switch closes it, we connect again to log out; a note on the error reports the result.
    """
    try:
        async with open_console(access.target, deadline, access) as console:
            yield console
    except EndpointLost as error:
        if error.shell_open and not isinstance(access.target, Transport):
            seconds = max(_LOG_OUT_SECONDS, deadline.within(_MOST_LOG_OUT_SECONDS))
            await _log_out_again(access, Deadline(seconds), error)
        raise


async def _get_in(access: Access, password: Secret, deadline: Deadline) -> tuple[AsyncExitStack, RootShell, Console]:
    """Connect and get to a shell; try again while the endpoint is read-only. Closing the stack logs out."""
    read_only: EndpointReadOnly | None = None
    while True:
        try:
            # It excludes the caller's work, which may end in a different context.
            with remembering():
                async with AsyncExitStack() as stack:
                    console = await stack.enter_async_context(at_console(access, deadline))
                    session = await stack.enter_async_context(
                        root_shell(console, password, settings=access, dead_man=access.dead_man)
                    )
                    return stack.pop_all(), session, console
        except DeadlineExceeded:
            if read_only is not None:
                raise read_only from None
            raise
        except EndpointReadOnly as error:
            # A connection stays read-only; only a new one may become writable.
            if isinstance(access.target, Transport) or deadline.remaining < 2 * _READ_ONLY_SECONDS:
                raise
            read_only = error
            access.note(f"the endpoint is still read-only; trying again in {_READ_ONLY_SECONDS:.0f} s")
            await asyncio.sleep(_READ_ONLY_SECONDS)


async def _log_out_again(access: Access, deadline: Deadline, lost: EndpointLost) -> None:
    """Connect again and close the shell that was open when the connection was lost. The error reports the result."""
    settings = ConnectSettings(on_event=access.on_event, ask=access.ask)
    try:
        async with open_console(access.target, deadline, settings, only_to_leave=True) as console:
            await Login(console, access).close_open_shell(lost.maintenance)
    except SosError as error:
        lost.add_note(f"connecting again to log out failed: {error.message}")
        lost.warn_of_shell("A shell of ours may be open on the console")
    else:
        lost.add_note("connected to the console again; no shell of ours is open on it")
