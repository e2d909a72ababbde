"""The public functions for programs without asyncio.

Each call runs an event loop in a thread of its own, so it also works where a loop is running already, such as in a
notebook. ``on_event`` and ``ask`` are called in that thread. Ctrl-C logs out of the machine, even if it is pressed
several times, and then raises KeyboardInterrupt. A connected transport, or a console of `sosagent.connect`, belongs to
another loop, so pass HOST, a `Target`, or a `Console` of this module.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, ParamSpec, TypeVar, Unpack

from .access import AccessOptions, ConnectOptions
from .api import host_keys as _host_keys
from .api import list_keys as _list_keys
from .api import remove_key as _remove_key
from .api import root_shell as _root_shell
from .blocking_console import Console, loop_console, turns_of
from .endpoint.located import Locatable
from .file_change import Confirm
from .jobs.add_key import add_key as _add_key
from .jobs.execute import exec as _exec
from .jobs.state import ConsoleState
from .jobs.state import console_state as _console_state
from .loop_thread import LoopThread
from .paths import StrPath
from .runbook.api import run_runbook as _run_runbook
from .session.connect import connect as _connect
from .session.shell import Shell as _Shell
from .shell.shell import Result
from .shell.transfer import Transfer
from .transports import Transport
from .turns import Turns

__all__ = [
    "Console", "Shell", "add_key", "connect", "console_state", "exec", "host_keys", "list_keys", "remove_key",
    "root_shell", "run_runbook",
]  # fmt: skip

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(call: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Return the same function without asyncio, with its parameters, types and docstring."""

    @functools.wraps(call)
    def blocking(*arguments: P.args, **options: P.kwargs) -> T:
        with LoopThread(f"sosagent {call.__name__}") as loop:
            return loop.call(call(*arguments, **options))

    blocking.__module__ = __name__
    return blocking


add_key = _blocking(_add_key)
"""`sosagent.add_key` without asyncio."""
exec = _blocking(_exec)
"""`sosagent.exec` without asyncio."""
host_keys = _blocking(_host_keys)
"""`sosagent.host_keys` without asyncio."""
list_keys = _blocking(_list_keys)
"""`sosagent.list_keys` without asyncio."""
remove_key = _blocking(_remove_key)
"""`sosagent.remove_key` without asyncio."""
run_runbook = _blocking(_run_runbook)
"""`sosagent.run_runbook` without asyncio."""


def console_state(
    target: Locatable | Transport | Console,
    *,
    poke: bool = False,
    seconds: float = 2.0,
    timeout: float = 60.0,
    **options: Unpack[ConnectOptions],
) -> ConsoleState:
    """Look at a console; see `sosagent.console_state`.

    Args:
        target: HOST as on the command line, a `Target`, a transport, or a `Console`.
        poke: if the line is silent, type what a job would type: ^L, then ^U and Enter. Otherwise nothing is typed.
        seconds: how long the line must be quiet before its state is determined.
        timeout: seconds for the whole job, unless it is a `Console`.
        options: how to connect; see `ConnectOptions`.

    Returns:
        The state and the output of the console. It neither logs in nor out.

    Raises:
        ConsoleError: no connection, or the timeout has passed.
    """
    if isinstance(target, Console):
        return turns_of(target).call(_console_state, loop_console(target), poke=poke, seconds=seconds)
    with LoopThread("sosagent console_state") as loop:
        return loop.call(_console_state(target, poke=poke, seconds=seconds, timeout=timeout, **options))


