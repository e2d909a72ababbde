"""Files that root writes for the user who called sudo (sudo(8), SUDO_UID and SUDO_GID) belong to that user.

Otherwise `sudo sosagent`, with a sudo that keeps HOME, would leave files in the user's home that later runs cannot
change.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

__all__ = ["give_to_caller", "make_folders", "open_or_create", "take_owner", "trusted_users"]

_ROOT = 0
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def _caller() -> tuple[int, int] | None:
    """Return the user and group id of the user who called sudo (-1 if the group is unknown); None without sudo."""
    if not hasattr(os, "geteuid") or os.geteuid() != _ROOT:
        return None
    user, group = (_number(os.environ.get(name, "")) for name in ("SUDO_UID", "SUDO_GID"))
    return None if user < 0 else (user, group)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 11 else -1


def trusted_users() -> set[int]:
    """Return the user ids of root, of this process, and of the user who called sudo. Not for Windows."""
    caller = _caller()
    return {_ROOT, os.getuid(), os.geteuid(), *([caller[0]] if caller else [])}


def open_or_create(path: Path, flags: int, folder: Path | None = None) -> int:
    """Open a file, which is created with mode 0600 if it does not exist, and return its descriptor.

    A file that this call creates is given to the user who called sudo, if the folder belongs to that user. A file that
    was there keeps its owner, whoever put it there meanwhile.

    Args:
        path: the file.
        flags: for `os.open`, besides O_CREAT.
        folder: where the file is; by default, the folder of `path` with links resolved.

    Raises:
        OSError: it cannot be opened.
    """
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags | os.O_CREAT, 0o600)
    try:
        give_to_caller(descriptor, folder or path.resolve().parent)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def give_to_caller(descriptor: int, folder: Path) -> None:
    """Give a new file or folder to the user who called sudo, if the folder that it is in belongs to that user.

    Args:
        descriptor: of the file; its contents do not matter.
        folder: where it is.

    Raises:
        OSError: the file system does not allow it.
    """
    caller = _caller()
    if caller is not None and folder.stat().st_uid == caller[0]:
        os.fchown(descriptor, *caller)


def take_owner(descriptor: int, old: os.stat_result | None, folder: Path) -> None:
    """Give a replacement file the owner and group of the old file. Only root does that.

    Not in a folder such as /tmp, where anybody may have put the old file; except if it belongs to the owner of the
    folder or to the user who called sudo.

    Args:
        descriptor: of the new file.
        old: the file that it replaces; None if the file is new (see `give_to_caller`).
        folder: where it is.

    Raises:
        OSError: the file system does not allow it.
    """
    if old is None:
        give_to_caller(descriptor, folder)
    elif hasattr(os, "geteuid") and os.geteuid() == _ROOT and old.st_uid != _ROOT:
        caller, found = _caller(), folder.stat()
        known = (found.st_uid, *(caller[:1] if caller else ()))
        if old.st_uid in known or not found.st_mode & _WRITABLE_BY_OTHERS:
            os.fchown(descriptor, old.st_uid, old.st_gid)


def make_folders(folder: Path) -> None:
    """Create a folder and those above it that are missing, with mode 0700; see `give_to_caller`.

    Raises:
        OSError: one of them cannot be created, or would be the home folder, which is not ours to create.
    """
    if folder.is_dir():
        return
    if str(folder) == os.environ.get("HOME"):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
    if folder.parent != folder:
        make_folders(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    if _caller() is not None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            give_to_caller(descriptor, folder.parent)
        finally:
            os.close(descriptor)
