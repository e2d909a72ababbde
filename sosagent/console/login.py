"""From any state of the console to a shell, and back.

The rules (design, section 5): listen first; ^U before Enter; the echo of the name is compared
before Enter; a password is typed once, at a password prompt that answers our own name (or the
maintenance prompt, or our own sudo or su), when the line is quiet; a prompt is taken for a shell
only when a probe was answered. Each step that changes something leaves a `_Layer`, and `leave` takes
them off again, the last one first.
"""

from __future__ import annotations

import asyncio
import enum
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from ..errors import (
    ConsoleError,
    ConsoleOccupied,
    ConsoleStateUnknown,
    DeadlineExceeded,
    EditRefused,
    LoginRefused,
    WrongMachine,
)
from ..printable import printable
from ..secret import Secret
from ..terminal.states import READING, RUNNING, SILENT, STATES, UNKNOWN, Observation, Way, classify
from .console import Console, Mark
from .events import Event
from .find import decided, find_state, redraw, wake
from .left import OpenLogin
from .watch import QUIET, Watch

__all__ = ["Entry", "Login"]

#: A password has no echo to compare, and typed at once it was echoed by BusyBox sulogin 4 times in 6.
_QUIET_BEFORE_PASSWORD = 0.1
_WAKE_SECONDS = 5.0
_LOGIN_SECONDS = 60.0
_REFUSAL_SECONDS = 1.5
_PROBE_SECONDS = 10.0
_LOGOUT_SECONDS = 15.0
_SUSPEND_SECONDS = 3.0
_MOST_STEPS = 8

_REFUSALS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)password (?:has )?expired|required to change your password"), "the password has expired"),
    (re.compile(r"(?i)account (?:has )?expired"), "the account has expired"),
    (re.compile(r"(?i)account.* locked|locked due to"), "the account is locked"),
    (re.compile(r"(?i)maximum number of tries"), "the machine allows no more tries"),
    (re.compile(r"(?i)not currently available|currently not available|nologin"), "this account may not log in"),
    (re.compile(r"(?i)timed out"), "the login timed out"),
    (re.compile(r"(?i)not in the sudoers|may not run|not allowed to"), "this user may not become root"),
    (re.compile(r"(?i)incorrect|failure|denied|invalid|sorry"), "the machine refused the password"),
)  # fmt: skip
_STOPPED = re.compile(r"(?i)\b(?:stopped|suspended)\b")
_SHELL, _MULTIPLEXER = (next(state for state in STATES if state.name == name) for name in ("shell", "multiplexer"))
_ROOTS = ("/root", "/sysroot")  # where initramfs-tools and dracut mount it
_PASSWORD_PROMPTS = ("password", "sudo-password")


@dataclass(frozen=True)
class Entry:
    """How to get in.

    Fields:
        login: the name to log in as.
        expect_host: the machine's name; compared with what the console shows before the password.
        become: how `login` becomes root, if it is to.
        become_password: what that asks for; the login's by default.
        take_over: discard what somebody left on the console, and log their shell out.
        continue_boot: leave a maintenance shell by its end, so that the boot goes on.
        remount: in an initramfs, make a root that is mounted read-only writable meanwhile.
    """

    login: str = "root"
    expect_host: str | None = None
    become: Literal["sudo", "su"] | None = None
    become_password: Secret | None = None
    take_over: bool = False
    continue_boot: bool = False
    remount: bool = False


class _Stage(enum.IntEnum):
    """How far our own login is."""

    OUTSIDE = 0
    NAMED = 1  # our name was entered
    TRIED = 2  # the password was sent, what came of it is not known
    INSIDE = 3  # a shell that we logged in to


class _Layer(enum.Enum):
    """What was put between the state found and our shell, and has to be undone."""

    RESUME = "a program that is suspended"
    INSERT = "its insert mode, which was left"
    MAINTENANCE = "a maintenance shell"
    INITRAMFS = "an initramfs, whose mounts were changed"
    BECOME = "root's shell, over a user's that was found"


