"""Changes to a file of keys, and what they will look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..console.question import ask_before
from ..file_change import Confirm, FileChange, FileVersion, changed_file, changed_lines, is_short
from ..shell.checksums import read_by_shell
from ..shell.frame import cksum
from ..shell.shell import Shell
from .key_file import KeyFile
from .report import Report

__all__ = ["NO_REVIEW", "Edit", "Review"]


@dataclass(frozen=True)
class Edit:
    """One change to a file.

    Fields:
        offset: the offset of `old` in the file, in bytes.
        old, new: the current bytes, and those that replace them: printable ASCII and newlines.
        prefix_cksum: output of ``cksum`` for the part of the file before `offset`.
    """

    offset: int
    old: bytes
    new: bytes
    prefix_cksum: str


@dataclass(frozen=True)
class Review:
    """What happens between planning a change and making it.

    Fields:
        dry_run: do not make the change.
        confirm: asks the user; None if nobody is to be asked.
    """

    dry_run: bool = False
    confirm: Confirm | None = None

    async def before(self, shell: Shell, file: KeyFile, report: Report, edits: Sequence[Edit]) -> FileChange | None:
        """Show what will change, and ask; return the change if it was shown.

        Args:
            shell: a shell on the machine.
            file: the file.
            report: from its inspection.
            edits: the changes, in the order of their offsets.

        Raises:
            NotConfirmed: the user did not confirm it.
        """
        if not self.dry_run and self.confirm is None:
            return None
        change = await _change(shell, file, report, edits)
        if not self.dry_run:
            await ask_before(change, self.confirm, shell.console)
        return change


NO_REVIEW = Review()


async def _change(shell: Shell, file: KeyFile, report: Report, edits: Sequence[Edit]) -> FileChange:
    redact = shell.console.redact
    data = await _contents(shell, file, report) if edits else b""
    if data is None:
        removed, added = (
            [line for one in part for line in one.decode("utf-8", "backslashreplace").split("\n") if line]
            for part in ([edit.old for edit in edits], [edit.new for edit in edits])
        )
        return changed_lines(file.path, removed, added, redact)
    old = None if report.checksum is None else _version(data)
    for edit in reversed(edits):
        data = data[: edit.offset] + edit.new + data[edit.offset + len(edit.old) :]
    return changed_file(file.path, old, _version(data), redact)


async def _contents(shell: Shell, file: KeyFile, report: Report) -> bytes | None:
    """Return what is in the file; None if it is too large for the line, or differs from `report`."""
    if report.checksum is None:
        return b""
    if not is_short(report.length, shell.byte_seconds):
        return None
    output = (await shell.run(file.ask("print_file"))).output
    data = output.removesuffix(b".")
    known = output.endswith(b".") and report.checksum in (cksum(data), cksum(read_by_shell(data)))
    return data if known else None


def _version(data: bytes) -> FileVersion:
    """Return a version of a file of keys. Each byte that is no UTF-8 is shown as an escape sequence."""
    return FileVersion(len(data), data=data.decode("utf-8", "backslashreplace").encode())
