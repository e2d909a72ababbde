"""Type the start line at a shell's prompt, and replace a shell that does not accept it with a plain one first."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Sequence
from string import ascii_letters, digits

from ..console.console import Console, Mark
from ..console.echo import resembles
from ..console.events import Event
from ..console.line_clock import QUIET_SECONDS
from ..errors import DeadlineExceeded
from ..terminal.expect import TIMEOUT, Match, Pattern
from ..terminal.own_text import PLAIN_SHELL_READY
from .failures import at_prompt, not_started
from .refusal import OUR_SHELL
from .replies import LineSpeed
from .start_line import (
    MODES_SANE,
    MODES_SAVED,
    StartLine,
    lines_to_plain_shell,
    start_line,
    start_line_of_plain_shell,
)

__all__ = ["Starter"]

_TRIES = 12
_ENTER_TRIES = 3
_ENTER_SECONDS = 2.0
_EXEC_SECONDS = 20.0  # a machine without free memory needs this long to start a program
_CSH_ERROR = r": Command not found\.\n"  # its prompt may be empty
_LATE_SECONDS = 0.5  # between a prompt and the answer to a line that was typed before it
_AFTER_ECHO_SECONDS = 0.3
_MAX_ECHO = 1.3  # times the length of the line; line editors whose drawing cannot be read send much more
_NEW_PROMPT_KEYS = "\x15\x03"
_SHORT_SHELL = " exec '/bin/sh'"
_ERASE = "\x15"  # ^C would end the plain shell
_NO_STTY = re.compile(r"\bstty: \S|not found: stty")


class Starter:
    """Starts the shell that collects the receiver.

    Args:
        console: a console at a shell's prompt.
        replace, keep_modes, root, then: see `VerifiedShell`.
        speed: receives the measured time of the echo.
    """

    def __init__(
        self,
        console: Console,
        *,
        replace: bool,
        keep_modes: bool,
        root: str,
        speed: LineSpeed,
        then: str = "",
    ) -> None:
        modes = MODES_SAVED if keep_modes else MODES_SANE
        self._console = console
        self._speed = speed
        self._replace = replace
        self._line = start_line(_nonce(), replace=replace, modes=modes, root=root, then=then)
        #: The line for the plain shell, if the current one does not accept `_line`.
        self._line_of_plain_shell = start_line_of_plain_shell(_nonce(), modes=modes)
        self._lines_to_plain_shell = lines_to_plain_shell(replace=replace, root=root, then=then)
        self._entered = False
        self._collecting = False
        self._raw = True
        self._echo_requested = False
        self._prompt = ""  # of the shell beneath
        self._plain_started = False

    @property
    def entered(self) -> bool:
        """Whether Enter was pressed after the start line, so that a shell of ours may be running."""
        return self._entered

    @property
    def collecting(self) -> bool:
        """Whether the new shell was seen to run. From then on, silence or the dead-man's switch ends it."""
        return self._collecting

    @property
    def is_raw(self) -> bool:
        """Whether the tty was set to raw. Otherwise it keeps its echo, and silence does not end the new shell."""
        return self._raw

    @property
    def must_adapt(self) -> bool:
        """Whether the new shell has the user's environment, or a tty that is not raw; see `remote/adapt.sh`."""
        return self._plain_started or not self._raw

    def at_prompt(self, mark: Mark) -> bool:
        """Whether the output since `mark` ends at a prompt, so that our shell has ended."""
        beneath = self._prompt if not self._replace else ""
        return at_prompt(self._console, mark) or bool(beneath.strip() and self._console.since(mark)[1] == beneath)

    def note_entered(self) -> None:
        """Note that the start line was entered by other means."""
        self._entered = True

    def note_ended(self) -> None:
        """Note that the shell has ended."""
        self._entered = False

    async def start(self) -> None:
        """Type the start line, and wait until the new shell collects.

        Raises:
            ConsoleStateUnknown: the shell did not answer.
        """
        console = self._console
        console.emit(Event("start", "start the shell"))
        self._prompt = prompt = console.open_line
        if await self._type_line() and await self._enter_line(self._line, prompt):
            return
        console.emit(Event("detail", "this shell does not accept the start line: starting a plain sh first"))
        await self._start_plain_shell(prompt)
        line = self._line_of_plain_shell
        await console.type_line(line.line, tries=_TRIES, new_prompt_keys=_ERASE)
        if not await self._enter_line(line, prompt):
            raise not_started(console)

    async def end_plain_shell(self) -> None:
        """End the plain shell, if it runs as a child of the shell that was at the prompt."""
        if self._plain_started and not self._replace:
            await self._console.send(f"{_ERASE}exit\r")

    async def _type_line(self) -> bool:
        """Type the start line; return False if its echo cannot be compared in this shell."""
        console, loop, line = self._console, asyncio.get_running_loop(), self._line.line
        for _ in range(_TRIES):
            started = loop.time()
            typed = await console.type_line(line, tries=1, new_prompt_keys=_NEW_PROMPT_KEYS, required=False)
            if typed or not _is_damaged_echo(console.typer.last_echo, line):
                break
            if self._replace and not console.typer.last_echo and not self._echo_requested:
                await self._turn_echo_on()
                continue
            console.pacer.note_damage(seen=resembles(console.typer.last_echo, line))
        self._speed.measure_echo(len(line), loop.time() - started)
        return typed

    async def _turn_echo_on(self) -> None:
        """Our own shell does not echo, so what arrives there cannot be compared: type ``stty echo``."""
        self._echo_requested = True
        await self._console.send(" stty echo\r")
        await self._console.quiet(_AFTER_ECHO_SECONDS, _ENTER_SECONDS)

    async def _start_plain_shell(self, prompt: str, *, shorter: bool = False) -> None:
        """Start the plain shell; `shorter` if a shell with a shorter prompt was started for that."""
        console = self._console
        await console.quiet(QUIET_SECONDS, 2.0)  # tcsh shows its prompt before it sets up the tty
        typed = False
        for line in self._lines_to_plain_shell:
            last = line is self._lines_to_plain_shell[-1] and (shorter or typed or not self._replace)
            if not await console.type_line(line, new_prompt_keys=_NEW_PROMPT_KEYS, required=last):
                continue
            typed = True
            self._plain_started = True
            ready = rf"(?:^|\n){PLAIN_SHELL_READY}\n"
            match = await self._press_enter([ready, *_again(prompt), r"[#$%>❯➜λ»] ?$", _CSH_ERROR])
            if match.index == 0:
                return
            self._plain_started = False
            await console.quiet(QUIET_SECONDS, _ENTER_SECONDS)
        if typed:
            raise not_started(console)
        # The prompt is so long that mksh scrolls every line. That of /bin/sh may be shorter.
        await console.type_line(_SHORT_SHELL, new_prompt_keys=_NEW_PROMPT_KEYS)
        await self._press_enter([r"[#$%>] ?$"])
        await self._start_plain_shell(console.open_line, shorter=True)

    async def _enter_line(self, line: StartLine, prompt: str) -> bool:
        """Press Enter after the start line; return False if the shell rejected it and shows its prompt again."""
        console, mark = self._console, self._console.mark()
        self._entered = True
        # A shell that accepts the line prints nothing before the mark; one that rejects it prints its prompt.
        answers: list[Pattern] = [line.ready, *_again(prompt), r"[#$%>❯➜λ»] ?$", _CSH_ERROR]
        try:
            match = await self._press_enter(answers)
        except DeadlineExceeded:
            if console.deadline.passed:
                raise
            self._entered = False
            if any(map(str.strip, console.since(mark)[0][1:])):
                return False  # an error message, and an empty prompt
            raise not_started(console) from None
        if match.index:
            # A line that was typed while a profile runs is executed after the first prompt.
            late = await console.expect([line.ready, TIMEOUT], _LATE_SECONDS)
            if late.index:
                self._entered = False
                return False
        self._collecting = True
        self._raw = not any(map(_NO_STTY.search, match.before.split("\n")))
        console.note_state(OUR_SHELL)
        return True

    async def _press_enter(self, answers: Sequence[Pattern]) -> Match:
        """Press Enter until an answer comes. A second Enter is only an empty line to a shell and to the collector."""
        console = self._console
        console.skip()
        for _ in range(_ENTER_TRIES):
            await console.send("\r")
            match = await console.expect([*answers, TIMEOUT], _ENTER_SECONDS)
            if match.index < len(answers):
                return match
        return await console.expect(answers, _EXEC_SECONDS)


def _again(prompt: str) -> list[Pattern]:
    """Return the pattern of the same prompt; none for an empty prompt, which every new line looks like."""
    return [re.compile(rf"^{re.escape(prompt)}$")] if prompt.strip() else []


def _nonce() -> str:
    """Return two random characters; the start line is too long for more."""
    return "".join(secrets.choice(ascii_letters + digits) for _ in range(2))


def _is_damaged_echo(echo: bytes, line: str) -> bool:
    """Whether `echo` is a damaged `line`, and not the drawing of a line editor that cannot be read."""
    return b"\x1b" not in echo and len(echo) < _MAX_ECHO * len(line)
