"""Typing a line and comparing its echo before Enter is pressed."""

from __future__ import annotations

import asyncio
from typing import Protocol, TypeVar

from ..errors import ConsoleError, ConsoleStateUnknown
from ..terminal.text import Text
from .echo import USUAL_WIDTHS, EchoReader, resembles, shows_line
from .line_clock import STALL_SECONDS, LineClock
from .pacing import Pacer
from .received import ReceivedText

__all__ = ["LineTyper"]

_ECHO_SECONDS = 2.0
_ECHO_PAUSE = 0.5  # the longest pause in the middle of an echo on a fast line
_NEW_PROMPT_SECONDS = 3.0
_MAX_ECHO = 64 * 1024
_SHORT = 64  # bytes that may always be sent at once
_FIRST_BYTES = 16
_AHEAD_BYTES = 16
_FIRST_ECHO_SECONDS = 0.5
_SLOW_SECONDS = 0.04  # for the echo of the first bytes: a line of less than 4000 baud
#: Keys that are typed before those that bring up a new prompt, in each attempt. A flipped bit may have produced a ^S,
#: which stops all output; ^Q resumes it, but quotes the next key in some line editors, so that key is ^U. Some
#: terminals ignore ^C, so the last attempt uses Enter.
_PREFIXES = ("", "\x11\x15", "\x11\x15\x15\x15")
_LONGEST_PROMPT = 4096  # bytes of a row with a prompt, padding included

#: Hints if an echo differs for another reason than a damaged line.
_NO_ECHO = "Nothing came back: no program reads this console, or it shows nothing that is typed."
_OTHER_ECHO = "What came back is not an echo of the line; a program may read it (sosagent screen HOST)."

_E = TypeVar("_E", bound=ConsoleError)


class _TypingConsole(Protocol):
    """The part of a console that typing needs."""

    async def send(self, text: str | bytes) -> None: ...
    async def receive(self, seconds: float, *, ignore_kernel: bool = False) -> bytes | None: ...
    async def quiet(self, seconds: float, at_most: float) -> bool: ...
    def error(self, kind: type[_E], message: str, hint: str | None = None) -> _E: ...
    def damage_report(self) -> str: ...


