"""An interactive session: the user's terminal is connected to the machine's console."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress

from ..access import Access
from ..console.console import Console
from ..deadline import Deadline
from ..endpoint.dialect import spell_keys
from ..errors import EndpointLost, UsageError
from ..login.entrance import enter_endpoint
from ..printable import printable
from ..session.connect import open_console
from ..session.machine import locked
from ..terminal.live import Live
from ..transports.remember import remembering
from .commands import Commands
from .escape import PASTE_END, PASTE_START, Command, Escape, Input, PasteEdge, Typed, is_reply
from .messages import describe_login
from .options import InteractiveOptions
from .recording import ScreenRecording
from .sender import Sender
from .terminal import UserTerminal

__all__ = ["InteractiveSession", "run_session"]

_MAX_KEY_BYTES = 16  # more bytes in one read than any key sends are a paste
_KEY_SECONDS = 0.05  # the bytes of one key arrive within this time
_ACCEPT_SECONDS = 5.0  # within which an endpoint has to accept what was typed
_INTERRUPT = b"\x03"


async def run_session(access: Access, options: InteractiveOptions) -> str:
    """Connect the user's terminal to the console until the user leaves it.

    Args:
        access: how to reach the machine. Its time limit applies to connecting, and to each job in the session.
        options: the options of the session.

    Returns:
        A sentence about the state of the console: whether a shell is still open there.

    Raises:
        SosError: connecting failed, or the connection was lost; a note describes the console. The terminal
            is restored in every case, a cancellation included.
    """
    with remembering():
        recording = ScreenRecording()
        terminal: UserTerminal | None = None
        try:
            async with locked(access, interactive=True) as (access, _):
                terminal = UserTerminal()
                if options.record is not None:
                    recording.start(options.record, f"sosagent {access.host}", terminal.size())
                async with open_console(access.target, Deadline(access.timeout), access) as console:
                    return await InteractiveSession(console, terminal, recording, access, options).run()
        finally:
            if terminal is not None:
                terminal.close()
            recording.stop()


class InteractiveSession:
    """One session.

    Args:
        console: connected; only this session uses it.
        terminal: the user's terminal.
        recording: the recording of the session.
        access, options: see `run_session`.
    """

    def __init__(
        self,
        console: Console,
        terminal: UserTerminal,
        recording: ScreenRecording,
        access: Access,
        options: InteractiveOptions,
    ) -> None:
        self.console, self.terminal, self.recording = console, terminal, recording
        self.access, self.options = access, options
        self.sender = Sender(console, options.pace, self.notice, recording.hide_line)
        recording.report_failures_to(self.notice)
        self._commands = Commands(self)
        self._filter = Live()
        self._escape = Escape(options.escape)
        self._inputs: deque[Input] = deque()
        self._receiver: asyncio.Task[None] | None = None
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._noticed_read_only = False
        self._size = terminal.size()
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the session started."""
        return time.monotonic() - self._started

    # -- start and end ------------------------------------------------------------------------

    async def run(self) -> str:
        """Run the session until the user leaves; see `run_session`."""
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._start()
            self._update_size()
            self._receive()
            keyboard = asyncio.ensure_future(self._read_keys())
            tasks = [keyboard, self._watched(self.sender.run()), self._watched(self._follow_size())]
            await asyncio.wait([keyboard, self._lost], return_when=asyncio.FIRST_COMPLETED)
            # A lost connection is reported even if the user left at the same moment.
            await (self._lost if self._lost.done() else keyboard)
        except BaseException as error:
            await self._stop(tasks)
            if isinstance(error, EndpointLost):
                error.hint = "Connect again to see the state of the console."
            error.add_note(describe_login(self.console))
            raise
        await self._stop(tasks)
        return describe_login(self.console)

    async def _start(self) -> None:
        """Get through the endpoint's dialogue, then show it."""
        dialogue = bytearray()
        self.console.forward_to(dialogue.extend)
        self.console.recorder.switch_to(self.recording.transcript)
        if not self.options.read_only:
            await enter_endpoint(self.console)
        self.options.stop_spinner()
        self.console.set_deadline(None)
        self.console.recorder.switch_to(None)
        self.console.forward_to(self._show)
        self.terminal.raw()
        escape = self.options.escape
        if not self.terminal.has_keys:
            help_text = "Ctrl-C leaves"
        elif escape:
            help_text = f"Enter {spell_keys(escape)} ? shows help, Enter {spell_keys(escape)} . leaves"
        else:
            help_text = "there is no escape character"
        mode = " (read-only)" if self.options.read_only else ""
        self.notice(f"connected to the console of {self.access.host}{mode}; {help_text}", start=b"")
        self.terminal.put(self._filter.feed(bytes(dialogue)))

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        tasks = [*tasks, *([self._receiver] if self._receiver is not None else [])]
        for task in tasks:
            task.cancel()
        # A job on the console logs out first.
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._lost.done():
            self._lost.exception()  # it was raised, or the user left anyway
        else:
            self._lost.cancel()
        self.console.forward_to(None)
        self.terminal.close(self._filter.undo() + b"\r\n")

    def notice(self, text: str, *, start: bytes = b"\r\n") -> None:
        """Show a message of sosagent on lines of its own, after the bytes `start`."""
        lines = [printable(line, 2000) for line in text.splitlines()]
        self.terminal.put(start + "".join(f"[sosagent: {line}]\r\n" for line in lines).encode())

    # -- output of the console ----------------------------------------------------------------

    def _show(self, data: bytes) -> None:
        self.terminal.put(self._filter.feed(data))
        self.recording.output(data)

    def _receive(self) -> None:
        async def receive() -> None:
            while True:
                await self.console.receive(3600.0)
                await self.terminal.drained()

        self._receiver = self._watched(receive())

    def _watched(self, work: Awaitable[None]) -> asyncio.Task[None]:
        """Run `work` as a task whose error ends the session."""

        async def run() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - `run` raises it
                if not self._lost.done():
                    self._lost.set_exception(error)

        return asyncio.ensure_future(run())

    async def _follow_size(self) -> None:
        while True:
            await self.terminal.wait_for_resize()
            if self.terminal.size() != self._size:
                self._update_size()
                self.recording.resize(*self._size)

    def _update_size(self) -> None:
        self._size = self.terminal.size()
        try:
            self.console.transport.resize(*self._size)
        except EndpointLost:
            pass  # the next read reports it

    # -- input of the user --------------------------------------------------------------------

    async def _read_keys(self) -> None:
        while data := await self.terminal.read():
            self._inputs.extend(self._escape.feed(data))
            if self._escape.waits:
                # The bracket of a paste may arrive in two reads.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_KEY_SECONDS):
                        self._inputs.extend(self._escape.feed(await self.terminal.read()))
            self._inputs.extend(self._escape.flush())
            while self._inputs:
                one = self._inputs.popleft()
                if isinstance(one, Command):
                    if one.letter == ".":
                        return
                    await self._commands.run(one.letter)
                else:
                    self._take(one)

    def _take(self, one: Input) -> None:
        if self.options.read_only:
            if isinstance(one, Typed) and is_reply(one.data):
                return
            if not self._noticed_read_only:
                self.notice("this session is read-only: your keys are ignored")
            self._noticed_read_only = True
        elif isinstance(one, PasteEdge):
            if self._filter.brackets:
                self.sender.send(PASTE_START if one.opens else PASTE_END, pasted=True)
        elif not isinstance(one, Command):
            typed = isinstance(one, Typed) and len(one.data) <= _MAX_KEY_BYTES
            if typed and _INTERRUPT in one.data:
                self.sender.drop_paste()
            self.sender.send(one.data, pasted=not typed)

    def typed_ahead(self) -> str:
        """Remove and return what the user has typed so far, up to and including the next Enter (as ``\\r``)."""
        ahead = b""
        while b"\r" not in ahead and self._inputs and isinstance(one := self._inputs[0], Typed):
            ahead += one.data
            self._inputs.popleft()
        line, enter, rest = ahead.partition(b"\r")
        if rest:
            self._inputs.appendleft(Typed(rest))
        return line.decode("utf-8", "replace") + enter.decode()

    # -- for commands -------------------------------------------------------------------------

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Wait until earlier input has been sent, then let only the caller send.

        Raises:
            UsageError: the endpoint does not accept the earlier input.
        """
        async with self._accepting(), self.sender.paused():
            yield

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Stop reading from the console and typing on it; the console's output and the user's keys wait.

        Raises:
            UsageError: a paste is still being sent, or the endpoint does not accept earlier input.
        """
        if self.sender.pasting:
            raise UsageError("a paste is still being sent", hint="^C drops the rest of it.")
        async with self._accepting():
            await self.sender.flushed()
        async with self.sender.paused():
            if self._receiver is not None:
                self._receiver.cancel()
                await asyncio.wait([self._receiver])
            self.console.forward_to(None)
            try:
                yield
            finally:
                self.console.forward_to(self._show)
                self._receive()

    @asynccontextmanager
    async def _accepting(self) -> AsyncIterator[None]:
        """Limit the wait for an endpoint that accepts no input, so that the user can leave it.

        Raises:
            UsageError: the time is up.
        """
        try:
            async with asyncio.timeout(_ACCEPT_SECONDS):
                yield
        except TimeoutError:
            raise UsageError(
                "the endpoint does not accept the input typed before",
                hint=f"Enter {spell_keys(self.options.escape or b'')} . leaves.",
            ) from None