class Login:
    """The way into one console's shell, and back to what was found.

    Args:
        console: its only user until `leave` has ended.
        entry: how to get in.

    Attributes:
        found: the state that was found at the start; None before `enter`.
        root: whether the shell is root's, as far as a probe told or the name says.
        chroot: where the machine's own root is mounted, in an initramfs; else empty.
        record: what tells the next run that a login of ours was left open.
    """

    def __init__(self, console: Console, entry: Entry) -> None:
        self.console = console
        self.entry = entry
        self.found: Observation | None = None
        self.root = entry.login == "root"
        self._watch = Watch(console)
        self.record = OpenLogin(console.transport.name)
        self._stage = _Stage.OUTSIDE
        self._layers: list[_Layer] = []
        self._becoming = False
        self.chroot = ""
        self._put_back: list[str] = []  # commands, for an initramfs
        self._prompt = ""  # of the shell that was found, to see it again

    @property
    def ours(self) -> bool:
        """Whether the shell beneath is one that we logged in to."""
        return self._stage is _Stage.INSIDE

    @property
    def replaceable(self) -> bool:
        """Whether the shell at whose prompt we are is ours to replace."""
        return self.ours or _Layer.BECOME in self._layers

    @property
    def may_be_inside(self) -> bool:
        """Whether a shell that we logged in to may be open, or be about to open."""
        return self._stage >= _Stage.TRIED or self._becoming

    async def enter(self, password: Secret) -> None:
        """Get to a shell's prompt: one that we logged in to, or root's that was found and answered a probe.

        Raises:
            ConsoleError: what stands in the way; see the leaves of `errors`. On it, and when
                cancelled, call `leave`.
        """
        seen: Observation | None = await find_state(
            self._watch, take_over=self.entry.take_over, ours_left=self.record.seconds() is not None
        )
        assert seen is not None
        if seen.state.way in (Way.LOG_IN, Way.END_OURS):
            self.record.forget()
        self.found = seen
        self.console.tell(Event("done", f"state found: {seen.state.title}"))
        steps: dict[Way, Callable[[Observation, Secret], Awaitable[Observation | None]]] = {
            Way.LOG_IN: self._log_in,
            Way.MAINTAIN: self._maintain,
            Way.ENTER: self._end_password_prompt,
            Way.PRESS: self._press_enter,
            Way.PROBE: self._use_found_shell,
            Way.INTERRUPT: self._interrupt,
            Way.SUSPEND: self._suspend,
            Way.LEAVE_INSERT: self._suspend,
            Way.END_OURS: self._end_receiver,
            Way.STOP: self._discard,
        }
        for _ in range(_MOST_STEPS):
            step = steps.get(seen.state.way)
            if step is None:
                raise self._watch.stopped(seen)
            seen = await step(seen, password)
            if seen is None:
                return
        raise self._failed(ConsoleStateUnknown, "the console does not come to a shell, whatever is done")

    # -- steps: each gives the state that it led to, or None at a shell's prompt --------------

    async def _log_in(self, seen: Observation, password: Secret) -> Observation | None:
        self._check_host(seen.hostname)
        console, watch = self.console, self._watch
        console.tell(Event("start", f"log in as {printable(self.entry.login)}"))
        # getty throws away what was typed before it was ready, so the name's echo is compared.
        await console.type_line(self.entry.login)
        mark = console.mark()
        self._stage = _Stage.NAMED
        await console.send("\r")
        seen = await watch.settle(_LOGIN_SECONDS, mark=mark)
        if seen.state.name == "password":
            self._stage = _Stage.TRIED
            self.record.remember()
            sent = await self._answer(password, mark)
            if sent is None:
                self._stage = _Stage.NAMED
                seen = watch.observe(Mark(console.line_count))
            else:
                seen = await self._outcome(mark := sent)
        if seen.state.way is Way.LOG_IN:
            raise self._refused(mark)
        while self._stage is _Stage.TRIED and seen.state.name == "pager":
            # The message of the day, in a pager: ours to quit.
            mark = console.mark()
            await console.send("q")
            seen = await watch.settle(_WAKE_SECONDS, mark=mark)
        if seen.state.way is Way.PROBE or (seen.state is UNKNOWN and self._stage is _Stage.TRIED):
            # That it is a shell is proved by the start line's answer, which no other program gives.
            self._stage = _Stage.INSIDE
            self.record.remember()
            console.tell(Event("done", f"logged in as {printable(self.entry.login)}"))
        elif seen.state.name in ("password", "password-expired"):
            raise self._refused(mark)
        else:
            raise watch.stopped(seen)
        if self.entry.become is not None:
            await self._become(password)
        return None

    async def _maintain(self, _seen: Observation, password: Secret) -> Observation | None:
        """The maintenance prompt asks for root's password, whatever the login would have been."""
        if self.entry.login != "root":
            raise self._failed(
                ConsoleOccupied,
                "the machine is in emergency mode, where only root can log in",
                hint="Run again without --login, with root's password.",
            )
        self._check_host(None)
        self.console.tell(Event("start", "log in for maintenance"))
        mark = await self._answer(password, Mark(self.console.line_count))
        if mark is None:
            return await self._watch.settle(_WAKE_SECONDS)
        self._becoming = True
        seen = await self._outcome(mark)
        if seen.state.way is not Way.PROBE:
            self._becoming = False
            raise self._refused(mark)
        return self._in_maintenance()

    async def _press_enter(self, _seen: Observation, _password: Secret) -> Observation | None:
        self._check_host(None)
        mark = self.console.mark()
        await self.console.send("\r")
        seen = await self._watch.settle(_LOGIN_SECONDS, mark=mark)
        return self._in_maintenance() if seen.state.way is Way.PROBE else seen

    def _in_maintenance(self) -> Observation | None:
        self._becoming = False
        self._layers.append(_Layer.MAINTENANCE)
        self.root = True
        self._prompt = self.console.open_line
        self.console.tell(Event("done", "logged in for maintenance"))
        return None

    async def _end_password_prompt(self, _seen: Observation, _password: Secret) -> Observation:
        """Somebody typed a name and went: an empty password ends their attempt, ours never goes there."""
        mark = self.console.mark()
        await self.console.send("\r")
        seen = await self._watch.settle(
            _LOGIN_SECONDS, mark=mark, until=(Way.LOG_IN, Way.PROBE, Way.MAINTAIN, Way.SUSPEND)
        )
        if seen.state is SILENT or seen.state.name == "password":
            raise self._watch.stopped(seen)
        return seen

    async def _interrupt(self, _seen: Observation, _password: Secret) -> Observation:
        mark = self.console.mark()
        await self.console.send("\x03")
        seen = await self._watch.settle(_WAKE_SECONDS, mark=mark)
        if seen.state.way is Way.INTERRUPT:
            # There are prompts that look like PS2.
            return Observation(_SHELL)
        return seen

    async def _suspend(self, seen: Observation, _password: Secret) -> Observation:
        """Send a program to the background; what comes back to the front at the end."""
        console = self.console
        if seen.state.way is Way.LEAVE_INSERT:
            # What asked it to draw itself anew stands in its text: take that out first.
            await console.send("\x7f")
            await console.quiet(QUIET, 2.0)
            await console.send("\x1b")
            await console.quiet(0.3, 2.0)
            self._layers.append(_Layer.INSERT)
        mark = console.mark()
        await console.send("\x1a")
        after = await self._watch.settle(_SUSPEND_SECONDS, mark=mark, until=(Way.PROBE, Way.INTERRUPT))
        if after.state.way in (Way.PROBE, Way.INTERRUPT) or _STOPPED.search("\n".join(console.since(mark)[0])):
            self._layers.append(_Layer.RESUME)
        if after.state.way in (Way.PROBE, Way.INTERRUPT):
            self.found = Observation(RUNNING) if seen.state is READING else self.found
            console.tell(Event("detail", f"suspended {seen.state.title}"))
            return Observation(_SHELL)
        if seen.state is READING:
            # A plain shell has no use for ^Z, and has thrown away what was typed half.
            self.found = await wake(self._watch)
            if self.found.state is not RUNNING:
                return self.found
            seen = self.found
        console.state = seen.state.name
        if classify([], console.open_line).state.way is Way.PROBE:
            # A shell's prompt on a screen that something else draws, and ^Z went to that shell.
            self.found = Observation(_MULTIPLEXER)
            return self.found
        if self.entry.take_over:
            console.tell(Event("note", f"{seen.state.title} does not let itself be suspended, and is ended"))
            return await self._interrupt(seen, _password)
        raise self._failed(
            ConsoleOccupied,
            f"on the console is {seen.state.title}, and it does not let itself be suspended",
            hint="End it by hand, or with --take-over (which interrupts it).",
        )

    async def _end_receiver(self, _seen: Observation, _password: Secret) -> Observation:
        console = self.console
        console.tell(Event("note", "a shell of ours that a run which was cut had left is ended"))
        console.skip()
        await console.send("]Z\r")
        await console.expect(r"=Z\n", _PROBE_SECONDS)
        seen = await self._watch.settle(_LOGOUT_SECONDS, mark=console.mark())
        return seen if decided(seen) else await find_state(self._watch)

    async def _discard(self, seen: Observation, _password: Secret) -> Observation:
        """What stands in the way is taken out of it, if we are told to."""
        if not self.entry.take_over or not seen.state.force:
            raise self._watch.stopped(seen)
        console = self.console
        console.tell(Event("note", f"{seen.state.title} is discarded"))
        for keys in seen.state.force:
            mark = console.mark()
            await console.send(keys)
            after = await self._watch.settle(_SUSPEND_SECONDS, mark=mark)
            if after.state.way in (Way.PROBE, Way.LOG_IN):
                return after
        return await find_state(self._watch, take_over=True)

    async def _use_found_shell(self, _seen: Observation, password: Secret) -> Observation | None:
        console = self.console
        await console.send("\x15")  # what was typed there half is erased, not run
        await console.quiet(QUIET, 2.0)
        self._prompt = console.open_line
        uid, name, hostname = await self._probe()
        if hostname is not None:
            self._check_host(hostname)
        if uid == 0 or (uid is None and _seen.state.name == "initramfs"):
            # An initramfs may have no `id`; there is nobody but root.
            self.root = True
            if _seen.state.name == "initramfs":
                await self._open_root()
            return None
        if self.entry.become is not None and name == self.entry.login:
            await self._become(password)
            return None
        if self.entry.take_over:
            console.tell(Event("note", "somebody's shell is logged out"))
            self._layers.clear()
            return await self._log_out()
        raise self._failed(
            ConsoleOccupied,
            f"a shell of {printable(name or 'somebody')}, who is not root, was left open on the console; "
            "it stays as it is",
            hint="Log it out by hand, or with --take-over.",
        )

    async def _open_root(self) -> None:
        """In an initramfs: find the machine's own root, and make it ready for a shell in it."""
        files = [f"{root}/{name}" for root in _ROOTS for name in ("etc/passwd", "dev/null")]
        lines = await self._ask(f"ls -1d {' '.join(files)};grep -E ' ({'|'.join(_ROOTS)}) ' /proc/mounts")
        root = next((root for root in _ROOTS if f"{root}/etc/passwd" in lines), None)
        if root is None:
            raise self._failed(
                EditRefused,
                "the machine is in its initramfs, and its root file system is not mounted",
                hint="Mount it by hand (such as: mount /dev/vda1 /root), then run again. What kept it from being "
                "mounted stands above that prompt.",
            )
        self.chroot = root
        mounts = [line.split() for line in lines]
        read_only = any(len(words) > 3 and words[1] == root and "ro" in words[3].split(",") for words in mounts)
        self._layers.append(_Layer.INITRAMFS)
        if read_only and self.entry.remount:
            self._put_back.append(f"mount -o remount,ro {root}")
            await self._ask(f"mount -o remount,rw {root}")
            self.console.tell(Event("note", "the root file system is writable for the job, and put back after it"))
        if f"{root}/dev/null" not in lines:
            self._put_back.append(f"umount {root}/dev")
            await self._ask(f"mount -o bind /dev {root}/dev")

    # -- becoming root ------------------------------------------------------------------------

    async def _become(self, password: Secret) -> None:
        """At a user's prompt: get root's shell by sudo or su, over it, or instead of it where it is ours."""
        console, watch = self.console, self._watch
        console.tell(Event("start", f"become root by {self.entry.become}"))
        asks = f"SOS{secrets.token_hex(2)}: "
        command = f"sudo -H -p '{asks}' /bin/sh" if self.entry.become == "sudo" else "su"
        await console.type_line(f" {'exec ' if self.ours else ''}{command}")
        mark = console.mark()
        self._becoming = True
        await console.send("\r")
        seen = await self._settle_asked(asks, mark)
        if console.open_line == asks or seen.state.name in _PASSWORD_PROMPTS:
            answered = await self._answer(self.entry.become_password or password, mark, asks)
            if answered is None:
                raise watch.stopped(watch.observe(Mark(console.line_count)))
            mark = answered
            seen = await self._settle_asked(asks, mark)
        if seen.state.way is not Way.PROBE:
            raise self._refused(mark, f"{self.entry.become} did not make {printable(self.entry.login)} root")
        uid, _, _ = await self._probe()
        if uid != 0:
            raise self._refused(mark, f"{self.entry.become} did not make {printable(self.entry.login)} root")
        self._becoming = False
        if not self.ours:
            self._layers.append(_Layer.BECOME)
        self.root = True
        console.tell(Event("done", f"became root by {self.entry.become}"))

    async def _settle_asked(self, asks: str, mark: Mark) -> Observation:
        """Wait for what sudo or su do: ask, let us in, or refuse."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _LOGIN_SECONDS
        while True:
            seen = await self._watch.settle(_WAKE_SECONDS, mark=mark)
            asked = self.console.open_line == asks and bool(self.console.since(mark)[1])
            if asked or decided(seen) or loop.time() > end:
                return seen

    # -- secrets and what comes of them -------------------------------------------------------

    async def _answer(self, password: Secret, mark: Mark, asks: str | None = None) -> Mark | None:
        """Type the password when the line is quiet and the prompt still stands; None if it went away."""
        console = self.console
        # A prompt that timed out meanwhile would get it as a name.
        while await console.receive(_QUIET_BEFORE_PASSWORD - QUIET) is not None:
            seen = await self._watch.settle(_LOGIN_SECONDS, mark=mark)
            asked = seen.state.way is Way.MAINTAIN or seen.state.name in _PASSWORD_PROMPTS
            if not asked and (asks is None or console.open_line != asks):
                return None
        sent = console.mark()
        await console.send_secret(password)
        return sent

    async def _outcome(self, mark: Mark) -> Observation:
        """What came of the password. A login that takes its time is waited for."""
        console, watch = self.console, self._watch
        seen = await watch.settle(_WAKE_SECONDS, mark=mark)
        if seen.state is SILENT and console.line_count == mark.lines:
            # Its Enter may have been lost.
            await console.send("\r")
        if seen.state is SILENT or seen.state.way is Way.WAIT:
            seen = await watch.settle(_LOGIN_SECONDS, mark=mark)
        while seen.state.way in (Way.LOG_IN, Way.ENTER):
            # It refuses us, or a message of the day looks like that for a moment.
            before = console.open_line
            if await console.receive(_REFUSAL_SECONDS) is None and console.open_line == before:
                break
            seen = await watch.settle(_LOGIN_SECONDS, mark=mark)
        if seen.state is UNKNOWN:
            # A pager shows a file's name first.
            redrawn = await redraw(watch)
            seen = seen if redrawn.state is SILENT else redrawn
        return seen

    async def _probe(self) -> tuple[int | None, str | None, str | None]:
        """Ask what only a shell answers: whose it is and, if that matters, where."""
        where = self.entry.expect_host is not None
        return _read_probe(await self._ask("id -u;id -un" + (";uname -n" if where else "")), with_host=where)

    async def _ask(self, command: str) -> list[str]:
        """Run a short command at a shell's prompt; what it prints. The answer's mark differs from its echo."""
        console = self.console
        prompt = console.open_line
        nonce = secrets.token_hex(2)
        await console.type_line(f" {command};echo S\\OS{nonce}")
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
        return [line.strip() for line in found.before.split("\n")[:-1]]

    async def _wait_for_same_prompt(self, prompt: str) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + 1.0
        while self.console.open_line != prompt and loop.time() < until:
            await self.console.receive(QUIET)

    def _check_host(self, hostname: str | None) -> None:
        expected = self.entry.expect_host
        if expected is None:
            return
        if hostname is None:
            raise self._failed(
                WrongMachine,
                f"the console shows no host name to compare with {printable(expected)}",
                hint="Leave out --expect-host if you are sure of the endpoint.",
            )
        if hostname.split(".")[0].lower() != expected.split(".")[0].lower():
            raise self._failed(WrongMachine, f"this is {printable(hostname)}, not {printable(expected)}")

    # -- the way back -------------------------------------------------------------------------

    async def leave(self, *, ended: bool = False) -> None:
        """Go back to the state that was found, and see it.

        Args:
            ended: our shell has ended already, and was the one that `replaceable` told of; else the
                console is at the prompt that `enter` led to, or somewhere on the way there.

        Raises:
            ConsoleError: the state did not come back; its message says what is left.
        """
        if self._becoming and not self.ours:
            await self._stop_becoming()
        if self._stage is not _Stage.OUTSIDE:
            await self._leave_login(ended)
        for layer in reversed(self._layers):
            await self._undo(layer, ended)
        self._layers.clear()

    async def close_left_shell(self) -> None:
        """On a new connection: log out of the shell that an earlier one of ours had to leave open.

        Raises:
            ConsoleError: the login prompt did not come back.
        """
        seen = await find_state(self._watch, ours_left=True)
        if seen.state.way is Way.END_OURS:
            seen = await self._end_receiver(seen, Secret(""))
        if seen.state.way is Way.PROBE:
            self._stage = _Stage.INSIDE
            await self.leave()

    def adopt(self) -> None:
        """The shell that was found is one that we logged in to earlier: it is ours to log out."""
        self._stage = _Stage.INSIDE

    async def wait_for_prompt(self) -> None:
        """Wait until the shell that was found open shows its prompt again."""
        await self._watch.settle(_WAKE_SECONDS, until=(Way.PROBE, Way.INTERRUPT))

    async def _leave_login(self, ended: bool) -> None:
        console = self.console
        if self._stage is _Stage.TRIED:
            seen = await self._watch.settle(_LOGIN_SECONDS, until=(Way.LOG_IN, Way.PROBE, Way.ENTER, Way.STOP))
            self._stage = _Stage.INSIDE if seen.state.way is Way.PROBE else _Stage.NAMED
        if self._becoming:
            seen = await self._stop_becoming()
        elif self._stage is _Stage.INSIDE:
            seen = await (self._see_login() if ended else self._log_out())
        else:
            seen = await self._back_to_login()
        if seen.state.way is not Way.LOG_IN:
            # Some consoles show a prompt only when they are asked.
            await console.send("\r")
            seen = await self._see_login()
        if seen.state.way is not Way.LOG_IN:
            raise self._failed(
                ConsoleStateUnknown,
                "the login prompt did not come back",
                hint="Look whether a shell is left open there.",
            )
        self._stage = _Stage.OUTSIDE
        self.record.forget()

    async def _see_login(self) -> Observation:
        return await self._watch.settle(_LOGOUT_SECONDS, until=(Way.LOG_IN,), at_once=True)

    async def _log_out(self) -> Observation:
        """`exit`, and again where jobs are left; what comes then."""
        console = self.console
        await console.send("\x15")
        await console.quiet(QUIET, 2.0)
        seen = Observation(UNKNOWN)
        for _ in range(3):
            mark = console.mark()
            await console.send("exit\r")
            seen = await self._watch.settle(_LOGOUT_SECONDS, mark=mark, until=(Way.LOG_IN, Way.PROBE))
            if seen.state.way is Way.LOG_IN:
                break
        return seen

    async def _back_to_login(self) -> Observation:
        """From a prompt of the login dialogue: an empty answer ends it, at most three are needed."""
        seen = await self._watch.settle(_WAKE_SECONDS)
        for _ in range(3):
            if seen.state.way in (Way.LOG_IN, Way.PROBE):
                break
            mark = self.console.mark()
            await self.console.send("\r")
            seen = await self._watch.settle(_LOGIN_SECONDS / 3, mark=mark)
        return seen

    async def _stop_becoming(self) -> Observation:
        """sudo or su were entered, and what came of it is not known: ^C ends their question, `exit` a shell."""
        console = self.console
        ways = (Way.LOG_IN, Way.PROBE, Way.MAINTAIN)
        seen = await self._watch.settle(_SUSPEND_SECONDS, until=ways)
        for keys in ("\x03", "\r", "\r"):
            if seen.state.way in ways:
                break
            mark = console.mark()
            await console.send(keys)
            seen = await self._watch.settle(_LOGOUT_SECONDS, mark=mark, until=ways)
        self._becoming = False
        if seen.state.way is Way.PROBE and (self.ours or console.open_line != self._prompt):
            seen = await self._log_out() if self.ours else seen
        return seen

    async def _undo(self, layer: _Layer, ended: bool) -> None:
        console = self.console
        if layer is _Layer.BECOME and not ended:
            await console.send("\x15exit\r")
            await self.wait_for_prompt()
        elif layer is _Layer.INITRAMFS:
            for command in reversed(self._put_back):
                await self._ask(command)
            if self.entry.continue_boot:
                await self._continue_boot()
        elif layer is _Layer.MAINTENANCE:
            if self.entry.continue_boot:
                await self._continue_boot()
            else:
                console.tell(Event("note", "the maintenance shell stays open: its end would continue the boot"))
        elif layer is _Layer.RESUME:
            await self._resume()
        elif layer is _Layer.INSERT:
            await console.send("gi")

    async def _continue_boot(self) -> None:
        await self.console.send("exit\r")
        await self.console.quiet(QUIET, 1.0)
        self.console.tell(Event("note", "that shell is ended, and the boot goes on"))

    async def _resume(self) -> None:
        """Bring the suspended program back to the front, and see that the shell let it."""
        console = self.console
        await console.type_line(" fg")
        mark = console.mark()
        await console.send("\r")
        seen = await self._watch.settle(1.0, mark=mark, until=(Way.PROBE,))
        if seen.state.way is Way.PROBE and console.open_line == self._prompt:
            raise self._failed(
                ConsoleStateUnknown,
                "the program that was suspended did not come back to the front",
                hint="Look at the console: `fg` there brings it back.",
            )

    # -- failing ------------------------------------------------------------------------------

    def _failed(self, kind: type[ConsoleError], message: str, hint: str | None = None) -> ConsoleError:
        return self._watch.failed(kind, message, hint)

    def _refusal(self, mark: Mark) -> str:
        """What the machine said since `mark` that refuses us; empty if nothing."""
        lines, _ = self.console.since(mark)
        for pattern, reason in _REFUSALS:
            for line in reversed(lines):
                if pattern.search(line):
                    return f"{reason}: {printable(line.strip())}"
        return ""

    def _refused(self, mark: Mark, otherwise: str = "") -> ConsoleError:
        said = self._refusal(mark) or otherwise
        return self._failed(LoginRefused, said or "the machine did not log us in and went back to its login prompt")


def _read_probe(answers: list[str], *, with_host: bool) -> tuple[int | None, str | None, str | None]:
    """The uid, the name and the host that a probe's answer tells."""
    hostname = answers.pop() if with_host and answers else None
    name = answers.pop() if answers else None
    uid = answers.pop() if answers else ""
    return int(uid) if re.fullmatch(r"\d{1,10}", uid) else None, name, hostname
