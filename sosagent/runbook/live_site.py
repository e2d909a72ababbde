"""The console of a machine, and the verified shell on it, as the steps of a runbook use them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..access import Access
from ..authorized_keys.append import append_keys
from ..authorized_keys.outcome import Appended
from ..console import Console
from ..deadline import Deadline
from ..errors import ConsoleSilent, ConsoleStateUnknown, DeadlineExceeded, LoginRefused, UsageError
from ..jobs.keys import KeysRemoved, remove_in
from ..keys import PublicKey
from ..login.detect import find_state
from ..login.entrance import enter_endpoint
from ..login.observe import observe, settle
from ..printable import printable
from ..secrets.secret import Secret
from ..session.machine import rights_of
from ..session.root_shell import RootShell, root_shell
from ..shell.shell import Result
from ..shell.transfer import Transfer
from ..terminal.states import Observation
from .scope import with_time_limit
from .site import IDENTIFY

__all__ = ["LiveSite"]

#: Time for `on_failure`, `finally` and logging out when the run's own time is up.
_CLEANUP_SECONDS = 60.0
#: Time for a program and its output to cross a slow line, in addition to the program's own time.
_TRANSFER_SECONDS = 30.0
_SETTLE_SECONDS = 5.0
_KILLED = 137


@dataclass
class LiveSite:
    """The console of one run on a machine; see `Site`.

    Fields:
        console: the console, which only this run uses.
        access: how to log in; `log_in_as` changes it.
        deadline: the end of the run's own time.
        patience: seconds that any one program may run.
        count: called with the bytes of a file copied so far, and their total.
    """

    console: Console
    access: Access
    deadline: Deadline
    patience: int
    count: Callable[[int, int], None] | None = None
    hostname: str = ""
    machine_id: str | None = None
    state_found: str = ""
    logged_out: bool | None = None
    program_seconds: int = 60
    _log_out_troubles: tuple[str, ...] = ()
    _caller: Access | None = None
    _busy: Deadline | None = None
    _refused: tuple[tuple[str, Secret], ...] = ()
    _session: RootShell | None = None
    _stack: AsyncExitStack | None = None

    @property
    def troubles(self) -> Sequence[str]:
        return (*self._log_out_troubles, *self.console.local_failures)

    async def raw(self) -> Console:
        await self.log_out()
        await enter_endpoint(self.console)
        return self.console

    # -- logging in and out -------------------------------------------------------------------

    async def shell(self) -> RootShell:
        return self._session or await self._log_in()

    async def log_in_as(
        self, user: str | None, become: Literal["sudo", "su"] | None, password: Secret | None
    ) -> RootShell:
        await self.log_out()
        caller = self._caller = self._caller or self.access
        access = replace(caller, password=password or caller.password)
        if user is not None and user != caller.login:
            if password is None:
                raise UsageError(
                    f"no password for {printable(user, 60)}; the caller's password is never typed for another user",
                    hint="Add  password: '{{ NAME }}'  to the login step, with a parameter of type secret.",
                )
            second = _become_password(caller, user, become)
            access = replace(access, login=user, become=become, become_password=second)
        elif become is not None:
            access = replace(access, become=become)
        before, self.access = self.access, access
        try:
            return await self._log_in()
        except BaseException:
            self.access = before  # cleanup steps log in as before
            raise

    async def _log_in(self) -> RootShell:
        await self.log_out()
        login = self.access.login
        password = self.access.known_password
        if any(one_login == login and one.reveal() == password.reveal() for one_login, one in self._refused):
            raise LoginRefused(
                f"the password of {printable(login, 60)} was refused before, so it is not typed again",
                hint="Check the password. It was tried only once, so that no account is locked.",
            )
        stack = AsyncExitStack()
        shell = root_shell(
            self.console,
            password,
            settings=self.access,
            dead_man=self.access.dead_man or int(max(self.deadline.remaining, 1.0) + 3 * _CLEANUP_SECONDS),
            patience=self.patience,
        )
        try:
            session = self._session = await stack.enter_async_context(shell)
        except LoginRefused:
            self._refused = (*self._refused, (login, password))
            raise
        self._stack = stack
        self.state_found = self.state_found or session.state_found
        if not self.hostname:
            lines = (await session.shell.run(IDENTIFY)).lines
            self.hostname = printable(lines[0], 80)
            self.machine_id = printable(lines[1], 80) if len(lines) > 1 else None
        return session

    async def log_out(self, failure: BaseException | None = None) -> None:
        stack, session = self._stack, self._session
        self._stack = self._session = None
        if stack is None or session is None:
            return
        try:
            await stack.__aexit__(type(failure) if failure else None, failure, None)
        finally:
            self.logged_out = session.left and self.logged_out is not False
            if session.trouble:
                self._log_out_troubles = (*self._log_out_troubles, session.trouble)
            self._set_deadline()

    # -- in the shell -------------------------------------------------------------------------

    async def run(self, program: str) -> tuple[Result, bool]:
        session, started = await self.shell(), time.monotonic()
        self._busy = Deadline(self._busy_seconds + self.program_seconds)
        result = await session.shell.run(with_time_limit(program, self.program_seconds))
        self._busy = None
        # A program may also exit with 137 by itself, before its time is up.
        return result, result.status == _KILLED and time.monotonic() - started >= self.program_seconds - 0.5

    async def add_keys(self, keys: Sequence[PublicKey], user: str) -> Appended:
        session = await self.shell()
        return await append_keys(session.shell, keys, **rights_of(self.access, session, user))

    async def remove_keys(self, keys: Sequence[str | PublicKey], user: str) -> KeysRemoved:
        return await remove_in(await self.shell(), self.access, keys, user=user)

    async def upload(self, source: Path, target: str, mode: int) -> Transfer:
        session = await self.shell()
        return await session.shell.upload(source, target, mode=mode, on_progress=self.count)

    async def download(self, source: str, target: Path) -> Transfer:
        session = await self.shell()
        return await session.shell.download(source, target, on_progress=self.count)

    # -- on the raw console -------------------------------------------------------------------

    async def wait_for_state(self, name: str) -> Observation:
        console = await self.raw()
        observation = await self._look(console)
        while observation.state.name != name:
            left = console.time_left()
            if left is not None and left <= _SETTLE_SECONDS:
                raise DeadlineExceeded(
                    f"the console did not reach the state {name}; it shows {observation.state.title}",
                    state=observation.state.name,
                    tail=console.tail(),
                )
            await console.receive(_SETTLE_SECONDS)
            interrupted = console.received.interrupted
            observation = await (self._look(console) if interrupted else settle(console, _SETTLE_SECONDS))
        return observation

    async def _look(self, console: Console) -> Observation:
        """Return the state, and type keys to find it out where that is necessary."""
        try:
            # An empty line may hide a prompt that appears only after a key press; an interrupted one is finished.
            if not console.open_line or console.received.interrupted:
                return await find_state(console)
        except (ConsoleSilent, ConsoleStateUnknown):
            pass
        return observe(console, console.mark_before_open_line())

    # -- time ---------------------------------------------------------------------------------

    def limit_program(self, seconds: float) -> float:
        self.program_seconds = max(math.ceil(seconds), 1)
        return self.program_seconds + self._busy_seconds + _TRANSFER_SECONDS

    def allow_cleanup(self) -> None:
        seconds = _CLEANUP_SECONDS + min(self._busy_seconds, _CLEANUP_SECONDS)
        if self.deadline.remaining < seconds:
            self.deadline = Deadline(seconds)
        self._set_deadline()

    @property
    def _busy_seconds(self) -> float:
        """Seconds until the machine kills the programs whose results were abandoned."""
        return 0.0 if self._busy is None else self._busy.remaining

    def _set_deadline(self) -> None:
        self.console.set_deadline(max(self.deadline.remaining, 0.001))


def _become_password(caller: Access, user: str, become: Literal["sudo", "su"] | None) -> Secret | None:
    """Return the password that `become` asks `user` for, if it differs from the login's."""
    if become != "su":
        return None  # sudo asks for the user's own
    if caller.login == "root":
        return caller.known_password
    if caller.become == "su" and caller.become_password is not None:
        return caller.become_password
    raise UsageError(
        f"su asks {printable(user, 60)} for root's password, which is not known",
        hint="Log in as root, or with --become su and --become-password-file; or use become: sudo in the step.",
    )
