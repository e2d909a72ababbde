"""The verified shell that `root_shell` returns."""

from __future__ import annotations

from collections.abc import Callable

from ..file_change import Confirm
from ..paths import StrPath
from ..shell.shell import Shell as _Shell
from ..shell.transfer import Transfer
from ..shell.verified import Result

__all__ = ["Shell", "verified"]


def verified(shell: Shell) -> _Shell:
    """Return the shell inside `shell`, for the jobs of sosagent."""
    return shell._shell


class Shell:
    """A plain /bin/sh on the machine that runs only what arrived intact; see `root_shell`.

    Only one task may use it at a time.

    Args:
        shell: the shell inside sosagent.
    """

    def __init__(self, shell: _Shell) -> None:
        self._shell = shell

    async def run(self, text: str, *, work_seconds: float = 0.0) -> Result:
        """Run a program on the machine, at most once, and return its exact result.

        Args:
            text: POSIX sh in one line of printable ASCII. Its input is empty, ``$HOME`` is that of the login, and
                variables that it sets are lost.
            work_seconds: additional seconds to wait for the reply before asking for it again.

        Returns:
            The exit status, and the output on standard output and error.

        Raises:
            UsageError: `text` is not such a line.
            NotVerified: the program may have run, but its reply did not arrive intact.
            LineDamaged: the program did not arrive intact, and did not run.
            DeadlineExceeded, EndpointLost: the deadline passed, or the connection was lost.

        If it is cancelled, the machine ends the program when its time limit passes.
        """
        return await self._shell.run(text, work_seconds=work_seconds)

    async def upload(
        self,
        source: StrPath | bytes,
        target: str,
        *,
        mode: int | None = None,
        on_progress: Callable[[int, int], None] | None = None,
        dry_run: bool = False,
        confirm: Confirm | None = None,
    ) -> Transfer:
        """Copy a file to the machine, verify its checksum, and replace the target atomically.

        Args:
            source: the local file, or its contents.
            target: the file on the machine: ``/path`` or ``~/path``.
            mode: the permission bits; by default those of the replaced file, or 0600.
            on_progress: is called with the bytes that have arrived, and all bytes.
            dry_run: write nothing; `Transfer.change` has what would change.
            confirm: asks the user before an existing file is replaced: ``await confirm(change)``. The time until the
                answer does not count for the time limit, but the machine closes the shell after `dead_man` seconds all
                the same: call `root_shell` with a longer one.

        Returns:
            The result of the transfer.

        Raises:
            EditRefused: the machine cannot store the file; the old one is unchanged.
            SosError: another of its subclasses; the next call resumes the transfer.
        """
        return await self._shell.upload(
            source, target, mode=mode, on_progress=on_progress, dry_run=dry_run, confirm=confirm
        )

    async def download(
        self,
        source: str,
        target: StrPath | None,
        *,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Transfer:
        """Copy a file from the machine, and verify its checksum.

        Args:
            source: the file on the machine: ``/path`` or ``~/path``.
            target: the local file; None returns the contents in `Transfer.data`.
            on_progress: is called with the bytes that have arrived, and all bytes.

        Returns:
            The result of the transfer.

        Raises:
            EditRefused: the machine cannot read the file.
            SosError: another of its subclasses; the next call resumes the transfer.
        """
        return await self._shell.download(source, target, on_progress=on_progress)
