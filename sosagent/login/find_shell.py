"""Find the shell that our password led to, whatever its prompt looks like and whatever the user's profile starts.

A prompt of the usual form ends the search at once: the start line is typed there next, and only a shell answers that.
Any other text is tested by ^L, which shows what reads there, and then by a probe, which only a shell answers. What the
profile starts in front of the shell is ended by the keys that it needs.
"""

from __future__ import annotations

import asyncio
import re
import secrets

from ..console.console import Mark
from ..console.events import Event
from ..console.restricted import is_refusal, restricted_error
from ..deadline import Deadline
from ..errors import ConsoleStateUnknown
from ..terminal.expect import TIMEOUT
from ..terminal.states import BY_NAME, SILENT, Action, Observation, classify
from .attempt import Attempt
from .confirm import input_is_hidden
from .observe import WAKE_SECONDS, conclude, settle
from .password import LATER_PROMPTS, PASSWORD_PROMPTS
from .reader import Reader, ask_reader, pending_query
from .refusals import printed_lines, refusal_reason

__all__ = ["find_shell"]

_SHELL = BY_NAME["shell"]
#: Prompts that are not tested first. Progress ends like that too: "40% ", "##".
_USUAL_PROMPT = re.compile(r"(?:(?<![0-9])%|(?<!#)#|(?<![=>-])>|[$❯➜λ»]) $")
_ASKS_FOR_ENTER = re.compile(r"(?i)\b(?:press|hit)\b.{0,20}\b(?:enter|return|any key|a key)\b")
#: A terminal multiplexer sets the rows that scroll, of a whole screen. The status line of tmux has its windows.
_SCROLL_ROWS = re.compile(rb"\x1b\[1;\d+r")
_TMUX = re.compile(rb"\[[^\]\x1b]{1,40}\] ?\d+:\S")

#: How long text must stay the same before it is tested: a prompt of a dialogue, which the message of the day may
#: contain; unknown text; a blank line after some output; a blank line from the start, while PAM may still refuse.
_DIALOGUE_SECONDS = 1.5
_UNKNOWN_SECONDS = 1.0
_BLANK_SECONDS = 3.0
_NOTHING_SECONDS = 6.0
_JOB_SECONDS = 120.0  # of a job without a time limit
_RESERVE_SECONDS, _LEAST_SECONDS = 20.0, 5.0  # of the job's time, for logging out and for the search
_PRINTING_SECONDS = 60.0  # that a profile may print without a pause
_ANSWER_SECONDS = 1.5  # a program that answers lines does so within this time
_AFTER_MARK_SECONDS = 0.1
_AFTER_KEYS_SECONDS = 1.0
_MOST_ANSWERS, _MOST_ENTERS, _MOST_ENDS, _MOST_HIDDEN = 3, 3, 2, 2

#: States of a login's dialogue: an account may need more than a password.
_DIALOGUE = (*PASSWORD_PROMPTS, *LATER_PROMPTS, "disk-passphrase", "maintenance")
_ENDPOINT = (Action.BUSY, Action.CLOSED, Action.RECONNECT)

_HINT = (
    "Log in as a user whose profile does not start it (--login), or change the profile on the console "
    "(sosagent console HOST); then run again."
)
_SLOW_HINT = "Its profile may still run: allow more time (--timeout), or look at the console (sosagent console HOST)."


async def find_shell(attempt: Attempt, mark: Mark) -> Observation:
    """Wait for the state that the password leads to, and get to a shell's prompt.

    Args:
        attempt: a login whose password was sent.
        mark: the position before the password.

    Returns:
        The shell's state; a login prompt that follows a refusal; a prompt that hides what is typed; or a message of the
        endpoint.

    Raises:
        ConsoleStateUnknown: there is no shell; the message names what is there instead.
    """
    return await _Search(attempt, mark).run()


