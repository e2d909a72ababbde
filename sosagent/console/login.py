"""From any state of the console to a shell, and back.

The rules (design, section 5): listen first; ^U before Enter; the echo of the name is compared
before Enter; a password is typed once, at a password prompt that answered our own name, when the
line is quiet; a prompt is taken for a shell only when a probe was answered.
"""

from __future__ import annotations

import asyncio
import enum
import re
import secrets

from ..errors import (
    ConsoleError,
    ConsoleOccupied,
    ConsoleSilent,
    ConsoleStateUnknown,
    DeadlineExceeded,
    EndpointBusy,
    LoginRefused,
    WrongMachine,
)
from ..printable import printable
from ..secret import Secret
from ..terminal.states import SILENT, UNKNOWN, Observation, Way, classify
from .console import Console, Mark
from .events import Event

__all__ = ["Login"]

#: A prompt counts when the line has been quiet for so long. What is typed there has its echo compared;
#: a password has none, and typed at once it was echoed by BusyBox sulogin 4 times in 6.
_QUIET = 0.04
_QUIET_BEFORE_PASSWORD = 0.1
_LISTEN = 0.05
_WAKE_SECONDS = 5.0
_WAKES = 3
_LOGIN_SECONDS = 60.0
_PROBE_SECONDS = 10.0
_LOGOUT_SECONDS = 15.0

_REFUSALS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)password (?:has )?expired|required to change your password"), "the password has expired"),
    (re.compile(r"(?i)account (?:has )?expired"), "the account has expired"),
    (re.compile(r"(?i)account.* locked|locked due to"), "the account is locked"),
    (re.compile(r"(?i)maximum number of tries"), "the machine allows no more tries"),
    (re.compile(r"(?i)not currently available|nologin"), "this account may not log in"),
    (re.compile(r"(?i)timed out"), "the login timed out"),
    (re.compile(r"(?i)incorrect|failure|denied|invalid"), "the machine refused the password"),
)  # fmt: skip


class _Stage(enum.IntEnum):
    """How far in we are; decides what has to be undone."""

    OUTSIDE = 0
    NAMED = 1  # our name was entered
    TRIED = 2  # the password was sent, what came of it is not known
    INSIDE = 3  # a shell that we logged in to


