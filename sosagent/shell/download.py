"""Copy a file from the machine: in pieces into a part file here, compared, and moved to its target in one step."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..console.events import Event
from ..errors import ConsoleError, EditRefused, NotVerified
from ..printable import printable
from .checksums import file_command
from .local_file import FileSums, PartFile
from .programs import Expanded, Word, program, variables
from .refusal import not_verified, refused
from .tools import NO_ENCODER, FindTools, Tools, encoding_program
from .transfer import MAX_BYTES, MIN_PIECE, PieceSize, Transfer, parse_answers, remote_word, require_checksum, run_short

if TYPE_CHECKING:
    from .verified import VerifiedShell

__all__ = ["RemoteFile", "download", "inspect"]

_PIECE_WORK_SECONDS = 5.0  # a small machine compresses a piece in this time
_MAX_WRONG_PIECES = 3  # consecutive pieces that arrived intact and are not what was requested
_SIZE = re.compile(r"\d{1,15}")
#: Why the file cannot be read, by the letter that ``inspect_source.sh`` prints.
_REASONS = {
    "m": "does not exist",
    "d": "is a folder",
    "o": "is not a regular file",
    "r": "cannot be read by the user of the shell",
}


@dataclass(frozen=True)
class RemoteFile:
    """A file on the machine.

    Fields:
        size: in bytes.
        checksum: the checksum of the machine's tool for it.
        prefix_checksum: the same for its first bytes, as many as were requested.
        sha256: its SHA-256; None if the machine has no sha256sum.
    """

    size: int
    checksum: str
    prefix_checksum: str
    sha256: str | None


async def inspect(shell: VerifiedShell, path: str, *, prefix: int = 0, most: int = MAX_BYTES) -> RemoteFile:
    """Ask the machine for the length and the checksums of a file.

    Args:
        shell: a shell on the machine.
        path: the path on the machine; absolute, or starting with ``~/``.
        prefix: how many bytes of it are here already.
        most: the largest length accepted, in bytes.

    Raises:
        UsageError: the path is invalid.
        EditRefused: the file cannot be read, or is longer than `most`.
    """
    name = printable(path)
    tool = None
    while tool != shell.checksum_tool:  # it is known once the receiver runs
        tool = shell.checksum_tool
        values = {"size": Expanded(prefix), "most": Expanded(most), "digest": Expanded(file_command(tool))}
        text = program("inspect_source", path=remote_word(path), **values)
        answers, complaints = parse_answers((await run_short(shell, text)).lines)
        require_checksum(shell, name)
    for letter, reason in _REASONS.items():
        if letter in answers:
            raise refused(f"{name} {reason}", complaints, hint="" if complaints else "Nothing was changed.")
    if answers.get("n", "").isdecimal() and int(answers["n"]) > most:
        raise refused(f"{name} has {int(answers['n']):,} bytes, more than {most:,}", hint="Split it there first.")
    size = answers.get("n", "")
    if not _SIZE.fullmatch(size) or not answers.get("a"):
        raise refused(f"{name} cannot be read", complaints)
    digest = re.match(r"[0-9a-f]{64}\b", answers.get("h", ""))
    return RemoteFile(int(size), answers["a"], answers.get("p", ""), digest[0] if digest else None)


async def download(
    shell: VerifiedShell,
    source: str,
    target: Path | None,
    *,
    find_tools: FindTools,
    most: int = MAX_BYTES,
    on_progress: Callable[[int, int], None] | None = None,
) -> Transfer:
    """Copy a file from the machine. Nothing is written there, and `target` is replaced only by the whole file.

    If the download is cancelled or the line dies, the part received so far stays beside `target` as
    ``.NAME.sosagent-part``. The next call resumes after it if the file still starts with it.

    Args:
        shell: a shell on the machine; it reads the file with its own rights.
        source: path on the machine; absolute, or starting with ``~/``.
        target: path here; None to return the contents.
        find_tools: returns the tools that the machine has.
        most: the largest length accepted, in bytes.
        on_progress: is called with the number of bytes received and the size of the file.

    Raises:
        UsageError: `source` is invalid, or `target` cannot be written.
        EditRefused: the file cannot be read; the message gives the reason.
        NotVerified: the file changed during the download, or what arrived differs from it.
        LineDamaged: no data gets through the line.
    """
    remote_word(source)
    part = PartFile(target)
    try:
        return await _Download(shell, source, target, part, find_tools, most, on_progress).run()
    finally:
        part.close()


class _Download:
    """One download; see `download`."""

    def __init__(
        self,
        shell: VerifiedShell,
        source: str,
        target: Path | None,
        part: PartFile,
        find_tools: FindTools,
        most: int,
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self._shell, self._source, self._target, self._part = shell, source, target, part
        self._path: Word = remote_word(source)
        self._name = printable(source)
        self._cksum = ""  # of the file that has arrived
        self._most = most
        self._find_tools = find_tools
        self._on_progress = (
            None if on_progress is None else shell.console.guard(on_progress, "the callback on_progress")
        )

    async def run(self) -> Transfer:
        started, console = time.monotonic(), self._shell.console
        sent, received = console.bytes_sent, console.bytes_received
        self._part.truncate(self._part.size // MIN_PIECE * MIN_PIECE)  # dd counts in blocks
        file = await inspect(self._shell, self._source, prefix=self._part.size, most=self._most)
        if self._part.size > file.size or self._sums().shown != file.prefix_checksum:
            self._part.truncate(0)
        resumed = self._part.size
        if resumed:
            console.emit(Event("note", f"{resumed:,} bytes are here from an interrupted run; resuming after them"))
        try:
            await self._fetch(file.size)
            await self._compare(file)
        except EditRefused:
            raise
        except BaseException as error:
            if self._part.path is not None and self._part.size:
                state = f"{self._part.size:,} of {file.size:,} bytes are in {printable(str(self._part.path))}"
                error.add_note(f"{state}; run the command again to resume")
            raise
        data = self._part.finish()
        return Transfer(
            path="" if self._target is None else printable(str(self._target)),
            size=file.size,
            cksum=self._cksum,
            sha256=file.sha256,
            seconds=time.monotonic() - started,
            resumed_from=resumed,
            bytes_sent=console.bytes_sent - sent,
            bytes_received=console.bytes_received - received,
            data=data,
        )

    async def _fetch(self, size: int) -> None:
        tools = await self._find_tools()
        if size and not tools.can_encode:
            raise refused(
                f"{self._name} cannot be downloaded",
                hint=NO_ENCODER,
            )
        pieces = PieceSize(base64=tools.decoder is not None and tools.encoder is not None)
        loop = asyncio.get_running_loop()
        wrong_pieces = 0
        self._report_progress(size)
        while (offset := self._part.size) < size:
            count, started = min(pieces.size, size - offset), loop.time()
            text = self._piece_program(tools, offset, pieces.size)
            try:
                reply = await self._shell.run(text, work_seconds=_PIECE_WORK_SECONDS, **pieces.send_options)
            except ConsoleError as error:
                pieces.note_damaged(error)
                continue
            data = tools.decode(reply.output, count)
            if data is None:
                wrong_pieces += 1
                await self._refuse_changed(size, wrong_pieces)
                continue
            self._part.append(data)
            wrong_pieces = 0
            pieces.note_intact(loop.time() - started)
            self._report_progress(size)

    def _piece_program(self, tools: Tools, offset: int, size: int) -> str:
        """Return the program that prints at most `size` bytes from `offset`."""
        block = math.gcd(offset, size)
        file = f'"{variables("path")}"'
        copy = f"dd if={file} bs={block} skip={offset // block} count={size // block} 2>/dev/null"
        copy = f"{{ {copy}||tail -c +{offset + 1} {file}|head -c {size};}}"  # toybox has no dd in Debian
        return f"{variables('path')[1:]}={self._path};{encoding_program(tools, copy)}"

    async def _refuse_changed(self, size: int, wrong_pieces: int) -> None:
        """Stop if the file has changed, or if too many pieces arrived intact that are not what was requested."""
        now = await inspect(self._shell, self._source, most=self._most)
        if now.size != size:
            raise self._changed()
        if wrong_pieces >= _MAX_WRONG_PIECES:
            raise refused(f"the machine sends {self._name} in an unknown form")

    async def _compare(self, file: RemoteFile) -> None:
        now = await inspect(self._shell, self._source, most=self._most)
        if (now.size, now.checksum, now.sha256) != (file.size, file.checksum, file.sha256):
            raise self._changed()
        sums = self._sums()
        self._cksum = sums.cksum
        if sums.shown != file.checksum or file.sha256 not in (None, sums.sha256):
            self._part.truncate(0)
            raise not_verified(
                f"the copy of {self._name} differs from the file on the machine",
                hint="Did something write to it during the download? Run again to start over.",
            )

    def _sums(self) -> FileSums:
        """Return the checksums of what is here."""
        return self._part.checksums(self._shell.checksum_tool)

    def _changed(self) -> NotVerified:
        return not_verified(
            f"{self._name} changed on the machine during the download",
            hint="Run again when no program writes to it, or copy it there and download the copy.",
        )

    def _report_progress(self, size: int) -> None:
        if self._on_progress is not None:
            self._on_progress(self._part.size, size)
