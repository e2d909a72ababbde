"""Where a runbook's steps are done: the console, and the verified shell on it while we are logged in."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Literal

from ..console import Console
from ..errors import LoginRefused, UsageError
from ..login.entrance import enter_endpoint
from ..printable import printable
from ..secrets.secret import Secret
from ..session.machine import Access
from ..session.root_shell import RootShell, root_shell
from ..shell.shell import Result, Shell
from .scope import limited

__all__ = ["WHO", "Site"]

#: Asks a machine who it is.
WHO = "uname -n;read -r x 2>/dev/null </etc/machine-id&&echo $x"
#: What is left for `on_failure`, `finally` and the way back when the time is up.
CLEANING_SECONDS = 60.0
_KILLED = 137


@dataclass
class Site:
    """The console of one run.

    Fields:
        console: its only user.
        access: how to log in.
        deadline: the loop's time at which the run's own time is up.
        patience: seconds that one program may take.
        hostname, machine_id: the machine's own, once a shell told them.
        state_found: at the first login.
        logged_out: whether the state found was seen to be back, at every logout; None before the first.
        troubles: what was not as it should be on the way back.
        count: is told how much of a file has been carried, and of how much.
        run_seconds: what the program of this step may take.
        caller: how the caller logs in, once a step logged in by itself.
    """

    console: Console
    access: Access
    deadline: float
    patience: int
    hostname: str = ""
    machine_id: str | None = None
    state_found: str = ""
    logged_out: bool | None = None
    troubles: Sequence[str] = ()
    count: Callable[[int, int], None] | None = None
    run_seconds: int = 60
    caller: Access | None = None
    _busy_until: float = 0.0
    _refused: tuple[tuple[str, Secret], ...] = ()
    _session: RootShell | None = None
    _stack: AsyncExitStack | None = None

    async def raw(self) -> Console:
        """The console without a shell of ours, behind whatever the endpoint asks first."""
        await self.log_out()
        await enter_endpoint(self.console)
        return self.console

    async def session(self) -> RootShell:
        """The shell; logs in where none is open."""
        return self._session or await self.log_in()

    async def log_in_as(
        self, user: str | None, become: Literal["sudo", "su"] | None, password: Secret | None
    ) -> RootShell:
        """Log in anew; steps that need a shell log in as this one from now on.

        Args:
            user: who; the caller's login by default.
            become: how that one becomes root; as the caller said by default, unless there is another user.
            password: of that one; the caller's by default, which is typed for the caller's login alone.

        Raises:
            UsageError: another user has no password, or su would be given that one's.
        """
        await self.log_out()
        caller = self.caller = self.caller or self.access
        entry = caller.entry
        if user is not None and user != entry.login:
            if password is None:
                raise UsageError(
                    f"there is no password of {printable(user, 60)}; the caller's is typed for nobody else",
                    hint="Let the login step say  password: '{{ NAME }}', with a parameter of the type secret.",
                )
            entry = replace(entry, login=user, become=become, become_password=_roots(caller, user, become))
        elif become is not None:
            entry = replace(entry, become=become)
        before, self.access = self.access, replace(caller, entry=entry, password=password or caller.password)
        try:
            return await self.log_in()
        except BaseException:
            self.access = before  # what is done at the end logs in as before
            raise

    async def log_in(self) -> RootShell:
        """Log in as `access` says, anew where that is open."""
        await self.log_out()
        entry = self.access.entry
        typed = self.access.given_password
        if any(one == entry.login and word.reveal() == typed.reveal() for one, word in self._refused):
            raise LoginRefused(
                f"the password of {printable(entry.login, 60)} was refused before; it is not typed again"
            )
        stack = AsyncExitStack()
        left = max(self.deadline - asyncio.get_running_loop().time(), 1.0)
        shell = root_shell(
            self.console,
            typed,
            entry=entry,
            dead_man=self.access.dead_man or int(left + 3 * CLEANING_SECONDS),
            patience=self.patience,
        )
        try:
            self._session = await stack.enter_async_context(shell)
        except LoginRefused:
            self._refused = (*self._refused, (entry.login, typed))
            raise
        self._stack = stack
        self.state_found = self.state_found or self._session.state_found
        if not self.hostname:
            said = (await self._session.shell.run(WHO)).lines
            self.hostname = printable(said[0], 80)
            self.machine_id = printable(said[1], 80) if len(said) > 1 else None
        return self._session

    async def ran(self, shell: Shell, program: str) -> tuple[Result, bool]:
        """Run a program within `run_seconds`; gives its result, and whether it was ended when they were over."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._busy_until = max(self._busy_until, began) + self.run_seconds
        result = await shell.run(limited(program, self.run_seconds))
        self._busy_until = 0.0
        return result, result.status == _KILLED and loop.time() - began >= self.run_seconds - 0.5

    @property
    def busy(self) -> float:
        """Seconds until a program that nobody waits for any more is ended there."""
        return max(self._busy_until - asyncio.get_running_loop().time(), 0.0)

    def time_for(self, seconds: float) -> None:
        """Set what a program may take."""
        self.run_seconds = max(math.ceil(seconds), 1)

    async def log_out(self, failure: BaseException | None = None) -> None:
        """Leave the shell, if one is open, and see the state found. Does not raise for what goes wrong there.

        Args:
            failure: why; where the machine or the endpoint is gone, nothing is typed.
        """
        stack, session = self._stack, self._session
        self._stack = self._session = None
        if stack is None or session is None:
            return
        try:
            await stack.__aexit__(type(failure) if failure else None, failure, None)
        finally:
            self.logged_out = session.left and self.logged_out is not False
            if session.trouble:
                self.troubles = (*self.troubles, session.trouble)
            self.set_deadline()

    def set_deadline(self) -> None:
        """Let all waits end when the run's time is up."""
        left = self.deadline - asyncio.get_running_loop().time()
        self.console.set_deadline(max(left, 0.001))

    def leave_time(self) -> None:
        """Have time for what is done at the end, after a program that still runs there."""
        wanted = CLEANING_SECONDS + min(self.busy, CLEANING_SECONDS)
        self.deadline = max(self.deadline, asyncio.get_running_loop().time() + wanted)
        self.set_deadline()


def _roots(caller: Access, user: str, become: Literal["sudo", "su"] | None) -> Secret | None:
    """The password that `become` asks `user` for, where that is another than the login's."""
    if become != "su":
        return None  # sudo asks for the user's own
    if caller.entry.login == "root":
        return caller.given_password
    if caller.entry.become == "su" and caller.entry.become_password is not None:
        return caller.entry.become_password
    raise UsageError(
        f"su asks {printable(user, 60)} for root's password, and nobody gave that",
        hint="Log in as root, or with --become su and --become-password-file; or let the step say become: sudo.",
    )
