"""The way through an endpoint's own words to the machine's console, and out again (dialects.py).

Nothing of the machine's is typed there: before the console is ready, what asks for a name or a
password is the endpoint, and its question goes to the user under its own name.
"""

from __future__ import annotations

import asyncio
import enum
import re
from collections.abc import Sequence

from ..console.console import Console, Mark
from ..console.events import Event
from ..endpoint.dialects import PLAIN, Dialect
from ..errors import ConsoleError, ConsoleStateUnknown, EndpointLost, EndpointRefused, UsageError
from ..printable import printable
from ..secrets.secret import Secret
from .watch import Watch

__all__ = ["enter_endpoint", "leave_endpoint"]

_QUIET = 0.1
_PROMPT_SECONDS = 10.0  # controllers take their time to show a prompt
_READY_SECONDS = 20.0  # and programs to set up their session
_WORDS_SECONDS = 1.5  # and those that only speak when the console is taken do that at once
_AFTER_SECONDS = 3.0  # of quiet behind words that nobody knows: it is the console, then
_LEAVE_SECONDS = 3.0
_MOST_STEPS = 12
_MOST_QUESTIONS = 6

_ASKS_NAME = re.compile(r"(?i)(?:login|user(?: ?name)?)\b[^:]*: ?$")
_ASKS_PASSWORD = re.compile(r"(?i)(?:password|passphrase|passcode)\b[^:]*: ?$")


class _Said(enum.Enum):
    """What an endpoint has said."""

    READY = enum.auto()
    BUSY = enum.auto()
    PROMPT = enum.auto()
    CONFIRM = enum.auto()
    NAME = enum.auto()
    PASSWORD = enum.auto()
    OTHER = enum.auto()
    NOTHING = enum.auto()


_IN = (_Said.READY, _Said.OTHER, _Said.NOTHING)


async def enter_endpoint(watch: Watch) -> None:
    """Get from where the endpoint lets us in to the machine's console. Does nothing where there is nothing to do.

    Raises:
        EndpointBusy: somebody else has the console; how to free it.
        EndpointRefused: it asks for something that nobody answers.
        ConsoleStateUnknown: it stays at its own prompt.
    """
    console = watch.console
    if console.endpoint.inside:
        return
    if not console.endpoint.dialect.has_entry:
        console.endpoint.went_in = True
        console.enter()
        return
    console.tell(Event("start", f"enter {console.endpoint.dialect.title}"))
    try:
        await _Entrance(watch).run()
    except EndpointLost as lost:
        lines, open_line = console.since(Mark(0))
        if console.endpoint.dialect.is_busy([*lines, open_line]):
            raise watch.busy() from None
        raise lost


