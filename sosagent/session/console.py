"""The console that `connect` returns: it can log in, to use a plain shell by `send` and `expect` as with pexpect."""

from __future__ import annotations

from typing import Literal

from ..access import LoginSettings
from ..console.console import Console
from ..errors import UsageError
from ..login.transitions import Login
from ..secrets.secret import Secret

__all__ = ["ConnectedConsole"]


class ConnectedConsole(Console):
    """A `Console` that can log in. Leaving the block of `connect` logs out."""

    _login: Login | None = None

    async def login(
        self,
        password: Secret | str,
        *,
        login: str = "root",
        expect_host: str | None = None,
        become: Literal["sudo", "su"] | None = None,
        become_password: Secret | str | None = None,
        take_over: bool = False,
    ) -> None:
        """Get from any console state to a shell's prompt, for `send` and `expect` as with pexpect.

        Commands typed there are not verified; `sosagent.root_shell` is the shell whose results are exact. The block
        of `connect` logs out at its end.

        Args:
            password: the password of `login` on the machine; typed once, at its password prompt.
            login: the user to log in as.
            expect_host: the machine's host name; compared with the console's before the password is typed.
            become: the command by which `login` becomes root.
            become_password: the password for `become`; `password` by default.
            take_over: end or discard what another user left on the console, if it is an obstacle.

        Raises:
            UsageError: a login on this console is open already.
            ConsoleError: no shell; see the classes in `sosagent.errors`.

        After an error or a cancellation, call `logout`; `connect` does.
        """
        if self._login is not None:
            raise UsageError("already logged in on this console", hint="Call logout() first.")
        second = Secret(become_password) if isinstance(become_password, str) else become_password
        settings = LoginSettings(
            login=login, expect_host=expect_host, become=become, become_password=second, take_over=take_over
        )
        self._login = Login(self, settings)
        await self._login.enter(Secret(password) if isinstance(password, str) else password)

    async def logout(self) -> None:
        """Leave the shell that `login` led to, and wait for the initial state. Do nothing if not logged in.

        The shell must be at its prompt.

        Raises:
            ConsoleError: the state did not come back; the message names what remains.
        """
        login, self._login = self._login, None
        if login is not None:
            await login.leave()
