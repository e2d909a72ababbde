"""From a console to a verified shell, and back to the initial state whatever happens in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ..access import LoginSettings
from ..console.console import Console
from ..console.events import Event
from ..errors import ConsoleError, DeadlineExceeded, EndpointBusy, EndpointLost, MachineRestarted
from ..login.transitions import Login
from ..secrets.secret import Secret
from ..shell.programs import program
from ..shell.shell import Shell
from .finish import finish

__all__ = ["RootShell", "root_shell"]

_MARGIN_SECONDS = 30
_DEFAULT_SECONDS = 600.0  # the dead-man's switch of a job without a deadline
_CHECK = "Check the console: our shell may be open there."


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
        self._replaced = False  # our verified shell takes the place of the login shell, so its end is a logout

    async def enter(self, password: Secret, dead_man: int | None, patience: int) -> RootShell:
        """Log in and start the verified shell; see `root_shell`."""
        console, login = self._console, self._login
        await login.enter(password)
        if dead_man is None:
            remaining = console.time_left()
            dead_man = int(_DEFAULT_SECONDS if remaining is None else remaining) + _MARGIN_SECONDS
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
        words = (await shell.run(program("shell_age"))).output.split()
        if len(words) != 2 or not all(word.isdigit() and len(word) < 12 for word in words):
            self._login.forget_record()
        elif self._login.adopt_if_ours(int(words[0]) - int(words[1])):
            self._console.emit(Event("note", "an interrupted run of sosagent left this shell open; logging it out"))

    async def leave(self, failure: BaseException | None) -> None:
        """Get back to the initial state, within a time limit of its own.

        Args:
            failure: the error that ended the block, if any; it gets a note of what remains on the console.
        """
        if isinstance(failure, MachineRestarted):
            self._login.forget_record()
        elif isinstance(failure, EndpointBusy) and self._shell is not None:
            return  # no key that we type arrives
        elif isinstance(failure, EndpointLost):
            self._note_remains(failure)
        else:
            await self._leave_console(failure)

    def _note_remains(self, lost: EndpointLost) -> None:
        """The connection is lost: add a note of what remains open on the machine."""
        # Before the start line is answered, its Enter may be lost with the connection.
        if self._shell is not None and self._shell.collecting:
            if self._login.maintenance and not self._login.afterwards:
                lost.add_note(self._login.remains)
            return  # the shell will end by itself
        lost.shell_open, lost.maintenance = self._login.may_be_open, self._login.maintenance
        if self._login.remains and not lost.shell_open:
            lost.add_note(self._login.remains)

    async def _leave_console(self, failure: BaseException | None) -> None:
        if failure is not None:
            self._login.keep_boot_stopped()  # the operator will want to use maintenance mode
        self._console.start_leaving()
        ended = self._replaced and self._shell is not None and self._shell.started
        opened = self._login.opened
        try:
            await self._close_shell()
            await self._login.leave(ended=ended)
        except ConsoleError as error:
            hint = _CHECK if isinstance(error, DeadlineExceeded) else error.hint
            trouble = f"while leaving: {error.message}. {hint}"
            if failure is not None:
                failure.add_note(trouble)
            elif self._session is not None:
                self._session.record_leaving(trouble)
                self._console.emit(Event("note", trouble))
            return
        if self._session is not None:
            self._session.record_leaving()
            done = "logged out" if opened else "left the existing root shell open, as it was"
            self._console.emit(Event("done", done))

    async def _close_shell(self) -> None:
        if self._shell is None:
            return
        self._console.emit(Event("start", "log out" if self._login.ours else "leave the shell"))
        await self._shell.close()
        if not self._replaced:
            await self._login.wait_for_prompt()
            await self._login.forget_lines()
