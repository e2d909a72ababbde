"""The public functions for programs without asyncio.

Each call runs an event loop in a thread of its own, so it also works where a loop is running already, such as in a
notebook. ``on_event`` and ``ask`` are called in that thread. Ctrl-C logs out of the machine, even if it is pressed
several times, and then raises KeyboardInterrupt. A connected transport or `Console` belongs to another loop, so pass
HOST or a `Target`.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any, ParamSpec, TypeVar, Unpack

from .access import AccessOptions
from .api import host_keys as _host_keys
from .api import list_keys as _list_keys
from .api import remove_key as _remove_key
from .api import root_shell as _root_shell
from .endpoint.located import Locatable
from .file_change import Confirm
from .jobs.add_key import add_key as _add_key
from .jobs.execute import exec as _exec
from .jobs.state import console_state as _console_state
from .loop_thread import LoopThread
from .paths import StrPath
from .runbook.api import run_runbook as _run_runbook
from .shell.shell import Result
from .shell.shell import Shell as _Shell
from .shell.transfer import Transfer
from .transports import Transport

__all__ = [
    "Shell", "add_key", "console_state", "exec", "host_keys", "list_keys", "remove_key", "root_shell", "run_runbook",
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
console_state = _blocking(_console_state)
exec = _blocking(_exec)
host_keys = _blocking(_host_keys)
list_keys = _blocking(_list_keys)
remove_key = _blocking(_remove_key)
run_runbook = _blocking(_run_runbook)


class Shell:
    """A verified root shell on a machine; see `root_shell`. If several threads use it, their calls run in turn.

    Args:
        shell: the shell with asyncio.
        loop: the event loop that it belongs to.
    """

    def __init__(self, shell: _Shell, loop: LoopThread) -> None:
        self._shell = shell
        self._loop = loop
        self._turn = asyncio.Lock()  # a console serves one call at a time

    def _call(self, call: Callable[P, Coroutine[Any, Any, T]], *arguments: P.args, **options: P.kwargs) -> T:
        async def in_turn() -> T:
            async with self._turn:
                return await call(*arguments, **options)

        return self._loop.call(in_turn())

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
def root_shell(target: Locatable | Transport, **options: Unpack[AccessOptions]) -> Iterator[Shell]:
    """Get from the console's state to a verified shell, and log out at the end of the block::

        with sosagent.blocking.root_shell("user@sos.example.net", password=password) as shell:
            print(shell.run("uname -r").lines)

    At the end, also on an error or Ctrl-C, the shell is closed and the initial state of the console is awaited, as
    with `sosagent.root_shell`.

    Args:
        target: HOST as on the command line, a `Target`, or a transport.
        options: how to get to the shell: ``password=`` and others, see `AccessOptions`.

    Returns:
        A context manager whose value is a `Shell`.

    Raises:
        UsageError, PasswordMissing: nothing was sent.
        ConsoleError: no shell; see the subclasses in `sosagent.errors`.
    """
    with LoopThread("sosagent root_shell") as loop:
        stack = AsyncExitStack()
        try:
            shell = loop.call(stack.enter_async_context(_root_shell(target, **options)))
            yield Shell(shell, loop)
        except BaseException as error:
            # If the interruption came just when the shell was open, it is on the stack.
            loop.call(stack.__aexit__(type(error), error, error.__traceback__))
            raise
        loop.call(stack.aclose())
