"""A file got from the machine: piece by piece into a part file here, compared, and moved into its place in one step."""

from __future__ import annotations

import asyncio
import hashlib
import io
import math
import os
import re
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..console.events import Event
from ..errors import ConsoleError, EditRefused, NotVerified, UsageError
from ..printable import printable
from .frame import cksum_appended
from .programs import Expanded, Word, program, variables
from .transfer import (
    FLOOR,
    MOST_BYTES,
    FindTools,
    PieceSize,
    Tools,
    Transfer,
    reading,
    refused,
    remote_word,
    said,
    steady,
)

if TYPE_CHECKING:
    from .verified import VerifiedShell

__all__ = ["Found", "check_place", "download", "look_for"]

_EMPTY = "4294967295 0"  # what cksum says of an empty file
_PORTION = 1 << 20
_PIECE_WORK_SECONDS = 5.0  # a small machine packs a piece in so long
_SHORT_PIECES = 3  # that the machine gave, one after the other, and that were not what was asked for
_STAMP = re.compile(r"\d{1,10} (\d{1,15})")


@dataclass(frozen=True)
class Found:
    """The file on the machine.

    Fields:
        size: in bytes.
        cksum: what that program says of it.
        begin: the same of its first bytes, as many as are here already.
        sha256: None where the machine has no sha256sum.
    """

    size: int
    cksum: str
    begin: str
    sha256: str | None


def check_place(target: Path) -> None:
    """See that a file can have this place here.

    Raises:
        UsageError: it cannot.
    """
    if target.is_dir():
        raise UsageError(f"{printable(str(target))} is a folder; name the file that is to be in it")
    if not target.parent.is_dir():
        raise UsageError(
            f"cannot write {printable(str(target))}: its folder is not there",
            hint="Make the folder, or name another place.",
        )


