"""A console that `connect` gave: it can log in, for `send` and `expect` as pexpect has them."""

from __future__ import annotations

from typing import Literal

from ..console.console import Console
from ..errors import UsageError
from ..login.transitions import Entry, Login
from ..secrets.secret import Secret

__all__ = ["ConnectedConsole"]


class ConnectedConsole(Console):
    """A `Console` with a login of its own; leaving the block of `connect` ends that."""

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
        """Get from whatever is on the console to a shell's prompt, for `send` and `expect` as pexpect has them.

        What is typed there is not checked on its way; `sosagent.root_shell` is the shell whose results are exact.
        Where `connect` gave this console, leaving its block logs out.

        Args:
            password: of `login` on the machine; typed once, at its password prompt.
            login: the name to log in as.
            expect_host: the machine's name, compared with what the console shows before the password is typed.
            become: how `login` gets root's rights.
            become_password: what that asks for; `password` by default.
            take_over: end or discard what somebody left on the console and stands in the way.

        Raises:
            UsageError: a login of this console is open already.
            ConsoleError: what stands in the way; see the leaves of `sosagent.errors`.

        When it fails or is cancelled, call `logout`; `connect` does.
        """
        if self._login is not None:
            raise UsageError("this console has a login of its own open", hint="End it by logout().")
        second = Secret(become_password) if isinstance(become_password, str) else become_password
        self._login = Login(self, Entry(login, expect_host, become, second, take_over))
        await self._login.enter(Secret(password) if isinstance(password, str) else password)

    async def logout(self) -> None:
        """Leave the shell that `login` led to, and see the state that was found. Does nothing where none is open.

        The shell must be at its prompt.

        Raises:
            ConsoleError: the state did not come back; its message says what is left.
        """
        login, self._login = self._login, None
        if login is not None:
            await login.leave()
