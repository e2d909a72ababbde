"""A connected console for programs without asyncio; see `sosagent.blocking.connect`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from .secrets.secret import Secret
from .session.console import Console as _Console
from .turns import Turns

__all__ = ["Console", "loop_console", "turns_of"]

P = ParamSpec("P")
T = TypeVar("T")


def _in_turn(call: Callable[Concatenate[_Console, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Console, P], T]:
    """Return a method of `Console` for an asynchronous one, with its parameters, types and docstring."""

    @functools.wraps(call)
    def blocking(self: Console, /, *arguments: P.args, **options: P.kwargs) -> T:
        return self._turns.call(call, self._console, *arguments, **options)

    return _here(blocking)


def _at_once(call: Callable[Concatenate[_Console, P], T]) -> Callable[Concatenate[Console, P], T]:
    """Return a method of `Console` for one that does not wait, with its parameters, types and docstring."""

    @functools.wraps(call)
    def direct(self: Console, /, *arguments: P.args, **options: P.kwargs) -> T:
        return self._turns.now(call, self._console, *arguments, **options)

    return _here(direct)


def _here(method: T) -> T:
    method.__module__ = __name__
    return method


def turns_of(console: Console) -> Turns:
    """Return what runs the calls of `console`."""
    return console._turns


def loop_console(console: Console) -> _Console:
    """Return the console with asyncio that `console` uses."""
    return console._console


class Console:
    """A connected console; see `sosagent.Console`. If several threads use it, their calls run in turn.

    Args:
        console: the console with asyncio.
        turns: runs its calls.
    """

    def __init__(self, console: _Console, turns: Turns) -> None:
        self._console = console
        self._turns = turns

    login = _in_turn(_Console.login)
    """Get from any console state to a shell's prompt; see `sosagent.Console.login`."""
    logout = _in_turn(_Console.logout)
    """Leave the shell that `login` led to; see `sosagent.Console.logout`."""
    send = _in_turn(_Console.send)
    """Send a text unchanged; see `sosagent.Console.send`."""
    send_secret = _in_turn(_Console.send_secret)
    """Send a secret and Enter; see `sosagent.Console.send_secret`."""
    send_break = _in_turn(_Console.send_break)
    """Send a BREAK; see `sosagent.Console.send_break`."""
    type_line = _in_turn(_Console.type_line)
    """Type a line without Enter, and check its echo; see `sosagent.Console.type_line`."""
    expect = _in_turn(_Console.expect)
    """Wait for text; see `sosagent.Console.expect`."""
    receive = _in_turn(_Console.receive)
    """Wait for the next bytes; see `sosagent.Console.receive`."""
    quiet = _in_turn(_Console.quiet)
    """Wait until the line is quiet; see `sosagent.Console.quiet`."""
    skip = _at_once(_Console.skip)
    """Consume everything received so far; see `sosagent.Console.skip`."""
    tail = _at_once(_Console.tail)
    """Return the last lines; see `sosagent.Console.tail`."""
    screen = _at_once(_Console.screen)
    """Return the rows that a terminal would show; see `sosagent.Console.screen`."""
    mark_recording = _at_once(_Console.mark_recording)
    """Add a marker to the transcript; see `sosagent.Console.mark_recording`."""
    set_deadline = _at_once(_Console.set_deadline)
    """End all waits after some seconds; see `sosagent.Console.set_deadline`."""
    time_left = _at_once(_Console.time_left)
    """Return the seconds until the deadline; see `sosagent.Console.time_left`."""

    @contextmanager
    def unrecorded(self, *secrets: Secret) -> Iterator[None]:
        """Show and record nothing inside this context.

        Args:
            secrets: are replaced afterwards too.
        """
        context = self._turns.now(self._console.unrecorded, *secrets)
        self._turns.now(context.__enter__)
        try:
            yield
        finally:
            self._turns.now(context.__exit__, None, None, None)

    @property
    def state(self) -> str:
        """The name of the console state that was recognised last; `console_state` looks again."""
        return self._turns.now(lambda: self._console.state)

    @property
    def open_line(self) -> str:
        """The line that has no newline yet, without a right prompt."""
        return self._turns.now(lambda: self._console.open_line)

    @property
    def output(self) -> bytes:
        """The last 64 KiB received, as a terminal would get them, with secrets replaced."""
        return self._turns.now(lambda: self._console.output)

    @property
    def bytes_sent(self) -> int:
        """The number of bytes sent so far."""
        return self._turns.now(lambda: self._console.bytes_sent)

    @property
    def bytes_received(self) -> int:
        """The number of bytes received so far."""
        return self._turns.now(lambda: self._console.bytes_received)

    @property
    def exchanges(self) -> int:
        """The number of writes so far that ended in Enter; each waits for an answer."""
        return self._turns.now(lambda: self._console.exchanges)
