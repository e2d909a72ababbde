"""A recording that stands in for a machine: the console and the shell that the steps of a runbook use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from ..access import Access
from ..authorized_keys.append import append_keys
from ..authorized_keys.outcome import Appended
from ..console.events import Event
from ..errors import DeadlineExceeded
from ..jobs.keys import KeysRemoved, remove_in
from ..keys import PublicKey
from ..secrets.marks import REDACTED
from ..secrets.secret import Secret
from ..session.machine import rights_of
from ..session.root_shell import RootShell
from ..shell.shell import Result, Shell
from ..shell.transfer import Transfer
from ..terminal.expect import Match, Pattern
from ..terminal.states import Observation
from .playback import Differs, Playback

__all__ = ["ReplaySite"]


class _ReplayConsole:
    """A `StepConsole` on a recording."""

    def __init__(self, playback: Playback) -> None:
        self.state = ""
        self.output = b""
        self._playback = playback
        self._private = False

    @property
    def private(self) -> bool:
        """Whether a program that is run now contains a secret."""
        return self._private

    def emit(self, event: Event) -> None:
        pass

    def mark_recording(self, label: str) -> None:
        pass

    def redact(self, text: str) -> str:
        return text

    def tail(self, count: int = 12) -> tuple[str, ...]:
        return self._playback.tail()[-count:]

    def time_left(self) -> float | None:
        return None

    @contextmanager
    def unrecorded(self, *secrets: Secret) -> Iterator[None]:
        self._private = True
        try:
            yield
        finally:
            self._private = False

    async def send(self, text: str) -> None:
        self._playback.send(text)

    async def send_secret(self, secret: Secret, enter: str = "\r") -> None:
        self._playback.send(f"{REDACTED}\r")
        raise Differs("cannot be compared", "a secret was typed there, too; recordings do not contain it")

    async def send_break(self) -> None:
        self._playback.send("(BREAK)")

    async def expect(self, patterns: Sequence[Pattern], seconds: float = 30.0) -> Match:
        match = self._playback.expect(patterns)
        if match is None:
            shown = " and ".join(repr(one) for one in patterns)
            raise _never_came(self._playback, f"waits for {shown}, which never came")
        return match


def _never_came(playback: Playback, message: str) -> DeadlineExceeded:
    """Return the error of a wait that would never end."""
    tail = playback.tail()
    last = "; the last lines there: " + " / ".join(tail) if tail else ""
    return DeadlineExceeded(f"{message} in the recording{last}", tail=tail)


class _ReplayShell:
    """The part of `Shell` that runs programs, implemented on a recording."""

    checksum_tool = ""  # no recording names it

    def __init__(self, console: _ReplayConsole, run: Callable[[str], Result]) -> None:
        self.console = console
        self._run = run

    async def run(self, text: str) -> Result:
        return self._run(text)


@dataclass(frozen=True)
class _ReplaySession:
    """A login in a recording; see `StepShell`."""

    ours: bool
    root: bool = True


class ReplaySite:
    """A `Site` on a recording.

    Args:
        playback: the playback of the recording.
        access: who logs in.
    """

    program_seconds = 0
    machine_id: str | None = None
    state_found = ""
    troubles: Sequence[str] = ()

    def __init__(self, playback: Playback, access: Access) -> None:
        self.console = _ReplayConsole(playback)
        self.access = access
        self.hostname = ""
        self.logged_out: bool | None = None
        self._playback = playback
        self._session: _ReplaySession | None = None
        self._program_end = ""
        self._any_values = False
        self._differences: list[str] = []

    def start_step(self, program_end: str, *, any_values: bool) -> None:
        """Prepare for a step.

        Args:
            program_end: the last part of its program, after the values of variables.
            any_values: whether the values of its variables are unknown.
        """
        self._program_end, self._any_values = program_end, any_values
        self._differences = []

    @property
    def differences(self) -> Sequence[str]:
        """Differences from the recording in the login and logout of the current step."""
        return self._differences

    async def raw(self) -> _ReplayConsole:
        await self.log_out()
        return self.console

    async def shell(self) -> _ReplaySession:
        return self._session or await self.log_in_as(None, None, None)

    async def log_in_as(
        self, user: str | None, become: Literal["sudo", "su"] | None, password: Secret | None
    ) -> _ReplaySession:
        await self.log_out()
        started, hostname = self._playback.log_in()
        if started is None:
            self._differences.append("would log in where the recording is still logged in")
        elif user is not None and started.login not in (None, user):
            self._differences.append(f"would log in as {user!r}; the recording logged in as {started.login!r}")
        self.hostname = self.hostname or hostname
        self._session = _ReplaySession(ours=started is None or started.login is not None)
        return self._session

    async def log_out(self, failure: BaseException | None = None) -> None:
        if self._session is None:
            return
        self._session, self.logged_out = None, True
        if not self._playback.log_out():
            self._differences.append("would log out there; the recording does not")

    async def run(self, program: str) -> tuple[Result, bool]:
        return self._run(program), self._playback.failure() == DeadlineExceeded.code

    def _run(self, program: str) -> Result:
        if self.console.private:
            self._playback.run_private()
        return self._playback.run(program, self._program_end or program, any_values=self._any_values)

    async def add_keys(self, keys: Sequence[PublicKey], user: str) -> Appended:
        session = await self._root_shell()
        return await append_keys(session.shell, keys, **rights_of(self.access, session, user))

    async def remove_keys(self, keys: Sequence[str | PublicKey], user: str) -> KeysRemoved:
        return await remove_in(await self._root_shell(), self.access, keys, user=user)

    async def _root_shell(self) -> RootShell:
        session = await self.shell()
        return RootShell(cast(Shell, _ReplayShell(self.console, self._run)), "", session.ours, session.root)

    async def upload(self, source: Path, target: str, mode: int) -> Transfer:
        raise Differs("cannot be compared", "recordings contain no files")

    async def download(self, source: str, target: Path) -> Transfer:
        raise Differs("cannot be compared", "recordings contain no files")

    async def wait_for_state(self, name: str) -> Observation:
        await self.raw()
        observation = self._playback.wait_for_state(name)
        if observation is None:
            raise _never_came(self._playback, f"waits for the state {name}, which never came")
        return observation

    def limit_program(self, seconds: float) -> float:
        return seconds

    def allow_cleanup(self) -> None:
        pass
