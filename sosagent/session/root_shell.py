"""From a console to a verified shell, and back to the initial state whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ..access import LoginSettings
from ..console.console import Console
from ..console.events import Event
from ..errors import ConsoleError, DeadlineExceeded, EndpointBusy, EndpointLost, MachineRestarted, SosError
from ..login.transitions import Login
from ..secrets.secret import Secret
from ..shell.failures import KEYS_STOP_THE_BOOT
from ..shell.programs import program
from ..shell.shell import Shell
from .finish import finish

__all__ = ["RootShell", "root_shell"]

DEAD_MAN_MARGIN_SECONDS = 30
_DEFAULT_SECONDS = 600.0  # the dead-man's switch of a job without a deadline
_FORGETTING_BYTES = 300  # typed to remove our lines from the history of a shell
_CHECK = "Check the console."


@dataclass
class RootShell:
    """A verified shell on the machine, and how it was reached.

    Fields:
        shell: runs programs.
        state_found: the console's state at the start.
        ours: whether we logged in; otherwise the shell beneath existed before.
        root: whether it is a root shell.
        left: whether the initial state came back after leaving.
        trouble: if it did not, the error, and what to check on the console.
    """

    shell: Shell
    state_found: str
    ours: bool
    root: bool
    left: bool = False
    trouble: str = ""

    def record_leaving(self, trouble: str = "") -> None:
        """Set `left` and `trouble` after leaving; an empty `trouble` means success."""
        self.left, self.trouble = not trouble, trouble


@asynccontextmanager
async def root_shell(
    console: Console,
    password: Secret,
    *,
    settings: LoginSettings | None = None,
    dead_man: int | None = None,
    patience: int = 60,
) -> AsyncIterator[RootShell]:
    """Get from the console's state to a verified shell, and back at the end.

    However the block ends, by an error or a cancellation too, our shell is closed and the initial state awaited. A
    second cancellation does not interrupt that. A failure to leave does not replace the block's result: it is
    reported in `RootShell.trouble`, or added as a note to the block's error.

    Args:
        console: a connected console, on which the job's deadline is set.
        password: the password of `LoginSettings.login`; typed once, at its password prompt.
        settings: how to log in; as root by default.
        dead_man: seconds after which the machine closes the shell by itself; by default, 30 s after the deadline.
        patience: seconds that one program may run there.

    Raises:
        ConsoleError: no shell, and why.
    """
    lifecycle = _Lifecycle(console, Login(console, settings or LoginSettings()))
    failure: BaseException | None = None
    try:
        yield await lifecycle.enter(password, dead_man, patience)
    except BaseException as error:
        failure = error
        raise
    finally:
        await finish(lifecycle.leave(failure))


class _Lifecycle:
    """One login and the verified shell on top of it, from the initial state and back.

    Args:
        console: connected.
        login: a login on that console.
    """

    def __init__(self, console: Console, login: Login) -> None:
        self._console = console
        self._login = login
        self._shell: Shell | None = None
        self._session: RootShell | None = None
        self._dead_man = 0
        self._replaced = False  # our verified shell takes the place of the login shell, so its end is a logout

    async def enter(self, password: Secret, dead_man: int | None, patience: int) -> RootShell:
        """Log in and start the verified shell; see `root_shell`."""
        console, login = self._console, self._login
        await login.enter(password)
        if dead_man is None:
            remaining = console.time_left()
            dead_man = int(_DEFAULT_SECONDS if remaining is None else remaining) + DEAD_MAN_MARGIN_SECONDS
        self._dead_man = dead_man
        self._replaced = login.replaceable
        self._shell = shell = Shell(
            console,
            replace=self._replaced,
            keep_modes=not login.ours,
            dead_man=dead_man,
            patience=patience,
            root=login.chroot,
            then=login.afterwards,
        )
        await shell.start()
        console.emit(Event("done", "shell ready"))
        if not login.ours and login.has_record:
            await self._adopt_own_shell(shell)
        self._session = RootShell(shell, login.initial_state, login.ours, login.is_root)
        return self._session

    async def _adopt_own_shell(self, shell: Shell) -> None:
        """Adopt the existing shell if an interrupted run of sosagent opened it, as its age shows."""
        clock = asyncio.get_running_loop()
        asked = clock.time()
        words = (await shell.run(program("shell_age"))).output.split()
        if len(words) != 3 or not all(word.isdigit() and len(word) < 12 for word in words) or words[2] != b"0":
            self._login.forget_record()
        elif self._login.adopt_if_ours(int(words[0]) - int(words[1]), asked=clock.time() - asked):
            self._console.emit(Event("note", "an interrupted run of sosagent left this shell open; logging it out"))

    async def leave(self, failure: BaseException | None) -> None:
        """Get back to the initial state, within a time limit of its own.

        Args:
            failure: the error that ended the block, if any; it gets a note of what remains on the console.
        """
        if isinstance(failure, EndpointBusy) and self._shell is not None:
            failure.warn_of_shell(self._open_shell)  # no key that we type arrives
        elif isinstance(failure, EndpointLost):
            self._note_remains(failure)
        elif isinstance(failure, MachineRestarted) and failure.proved:
            self._login.forget_record()
        else:
            await self._leave_console(failure)

    @property
    def _open_shell(self) -> str:
        """A sentence about the shell of ours that may be open now, or an empty string."""
        if self._shell is not None and self._shell.collecting and self._shell.started:
            return f"A shell of ours may be open on the console; it closes itself within {self._dead_man} s"
        if self._login.may_be_open:
            return "A shell of ours may be open on the console"
        return ""

    def _note_remains(self, lost: EndpointLost) -> None:
        """The connection is lost: add a note of what remains open on the machine."""
        # Before the start line is answered, its Enter may be lost with the connection.
        if self._shell is not None and self._shell.collecting and self._shell.started:
            if self._login.maintenance and not self._login.afterwards:
                lost.add_note(self._login.remains)
            lost.warn_of_shell(self._open_shell)
            return
        lost.shell_open, lost.maintenance = self._login.may_be_open, self._login.maintenance
        if self._login.remains and not lost.shell_open:
            lost.add_note(self._login.remains)

    async def _leave_console(self, failure: BaseException | None) -> None:
        if failure is not None:
            self._login.keep_boot_stopped()  # the operator will want to use maintenance mode
        self._console.start_leaving()
        opened = self._login.opened
        try:
            await self._login.leave(ended=await self._close_shell(failure))
        except ConsoleError as error:
            self._report(error, failure)
            return
        if self._session is not None:
            self._session.record_leaving()
            done = "logged out" if opened else "left the existing root shell open, as it was"
            self._console.emit(Event("done", done))

    def _report(self, error: ConsoleError, failure: BaseException | None) -> None:
        """Report that leaving failed with `error`. A shell that may be open comes first."""
        warning = self._open_shell
        hint = _CHECK if isinstance(error, DeadlineExceeded) else error.hint
        trouble = f"while leaving: {error.message}. {hint}"
        if failure is not None:
            failure.add_note(trouble)
            if isinstance(failure, SosError):
                failure.warn_of_shell(warning)
            else:
                failure.open_shell = warning  # type: ignore[attr-defined]
        elif self._session is not None:
            trouble = f"{warning}. {trouble}" if warning else trouble
            self._session.record_leaving(trouble)
            self._console.emit(Event("note", trouble))

    async def _close_shell(self, failure: BaseException | None) -> bool:
        """End the verified shell; return whether the login shell that it replaced has ended with it."""
        shell = self._shell
        if shell is None:
            return False
        self._console.emit(Event("start", "log out" if self._login.ours else "leave the shell"))
        started = shell.started
        if self._replaced and not started:
            self._login.note_line_entered()
        if isinstance(failure, MachineRestarted) and self._console.state in KEYS_STOP_THE_BOOT:
            raise failure
        try:
            await shell.close()
        except DeadlineExceeded:
            raise
        except ConsoleError:
            if shell.answers or not self._replaced:
                raise
            return False  # the login shell may be there: the login tries to end it
        if not self._replaced:
            await self._login.wait_for_prompt()
            # What follows is more important, such as resuming a program: on a slow line the lines stay in the history.
            if _FORGETTING_BYTES * shell.byte_seconds < (self._console.time_left() or 0.0) / 2:
                await self._login.forget_lines()
        return self._replaced and started
