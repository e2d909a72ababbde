"""Change a file on the user's own computer in one step, also if several processes do so at once."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from .errors import UsageError
from .printable import printable
from .sudo import make_folders, open_or_create, take_owner

__all__ = ["append_line", "locked", "replace_contents", "replace_file"]

_LOCK_SECONDS = 10.0
_LOCK_PAUSE = 0.02


def replace_file(path: Path, text: str) -> None:
    """Replace the contents of `path` with `text` atomically: a reader sees the old file or the new one.

    The file keeps its mode and its owner, and a symbolic link stays a link. A new file gets mode 0600, a new folder
    0700; see `sudo` for their owner.

    Args:
        path: the file; its folder is created if it is missing.
        text: the new contents; surrogate escapes are written as the bytes they stand for.

    Raises:
        UsageError: the file cannot be written; its contents are unchanged.
    """
    try:
        make_folders(path.resolve().parent)
    except OSError as error:
        raise _cannot_write(path, error) from None
    replace_contents(path, text.encode("utf-8", "surrogateescape"))


def replace_contents(path: Path, data: bytes) -> None:
    """Replace the contents of a file in an existing folder; see `replace_file`. A pipe or a device is written to."""
    try:
        real = path.resolve()
        if real.exists() and not real.is_file():
            real.write_bytes(data)
            return
        old = real.stat() if real.exists() else None
        handle, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
        try:
            with os.fdopen(handle, "wb") as opened:
                take_owner(handle, old, real.parent)
                opened.write(data)
                opened.flush()
                _set_mode(handle, name, 0o600 if old is None else old.st_mode & 0o777)
                os.fsync(opened.fileno())
            Path(name).replace(real)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _cannot_write(path, error) from None


def _set_mode(descriptor: int, name: str, mode: int) -> None:
    """Set the mode of an open file. Its name may meanwhile be that of another one."""
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode)
    else:  # Windows
        Path(name).chmod(mode)


def _cannot_write(path: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write {printable(str(path))}: {error.strerror}")


def append_line(path: Path, line: bytes) -> None:
    """Append a line, whole or not at all, in a file whose last line may have no newline. A new file gets mode 0600.

    Raises:
        OSError: it cannot be written; the file is unchanged.
    """
    with FileIO(open_or_create(path, os.O_RDWR | os.O_CLOEXEC), "r+") as opened:
        size = opened.seek(0, os.SEEK_END)
        if size and os.pread(opened.fileno(), 1, size - 1) != b"\n":
            line = b"\n" + line
        rest = memoryview(line + b"\n")
        try:
            while rest:
                rest = rest[opened.write(rest) or 0 :]
        except OSError:
            opened.truncate(size)
            raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let no other process of ours change `path` during the block, in which it is read and replaced.

    The lock is on the file itself. A file that does not exist is created, and removed again if it stays empty. Without
    support for locks (Windows, some network file systems), nothing is locked.

    Raises:
        UsageError: the file cannot be opened or created, or another program keeps it locked.
    """
    try:
        import fcntl as _fcntl  # noqa: F401
    except ImportError:
        yield
        return
    try:
        real = path.resolve()
        make_folders(real.parent)
        existed = real.exists()
        descriptor = _open_locked(real)
    except OSError as error:
        raise UsageError(f"cannot open {printable(str(path))}: {error.strerror}") from None
    try:
        yield
    finally:
        if not existed and real.exists() and real.stat().st_size == 0:
            real.unlink()
        os.close(descriptor)


def _open_locked(path: Path) -> int:
    """Open `path` with a lock, and return the descriptor."""
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        descriptor = open_or_create(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        # Another process may have replaced or removed the file before we had the lock.
        if _take_lock(descriptor) and path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
        os.close(descriptor)
        if time.monotonic() > until:
            raise UsageError(
                f"another program has locked {printable(str(path))}", hint="Wait until it ends, then run again."
            )
        time.sleep(_LOCK_PAUSE)


def _take_lock(descriptor: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
