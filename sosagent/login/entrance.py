"""Get through the endpoint's dialogue to the machine's console, and leave it again (endpoint/dialects.py).

The machine's credentials are never typed here: before the console is ready, any question for a name or a password is
the endpoint's own, and the user answers it under the endpoint's name.
"""

from __future__ import annotations

import asyncio
import enum
import re
from collections.abc import Sequence

from ..console.console import Console, Mark
from ..console.events import Event
from ..deadline import Deadline
from ..endpoint.dialect import Dialect
from ..endpoint.dialects import PLAIN
from ..errors import ConsoleError, ConsoleStateUnknown, EndpointLost, EndpointRefused, UsageError
from ..printable import printable
from ..secrets.secret import Secret
from ..terminal.states import Action, classify
from .failures import busy_error, state_error

__all__ = ["enter_endpoint", "leave_endpoint"]

_QUIET = 0.1
_PROMPT_SECONDS = 10.0  # a controller may take this long to show a prompt
_READY_SECONDS = 20.0  # and a program to set up its session
_GREETING_SECONDS = 1.5  # an endpoint that only speaks if the console is taken does so within this time
_AFTER_SECONDS = 3.0  # quiet after unknown text for this long: the text is the console's
_LEAVE_SECONDS = 3.0
_MOST_STEPS = 12
_MOST_QUESTIONS = 6

_ASKS_NAME = re.compile(r"(?i)(?:login|user(?: ?name)?)\b[^:]{0,100}: ?$")
_ASKS_PASSWORD = re.compile(r"(?i)(?:password|passphrase|passcode)\b[^:]{0,100}: ?$")


class _Reply(enum.Enum):
    """The meaning of an endpoint's reply."""

    READY = enum.auto()
    BUSY = enum.auto()
    PROMPT = enum.auto()
    CONFIRM = enum.auto()
    NAME = enum.auto()
    PASSWORD = enum.auto()
    OTHER = enum.auto()
    NOTHING = enum.auto()


#: Replies after which we are at the machine's console.
_AT_CONSOLE = (_Reply.READY, _Reply.OTHER, _Reply.NOTHING)


async def enter_endpoint(console: Console) -> None:
    """Get from the endpoint's greeting to the machine's console. Do nothing if it is already open.

    Raises:
        EndpointBusy: another session has the console; the hint says how to free it.
        EndpointRefused: the endpoint asks a question that no user answers.
        ConsoleStateUnknown: the endpoint stays at its own prompt.
    """
    if console.endpoint.passed:
        return
    if not console.endpoint.dialect.has_dialogue:
        console.endpoint.note_must_leave()
        console.mark_machine_start()
        return
    console.emit(Event("start", f"enter {console.endpoint.dialect.title}"))
    try:
        await _Entrance(console).run()
    except EndpointLost as lost:
        lines, open_line = console.since(Mark(0))
        if console.endpoint.dialect.is_busy([*lines, open_line]):
            raise busy_error(console) from None
        raise lost


