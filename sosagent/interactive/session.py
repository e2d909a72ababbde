"""A console by hand: the user's terminal is the machine's, but for the escape (interactive/escape.py)."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path

from ..console.console import Console
from ..endpoint.dialects import spelled
from ..endpoint.target import place_of
from ..errors import EndpointLost, SosError, UsageError
from ..login.entrance import enter_endpoint
from ..login.watch import Watch
from ..printable import printable
from ..session.connect import connect
from ..session.lock import alone
from ..session.machine import Access, resolved
from ..terminal.live import Live
from ..transports import Transport
from ..transports.remember import remembering
from .actions import add_on_console, file_text
from .escape import CLOSES, LETTERS, OPENS, Command, Edge, Escape, Input, Typed, only_answers
from .hands import Hands
from .messages import status, what_is_left
from .recording import HandRecording
from .terminal import OwnTerminal

__all__ = ["ByHand", "Hands", "by_hand"]

_BURST = 16  # bytes in one read: more than any key gives, so it is pasted
_PASTE_PACE = 2  # of the console's: under 9600 baud, and no more at once than a UART holds
_PORTION = 64  # of a paste, behind which ^C is heard
_KEY_SECONDS = 0.05  # a key's bytes come together
_TAKEN_SECONDS = 5.0  # an endpoint takes what was typed
_INTERRUPT = b"\x03"
#: Prompts of secrets: what is typed there is in no recording.
_SECRET = re.compile(r"(?i)(?:pass(?:word|phrase|code|wort)|mot de passe|contraseña|\bpin\b|\botp\b|\bcode\b)[^:]*: ?$")
#: What types something, and so is not for who only looks.
_TYPING = frozenset("bkp")


async def by_hand(access: Access, hands: Hands) -> str:
    """Give the console to the user at this terminal, until they leave it.

    Args:
        access: the way to it; its time limit is for the connection, and for each job on the way.
        hands: what the user wants of it.

    Returns:
        What is left on the console, in words.

    Raises:
        SosError: no connection, or it was lost; its note says what is left. The terminal is as it was
            on every way out, a cancellation too.
    """
    with remembering():
        access = await resolved(access)
        target = access.target
        assert not isinstance(target, str)
        recording = HandRecording()
        terminal: OwnTerminal | None = None
        try:
            with nullcontext() if isinstance(target, Transport) else alone(str(target), place_of(target), by_hand=True):
                terminal = OwnTerminal()
                if hands.record is not None:
                    recording.start(hands.record, f"sosagent {_name(access)}", terminal.size())
                async with connect(
                    target, timeout=access.timeout, on_event=access.on_event, ask=access.ask, kick=access.kick
                ) as console:
                    return await ByHand(console, terminal, recording, access, hands).run()
        finally:
            if terminal is not None:
                terminal.close()
            recording.stop()


def _name(access: Access) -> str:
    return access.target.name if isinstance(access.target, Transport) else str(access.target)


class ByHand:
    """One session.

    Args:
        console: connected; nothing else uses it meanwhile.
        terminal: the user's.
        recording: of it.
        access, hands: see `by_hand`.
    """

    def __init__(
        self, console: Console, terminal: OwnTerminal, recording: HandRecording, access: Access, hands: Hands
    ) -> None:
        self.console, self.terminal, self.recording = console, terminal, recording
        self.access, self.hands = access, hands
        self.pace = max(_PASTE_PACE, console.pace) if hands.pace is None else hands.pace
        self._live = Live()
        self._escape = Escape(hands.escape)
        self._inputs: deque[Input] = deque()
        self._queue: deque[tuple[bytes, bool]] = deque()  # keys to be sent, and whether they were pasted
        self._queued = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._sending = asyncio.Lock()
        self._hearing: asyncio.Task[None] | None = None
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._told_read_only = False
        self._size = terminal.size()
        self._started = time.monotonic()

    # -- coming and going ---------------------------------------------------------------------

    async def run(self) -> str:
        """Until the user leaves; see `by_hand`."""
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._enter()
            self._resize()
            self._hear()
            keys = asyncio.ensure_future(self._keys())
            tasks = [keys, self._watched(self._say()), self._watched(self._resizes())]
            await asyncio.wait([keys, self._lost], return_when=asyncio.FIRST_COMPLETED)
            # Who is gone says so, whatever the user was about.
            await (self._lost if self._lost.done() else keys)
        except BaseException as error:
            await self._stop(tasks)
            if isinstance(error, EndpointLost):
                error.hint = "Connect again to see what became of it."
            error.add_note(what_is_left(self.console))
            raise
        await self._stop(tasks)
        return what_is_left(self.console)

    async def _enter(self) -> None:
        """Past the endpoint's own words, which are shown."""
        said = bytearray()
        self.console.as_it_comes = said.extend
        self.console.record_to(self.recording.transcript)
        if not self.hands.read_only:
            await enter_endpoint(Watch(self.console))
        self.hands.calm()
        self.console.set_deadline(None)
        self.console.record_to(None)
        self.console.as_it_comes = self._came
        self.terminal.raw()
        escape = self.hands.escape
        ways = f"Enter {spelled(escape)} ? helps, Enter {spelled(escape)} . leaves" if escape else "it has no escape"
        if not self.terminal.has_keys:
            ways = "Ctrl-C leaves"
        looks = ", to look on only" if self.hands.read_only else ""
        self.notice(f"the console of {_name(self.access)}{looks}; {ways}", begin=b"")
        self.terminal.put(self._live.feed(bytes(said)))

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        tasks = [*tasks, *([self._hearing] if self._hearing is not None else [])]
        for task in tasks:
            task.cancel()
        # A job on the console logs out first.
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._lost.done():
            self._lost.exception()  # has been told, or the user left all the same
        else:
            self._lost.cancel()
        self.console.as_it_comes = None
        self.terminal.close(self._live.undo() + b"\r\n")

    def notice(self, text: str, *, begin: bytes = b"\r\n") -> None:
        """Words of ours, on lines of their own."""
        lines = [printable(line, 2000) for line in text.splitlines()]
        self.terminal.put(begin + "".join(f"[sosagent: {line}]\r\n" for line in lines).encode())

    # -- what comes ---------------------------------------------------------------------------

    def _came(self, data: bytes) -> None:
        self.terminal.put(self._live.feed(data))
        self.recording.came(data)

    def _hear(self) -> None:
        async def hear() -> None:
            while True:
                await self.console.receive(3600.0)
                await self.terminal.drained()

        self._hearing = self._watched(hear())

    def _watched(self, work: Awaitable[None]) -> asyncio.Task[None]:
        """Run `work` beside; its error ends the session."""

        async def run() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - it is raised where the session waits
                if not self._lost.done():
                    self._lost.set_exception(error)

        return asyncio.ensure_future(run())

    async def _resizes(self) -> None:
        while True:
            await self.terminal.resized.wait()
            self.terminal.resized.clear()
            if self.terminal.size() != self._size:
                self._resize()
                self.recording.resize(*self._size)

    def _resize(self) -> None:
        self._size = self.terminal.size()
        try:
            self.console.transport.resize(*self._size)
        except EndpointLost:
            pass  # which reading tells

    # -- what is typed ------------------------------------------------------------------------

    async def _keys(self) -> None:
        while data := await self.terminal.read():
            self._inputs.extend(self._escape.feed(data))
            if self._escape.waits:
                # A bracket of a paste may come in two portions.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_KEY_SECONDS):
                        self._inputs.extend(self._escape.feed(await self.terminal.read()))
            self._inputs.extend(self._escape.flush())
            while self._inputs:
                found = self._inputs.popleft()
                if isinstance(found, Command):
                    if found.letter == ".":
                        return
                    await self._do(found.letter)
                else:
                    self._take(found)

    def _take(self, found: Input) -> None:
        if self.hands.read_only:
            if isinstance(found, Typed) and only_answers(found.data):
                return
            if not self._told_read_only:
                self.notice("this is to look on only: what you type goes nowhere")
            self._told_read_only = True
        elif isinstance(found, Edge):
            if self._live.brackets:
                self.send(OPENS if found.opens else CLOSES, pasted=True)
        elif not isinstance(found, Command):
            typed = isinstance(found, Typed) and len(found.data) <= _BURST
            if typed and _INTERRUPT in found.data:
                self._drop_paste()
            self.send(found.data, pasted=not typed)

    def send(self, data: bytes, *, pasted: bool) -> None:
        """Let `data` go to the console, behind what waits already."""
        self._queue.append((data, pasted))
        self._queued.set()
        self._idle.clear()

    def _drop_paste(self) -> None:
        """The user gives a paste up; a bracket that was opened on the machine is closed there."""
        waits = [data for data, pasted in self._queue if pasted]
        if not waits:
            return
        kept = [one for one in self._queue if not one[1]]
        closes = [(CLOSES, True)] if CLOSES in waits and OPENS not in waits else []
        self._queue = deque([*closes, *kept])
        self.notice(f"the rest of the paste is dropped, {sum(map(len, waits))} bytes")

    async def _say(self) -> None:
        while True:
            await self._queued.wait()
            async with self._sending:
                if not self._queue:
                    self._queued.clear()
                    self._idle.set()
                    continue
                data, pasted = self._queue.popleft()
                if pasted and len(data) > _PORTION:
                    self._queue.appendleft((data[_PORTION:], True))
                    data = data[:_PORTION]
                if _SECRET.search(self.console.open_line):
                    self.recording.hide()
                taken = self.console.endpoint.takes(data) if pasted else ""
                if taken:
                    self._drop_paste()
                    self.notice(f"there the paste holds {taken}, which the endpoint would take for itself")
                    continue
                await self.console.pass_on(data, self.pace if pasted else 0)

    # -- the escape's letters -----------------------------------------------------------------

    async def _do(self, letter: str) -> None:
        if self.hands.read_only and letter in _TYPING:
            self.notice("this is to look on only: nothing is typed")
            return
        do: dict[str, Callable[[], Awaitable[None]]] = {
            "?": self._help,
            "s": self._status,
            "b": self._break,
            "k": self._add_key,
            "r": self._record,
            "p": self._send_file,
        }
        try:
            await do[letter]()
        except EndpointLost:
            raise
        except SosError as error:
            notes = getattr(error, "__notes__", ())
            options = "The options named here are those of sos-addkey." if re.search(r"\B--\w", error.hint) else ""
            self.notice("\n".join(filter(None, [error.message, *notes, error.hint, options])))
        if letter == "k":
            # What stands there came while nothing was shown.
            self.terminal.put(printable(self.console.open_line).encode())

    async def _help(self) -> None:
        escape = spelled(self.hands.escape or b"")
        lines = [f"Enter {escape} {letter}  {meaning}" for letter, meaning in LETTERS.items()]
        self.notice("\n".join([*lines, f"Enter {escape} {escape}  one {escape} to the console"]))

    async def _status(self) -> None:
        columns, rows = self.terminal.size()
        seconds = time.monotonic() - self._started
        words = status(self.console, self.access, seconds=seconds, recording=self.recording.path, pace=self.pace)
        self.notice(f"{words}\na serial line has no size; in a shell there: stty rows {rows} cols {columns}")

    async def _break(self) -> None:
        async with self._its_turn(), self._sending:
            await self.console.send_break()
        self.notice("a BREAK was sent")

    async def _record(self) -> None:
        if self.recording.path is not None:
            path = self.recording.path
            self.recording.stop()
            self.notice(f"recorded: {path}")
            return
        async with self._alone():
            answer = await self._ask("record to FILE: ")
            if answer:
                path = Path(answer).expanduser()
                self.recording.start(path, f"sosagent {_name(self.access)}", self.terminal.size())
                self.notice(f"recording to {path}; Enter {spelled(self.hands.escape or b'')} r ends it", begin=b"")

    async def _send_file(self) -> None:
        async with self._alone():
            answer = await self._ask("send FILE: ")
            if not answer:
                return
            data = file_text(Path(answer).expanduser())
            taken = self.console.endpoint.takes(data)
            if taken:
                raise UsageError(f"the file holds {taken}, which the endpoint would take for itself; it was not sent")
            self.notice(f"{len(data)} bytes; ^C stops it", begin=b"")
            self.send(data, pasted=True)

    async def _add_key(self) -> None:
        async with self._alone():
            answer = await self._ask("KEYFILE: ")
            if not answer:
                self.notice("no key is added", begin=b"")
                return
            keys = await asyncio.to_thread(self.hands.read_keys, answer)
            self.console.record_to(self.recording.transcript)
            try:
                await add_on_console(self, keys)
            finally:
                self.hands.calm()
                self.console.record_to(None)
                self.terminal.raw()

    async def _ask(self, prompt: str) -> str:
        """A line of the user's; empty where they gave it up."""
        ahead = b""
        while self._inputs and isinstance(self._inputs[0], Typed) and b"\r" not in ahead:
            ahead += self._inputs.popleft().data  # type: ignore[union-attr]
        line, enter, rest = ahead.partition(b"\r")
        if rest:
            self._inputs.appendleft(Typed(rest))
        text = line.decode("utf-8", "replace")
        answer = await self.terminal.ask(prompt, ahead=text + ("\r" if enter else ""))
        return "" if answer is None else answer.strip()

    @asynccontextmanager
    async def _its_turn(self) -> AsyncIterator[None]:
        """Behind what was typed; not for ever, or the user could not leave an endpoint that takes nothing.

        Raises:
            UsageError: it takes nothing.
        """
        try:
            async with asyncio.timeout(_TAKEN_SECONDS):
                yield
        except TimeoutError:
            raise UsageError(
                "the endpoint does not take what was typed before",
                hint=f"Enter {spelled(self.hands.escape or b'')} . leaves.",
            ) from None

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Nothing is read from the console nor sent there meanwhile; what comes waits.

        Raises:
            UsageError: a paste is being sent still.
        """
        if any(pasted for _, pasted in self._queue):
            raise UsageError("something is being sent still", hint="^C drops it.")
        async with self._its_turn():
            await self._idle.wait()
        async with self._sending:
            if self._hearing is not None:
                self._hearing.cancel()
                await asyncio.wait([self._hearing])
            self.console.as_it_comes = None
            try:
                yield
            finally:
                self.console.as_it_comes = self._came
                self._hear()