class _Search:
    """One search.

    Args:
        attempt, mark: see `find_shell`.
    """

    def __init__(self, attempt: Attempt, mark: Mark) -> None:
        self._attempt = attempt
        self._console = console = attempt.console
        self._password_mark = self._since = mark
        self._received = console.bytes_received
        left = console.time_left()
        self._deadline = Deadline(max((_JOB_SECONDS if left is None else left) - _RESERVE_SECONDS, _LEAST_SECONDS))
        self._nonce = secrets.token_hex(2)
        self._answered = -1  # bytes received when a query of the terminal was answered
        self._answers = self._keys = self._enters = self._hidden = self._silences = self._ends = 0
        self._prints = False
        self._found = ""  # what is there in place of a shell
        self._hint = _HINT

    async def run(self) -> Observation:
        """Test what is on the console, and end other programs, until a shell answers."""
        while not self._deadline.passed:
            observed = await self._settle()
            if self._is_result(observed):
                return observed
            found = await self._step(observed)
            if found is not None:
                return found
        seconds = self._deadline.seconds or 0.0
        raise self._failure(f"no shell appeared within {seconds:.0f} s of the login", _SLOW_HINT)

    # -- what is there ------------------------------------------------------------------------

    async def _settle(self) -> Observation:
        """Wait until the text does not change for as long as it takes to be sure what it is."""
        console, clock = self._console, asyncio.get_running_loop()
        changed, printing = clock.time(), Deadline(min(_PRINTING_SECONDS, self._deadline.remaining / 2))
        self._prints = False
        while True:
            if await console.receive(console.line.quiet_seconds, ignore_kernel=True) is not None:
                changed = clock.time()
                self._prints = printing.passed
            else:
                await self._answer_query()
            observed = self._observe()
            stable = clock.time() - changed >= self._seconds_needed(observed)
            if stable or self._prints or self._deadline.passed:
                return conclude(console, observed.state, observed.hostname)

    def _observe(self) -> Observation:
        lines, open_line = self._console.since(self._since)
        observed = classify(lines, open_line)
        if open_line.strip() or observed.state.action in _ENDPOINT or observed.state.name == "panic":
            return observed
        return Observation(SILENT)  # lines of the message of the day mean nothing

    def _seconds_needed(self, observed: Observation) -> float:
        line = self._console.line
        if _is_usual(observed, self._console.open_line) or observed.state.action in _ENDPOINT:
            return line.quiet_seconds
        if observed.state is not SILENT:
            dialogue = observed.state.action is Action.LOG_IN or observed.state.name in _DIALOGUE
            return _DIALOGUE_SECONDS if dialogue else _UNKNOWN_SECONDS
        # A refusal may take longer than the pauses of a profile, and PAM may log it on the console before that.
        began = bool(printed_lines(self._console, self._password_mark))
        return _BLANK_SECONDS if began or self._ends else _NOTHING_SECONDS

    def _is_result(self, observed: Observation) -> bool:
        if observed.state.action is Action.LOG_IN:
            return bool(refusal_reason(self._console, self._password_mark, "password")[0]) and not self._ends
        usual = _is_usual(observed, self._console.open_line) and not self._in_multiplexer
        usual = usual and not self._console.received.just_jumped  # a program may have drawn "<Cancel> "
        return usual or observed.state.action in _ENDPOINT or observed.state.name == "panic"

    @property
    def _output(self) -> bytes:
        """What arrived since the password was typed, or since a program was ended."""
        new = self._console.bytes_received - self._received
        return self._console.output[-new:] if new else b""

    @property
    def _in_multiplexer(self) -> bool:
        return _SCROLL_ROWS.search(self._output) is not None

    async def _answer_query(self) -> None:
        """Answer as a terminal of 80 columns would. Some programs wait for that without a time limit."""
        console = self._console
        if (answer := pending_query(self._output)) and self._answered != console.bytes_received:
            self._answered = console.bytes_received
            await console.send(answer)

    # -- what to do ---------------------------------------------------------------------------

    async def _step(self, observed: Observation) -> Observation | None:
        """Do what the state needs; return the result if this is the end of the search."""
        console, name = self._console, observed.state.name
        if self._prints:
            await self._end("a program that keeps printing", "\x03")
        elif self._in_multiplexer and self._is_tmux:
            await self._end("tmux", "\x02d")
        elif observed.state is SILENT and not console.received.count_lines_since(self._password_mark):
            await self._type("\r")  # the password's Enter may be lost
        elif observed.state.action is Action.LOG_IN and self._ends:
            raise self._failure(f"the login starts {self._found} in place of a shell", self._hint)
        elif name == "pager" and self._enters < _MOST_ENTERS:
            await self._type("q")
        elif _ASKS_FOR_ENTER.search(console.open_line) and self._enters < _MOST_ENTERS:
            await self._type("\r")
        elif name in _DIALOGUE and await input_is_hidden(console):
            return observed
        else:
            return await self._test(observed)
        return None

    @property
    def _is_tmux(self) -> bool:
        return _TMUX.search(self._output) is not None

    async def _type(self, keys: str) -> None:
        self._enters += 1
        await self._console.send(keys)
        await self._console.receive(WAKE_SECONDS, ignore_kernel=True)

    async def _test(self, observed: Observation) -> Observation | None:
        """Find out by ^L what reads the line, and let it answer a probe."""
        reader = await ask_reader(self._console)
        question = observed.state.name in ("question", "choice", "second-factor")
        match reader:
            case Reader.LINES if question:
                await self._end("a question", "\x03")
            case Reader.EDITOR if self._in_multiplexer:
                await self._end("screen", "\x01d")
            case Reader.EDITOR | Reader.LINES:
                return await self._probe(observed, reader)
            case Reader.KEYS:
                self._keys += 1  # it may be the end of the profile's output
                if self._keys > 1:
                    await self._end(
                        "a program that fills the screen or reads keys, such as a menu",
                        "\x1b\x1b" if self._ends else "\x03",
                    )
            case Reader.NOTHING if observed.state.action is Action.LOG_IN:
                self._silences += 1  # a busy machine may answer late
                if self._silences > 1:
                    return observed  # getty refused the login without a word
            case Reader.NOTHING:
                await self._turn_echo_on()
        return None

    async def _end(self, what: str, keys: str) -> None:
        """End what the login started by `keys`; a shell may follow."""
        console = self._console
        self._found = self._found or what
        self._attempt.program_found()
        self._ends += 1
        if self._ends > _MOST_ENDS:
            raise self._failure(f"the login starts {self._found} in place of a shell", self._hint)
        console.emit(Event("note", f"the login started {what}; {'detaching' if 'd' in keys else 'interrupting'} it"))
        self._answers = self._keys = self._hidden = 0
        self._since, self._received = console.mark(), console.bytes_received
        await console.send(keys)

    async def _turn_echo_on(self) -> None:
        """Nothing that is typed is shown. If ^C brings the same prompt, it is a shell's: type ``stty echo`` there."""
        console, self._hidden = self._console, self._hidden + 1
        mark, prompt = console.mark(), console.open_line
        await console.send("\x03")
        after = await settle(console, _AFTER_KEYS_SECONDS, mark=mark)
        if after.state.action is Action.LOG_IN and refusal_reason(console, self._password_mark, "password")[0]:
            return  # the refusal was late
        if after.state.action is Action.LOG_IN or self._hidden > _MOST_HIDDEN:
            self._attempt.program_found()
            raise self._failure("what the login started shows nothing that is typed, so nothing can be verified", _HINT)
        if console.open_line.strip() and console.open_line == prompt and console.received.count_lines_since(mark):
            await console.send(" stty echo\r")
            await console.quiet(_AFTER_KEYS_SECONDS, WAKE_SECONDS)

    async def _probe(self, observed: Observation, reader: Reader) -> Observation | None:
        """Type a command that only a shell answers. It may be typed ahead, for the shell that follows a profile."""
        console, like_login = self._console, observed.state.action is Action.LOG_IN
        if reader is Reader.EDITOR and self._answers:
            await console.send("\x15\x03")  # fish keeps a line with an error
            await console.quiet(_AFTER_MARK_SECONDS, WAKE_SECONDS)
        new_prompt = "\x15\x03" if reader is Reader.EDITOR else ""
        try:
            # Without a file, bash writes no history; fish knows no such assignment.
            line = f" {'' if self._answers else 'HISTFILE=;'}/bin/sh -c 'echo S\\OS{self._nonce}'"
            typed = await console.type_line(line, tries=2, new_prompt_keys=new_prompt, required=False)
        except ConsoleStateUnknown:
            typed = False
        mark = console.mark()
        if typed:
            self._attempt.line_entered()
            console.skip()
            await console.send("\r")
            if await self._is_answered(mark):
                await console.quiet(_AFTER_MARK_SECONDS, WAKE_SECONDS)
                self._attempt.shell_answered(like_login=like_login)
                return conclude(console, _SHELL)
        else:
            self._answers += 1
        if is_refusal(console.since(mark)[0]):
            raise restricted_error(console)
        if self._answers >= _MOST_ANSWERS:
            await self._end("a program that reads lines and is no shell, such as a menu", "\x03")
        return None

    async def _is_answered(self, mark: Mark) -> bool:
        """Wait for the probe's answer; return False if something else answers."""
        console, soon = self._console, True
        while not self._deadline.passed:
            match = await console.expect([f"SOS{self._nonce}", TIMEOUT], _ANSWER_SECONDS)
            if match.index == 0:
                return True
            lines, open_line = console.since(mark)
            if any(line.strip() for line in lines[1:]) or open_line.strip():
                self._answers += soon  # later, it is the output of a profile
                return False
            soon = False
        return False

    def _failure(self, message: str, hint: str) -> ConsoleStateUnknown:
        return self._console.error(ConsoleStateUnknown, message, hint)


def _is_usual(observed: Observation, open_line: str) -> bool:
    """Return whether a prompt has the usual form of a shell's."""
    return observed.state.action is Action.PROBE and _USUAL_PROMPT.search(open_line) is not None
