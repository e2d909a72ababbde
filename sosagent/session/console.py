"""The console that `connect` returns: `send` and `expect` as with pexpect, and a login to a plain shell."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Literal

from ..access import LoginSettings
from ..console.console import Console as _Console
from ..errors import UsageError
from ..login.transitions import Login
from ..secrets.secret import Secret
from ..terminal.expect import Match, Pattern

__all__ = ["ConnectedConsole", "Console", "connected"]


class ConnectedConsole(_Console):
    """A console inside sosagent, which can log in."""

    _login: Login | None = None

    async def login(self, password: Secret, settings: LoginSettings) -> None:
        """Get to a shell's prompt; see `Console.login`."""
        if self._login is not None:
            raise UsageError("already logged in on this console", hint="Call logout() first.")
        self._login = Login(self, settings)
        await self._login.enter(password)

    async def logout(self) -> None:
        """Leave the shell that `login` led to; see `Console.logout`."""
        login, self._login = self._login, None
        if login is not None:
            await login.leave()


def connected(console: Console) -> ConnectedConsole:
    """Return the console inside `console`, for the jobs of sosagent."""
    return console._console


class Console:
    """A connected console; `connect` returns it, and its block logs out and closes the connection.

    Only one task may use it at a time. Every wait ends at the deadline, if one is set, with `DeadlineExceeded`, which
    names the console's state and shows its last lines. A cancelled method leaves the console usable: nothing that
    was received is lost.

    Args:
        console: the console inside sosagent.
    """

    def __init__(self, console: ConnectedConsole) -> None:
        self._console = console

    # -- login --------------------------------------------------------------------------------

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
        second = Secret(become_password) if isinstance(become_password, str) else become_password
        settings = LoginSettings(
            login=login, expect_host=expect_host, become=become, become_password=second, take_over=take_over
        )
        await self._console.login(Secret(password) if isinstance(password, str) else password, settings)

    async def logout(self) -> None:
        """Leave the shell that `login` led to, and wait for the initial state. Do nothing if not logged in.

        The shell must be at its prompt.

        Raises:
            ConsoleError: the state did not come back; the message names what remains.
        """
        await self._console.logout()

    # -- sending ------------------------------------------------------------------------------

    async def send(self, text: str | bytes) -> None:
        """Send `text` unchanged; Enter is ``\\r``.

        Args:
            text: what to send; a `str` is sent in UTF-8.

        Raises:
            EndpointRefused: the endpoint would interpret a part of it as a command; nothing was sent.
            EndpointLost: the connection is gone, or the endpoint returned to its own prompt.
            DeadlineExceeded: the deadline passed first.
        """
        await self._console.send(text)

    async def send_secret(self, secret: Secret, enter: str = "\r") -> None:
        """Send `secret` and Enter. Output up to the next newline is neither kept nor recorded.

        Args:
            secret: what to send. It is replaced in everything that is shown or recorded from now on.
            enter: what to send after it.

        Raises:
            EndpointRefused, EndpointLost, DeadlineExceeded: as `send`.
        """
        await self._console.send_secret(secret, enter)

    async def send_break(self) -> None:
        """Send a BREAK.

        Raises:
            UsageError: this endpoint cannot send one.
            EndpointLost, DeadlineExceeded: as `send`.
        """
        await self._console.send_break()

    async def type_line(self, text: str, *, tries: int = 3) -> None:
        """Type `text` without Enter, and check that its echo appears behind the prompt exactly as typed.

        A damaged line is erased and typed again, and typed slower if damage continues.

        Args:
            text: printable ASCII.
            tries: how often to type it.

        Raises:
            ConsoleStateUnknown: the line never came back intact, or could not be erased. Enter was not pressed.
            EndpointRefused, EndpointLost, DeadlineExceeded: as `send`.
        """
        await self._console.type_line(text, tries=tries)

    # -- receiving ----------------------------------------------------------------------------

    async def expect(
        self, patterns: Pattern | Sequence[Pattern], seconds: float = 30.0, *, exact: bool = False
    ) -> Match:
        """Wait until one of `patterns` matches the text received since the last match.

        Args:
            patterns: regular expressions (text or compiled), TIMEOUT, EOF; one or a list. One that
                ends in ``$`` is a prompt and matches on the open line only.
            seconds: how long to wait, besides the time that bytes take on a slow line.
            exact: take texts literally.

        Returns:
            The match; for TIMEOUT and EOF in the list, one with that index and no text.

        Raises:
            DeadlineExceeded: nothing matched in time, and TIMEOUT is not in the list.
            EndpointLost: the connection ended, and EOF is not in the list.
        """
        return await self._console.expect(patterns, seconds, exact=exact)

    def skip(self) -> None:
        """Consume everything received so far, so that `expect` matches only later text."""
        self._console.skip()

    async def receive(self, seconds: float) -> bytes | None:
        """Wait at most `seconds` for the next bytes.

        Args:
            seconds: how long to wait.

        Returns:
            The bytes without kernel messages that interrupted other lines, so they may be empty; None if no
            bytes arrived in time.

        Raises:
            EndpointLost: the endpoint closed the connection, or returned to its own prompt.
            DeadlineExceeded: the deadline passed first.
        """
        return await self._console.receive(seconds)

    async def quiet(self, seconds: float, at_most: float) -> bool:
        """Wait until nothing but kernel messages is received for `seconds`, or longer on a slow line.

        Args:
            seconds: how long the line must be quiet.
            at_most: when to stop waiting for that, in seconds.

        Returns:
            True if the line is quiet; False if output still flows after `at_most` seconds.

        Raises:
            EndpointLost, DeadlineExceeded: as `receive`.
        """
        return await self._console.quiet(seconds, at_most)

    # -- what was received --------------------------------------------------------------------

    @property
    def state(self) -> str:
        """The name of the console state that was recognised last; `sosagent.console_state` looks again."""
        return self._console.state

    @property
    def open_line(self) -> str:
        """The line that has no newline yet, without a right prompt."""
        return self._console.open_line

    @property
    def output(self) -> bytes:
        """The last 64 KiB received, as a terminal would get them, with secrets replaced."""
        return self._console.output

    def tail(self, count: int = 12) -> tuple[str, ...]:
        """Return the last lines that are not blank, printable and without secrets.

        Args:
            count: how many lines.
        """
        return self._console.tail(count)

    def screen(self, columns: int = 80, rows: int = 24) -> list[str]:
        """Return the printable rows, from the top, that a terminal of this size would show now."""
        from ..terminal.screen import screen_of  # importing pyte takes long

        return screen_of(self._console.output, columns, rows)

    # -- recording ----------------------------------------------------------------------------

    def unrecorded(self, *secrets: Secret) -> AbstractContextManager[None]:
        """Show and record nothing inside this context.

        Args:
            secrets: are replaced afterwards too.
        """
        return self._console.unrecorded(*secrets)

    def mark_recording(self, label: str) -> None:
        """Add a marker to the transcript, which a player can jump to."""
        self._console.mark_recording(label)

    # -- time and amounts ---------------------------------------------------------------------

    def set_deadline(self, seconds: float | None) -> None:
        """End all waits `seconds` from now; None removes the deadline."""
        self._console.set_deadline(seconds)

    def time_left(self) -> float | None:
        """Return the seconds until the deadline; None without a deadline."""
        return self._console.time_left()

    @property
    def bytes_sent(self) -> int:
        """The number of bytes sent so far."""
        return self._console.bytes_sent

    @property
    def bytes_received(self) -> int:
        """The number of bytes received so far."""
        return self._console.bytes_received

    @property
    def exchanges(self) -> int:
        """The number of writes so far that ended in Enter; each waits for an answer."""
        return self._console.exchanges
