"""The public calls for programs without asyncio.

Each call has an event loop in a thread of its own, so it works where a loop runs already (a notebook), too.
``on_event`` and ``ask`` are called in that thread. Ctrl-C logs out of the machine, however often it is
pressed, and then raises KeyboardInterrupt. A transport or a `Console` that is connected already belongs to
another loop: give HOST or a `Target`.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, Unpack

from .access import AccessOptions
from .api import host_keys as _host_keys
from .api import list_keys as _list_keys
from .api import remove_key as _remove_key
from .api import root_shell as _root_shell
from .endpoint.located import Locatable
from .jobs.add_key import add_key as _add_key
from .jobs.state import console_state as _console_state
from .loop_thread import LoopThread
from .runbook.api import run_runbook as _run_runbook
from .shell.shell import Result
from .shell.shell import Shell as _Shell
from .shell.transfer import Transfer
from .transports import Transport

__all__ = [
    "Shell", "add_key", "console_state", "host_keys", "list_keys", "remove_key", "root_shell", "run_runbook",
]  # fmt: skip

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(call: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The same call without asyncio: its words, its types, its docstring."""

    @functools.wraps(call)
    def waiting(*arguments: P.args, **options: P.kwargs) -> T:
        with LoopThread(f"sosagent {call.__name__}") as loop:
            return loop.call(call(*arguments, **options))

    waiting.__module__ = __name__
    return waiting


add_key = _blocking(_add_key)
console_state = _blocking(_console_state)
host_keys = _blocking(_host_keys)
list_keys = _blocking(_list_keys)
remove_key = _blocking(_remove_key)
run_runbook = _blocking(_run_runbook)


class Shell:
    """A verified root shell on a machine; see `root_shell`. Threads that call it wait for each other.

    Args:
        shell: the one that is asked.
        loop: where it lives.
    """

    def __init__(self, shell: _Shell, loop: LoopThread) -> None:
        self._shell = shell
        self._loop = loop
        self._turn = asyncio.Lock()  # several threads may call: a console is for one at a time

    def _call(self, call: Callable[P, Coroutine[Any, Any, T]], *arguments: P.args, **options: P.kwargs) -> T:
        async def in_turn() -> T:
            async with self._turn:
                return await call(*arguments, **options)

        return self._loop.call(in_turn())

    def run(self, text: str) -> Result:
        """Run a program there and give its exact result. It runs at most once.

        Args:
            text: POSIX sh in one line, printable ASCII. Its input is empty, ``$HOME`` is what the login set,
                and nothing it assigns stays.

        Returns:
            Its exit status, and what it printed on standard output and error.

        Raises:
            NotVerified: the program may have run, and its reply did not get through intact.
            LineDamaged: the program did not get through intact, and did not run.
            DeadlineExceeded, EndpointLost: the time was up, or the connection ended.
        """
        return self._call(self._shell.run, text)

    def upload(self, source: Path | bytes, target: str, *, mode: int | None = None) -> Transfer:
        """Put a file on the machine, compared and in one step.

        Args:
            source: the file here, or what it is to hold.
            target: there: ``/path`` or ``~/path``.
            mode: its permission bits; those of the file that it replaces by default, or 0600.

        Returns:
            What arrived, and how.

        Raises:
            EditRefused: the machine does not take it; what was there is there still.
            SosError: another of its leaves; what has arrived is gone on with the next time.
        """
        return self._call(self._shell.upload, source, target, mode=mode)

    def download(self, source: str, target: Path | None) -> Transfer:
        """Get a file from the machine, compared.

        Args:
            source: there: ``/path`` or ``~/path``.
            target: the file here; None gives its bytes in `Transfer.data`.

        Returns:
            What arrived, and how.

        Raises:
            EditRefused: the machine does not give it.
            SosError: another of its leaves; what has arrived is gone on with the next time.
        """
        return self._call(self._shell.download, source, target)


@contextmanager
def root_shell(target: Locatable | Transport, **options: Unpack[AccessOptions]) -> Iterator[Shell]:
    """Get from the console's state to a verified shell, and log out at the end of the block::

        with sosagent.blocking.root_shell("user@sos.example.net", password=password) as shell:
            print(shell.run("uname -r").lines)

    On every way out, an error or Ctrl-C too, the shell is closed and the state found at the start is seen to be
    back, as with `sosagent.root_shell`.

    Args:
        target: HOST as on the command line, a `Target`, or a transport.
        options: how to get there: ``password=`` and others, see `AccessOptions`.

    Returns:
        A context that gives a `Shell`.

    Raises:
        UsageError, PasswordMissing: nothing was sent.
        ConsoleError: no shell, and why; see the leaves of `sosagent.errors`.
    """
    with LoopThread("sosagent root_shell") as loop:
        way = AsyncExitStack()
        try:
            shell = loop.call(way.enter_async_context(_root_shell(target, **options)))
            yield Shell(shell, loop)
        except BaseException as error:
            # An interruption that came just when the shell was there finds it on the stack.
            loop.call(way.__aexit__(type(error), error, error.__traceback__))
            raise
        loop.call(way.aclose())