class _Part:
    """What has come: in a part file beside the place, for nobody else to read; or in memory.

    Args:
        target: the place; None for memory.

    Raises:
        UsageError: it cannot be made, or is not ours.
    """

    def __init__(self, target: Path | None) -> None:
        self._target = target
        self.path = None if target is None else target.with_name(f".{target.name}.sosagent-part")
        self._file: BinaryIO
        if target is None or self.path is None:
            self._file = io.BytesIO()
            return
        check_place(target)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            descriptor = os.open(self.path, flags | getattr(os, "O_BINARY", 0), 0o600)
        except OSError as error:
            raise UsageError(f"cannot write {printable(str(self.path))}: {error.strerror}") from None
        found = os.fstat(descriptor)
        self._file = os.fdopen(descriptor, "r+b")
        mine = found.st_uid == getattr(os, "geteuid", lambda: found.st_uid)()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1 or not mine:
            self._file.close()
            raise UsageError(
                f"{printable(str(self.path))} is there and is no part that a run of yours has left",
                hint="Move it away, or name another place.",
            )
        if hasattr(os, "fchmod"):
            os.fchmod(self._file.fileno(), 0o600)

    @property
    def size(self) -> int:
        """How much has come."""
        return self._file.seek(0, os.SEEK_END)

    def cut(self, length: int) -> None:
        """Keep only the first `length` bytes."""
        self._file.truncate(length)

    def append(self, data: bytes) -> None:
        """Put `data` behind what has come.

        Raises:
            UsageError: the disk here does not take it.
        """
        try:
            self._file.seek(0, os.SEEK_END)
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise UsageError(f"cannot write {printable(str(self.path))}: {error.strerror}") from None

    def sums(self) -> tuple[str, str]:
        """What cksum and sha256sum say of it."""
        crc, digest = _EMPTY, hashlib.sha256()
        self._file.seek(0)
        while data := self._file.read(_PORTION):
            crc = cksum_appended(crc, data)
            digest.update(data)
        return crc, digest.hexdigest()

    def finish(self) -> bytes | None:
        """Move it into its place, safe on the disk; give the bytes where there is none."""
        if self._target is None or self.path is None:
            self._file.seek(0)
            return self._file.read()
        try:
            os.fsync(self._file.fileno())
            self._file.close()
            self.path.replace(self._target)
            if hasattr(os, "O_DIRECTORY"):
                folder = os.open(self._target.parent, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
        except OSError as error:
            raise UsageError(f"cannot put {printable(str(self._target))} in its place: {error.strerror}") from None
        return None

    def close(self) -> None:
        """Close the file. An empty part does not stay."""
        if not self._file.closed:
            empty = self.path is not None and not self.size
            self._file.close()
            if empty and self.path is not None:
                self.path.unlink(missing_ok=True)


async def look_for(shell: VerifiedShell, path: str, *, begin: int = 0, most: int = MOST_BYTES) -> Found:
    """Ask for a file's length and checksums.

    Args:
        shell: on the machine.
        path: there; absolute, or from ``~/`` on.
        begin: so many bytes of it are here.
        most: it may not be longer.

    Raises:
        UsageError: the path is none.
        EditRefused: it cannot be read, or is longer.
    """
    name = printable(path)
    values = {"size": Expanded(begin), "most": Expanded(most)}
    asked = program("source", path=remote_word(path), **values)
    told, complaints = said((await steady(shell, asked)).lines)
    for letter, why in _OBSTACLES.items():
        if letter in told:
            raise refused(f"{name} {why}", complaints, hint="" if complaints else "Nothing was changed.")
    if told.get("n", "").isdecimal() and int(told["n"]) > most:
        raise refused(f"{name} has {int(told['n']):,} bytes, more than {most:,}", hint="Split it there first.")
    stamp = _STAMP.fullmatch(told.get("a", ""))
    if stamp is None:
        raise refused(f"{name} cannot be read", complaints)
    digest = re.match(r"[0-9a-f]{64}\b", told.get("h", ""))
    return Found(int(stamp[1]), told["a"], told.get("p", ""), digest[0] if digest else None)


_OBSTACLES = {
    "m": "is not there",
    "d": "is a folder",
    "o": "is no regular file",
    "r": "may not be read by the shell's user",
}


async def download(
    shell: VerifiedShell,
    source: str,
    target: Path | None,
    *,
    find_tools: FindTools,
    most: int = MOST_BYTES,
    on_progress: Callable[[int, int], None] | None = None,
) -> Transfer:
    """Get a file from the machine. Nothing is written there, and what stands in its place here stays until it is whole.

    When it is cancelled, or the line dies, the part that has come stays beside `target`, as ``.NAME.sosagent-part``,
    and the next call goes on behind it if the file still begins like that.

    Args:
        shell: on the machine; the file is read with its rights.
        source: its path there: absolute, or from ``~/`` on.
        target: its place here; None gives the bytes.
        find_tools: tells what the machine has.
        most: bytes; a longer file is refused.
        on_progress: is given how many bytes have come, and how many will have.

    Raises:
        UsageError: the path is none, or the place here cannot be written to.
        EditRefused: the file cannot be read, and why.
        NotVerified: it was changed meanwhile, or what came is not what the machine has.
        LineDamaged: nothing gets through the line.
    """
    remote_word(source)
    part = _Part(target)
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
        part: _Part,
        find_tools: FindTools,
        most: int,
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self._shell, self._source, self._target, self._part = shell, source, target, part
        self._path: Word = remote_word(source)
        self._name = printable(source)
        self._most = most
        self._find_tools = find_tools
        self._on_progress = on_progress

    async def run(self) -> Transfer:
        begun, console = time.monotonic(), self._shell.console
        before = console.bytes_sent, console.bytes_received
        self._part.cut(self._part.size // FLOOR * FLOOR)  # dd counts in blocks
        found = await look_for(self._shell, self._source, begin=self._part.size, most=self._most)
        if self._part.size > found.size or self._part.sums()[0] != found.begin:
            self._part.cut(0)
        resumed = self._part.size
        if resumed:
            console.tell(Event("note", f"{resumed:,} bytes are here from a run that was cut; going on behind them"))
        try:
            await self._fetch(found.size)
            await self._compare(found)
        except EditRefused:
            raise
        except BaseException as error:
            if self._part.path is not None and self._part.size:
                here = f"{self._part.size:,} of {found.size:,} bytes are in {printable(str(self._part.path))}"
                error.add_note(f"{here}: the next run goes on behind them")
            raise
        data = self._part.finish()
        return Transfer(
            path="" if self._target is None else printable(str(self._target)),
            size=found.size,
            cksum=found.cksum,
            sha256=found.sha256,
            seconds=time.monotonic() - begun,
            resumed_from=resumed,
            bytes_sent=console.bytes_sent - before[0],
            bytes_received=console.bytes_received - before[1],
            data=data,
        )

    async def _fetch(self, size: int) -> None:
        tools = await self._find_tools()
        pieces, loop = PieceSize(tools), asyncio.get_running_loop()
        short = 0
        self._tell(size)
        while (at := self._part.size) < size:
            count, begun = min(pieces.size, size - at), loop.time()
            try:
                reply = await self._shell.run(
                    self._piece(tools, at, pieces.size), answer=_PIECE_WORK_SECONDS, **pieces.sending
                )
            except ConsoleError as error:
                pieces.damaged(error)
                continue
            data = tools.read(reply.output, count)
            if data is None:
                short += 1
                await self._stop_if_changed(size, short)
                continue
            self._part.append(data)
            short = 0
            pieces.intact(loop.time() - begun)
            self._tell(size)

    def _piece(self, tools: Tools, at: int, size: int) -> str:
        """The program that prints `size` bytes from `at` on, or what there is of them."""
        block = math.gcd(at, size)
        copy = f'dd if="{variables("path")}" bs={block} skip={at // block} count={size // block} 2>/dev/null'
        return f"{variables('path')[1:]}={self._path};{reading(tools, copy)}"

    async def _stop_if_changed(self, size: int, short: int) -> None:
        """A piece came intact over the line, and is not what was asked for: the file has changed, or cannot be read."""
        now = await look_for(self._shell, self._source, most=self._most)
        if now.size != size:
            raise self._changed()
        if short >= _SHORT_PIECES:
            raise refused(f"the machine gives no piece of {self._name} in a form that is known")

    async def _compare(self, found: Found) -> None:
        now = await look_for(self._shell, self._source, most=self._most)
        if (now.size, now.cksum, now.sha256) != (found.size, found.cksum, found.sha256):
            raise self._changed()
        cksum, digest = self._part.sums()
        if cksum != found.cksum or found.sha256 not in (None, digest):
            self._part.cut(0)
            raise NotVerified(
                f"what came of {self._name} is not what the machine has",
                state="our shell",
                hint="Was it written to meanwhile? Run again: it begins anew.",
            )

    def _changed(self) -> NotVerified:
        return NotVerified(
            f"{self._name} was changed on the machine meanwhile",
            state="our shell",
            hint="Run again when nobody writes to it, or make a copy there and get that.",
        )

    def _tell(self, size: int) -> None:
        if self._on_progress is not None:
            self._on_progress(self._part.size, size)
