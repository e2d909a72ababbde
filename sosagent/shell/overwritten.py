"""The file on the machine that an upload replaces: what will change in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import EditRefused, NotVerified
from ..file_change import MOST_TEXT, FileChange, FileVersion, changed_file, is_private, is_short
from .download import RemoteFile, download, inspect
from .local_file import FileSums, Source
from .tools import FindTools

if TYPE_CHECKING:
    from .verified import VerifiedShell

__all__ = ["Overwritten", "look_at_old_file"]

#: Stands for the checksum of a file that does not exist.
_NEW = "new"


@dataclass(frozen=True)
class Overwritten:
    """What an upload changes.

    Fields:
        change: the change of the file.
        expected: the machine's checksum of the old file; empty if it is unknown, and ``new`` for a new file.
        exists: whether there is an old file.
    """

    change: FileChange
    expected: str
    exists: bool


async def look_at_old_file(
    shell: VerifiedShell,
    path: str,
    source: Source,
    sums: FileSums,
    find_tools: FindTools,
    modes: tuple[int | None, int],
) -> Overwritten:
    """Return what an upload of `source` changes on the machine.

    Args:
        shell: a shell on the machine.
        path: the path on the machine, as for `download`.
        source: the new contents.
        sums: their checksums.
        find_tools: returns the tools that the machine has.
        modes: the modes of the old file (None without an old file) and of the new one.
    """
    redact = shell.console.redact
    new = FileVersion(source.size, f"SHA-256 {sums.sha256}", _all_of(source), modes[1])
    if modes[0] is None:
        return Overwritten(changed_file(path, None, new, redact), _NEW, False)
    file = await _inspected(shell, path)
    if file is None:
        return Overwritten(changed_file(path, FileVersion(None, mode=modes[0]), new, redact), "", True)
    data = None
    if source.size <= MOST_TEXT and is_short(file.size, shell.byte_seconds) and not is_private(path):
        data = await _contents(shell, path, find_tools)
    tool = shell.checksum_tool or "cksum"
    old_sum, new_sum = (
        (f"{tool} {file.checksum}", f"{tool} {sums.shown}")
        if file.sha256 is None
        else (f"SHA-256 {file.sha256}", new.checksum)
    )
    old = FileVersion(file.size, old_sum, data, modes[0])
    new = FileVersion(new.size, new_sum, new.data, modes[1])
    return Overwritten(changed_file(path, old, new, redact), file.checksum, True)


def _all_of(source: Source) -> bytes | None:
    return source.read(0, source.size) if source.size <= MOST_TEXT else None


async def _inspected(shell: VerifiedShell, path: str) -> RemoteFile | None:
    """Return the old file; None if the user of the shell may not read it."""
    try:
        return await inspect(shell, path)
    except EditRefused:
        return None


async def _contents(shell: VerifiedShell, path: str, find_tools: FindTools) -> bytes | None:
    """Return what is in the old file; None if the machine has no tool to send it, or if it changes meanwhile."""
    try:
        return (await download(shell, path, None, find_tools=find_tools, most=MOST_TEXT)).data
    except (EditRefused, NotVerified):
        return None
