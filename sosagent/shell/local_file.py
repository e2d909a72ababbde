"""The file on this side of a transfer: the source of an upload, and the part file of a download."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import UsageError
from ..paths import StrPath
from ..printable import printable
from ..sudo import open_or_create, take_owner, trusted_users
from .checksums import FileChecksum

__all__ = ["FileSums", "PartFile", "Source", "check_local_target"]

_BLOCK = 1 << 20


@dataclass(frozen=True)
class FileSums:
    """The checksums of a file.

    Fields:
        cksum: as ``cksum`` prints it.
        sha256: the SHA-256, in hexadecimal.
        shown: as the machine prints its checksum of a file.
    """

    cksum: str
    sha256: str
    shown: str


def check_local_target(target: Path) -> None:
    """Check that a download can write the file `target`.

    Raises:
        UsageError: it is a folder, or its folder does not exist.
    """
    if target.is_dir():
        raise UsageError(f"{printable(str(target))} is a folder; name the file to write in it")
    if not target.parent.is_dir():
        raise UsageError(
            f"cannot write {printable(str(target))}: its folder does not exist",
            hint="Create the folder or choose another target.",
        )


class Source:
    """The contents to upload.

    Args:
        source: a regular file, or bytes.

    Attributes:
        size: in bytes, when the file was opened.

    Raises:
        UsageError: the file cannot be read.
    """

    def __init__(self, source: StrPath | bytes) -> None:
        self._file: BinaryIO
        if isinstance(source, bytes):
            self._file, self.size = io.BytesIO(source), len(source)
            return
        try:
            # Without O_NONBLOCK, opening a named pipe would wait for its writer.
            flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
            self._file = os.fdopen(os.open(source, flags), "rb")
            status = os.fstat(self._file.fileno())
        except OSError as error:
            raise UsageError(f"cannot read {printable(str(source))}: {error.strerror}") from None
        if not stat.S_ISREG(status.st_mode):
            self._file.close()
            raise UsageError(f"{printable(str(source))} is not a file")
        self.size = status.st_size

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes from `offset`, at most `size`."""
        self._file.seek(offset)
        return self._file.read(size)

    def checksums(self, length: int, tool: str) -> FileSums:
        """Return the checksums of the first `length` bytes; `tool` is the machine's (see `CHECKSUMS`)."""
        return _checksums(self.read, length, tool)


class PartFile:
    """The bytes received so far, in a part file beside the target that only its owner can read, or in memory.

    Args:
        target: the file to write; None for memory.

    Raises:
        UsageError: the part file cannot be created, or is not ours.
    """

    def __init__(self, target: Path | None) -> None:
        self._target = target
        self.path = None if target is None else target.with_name(f".{target.name}.sosagent-part")
        self._file: BinaryIO = io.BytesIO()
        if target is not None and self.path is not None:
            check_local_target(target)
            self._file = _open_part(self.path)

    @property
    def size(self) -> int:
        """The number of bytes received so far."""
        return self._file.seek(0, os.SEEK_END)

    def truncate(self, length: int) -> None:
        """Keep only the first `length` bytes."""
        self._file.truncate(length)

    def append(self, data: bytes) -> None:
        """Append `data`.

        Raises:
            UsageError: it cannot be written.
        """
        try:
            self._file.seek(0, os.SEEK_END)
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise UsageError(f"cannot write {printable(str(self.path))}: {error.strerror}") from None

    def checksums(self, tool: str) -> FileSums:
        """Return the checksums of the bytes received so far; `tool` is the machine's (see `CHECKSUMS`)."""
        return _checksums(self._read, self.size, tool)

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def finish(self) -> bytes | None:
        """Sync the file and move it to the target; without a target, return the bytes.

        Raises:
            UsageError: it cannot be moved.
        """
        if self._target is None or self.path is None:
            return self._read(0, self.size)
        try:
            if self._target.exists():
                take_owner(self._file.fileno(), self._target.stat(), self._target.parent)
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
            raise UsageError(f"cannot write {printable(str(self._target))}: {error.strerror}") from None
        return None

    def close(self) -> None:
        """Close the file, and delete it if it is empty."""
        if not self._file.closed:
            empty = self.path is not None and not self.size
            self._file.close()
            if empty and self.path is not None:
                self.path.unlink(missing_ok=True)


def _open_part(path: Path) -> BinaryIO:
    """Open a part file, which may be there already if it is ours alone."""
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = open_or_create(path, flags | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise UsageError(f"cannot write {printable(str(path))}: {error.strerror}") from None
    status = os.fstat(descriptor)
    file = os.fdopen(descriptor, "r+b")
    ours = not hasattr(os, "geteuid") or status.st_uid in trusted_users()
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1 or not ours:
        file.close()
        raise UsageError(
            f"{printable(str(path))} exists and is not the part file of an earlier run of yours",
            hint="Move it away or choose another target.",
        )
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o600)
    return file


def _checksums(read: Callable[[int, int], bytes], length: int, tool: str) -> FileSums:
    crc, digest, machine, offset = FileChecksum("cksum"), hashlib.sha256(), FileChecksum(tool), 0
    while offset < length and (data := read(offset, min(_BLOCK, length - offset))):
        for one in (crc, digest, machine):
            one.update(data)
        offset += len(data)
    return FileSums(crc.shown, digest.hexdigest(), machine.shown)
