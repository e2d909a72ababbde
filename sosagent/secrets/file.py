"""Read files that hold a secret or name programs to run, and refuse those that other users can read or change."""

from __future__ import annotations

import os
import select
import shlex
import stat
import time
from pathlib import Path

from ..errors import UsageError
from ..printable import printable
from ..sudo import trusted_users

__all__ = ["OTHERS_TOUCH", "OTHERS_WRITE", "read_file", "trouble_with"]

#: Mode bits that must not be set for group and others: on a secret, and on a file that others may read.
OTHERS_TOUCH = stat.S_IRWXG | stat.S_IRWXO
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

_PIPE_SECONDS = 60.0
_MAX_BYTES = 4096


def read_file(
    path: Path,
    what: str,
    *,
    others: int | None = OTHERS_TOUCH,
    most: int = _MAX_BYTES,
    seconds: float = _PIPE_SECONDS,
    kind: type[UsageError] = UsageError,
) -> bytes:
    """Read a file or a pipe that belongs to the caller or to root. Other kinds of file are refused.

    Args:
        path: the file; a shell's ``<(PROGRAM)`` is a pipe.
        what: what the file is, for messages.
        others: mode bits; a file with any of them set is refused. None also allows files of other users.
        most: the largest accepted size in bytes.
        seconds: how long to wait for the end of a pipe.
        kind: the error to raise if the file itself is unsuitable.

    Raises:
        UsageError: the file cannot be read, belongs to another user or is too large, or the pipe stayed silent.
    """
    shown = f"{what} {printable(str(path))}"
    try:
        # A plain open of a pipe that has no writer would block for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            status = os.fstat(descriptor)
            trouble, hint = _trouble(status, path, shown, others)
            if trouble:
                raise kind(trouble, hint=hint)
            pipe = stat.S_ISFIFO(status.st_mode) and hasattr(select, "poll")
            data = _read_all(descriptor, pipe, most, time.monotonic() + seconds)
        finally:
            os.close(descriptor)
    except TimeoutError:
        raise UsageError(f"{shown} is a pipe that did not end within {seconds:.0f} s") from None
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}") from None
    except ValueError:  # the path contains a NUL
        raise UsageError(f"cannot read {shown}: invalid path") from None
    if len(data) > most:
        size = f"{most >> 20} MiB" if most >> 20 else f"{most} bytes"
        raise kind(f"{shown} is larger than {size}")
    return data


def trouble_with(path: Path, what: str, others: int = OTHERS_TOUCH) -> str:
    """Return why `read_file` would refuse a file, without opening it; an empty string if nothing is wrong."""
    shown = f"{what} {printable(str(path))}"
    try:
        return _trouble(path.stat(), path, shown, others)[0]
    except OSError as error:
        return f"cannot read {shown}: {error.strerror}"
    except ValueError:
        return f"cannot read {shown}: invalid path"


def _trouble(status: os.stat_result, path: Path, shown: str, others: int | None) -> tuple[str, str]:
    """Return the problem with a file and its remedy; two empty strings if there is no problem."""
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        return f"{shown} is a folder", ""
    if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
        return f"{shown} is neither a file nor a pipe", ""
    if os.name != "posix" or others is None:
        return "", ""
    if status.st_uid not in trusted_users():
        return f"{shown} belongs to another user (uid {status.st_uid}), who can change it", "Become its owner: chown."
    if mode & others:
        read = others & stat.S_IROTH
        change = "600" if read else "go-w"
        hint = f"chmod {change} {shlex.quote(printable(str(path)))}"
        return f"{shown} can be {'read' if read else 'written'} by others", hint
    return "", ""


def _read_all(descriptor: int, pipe: bool, most: int, until: float) -> bytes:
    data = bytearray()
    while len(data) <= most:
        if pipe:
            _wait(descriptor, until)
        try:
            more = os.read(descriptor, most + 1 - len(data))
        except BlockingIOError:
            continue
        if not more:
            break
        data += more
    return bytes(data)


def _wait(descriptor: int, until: float) -> None:
    """Wait until there is data, or the writer has closed the pipe; a pipe without a writer so far is waited for."""
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    if not ready.poll(max(until - time.monotonic(), 0) * 1000):
        raise TimeoutError
