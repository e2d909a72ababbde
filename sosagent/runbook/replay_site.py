"""A recording in the place of a machine: console, shell and site, as far as steps use them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, cast

from ..console import Console
from ..console.events import Event
from ..errors import DeadlineExceeded
from ..secrets.secret import Secret
from ..session.machine import Access
from ..session.root_shell import RootShell
from ..shell.shell import Result, Shell
from ..terminal.expect import Match, Pattern
from .site import Site
from .tape import Tape, Unlike

__all__ = ["ReplaySite", "never_came"]


class _Console:
    """The console of a recording: the part of `Console` that steps use."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.state = ""
        self.output = b""
        self.private = False

    def emit(self, event: Event) -> None:
        pass

    def mark_recording(self, label: str) -> None:
        pass

    def redact(self, text: str) -> str:
        return text

    def tail(self, count: int = 12) -> tuple[str, ...]:
        return self.tape.tail()[-count:]

    def time_left(self) -> float | None:
        return None

    @contextmanager
    def unrecorded(self, *secrets: Secret) -> Iterator[None]:
        self.private = True
        try:
            yield
        finally:
            self.private = False

    async def send(self, text: str) -> None:
        self.tape.typed(text)

    async def send_secret(self, secret: Secret, enter: str = "\r") -> None:
        self.tape.typed("(a secret)\r")
        raise Unlike("cannot be compared", "a secret was typed there, too; which one, no recording tells")

    async def send_break(self) -> None:
        self.tape.typed("(BREAK)")

    async def expect(self, patterns: Sequence[Pattern], seconds: float = 30.0) -> Match:
        found = self.tape.expect(patterns)
        if found is None:
            shown = " and ".join(repr(one) for one in patterns)
            raise never_came(self.tape, f"waits for {shown}, which never came")
        return found


def never_came(tape: Tape, words: str) -> DeadlineExceeded:
    """The error of a wait that would have no end."""
    last = "; the last lines there: " + " / ".join(tape.tail()) if tape.tail() else ""
    return DeadlineExceeded(f"{words} in the recording{last}", tail=tape.tail())


class _Shell:
    """The shell of a recording."""

    def __init__(self, site: ReplaySite) -> None:
        self.site = site
        self.console = site.console

    async def run(self, text: str) -> Result:
        if self.site.told.private:
            self.site.tape.private()
        return self.site.tape.program(text, self.site.end or text, self.site.loose)


class ReplaySite(Site):
    """Where the steps are done: on a tape."""

    def __init__(self, tape: Tape, access: Access) -> None:
        self.told = _Console(tape)
        super().__init__(cast(Console, self.told), access, 0.0, 0)
        self.tape = tape
        self.end = ""
        self.loose = False
        self.notes: list[str] = []

    async def raw(self) -> Console:
        await self.log_out()
        return self.console

    async def log_in_as(
        self, user: str | None, become: Literal["sudo", "su"] | None, password: Secret | None
    ) -> RootShell:
        return await self._log_in(user)

    async def log_in(self) -> RootShell:
        return await self._log_in(None)

    async def _log_in(self, user: str | None) -> RootShell:
        await self.log_out()
        started, hostname = self.tape.log_in()
        if started is None:
            self.notes.append("would log in there, where the recording is logged in still")
        elif user is not None and started.login not in (None, user):
            self.notes.append(f"would log in as {user!r}; the recording logged in as {started.login!r}")
        self.hostname = self.hostname or hostname
        ours = started is None or started.login is not None
        self._session = RootShell(cast(Shell, _Shell(self)), "", ours, True)
        return self._session

    async def ran(self, shell: Shell, program: str) -> tuple[Result, bool]:
        result = await shell.run(program)
        return result, self.tape.failed() == DeadlineExceeded.code

    async def log_out(self, failure: BaseException | None = None) -> None:
        if self._session is None:
            return
        self._session, self.logged_out = None, True
        if not self.tape.log_out():
            self.notes.append("would log out there; the recording does not")

    def set_deadline(self) -> None:
        pass
