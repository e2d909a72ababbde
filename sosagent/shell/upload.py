"""A file put on the machine: by pieces into a part file beside its place, compared, and moved there in one step.

The part lies in a folder for nobody but us. Where root puts a file into a folder of a user's, that user could else
put a link in the part's place, and have root write to what it leads to, or give them that.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import re
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..console.events import Event
from ..errors import ConsoleError, EditRefused, NotVerified, UsageError
from ..printable import printable
from .frame import cksum_appended
from .programs import Expanded, program
from .transfer import FindTools, PieceSize, Transfer, refused, remote_word, said, steady

if TYPE_CHECKING:
    from .verified import VerifiedShell

__all__ = ["Source", "upload"]

_EMPTY = "4294967295 0"  # what cksum says of an empty file
_PORTION = 1 << 20
_NEW_MODE = 0o600
_OWN_FOLDER = re.compile(r"drwx--[-S]---[.+@]?")
_BITS = "rwxrwxrwx"
_STAMP = re.compile(r"\d{1,10} (\d{1,15})")


class Source:
    """What is uploaded.

    Args:
        source: a regular file, or bytes.

    Attributes:
        size: in bytes, when it was opened.

    Raises:
        UsageError: it cannot be read.
    """

    def __init__(self, source: Path | bytes) -> None:
        self._file: BinaryIO
        if isinstance(source, bytes):
            self._file, self.size = io.BytesIO(source), len(source)
            return
        try:
            # A pipe without a writer is no file, and is not waited for.
            flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
            self._file = os.fdopen(os.open(source, flags), "rb")
            found = os.fstat(self._file.fileno())
        except OSError as error:
            raise UsageError(f"cannot read {printable(str(source))}: {error.strerror}") from None
        if not stat.S_ISREG(found.st_mode):
            self._file.close()
            raise UsageError(f"{printable(str(source))} is not a file")
        self.size = found.st_size

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def piece(self, at: int, size: int) -> bytes:
        """The bytes from `at` on, at most `size`."""
        self._file.seek(at)
        return self._file.read(size)

    def sums(self, length: int) -> tuple[str, str]:
        """What cksum and sha256sum say of the first `length` bytes."""
        crc, digest, at = _EMPTY, hashlib.sha256(), 0
        while at < length and (data := self.piece(at, min(_PORTION, length - at))):
            crc = cksum_appended(crc, data)
            digest.update(data)
            at += len(data)
        return crc, digest.hexdigest()


@dataclass(frozen=True)
class _Place:
    """What stands on the machine where the file is to be put.

    Fields:
        uid: who we are there.
        owner, mode: of the file that is replaced; None for a new one.
        part: what cksum says of a part of ours that is there; None without one.
        free: bytes on that disk; None where it is not told.
    """

    uid: str
    owner: str | None
    mode: int | None
    part: str | None
    free: int | None


async def upload(
    shell: VerifiedShell,
    source: Path | bytes,
    target: str,
    *,
    find_tools: FindTools,
    mode: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Transfer:
    """Put a file on the machine. What stood in its place is there until all has arrived and was compared.

    When it is cancelled, or the line dies, the part that has come stays beside the place, and the next
    call with the same source goes on behind it.

    Args:
        shell: on the machine; the file is written with its rights.
        source: a file here, or bytes.
        target: its path there: absolute, or from ``~/`` on.
        find_tools: tells what the machine has.
        mode: of the file; by default that of the one it replaces, whose owner it gets too, or 0600.
        on_progress: is given how many bytes are there, and how many there will be.

    Raises:
        UsageError: the source cannot be read, or the path is none.
        EditRefused: it cannot be put there, and why; nothing was replaced.
        NotVerified: what arrived is not what was sent.
        LineDamaged: nothing gets through the line.
    """
    path, opened = remote_word(target), Source(source)
    try:
        return await _Upload(shell, opened, path, target, find_tools, mode, on_progress).run()
    finally:
        opened.close()


class _Upload:
    """One upload; see `upload`."""

    def __init__(
        self,
        shell: VerifiedShell,
        source: Source,
        path: str,
        target: str,
        find_tools: FindTools,
        mode: int | None,
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self._shell, self._source, self._path = shell, source, path
        self._name = printable(target)
        self._mode = mode
        self._find_tools = find_tools
        self._on_progress = on_progress
        self._uid = ""  # who we are there
        self._at = 0  # so much is there, at least
        self._part_stays = False

    async def run(self) -> Transfer:
        begun, console = time.monotonic(), self._shell.console
        before = console.bytes_sent, console.bytes_received
        want, digest = self._source.sums(self._source.size)
        place = await self._look()
        self._at = resumed = self._resumable(place)
        if resumed:
            console.tell(Event("note", f"{resumed:,} bytes are there from a run that was cut; going on behind them"))
        await self._refuse_full(place)
        try:
            if not resumed:
                await self._begin()
            await self._send()
            compared = await self._finish(place, want, digest)
        except EditRefused:
            raise
        except BaseException as error:
            if self._part_stays:
                there = f"at least {self._at:,} of {self._source.size:,} bytes are there"
                error.add_note(f"{there}: the next run goes on behind them")
            raise
        return Transfer(
            path=self._name,
            size=self._source.size,
            cksum=want,
            sha256=digest if compared else None,
            seconds=time.monotonic() - begun,
            resumed_from=resumed,
            bytes_sent=console.bytes_sent - before[0],
            bytes_received=console.bytes_received - before[1],
        )

    def _program(self, *parts: str, **values: str) -> str:
        return program("part", *parts, path=self._path, uid=Expanded(self._uid), **values)

    async def _look(self) -> _Place:
        told, complaints = said((await steady(self._shell, self._program("place"))).lines)
        for letter, why in _OBSTACLES.items():
            if letter in told:
                raise refused(f"{self._name} {why}", hint=_OBSTACLE_HINT)
        uid = self._uid = told.get("u", "")
        if not re.fullmatch(r"[0-9]{1,10}", uid):
            raise refused(f"the machine does not say what is at {self._name}", complaints)
        owner, own_mode = _owner_and_mode(told.get("s", ""))
        words = told.get("p", "").split()
        ours = len(words) == 2 and _OWN_FOLDER.fullmatch(words[0]) and words[1] == uid
        part = told.get("a") if ours else None
        return _Place(uid, owner, own_mode, part, _free(told.get("f", "")))

    def _resumable(self, place: _Place) -> int:
        """How long the part is, if it is the begin of what is to be sent."""
        found = _STAMP.fullmatch(place.part or "")
        length = int(found[1]) if found else 0
        if not 0 < length <= self._source.size or self._source.sums(length)[0] != place.part:
            return 0
        return length

    async def _refuse_full(self, place: _Place) -> None:
        needed = self._source.size - self._at
        if place.free is not None and place.free < needed:
            await self._drop()
            raise refused(
                f"{self._name} needs {needed:,} bytes, and {place.free:,} are free on the disk there",
                hint="Make room there, or name another folder; then run again.",
            )

    async def _begin(self) -> None:
        told, complaints = said((await steady(self._shell, self._program("begin", "enter", "fresh"))).lines)
        if "o" not in told:
            if not complaints:
                self._refuse_foreign(told)
            raise refused(f"no file can be made beside {self._name}", complaints)

    def _refuse_foreign(self, told: Mapping[str, str]) -> None:
        if "e" in told:
            raise refused(
                f"the folder for the part beside {self._name} is not one that is ours alone",
                hint="Somebody else made or moved it (.NAME.sosagent-part). Move it away there, or name another place.",
            )

    async def _send(self) -> None:
        """Piece by piece. How long the part is says what has arrived, whatever was lost of requests and replies."""
        tools = await self._find_tools()
        pieces, loop = PieceSize(tools), asyncio.get_running_loop()
        self._part_stays = True
        size, sent_to = self._source.size, self._at
        self._tell()
        while self._at < size:
            piece, begun = self._source.piece(self._at, pieces.size), loop.time()
            if not piece:
                raise UsageError("the file has become shorter meanwhile", hint="Run again when nobody writes to it.")
            text = self._program("enter", "grow", size=Expanded(self._at), copy=Expanded(tools.printing(piece)))
            sent_to = max(sent_to, self._at + len(piece))
            try:
                told, complaints = said((await self._shell.run(text, **pieces.sending)).lines)
            except ConsoleError as error:
                pieces.damaged(error)
                continue
            self._refuse_foreign(told)
            length = told.get("n", "").strip()
            there = int(length) if re.fullmatch(r"\d{1,15}", length) else -1
            if complaints or not self._at < there <= sent_to:
                await self._stop(there, complaints)
            self._at = there
            pieces.intact(loop.time() - begun)
            self._tell()

    async def _stop(self, there: int, complaints: Sequence[str]) -> None:
        """The part does not grow as it must. A part that may be torn does not stay, nor one on a full disk."""
        if not complaints and there >= 0:
            raise refused(
                f"the part file beside {self._name} is {there:,} bytes long and must be {self._at:,}",
                hint="Somebody else writes to it: another upload to the same place? Run again when that has ended.",
            )
        await self._drop()
        raise refused(f"{self._name} cannot be written", complaints)

    async def _drop(self) -> None:
        await steady(self._shell, self._program("enter", "drop"))
        self._part_stays = False

    async def _finish(self, place: _Place, want: str, digest: str) -> bool:
        """Compare, and move it into its place; whether SHA-256 was compared too."""
        mode = self._mode if self._mode is not None else place.mode if place.mode is not None else _NEW_MODE
        values = {
            "want": want,
            "sum": digest,
            "owner": Expanded(place.owner or place.uid),
            "mode": Expanded(f"{mode:04o}"),
        }
        told, complaints = said((await steady(self._shell, self._program("enter", "finish", **values))).lines)
        self._refuse_foreign(told)
        if "c" in told:
            self._part_stays = False
            raise NotVerified(
                f"what arrived for {self._name} is not what was sent; nothing was replaced",
                state="our shell",
                tail=complaints,
                hint="Was the file written to meanwhile? Run again: it begins anew.",
            )
        if "k" not in told:
            raise refused(f"{self._name} cannot be put in its place; what has arrived is beside it", complaints)
        self._part_stays = False
        if told.get("a") != want:
            raise NotVerified(
                f"{self._name} was put in its place, and is not what was sent",
                state="our shell",
                tail=complaints,
                hint="Somebody else has written to it in the same moment.",
            )
        return "h" in told

    def _tell(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self._at, self._source.size)


_OBSTACLES = {
    "m": "lies in a folder that is not there",
    "l": "is a symbolic link, which is not followed",
    "d": "is a folder",
    "o": "is no regular file",
}
_OBSTACLE_HINT = "Nothing was changed. Name the file that is to be there, in a folder that is there."


def _owner_and_mode(text: str) -> tuple[str | None, int | None]:
    """Read "MODE UID GID" as ls shows them; nothing where they are not of a file."""
    found = re.fullmatch(r"-([r-][w-][xsS-][r-][w-][xsS-][r-][w-][xtT-])\S? (\d{1,10}) (\d{1,10})", text)
    if found is None:
        return None, None
    mode = sum(1 << 8 - at for at, char in enumerate(found[1]) if char == _BITS[at] or char in "st")
    special = ((2, 0o4000), (5, 0o2000), (8, 0o1000))
    mode |= sum(bit for at, bit in special if found[1][at] in "sStT")
    return f"{found[2]}:{found[3]}", mode


def _free(text: str) -> int | None:
    """Bytes that are free, by a line of df."""
    found = re.search(r" (\d{1,15}) +(\d{1,15}) +(-?\d{1,15}) +\d{1,5}% ", text)
    return None if found is None else max(int(found[3]), 0) << 10