class Shell:
    """A verified root shell on a machine; see `root_shell`. If several threads use it, their calls run in turn.

    Args:
        shell: the shell with asyncio.
        turns: runs its calls.
    """

    def __init__(self, shell: _Shell, turns: Turns) -> None:
        self._shell = shell
        self._call = turns.call

    def run(self, text: str) -> Result:
        """Run a program on the machine, at most once, and return its exact result.

        Args:
            text: POSIX sh in one line of printable ASCII. Its input is empty, ``$HOME`` is that of the login, and
                variables that it sets are lost.

        Returns:
            The exit status, and the output on standard output and error.

        Raises:
            NotVerified: the program may have run, but its reply did not arrive intact.
            LineDamaged: the program did not arrive intact, and did not run.
            DeadlineExceeded, EndpointLost: the deadline passed, or the connection was lost.
        """
        return self._call(self._shell.run, text)

    def upload(
        self,
        source: StrPath | bytes,
        target: str,
        *,
        mode: int | None = None,
        dry_run: bool = False,
        confirm: Confirm | None = None,
    ) -> Transfer:
        """Copy a file to the machine, verify its checksum, and replace the target atomically.

        Args:
            source: the local file, or its contents.
            target: the file on the machine: ``/path`` or ``~/path``.
            mode: the permission bits; by default those of the replaced file, or 0600.
            dry_run: write nothing; `Transfer.change` has what would change.
            confirm: asks the user before an existing file is replaced: ``await confirm(change)``.

        Returns:
            The result of the transfer.

        Raises:
            EditRefused: the machine cannot store the file; the old one is unchanged.
            SosError: another of its subclasses; the next call resumes the transfer.
        """
        return self._call(self._shell.upload, source, target, mode=mode, dry_run=dry_run, confirm=confirm)

    def download(self, source: str, target: StrPath | None) -> Transfer:
        """Copy a file from the machine, and verify its checksum.

        Args:
            source: the file on the machine: ``/path`` or ``~/path``.
            target: the local file; None returns the contents in `Transfer.data`.

        Returns:
            The result of the transfer.

        Raises:
            EditRefused: the machine cannot read the file.
            SosError: another of its subclasses; the next call resumes the transfer.
        """
        return self._call(self._shell.download, source, target)


@contextmanager
def connect(
    target: Locatable | Transport, *, timeout: float | None = None, **options: Unpack[ConnectOptions]
) -> Iterator[Console]:
    """Connect to a console endpoint::

        with sosagent.blocking.connect("user@sos.example.net", timeout=60) as console:
            console.login(password)
            console.send("uname -r\\r")
            print(console.expect(r"\\n(\\S+)\\r").groups)

    At the end, also on an error or Ctrl-C, it logs out of the shell that `Console.login` opened, leaves the endpoint
    and closes the connection. Calls that other threads have not finished then end with RuntimeError.

    Args:
        target: HOST as on the command line, a `Target`, or a transport.
        timeout: seconds for everything that is done with the console, including connecting; None for no limit.
        options: ``transcript=``, ``on_event=``, ``on_traffic=``, ``ask=`` and ``kick=``, see `ConnectOptions`.

    Returns:
        A context manager whose value is a `Console`.

    Raises:
        TargetInvalid, EndpointUnreachable, EndpointRefused, EndpointBusy, HostKeyUnknown,
        HostKeyChanged: each says what to do next.
    """
    with LoopThread("sosagent connect") as loop:
        turns = Turns(loop)
        with _opened(_connect(target, timeout=timeout, **options), turns) as console:
            yield Console(console, turns)


@contextmanager
def root_shell(target: Locatable | Transport | Console, **options: Unpack[AccessOptions]) -> Iterator[Shell]:
    """Get from the console's state to a verified shell, and log out at the end of the block::

        with sosagent.blocking.root_shell("user@sos.example.net", password=password) as shell:
            print(shell.run("uname -r").lines)

    At the end, also on an error or Ctrl-C, the shell is closed and the initial state of the console is awaited, as
    with `sosagent.root_shell`.

    Args:
        target: HOST as on the command line, a `Target`, a transport, or a `Console` of `connect`.
        options: how to get to the shell: ``password=`` and others, see `AccessOptions`.

    Returns:
        A context manager whose value is a `Shell`.

    Raises:
        UsageError, PasswordMissing: nothing was sent.
        ConsoleError: no shell; see the subclasses in `sosagent.errors`.
    """
    if isinstance(target, Console):
        turns = Turns(turns_of(target).loop, turns_of(target))
        with _opened(_root_shell(loop_console(target), **options), turns) as shell:
            yield Shell(shell, turns)
        return
    with LoopThread("sosagent root_shell") as loop:
        turns = Turns(loop)
        with _opened(_root_shell(target, **options), turns) as shell:
            yield Shell(shell, turns)


@contextmanager
def _opened(context: AbstractAsyncContextManager[T], turns: Turns) -> Iterator[T]:
    """Enter `context` in the loop of `turns`; at the end, end the calls of `turns`, and leave it."""
    try:
        yield turns.call(turns.stack.enter_async_context, context)
    except BaseException as error:
        # If the interruption came just when the context was entered, it is on the stack.
        if turns.is_open:
            turns.loop.call(turns.leave(error))
        raise
    if turns.is_open:  # otherwise another thread has left the console, and this shell with it
        turns.loop.call(turns.leave())