class LineTyper:
    """Types lines on one console.

    Args:
        console: the console to type on.
        received: its text.
        pacer: counts the damage.
        line: how long bytes take on the line.

    Attributes:
        last_echo: the echo of the line typed last.
        echo_seconds: how long the last intact echo took.
    """

    def __init__(self, console: _TypingConsole, received: ReceivedText, pacer: Pacer, line: LineClock) -> None:
        self.last_echo = b""
        self.unfinished = False
        self._is_fast = False  # the line, as the echo of a long text showed
        self.echo_seconds = 0.0
        self._console = console
        self._received = received
        self._pacer = pacer
        self._line = line
        self._echo: bytearray | None = None  # received since typing started; None while nothing is being typed

    def feed(self, data: bytes) -> None:
        """Process bytes that the console received; they are kept while a line is being typed."""
        if self._echo is not None and len(self._echo) < _MAX_ECHO:
            self._echo += data

    async def type_line(self, text: str, *, tries: int = 3, new_prompt_keys: str = "", required: bool = True) -> bool:
        """Type `text` without Enter and check that it appears behind the prompt exactly as typed.

        A damaged line is erased and typed again, and typed slower if damage continues.

        Args:
            text: printable ASCII.
            tries: how often to type it.
            new_prompt_keys: keys that bring up the same prompt on a new line, for line editors on which the
                effect of ^U cannot be read. Keys that start with ^U are used without trying ^U alone first.
            required: raise if the line never appears intact; otherwise a new prompt is enough.

        Returns:
            Whether the line is behind the prompt. If not, the prompt is empty; `last_echo` is what came back.

        Raises:
            ConsoleStateUnknown: the line never came back intact, or could not be erased.

        When it is cancelled, a part of the line may be behind the prompt.
        """
        before, right_prompt = self._received.open_line, self._received.right_prompt
        for attempt in range(tries):
            self._echo = bytearray()
            try:
                self.unfinished = True
                await self._send(text)
                intact = await self._await_echo(before, text)
                self.last_echo = bytes(self._echo)
                if intact and right_prompt is not None and self._received.right_prompt not in (None, right_prompt):
                    # The text behind the cursor moved: it belongs to the line and is not a right prompt.
                    await self._erase()
                    break
                self.unfinished = False
                if intact:
                    self._forget_blank_rows(before + text, right_prompt)
                    return True
                if not await self._clear_line(before, new_prompt_keys):
                    break  # anything typed now would be appended to it
                if attempt + 1 == tries and not required:
                    return False
                self._pacer.note_damage(seen=resembles(self.last_echo, text))
            finally:
                self._echo = None
        raise self._console.error(
            ConsoleStateUnknown,
            "the echo differs from what was typed; Enter was not pressed",
            self._console.damage_report() or (_OTHER_ECHO if self.last_echo else _NO_ECHO),
        )

    async def _send(self, text: str) -> None:
        """Send `text`. On a slow line, only a little more than what was echoed, so that it can be left soon."""
        sent = len(text) if self._is_fast or len(text) <= _SHORT else _FIRST_BYTES
        await self._console.send(text[:sent])
        if sent == len(text):
            return
        self._is_fast = not await self._is_slow(sent)
        if self._is_fast:
            await self._console.send(text[sent:])
            return
        while sent < len(text):
            while sent - len(self._echo or b"") > _AHEAD_BYTES:
                if await self._console.receive(_ECHO_SECONDS, ignore_kernel=True) is None:
                    await self._console.send(text[sent:])  # there is no echo to wait for
                    return
            await self._console.send(text[sent : sent + _FIRST_BYTES])
            sent += _FIRST_BYTES

    async def _is_slow(self, sent: int) -> bool:
        """Return whether the echo of `sent` bytes arrives spread over time, and not at once after some delay."""
        loop = asyncio.get_running_loop()
        start: float | None = None
        while len(self._echo or b"") < sent:
            if await self._console.receive(_FIRST_ECHO_SECONDS, ignore_kernel=True) is None:
                return False
            start = start or loop.time()
        return start is not None and loop.time() - start > _SLOW_SECONDS

    def _forget_blank_rows(self, line: str, right_prompt: tuple[int, str] | None) -> None:
        """Drop the rows of blanks left by a longer line that was erased; the output of Enter would land in them."""
        if right_prompt is None and len(self._received.whole_open_line) >= len(line) + USUAL_WIDTHS[0]:
            self._received.replace_open_line(line)

    async def _erase(self) -> None:
        await self._console.send("\x15")
        await self._console.quiet(0.2, 2.0)

    async def _clear_line(self, prompt: str, new_prompt_keys: str) -> bool:
        """Erase what was typed; return whether the open line is `prompt` with nothing behind it."""
        if not new_prompt_keys.startswith("\x15"):
            await self._erase()
            if self._received.open_line.rstrip() == prompt.rstrip():
                return True
        if not new_prompt_keys:
            return False
        # Text that a line editor drew or a bad line damaged is unreliable: only a new line is sure to be empty.
        for prefix, keys in zip(_PREFIXES, (new_prompt_keys, new_prompt_keys, "\r"), strict=True):
            await self._console.send(prefix + keys)
            if await self._await_new_prompt(prompt):
                return True
        return False

    async def _await_new_prompt(self, prompt: str) -> bool:
        """Wait until `prompt` appears alone on a new line; False if it does not appear."""
        deadline = self._line.wait(_NEW_PROMPT_SECONDS)
        while True:
            screens = [Text(width) for width in USUAL_WIDTHS]
            # Some shells first pad the row to the terminal's width, to find out whether it was empty.
            row = bytes(self._echo or b"").rpartition(b"\n")[2]
            for screen in screens:
                screen.feed(row if len(row) <= _LONGEST_PROMPT else b"")
            shown = next((screen.prompt for screen in screens if screen.prompt.rstrip() == prompt.rstrip()), None)
            if shown is not None and await self._console.quiet(0.05, 0.5):
                self._received.replace_open_line(shown)
                return True
            if await self._console.receive(deadline.remaining) is None:
                return False

    async def _await_echo(self, before: str, text: str) -> bool:
        """Wait for the echo; return whether it shows `text` after `before`."""
        deadline = self._line.wait(_ECHO_SECONDS)
        patient = self._line.wait(STALL_SECONDS)  # for an echo that is right so far
        loop = asyncio.get_running_loop()
        started, reader, read = loop.time(), EchoReader(before, text), 0
        while not (patient if (begins := reader.shows_beginning) else deadline).passed:
            pause = _ECHO_PAUSE if self._echo and not self._line.byte_seconds else _ECHO_SECONDS
            if begins:
                pause = patient.remaining
            if await self._console.receive(pause, ignore_kernel=True) is None:
                break
            new = bytes(self._echo[read:]) if self._echo else b""
            read += len(new)
            reader.feed(new)
            if reader.shows_line:
                self.echo_seconds = loop.time() - started
                return True
        # A terminal of another width wraps elsewhere: try every width before giving up.
        return shows_line(bytes(self._echo or b""), before, text)