class _Entrance:
    """One dialogue with an endpoint.

    Args:
        console: a console whose endpoint was just connected to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._dialect: Dialect = console.endpoint.dialect
        self._commands = list(self._dialect.enter)  # lists of lines to try in turn
        self._kicked = False
        self._typed = False  # we typed a command, so a later question may be the machine's
        self._questions = 0

    async def run(self) -> None:
        """Answer the endpoint until we are at the console."""
        first = _READY_SECONDS if self._dialect.ready else _GREETING_SECONDS
        reply = await self._hear(Mark(0), _PROMPT_SECONDS if self._commands else first)
        if reply is _Reply.NOTHING and self._commands:
            reply = await self._type("\x15")  # erases text that may be typed there already
        for _ in range(_MOST_STEPS):
            if reply in _AT_CONSOLE:
                return await self._enter_console(reply)
            reply = await self._step(reply)
        raise self._stuck()

    async def _enter_console(self, reply: _Reply) -> None:
        console = self._console
        console.transport.note_console_granted(reply is _Reply.READY)
        if reply is _Reply.READY or not self._dialect.enter:
            console.endpoint.note_must_leave()
        since = console.mark_before_open_line() if reply is _Reply.READY or self._typed else Mark(0)
        if reply is _Reply.READY and not self._dialect.prompt:
            # Some programs report that they are connected, and also that the console is in use or down.
            await console.quiet(_QUIET, 1.0)
            lines, _ = console.since(Mark(0))
            if self._dialect.is_busy(lines):
                raise busy_error(console)
            observed = classify(lines, "", connecting=True)
            if observed.state.action is Action.CLOSED:
                raise state_error(console, observed)
        console.mark_machine_start(since)

    async def _step(self, reply: _Reply) -> _Reply:
        may_kick = self._console.endpoint.kick and bool(self._dialect.kick) and not self._kicked
        match reply:
            case _Reply.PROMPT if self._commands:
                return await self._type_all(self._commands.pop(0))
            case _Reply.BUSY if may_kick:
                return await self._kick()
            case _Reply.PROMPT if may_kick and not self._dialect.busy:
                return await self._kick()
            case _Reply.BUSY:
                raise busy_error(self._console)
            case _Reply.PROMPT:
                raise self._stuck()
            case _Reply.CONFIRM:
                return await self._type("y")
            case _:
                return await self._ask_user(hidden=reply is _Reply.PASSWORD)

    async def _kick(self) -> _Reply:
        """At the endpoint's prompt: end the other session, and then try to enter again."""
        self._kicked = True
        self._console.emit(Event("note", f"ending the other session at {self._dialect.title}"))
        reply = await self._type_all(self._dialect.kick)
        self._commands = list(self._dialect.enter)
        return reply

    async def _type_all(self, lines: Sequence[str]) -> _Reply:
        self._typed = True
        self._console.endpoint.note_must_leave()
        reply = _Reply.PROMPT
        for line in lines:
            reply = await self._type(line)
            if reply not in (_Reply.PROMPT, _Reply.BUSY) or (reply is _Reply.BUSY and not self._kicked):
                break
        return reply

    async def _type(self, line: str) -> _Reply:
        console = self._console
        if "{console}" in line:
            if console.endpoint.console_name is None:
                raise UsageError(
                    f"{self._dialect.title} has several consoles, and HOST does not select one",
                    hint="Add its name to HOST: ssh://...?console=NAME.",
                )
            line = line.replace("{console}", console.endpoint.console_name)
        mark = console.mark()
        await console.send(f"{line}\r")
        return await self._hear(mark, _PROMPT_SECONDS)

    async def _ask_user(self, *, hidden: bool) -> _Reply:
        """Pass the endpoint's question to the user, and type the answer."""
        console = self._console
        prompt = printable(console.open_line.strip(), 200)
        name = printable(console.transport.name)
        ask = console.endpoint.ask
        self._questions += 1
        answer = None if ask is None or self._questions > _MOST_QUESTIONS else await ask(name, prompt, not hidden)
        if answer is None:
            raise console.error(
                EndpointRefused,
                f"{name} asks for its own login ({prompt}), and no answer is available",
                hint="Run on a terminal, or set endpoint_password in the machines file. "
                "The machine's own password is never typed there.",
            )
        mark = console.mark()
        if hidden:
            await console.send_secret(Secret(answer), console.transport.newline)
        else:
            await console.send(f"{answer}{console.transport.newline}")
        return await self._hear(mark, _READY_SECONDS)

    async def _hear(self, mark: Mark, seconds: float) -> _Reply:
        """Wait for a reply since `mark`, for `seconds` at most; OTHER for unknown text."""
        deadline, quiet_limit, came = Deadline(seconds), Deadline(_AFTER_SECONDS), False
        while not deadline.passed:
            quiet = await self._console.receive(_QUIET, ignore_kernel=True) is None
            if not quiet:
                quiet_limit = Deadline(_AFTER_SECONDS)
            lines, open_line = self._console.since(mark)
            reply = self._meaning(lines, open_line, quiet)
            if reply is not None:
                return reply
            came = came or bool(lines or open_line.strip())
            if came and quiet_limit.passed:
                return _Reply.OTHER
        return _Reply.OTHER if came else _Reply.NOTHING

    def _meaning(self, lines: list[str], open_line: str, quiet: bool) -> _Reply | None:
        dialect, endpoint = self._dialect, self._console.endpoint
        text = [*lines, open_line]
        if not dialect.prompt and dialect.is_busy(text):
            return _Reply.BUSY
        if dialect.is_ready(text):
            return _Reply.READY
        if not quiet:
            return None
        if dialect.is_prompt(open_line):
            # A machine may print anything. Only text in front of the endpoint's own prompt is the endpoint's.
            endpoint.note_prompt(open_line.strip())
            return _Reply.BUSY if dialect.is_busy(lines) else _Reply.PROMPT
        if self._typed:
            return _Reply.CONFIRM if dialect.confirm and re.search(dialect.confirm, open_line) else None
        if self._console.transport.logged_in or not dialect.has_own_login:
            return None
        if _ASKS_PASSWORD.search(open_line):
            return _Reply.PASSWORD
        return _Reply.NAME if _ASKS_NAME.search(open_line) else None

    def _stuck(self) -> ConsoleError:
        can_kick = self._dialect.kick and not self._console.endpoint.kick
        kick = " --kick ends another session first." if can_kick else ""
        return self._console.error(
            ConsoleStateUnknown,
            f"{self._dialect.title} stays at its own command line",
            hint=f"Its messages above may say why.{kick}",
        )


async def leave_endpoint(console: Console) -> None:
    """Leave the console as its endpoint requires. Failures are ignored: the connection is closed next."""
    endpoint, transport = console.endpoint, console.transport
    dialect = endpoint.dialect
    if dialect is PLAIN or not endpoint.must_leave or endpoint.fell_back:
        return
    try:
        async with asyncio.timeout(console.way_out.endpoint_seconds(_LEAVE_SECONDS)):
            if dialect.leave and not dialect.is_prompt(console.open_line):
                await transport.write(dialect.leave)
                shown = b""
                while data := await transport.read():
                    shown = (shown + data)[-200:]
                    if dialect.is_prompt(shown.decode("latin-1").rpartition("\n")[2].strip("\r")):
                        break
            if dialect.close:
                await transport.write(f"{dialect.close}\r".encode())
                while await transport.read():
                    pass
    except (TimeoutError, EndpointLost):
        return  # closing the connection ends the session, too
