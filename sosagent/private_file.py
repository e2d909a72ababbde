"""Open our own small files in the user's state folder, of which nobody else may control the contents."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .errors import UsageError
from .printable import printable
from .sudo import make_folders, open_or_create, trusted_users

__all__ = ["open_private"]


def open_private(path: Path, flags: int) -> int:
    """Open a file that belongs to us alone, and return its descriptor. A new file gets mode 0600, its folder 0700.

    Args:
        path: the file. It is not truncated.
        flags: how to open it, such as ``os.O_RDWR | os.O_CREAT``.

    Raises:
        UsageError: the file is a symbolic link or no regular file, or it or its folder belongs to somebody else or can
            be written by others.
        OSError: it cannot be opened.
    """
    if flags & os.O_CREAT:
        make_folders(path.parent)
    if not hasattr(os, "geteuid"):  # Windows
        return os.open(path, flags, 0o600)
    if path.is_symlink():
        raise _refused(path, "is a symbolic link")
    _check(path.parent, path.parent.stat())
    # Opening a FIFO would wait for the other end.
    safe = flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = open_or_create(path, safe, path.parent) if flags & os.O_CREAT else os.open(path, safe)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _refused(path, "is not a regular file")
        if found.st_nlink > 1:
            raise _refused(path, "has a second name (a hard link)")
        _check(path, found)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check(path: Path, found: os.stat_result) -> None:
    if found.st_uid not in trusted_users():
        raise _refused(path, "belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _refused(path, "can be written by other users")


def _refused(path: Path, reason: str) -> UsageError:
    return UsageError(
        f"{printable(str(path))} {reason}",
        hint="Find out who made it, then remove it. sosagent keeps its state there and creates it again.",
    )