class Login:
    """The way into one console's shell, and back to what was found.

    Args:
        console: its only user until `leave` has ended.
        name: the login name.
        expect_host: the machine's name; compared with the login prompt's before the password.

    Attributes:
        found: the state that was found at the start; None before `enter`.
        ours: whether the shell is one that we logged in to.
    """

    def __init__(self, console: Console, name: str, *, expect_host: str | None = None) -> None:
        self.console = console
        self.name = name
        self.expect_host = expect_host
        self.found: Observation | None = None
        self._stage = _Stage.OUTSIDE

    @property
    def ours(self) -> bool:
        """Whether the shell is one that we logged in to."""
        return self._stage is _Stage.INSIDE

    async def enter(self, password: Secret) -> None:
        """Get to a shell's prompt: one that we logged in to, or root's that was found and answered a probe.

        Raises:
            ConsoleError: what stands in the way; see the leaves of `errors`. On it, and when
                cancelled, call `leave`.
        """
        seen = self.found = await self._find_state()
        self.console.tell(Event("done", f"state found: {seen.state.title}"))
        if seen.state.way is Way.ENTER:
            seen = await self._end_password_prompt()
        if seen.state.way is Way.LOG_IN:
            self._check_host(seen.hostname)
            self.console.tell(Event("start", f"log in as {printable(self.name)}"))
            await self._log_in(password)
        if self.ours:
            # That it is a shell is proved by the start line's answer, which no other program gives.
            self.console.tell(Event("done", f"logged in as {printable(self.name)}"))
            return
        uid, hostname = await self._probe()
        if hostname is not None:
            self._check_host(hostname)
        if uid != 0:
            raise ConsoleOccupied(
                "a shell that is not root's was left open on the console; it stays as it is",
                state=self.console.state,
                tail=self.console.tail(),
                hint="Log it out by hand, then run again.",
            )

    @property
    def may_be_inside(self) -> bool:
        """Whether a shell that we logged in to may be open, or be about to open."""
        return self._stage >= _Stage.TRIED

    async def close_left_shell(self) -> None:
        """On a new connection: log out of the shell that an earlier one of ours had to leave open.

        Raises:
            ConsoleError: the login prompt did not come back.
        """
        seen = await self._find_state()
        if seen.state.way is Way.PROBE:
            self._stage = _Stage.INSIDE
            await self.leave()

    async def leave(self, *, ended: bool = False) -> None:
        """Go back to the state that was found, and see it.

        Args:
            ended: the shell that we logged in to has ended already; else it is at its prompt.

        Raises:
            ConsoleError: the state did not come back; its message says what is left.
        """
        if self._stage is _Stage.OUTSIDE:
            return
        if self._stage is _Stage.TRIED:
            seen = await self._settle(_LOGIN_SECONDS, until=(Way.LOG_IN, Way.PROBE, Way.ENTER, Way.STOP))
            self._stage = _Stage.INSIDE if seen.state.way is Way.PROBE else _Stage.NAMED
        if self._stage is _Stage.INSIDE and not ended:
            await self.console.send("\x15")
            await self.console.quiet(_QUIET, 2.0)
            await self.console.send("exit\r")
        if self._stage is _Stage.INSIDE:
            seen = await self._settle(_LOGOUT_SECONDS, until=(Way.LOG_IN,), at_once=True)
        else:
            seen = await self._back_to_login()
        if seen.state.way is not Way.LOG_IN:
            # Some consoles show a prompt only when they are asked.
            await self.console.send("\r")
            seen = await self._settle(_LOGOUT_SECONDS, until=(Way.LOG_IN,), at_once=True)
        if seen.state.way is not Way.LOG_IN:
            raise self._failed(
                ConsoleStateUnknown,
                "the login prompt did not come back",
                hint="Look whether a shell is left open there.",
            )
        self._stage = _Stage.OUTSIDE

    async def wait_for_prompt(self) -> None:
        """Wait until the shell that was found open shows its prompt again."""
        await self._settle(_WAKE_SECONDS, until=(Way.PROBE,))

    # -- the way in ---------------------------------------------------------------------------

    async def _find_state(self) -> Observation:
        console = self.console
        console.tell(Event("start", "look at the console"))
        await console.quiet(_LISTEN, 2.0)
        seen = self._observe(Mark(0))
        if seen.state.way in (Way.STOP, Way.BUSY):
            raise self._stopped(seen)
        if seen.state.way in (Way.ENTER, Way.PROBE):
            return seen
        for _ in range(_WAKES):
            # A half-typed command that cannot be seen is erased, not run.
            mark = console.mark()
            await console.send("\x15\r")
            seen = await self._settle(_WAKE_SECONDS, mark=mark)
            while seen.state.way is Way.WAIT and seen.state is not SILENT:
                console.tell(Event("detail", f"{seen.state.title}: {(console.tail(1) or ('',))[0]}"))
                seen = await self._settle(_WAKE_SECONDS, mark=console.mark())
            if seen.state is not SILENT:
                break
        if seen.state is SILENT:
            if console.line_count == 0 and not console.open_line:
                raise self._failed(ConsoleSilent, "the console is connected, but nothing answers on it")
            raise self._failed(ConsoleSilent, "the console does not answer Enter with any prompt")
        if seen.state.way in (Way.STOP, Way.BUSY):
            raise self._stopped(seen)
        return seen

    async def _end_password_prompt(self) -> Observation:
        """Somebody typed a name and went: an empty password ends their attempt, ours never goes there."""
        mark = self.console.mark()
        await self.console.send("\r")
        seen = await self._settle(_LOGIN_SECONDS, mark=mark, until=(Way.LOG_IN,))
        if seen.state.way is not Way.LOG_IN:
            raise self._stopped(seen)
        return seen

    def _check_host(self, hostname: str | None) -> None:
        if self.expect_host is None:
            return
        if hostname is None:
            raise self._failed(
                WrongMachine,
                f"the console shows no host name to compare with {printable(self.expect_host)}",
                hint="Leave out --expect-host if you are sure of the endpoint.",
            )
        if hostname.split(".")[0].lower() != self.expect_host.split(".")[0].lower():
            raise self._failed(WrongMachine, f"this is {printable(hostname)}, not {printable(self.expect_host)}")

    async def _log_in(self, password: Secret) -> None:
        console = self.console
        # getty throws away what was typed before it was ready, so the name's echo is compared.
        await console.type_line(self.name)
        mark = console.mark()
        self._stage = _Stage.NAMED
        await console.send("\r")
        seen = await self._settle(_LOGIN_SECONDS, mark=mark)
        while seen.state.name == "password":
            # Quiet, and still asking: a prompt that timed out meanwhile would get it as a name.
            if await console.receive(_QUIET_BEFORE_PASSWORD - _QUIET) is not None:
                seen = await self._settle(_LOGIN_SECONDS, mark=mark)
                continue
            self._stage = _Stage.TRIED
            mark = console.mark()
            await console.send_secret(password)
            seen = await self._outcome(mark)
            break
        if seen.state.way is Way.LOG_IN:
            raise self._refused(mark)
        if seen.state.way is Way.PROBE or (seen.state is UNKNOWN and self._stage is _Stage.TRIED):
            self._stage = _Stage.INSIDE
        elif seen.state.name in ("password", "password-expired"):
            raise self._refused(mark)
        else:
            raise self._stopped(seen)

    async def _outcome(self, mark: Mark) -> Observation:
        """What came of the password. A login that takes its time is waited for."""
        seen = await self._settle(_WAKE_SECONDS, mark=mark)
        if seen.state is SILENT and self.console.line_count == mark.lines:
            # Its Enter may have been lost.
            await self.console.send("\r")
        if seen.state is SILENT or seen.state.way is Way.WAIT:
            seen = await self._settle(_LOGIN_SECONDS, mark=mark)
        return seen

    async def _probe(self) -> tuple[int | None, str | None]:
        """Ask what only a shell answers: whose it is and, if that matters, where. Its answer differs from its echo."""
        console = self.console
        prompt = console.open_line
        nonce = secrets.token_hex(2)
        where = "uname -n;" if self.expect_host is not None else ""
        await console.type_line(f"id -u;{where}echo S\\OS{nonce}")
        console.skip()
        await console.send("\r")
        try:
            found = await console.expect(f"SOS{nonce}", _PROBE_SECONDS)
        except DeadlineExceeded:
            left = console.time_left()
            if left is not None and left <= 0:
                raise
            raise self._failed(ConsoleStateUnknown, "what looks like a prompt did not answer as a shell does") from None
        await self._wait_for_same_prompt(prompt)
        answers = found.before.split("\n")[:-1]
        hostname = answers.pop().strip() if where and answers else None
        uid = re.fullmatch(r"\d{1,10}", answers[-1].strip()) if answers else None
        return int(uid[0]) if uid else None, hostname

    async def _wait_for_same_prompt(self, prompt: str) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + 1.0
        while self.console.open_line != prompt and loop.time() < until:
            await self.console.receive(_QUIET)

    # -- the way back -------------------------------------------------------------------------

    async def _back_to_login(self) -> Observation:
        """From a prompt of the login dialogue: an empty answer ends it, at most three are needed."""
        seen = await self._settle(_WAKE_SECONDS)
        for _ in range(3):
            if seen.state.way in (Way.LOG_IN, Way.PROBE):
                break
            mark = self.console.mark()
            await self.console.send("\r")
            seen = await self._settle(_LOGIN_SECONDS / 3, mark=mark)
        return seen

    # -- looking ------------------------------------------------------------------------------

    async def _settle(
        self, seconds: float, *, mark: Mark | None = None, until: tuple[Way, ...] = (), at_once: bool = False
    ) -> Observation:
        """Wait until a state is recognised and the line is quiet; at the end of `seconds`, what there is.

        Args:
            mark: what stood there then does not count.
            until: only these ways count; any but waiting, if empty.
            at_once: do not wait for quiet; where nothing will be typed.
        """
        console = self.console
        if mark is None:
            mark = Mark(console.line_count)
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        unknown_since: float | None = None
        while True:
            data = await console.receive(_QUIET)
            if data is None or at_once:
                seen = self._observe(mark)
                known = seen.state is not UNKNOWN and seen.state.way is not Way.WAIT
                if known and (not until or seen.state.way in until):
                    return seen
                if seen.state is UNKNOWN and not until:
                    # An unknown prompt gets a second to become a known one.
                    unknown_since = unknown_since or loop.time()
                    if loop.time() - unknown_since > 1.0:
                        return seen
            else:
                unknown_since = None
            if loop.time() > end:
                return self._observe(mark)

    def _observe(self, mark: Mark) -> Observation:
        seen = classify(*self.console.since(mark))
        self.console.state = seen.state.name
        return seen

    # -- failing ------------------------------------------------------------------------------

    def _failed(self, kind: type[ConsoleError], message: str, hint: str | None = None) -> ConsoleError:
        return kind(message, state=self.console.state, tail=self.console.tail(), hint=hint)

    def _stopped(self, seen: Observation) -> ConsoleError:
        state = seen.state
        if state is UNKNOWN:
            return self._failed(
                ConsoleStateUnknown,
                "the console shows something that sosagent does not know; nothing was typed into it",
            )
        if state is SILENT:
            return self._failed(ConsoleSilent, "the console fell silent")
        if state.way is Way.BUSY:
            return self._failed(EndpointBusy, state.title, hint=state.hint)
        return self._failed(ConsoleOccupied, f"on the console is {state.title}", hint=state.hint)

    def _refused(self, mark: Mark) -> ConsoleError:
        lines, _ = self.console.since(mark)
        for pattern, reason in _REFUSALS:
            for line in reversed(lines):
                if pattern.search(line):
                    return self._failed(LoginRefused, f"{reason}: {printable(line.strip())}")
        return self._failed(LoginRefused, "the machine did not log us in and went back to its login prompt")