class _Entrance:
    """One way in.

    Args:
        watch: of a console whose endpoint was just connected to.
    """

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.console: Console = watch.console
        self.dialect: Dialect = watch.console.endpoint.dialect
        self.ways = list(self.dialect.enter)
        self.kicked = False
        self.typed = False  # a command of ours: what asks from now on may be the machine
        self.asked = 0

    async def run(self) -> None:
        seconds = _PROMPT_SECONDS if self.ways else _READY_SECONDS if self.dialect.ready else _WORDS_SECONDS
        said = await self._hear(Mark(0), seconds)
        if said is _Said.NOTHING and self.ways:
            said = await self._say("\x15")  # what may be typed there is not run
        for _ in range(_MOST_STEPS):
            if said in _IN:
                return await self._is_in(said)
            said = await self._step(said)
        raise self._stays()

    async def _is_in(self, said: _Said) -> None:
        console = self.console
        console.transport.holds = said is _Said.READY
        if said is _Said.READY or not self.dialect.enter:
            console.endpoint.went_in = True
        since = console.mark_of_lines() if said is _Said.READY or self.typed else Mark(0)
        if said is _Said.READY and not self.dialect.prompt:
            # Programs say that they are connected, and then that somebody else is.
            await console.quiet(_QUIET, 1.0)
            if self.dialect.is_busy(console.since(Mark(0))[0]):
                raise self.watch.busy()
        console.enter(since)

    async def _step(self, said: _Said) -> _Said:
        endpoint = self.console.endpoint
        may_kick = endpoint.kick and bool(self.dialect.kick) and not self.kicked
        match said:
            case _Said.PROMPT if self.ways:
                return await self._say_all(self.ways.pop(0))
            case _Said.BUSY if may_kick:
                return await self._kick()
            case _Said.PROMPT if may_kick and not self.dialect.busy:
                return await self._kick()
            case _Said.BUSY:
                raise self.watch.busy()
            case _Said.PROMPT:
                raise self._stays()
            case _Said.CONFIRM:
                return await self._say("y")
            case _:
                return await self._answer(hidden=said is _Said.PASSWORD)

    async def _kick(self) -> _Said:
        """At its prompt, which stands there."""
        self.kicked = True
        self.console.tell(Event("note", f"somebody's session at {self.dialect.title} is ended"))
        said = await self._say_all(self.dialect.kick)
        self.ways = list(self.dialect.enter)
        return said

    async def _say_all(self, lines: Sequence[str]) -> _Said:
        self.typed = self.console.endpoint.went_in = True
        said = _Said.PROMPT
        for line in lines:
            said = await self._say(line)
            if said not in (_Said.PROMPT, _Said.BUSY) or (said is _Said.BUSY and not self.kicked):
                break
        return said

    async def _say(self, line: str) -> _Said:
        if "{console}" in line:
            if self.console.endpoint.named is None:
                raise UsageError(
                    f"{self.dialect.title} has several consoles, and HOST names none",
                    hint="Write it behind HOST: ssh://...?console=NAME.",
                )
            line = line.replace("{console}", self.console.endpoint.named)
        mark = self.console.mark()
        await self.console.send(f"{line}\r")
        return await self._hear(mark, _PROMPT_SECONDS)

    async def _answer(self, *, hidden: bool) -> _Said:
        """Hand the endpoint's own question on to the user."""
        console = self.console
        prompt = printable(console.open_line.strip(), 200)
        name = printable(console.transport.name)
        ask = console.endpoint.ask
        self.asked += 1
        answer = None if ask is None or self.asked > _MOST_QUESTIONS else await ask(name, prompt, not hidden)
        if answer is None:
            raise self.watch.failed(
                EndpointRefused,
                f"{name} asks for a login of its own ({prompt}), and nobody answers",
                hint="Run it on a terminal, or let the machine's endpoint_password say where it comes from. "
                "The machine's own password is never typed there.",
            )
        mark = console.mark()
        if hidden:
            await console.send_secret(Secret(answer), console.transport.newline)
        else:
            await console.send(f"{answer}{console.transport.newline}")
        return await self._hear(mark, _READY_SECONDS)

    async def _hear(self, mark: Mark, seconds: float) -> _Said:
        """What it says since `mark`, at most for so long; OTHER for words that nobody knows."""
        loop = asyncio.get_running_loop()
        end, spoke = loop.time() + seconds, loop.time()
        came = False
        while loop.time() < end:
            quiet = await self.console.hear(_QUIET) is None
            spoke = spoke if quiet else loop.time()
            lines, open_line = self.console.since(mark)
            said = self._meaning(lines, open_line, quiet)
            if said is not None:
                return said
            came = came or bool(lines or open_line.strip())
            if came and loop.time() - spoke > _AFTER_SECONDS:
                return _Said.OTHER
        return _Said.OTHER if came else _Said.NOTHING

    def _meaning(self, lines: list[str], open_line: str, quiet: bool) -> _Said | None:
        dialect = self.dialect
        said = [*lines, open_line]
        if not dialect.prompt and dialect.is_busy(said):
            return _Said.BUSY
        if dialect.is_ready(said):
            return _Said.READY
        if not quiet:
            return None
        if dialect.is_prompt(open_line):
            # The machine may print anything: only where the endpoint has its prompt again, it was the endpoint.
            self.console.endpoint.prompt = open_line.strip()
            return _Said.BUSY if dialect.is_busy(lines) else _Said.PROMPT
        if self.typed:
            return _Said.CONFIRM if dialect.confirm and re.search(dialect.confirm, open_line) else None
        if self.console.transport.logged_in or not dialect.tells_its_login:
            return None
        if _ASKS_PASSWORD.search(open_line):
            return _Said.PASSWORD
        return _Said.NAME if _ASKS_NAME.search(open_line) else None

    def _stays(self) -> ConsoleError:
        kick = " --kick ends another session first." if self.dialect.kick and not self.console.endpoint.kick else ""
        return self.watch.failed(
            ConsoleStateUnknown,
            f"{self.dialect.title} stays at its own command line",
            hint=f"Its words above may say why.{kick}",
        )


async def leave_endpoint(console: Console) -> None:
    """Leave the console as its endpoint wants it left; the connection is closed next, whatever comes of it."""
    endpoint, transport = console.endpoint, console.transport
    dialect = endpoint.dialect
    if dialect is PLAIN or not endpoint.went_in or endpoint.fell_back:
        return
    try:
        async with asyncio.timeout(_LEAVE_SECONDS):
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
        return  # closing the connection ends it, too
