"""The interfaces that steps use: the console, and what runs there in a verified shell.

`live_site.LiveSite` implements them on a machine, `replay_site.ReplaySite` on a recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, Protocol

from ..access import Access
from ..authorized_keys.outcome import Appended
from ..console.events import Event
from ..jobs.keys import KeysRemoved
from ..keys import PublicKey
from ..secrets.secret import Secret
from ..shell.transfer import Transfer
from ..shell.verified import Result
from ..terminal.expect import Match, Pattern
from ..terminal.states import Observation

__all__ = ["IDENTIFY", "Site", "StepConsole", "StepShell"]

#: A program that prints the machine's name and machine-id.
IDENTIFY = "uname -n;read -r x 2>/dev/null </etc/machine-id&&echo $x"


class StepConsole(Protocol):
    """The part of `Console` that steps use; its methods are documented there."""

    @property
    def state(self) -> str: ...

    @property
    def output(self) -> bytes: ...

    def emit(self, event: Event) -> None: ...

    def mark_recording(self, label: str) -> None: ...

    def redact(self, text: str) -> str: ...

    def tail(self, count: int = 12) -> tuple[str, ...]: ...

    def time_left(self) -> float | None: ...

    def unrecorded(self, *secrets: Secret) -> AbstractContextManager[None]: ...

    async def send(self, text: str) -> None: ...

    async def send_secret(self, secret: Secret, enter: str = "\r") -> None: ...

    async def send_break(self) -> None: ...

    async def expect(self, patterns: Sequence[Pattern], seconds: float = 30.0) -> Match: ...


class StepShell(Protocol):
    """A shell that a step may use."""

    @property
    def ours(self) -> bool:
        """Whether we logged in; otherwise another user's shell was open."""

    @property
    def root(self) -> bool:
        """Whether it is a root shell."""


class Site(Protocol):
    """The console of one run, and the verified shell while one is open on it."""

    @property
    def console(self) -> StepConsole:
        """The console, which only this run uses."""

    @property
    def access(self) -> Access:
        """How the run logs in."""

    @property
    def hostname(self) -> str:
        """The machine's name; empty before the first login."""

    @property
    def machine_id(self) -> str | None:
        """The machine's id; None if it is not known."""

    @property
    def state_found(self) -> str:
        """The console's state at the first login; empty before."""

    @property
    def logged_out(self) -> bool | None:
        """Whether each logout restored the initial state; None before the first."""

    @property
    def troubles(self) -> Sequence[str]:
        """Problems while logging out, and failures on this computer."""

    @property
    def program_seconds(self) -> int:
        """Seconds that the program of the current step may run."""

    async def raw(self) -> StepConsole:
        """Log out, pass the endpoint's dialogue, and return the console."""

    async def shell(self) -> StepShell:
        """Return the verified shell; log in first if necessary."""

    async def log_in_as(
        self, user: str | None, become: Literal["sudo", "su"] | None, password: Secret | None
    ) -> StepShell:
        """Log in again; all following steps use this login.

        Args:
            user: the user; by default the caller's.
            become: how the user becomes root; by default as the caller requested, if `user` is the caller's.
            password: the user's. By default the caller's, which is typed only for the caller's user.

        Raises:
            UsageError: the password of another user, or the one that su asks for, is missing.
        """

    async def log_out(self, failure: BaseException | None = None) -> None:
        """Close the shell, if one is open, and wait for the initial state of the console. Problems go to `troubles`.

        Args:
            failure: the reason; if the machine or the endpoint is gone, nothing is typed.
        """

    async def run(self, program: str) -> tuple[Result, bool]:
        """Run a program in the shell, for at most `program_seconds`.

        Returns:
            The result, and whether the program was killed because its time was up.
        """

    async def add_keys(self, keys: Sequence[PublicKey], user: str) -> Appended:
        """Add keys to the authorized_keys of `user`; see `append_keys`."""

    async def remove_keys(self, keys: Sequence[str | PublicKey], user: str) -> KeysRemoved:
        """Remove keys or fingerprints from the authorized_keys of `user`; see `jobs.keys.remove_keys`."""

    async def upload(self, source: Path, target: str, mode: int) -> Transfer:
        """Copy a file to the machine."""

    async def download(self, source: str, target: Path) -> Transfer:
        """Copy a file from the machine."""

    async def wait_for_state(self, name: str) -> Observation:
        """Wait until the raw console is in a state.

        Raises:
            DeadlineExceeded: the time is nearly up.
        """

    def limit_program(self, seconds: float) -> float:
        """Set `program_seconds`, and return the seconds after which its result is overdue."""

    def allow_cleanup(self) -> None:
        """Extend the deadline, so that cleanup steps can run even if the time is up."""
