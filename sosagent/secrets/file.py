"""Files that hold a secret, or say which programs run: whose they are, who else may touch them, how they are read."""

from __future__ import annotations

import os
import select
import shlex
import stat
import time
from pathlib import Path

from ..errors import UsageError
from ..printable import printable

__all__ = ["OTHERS_TOUCH", "OTHERS_WRITE", "read_file", "trouble_with"]

#: The bits of a mode that nobody else may have: on a secret, and on what others may read.
OTHERS_TOUCH = stat.S_IRWXG | stat.S_IRWXO
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

_PIPE_SECONDS = 60.0
_ENOUGH = 4096


def read_file(
    path: Path,
    what: str,
    *,
    others: int = OTHERS_TOUCH,
    most: int = _ENOUGH,
    seconds: float = _PIPE_SECONDS,
    kind: type[UsageError] = UsageError,
) -> bytes:
    """Read a file, or a pipe, that is the caller's own or root's.

    Args:
        path: of it; ``<(PROGRAM)`` of a shell is a pipe.
        what: it is, in messages.
        others: bits of a mode; it is refused if it has one of them.
        most: bytes; more is an error.
        seconds: that a pipe may take.
        kind: of error, for what is wrong with the file itself.

    Raises:
        UsageError: it cannot be read, is somebody else's or too large, or nothing came through the pipe.
    """
    shown = f"{what} {printable(str(path))}"
    try:
        # A pipe that nobody writes to would hold up a plain open for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            status = os.fstat(descriptor)
            trouble, hint = _trouble(status, path, shown, others)
            if trouble:
                raise kind(trouble, hint=hint)
            pipe = stat.S_ISFIFO(status.st_mode) and hasattr(select, "poll")
            data = _all_of(descriptor, pipe, most, time.monotonic() + seconds)
        finally:
            os.close(descriptor)
    except TimeoutError:
        raise UsageError(f"{shown} is a pipe, and its end did not come within {seconds:.0f} s") from None
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}") from None
    except ValueError:  # a NUL in it
        raise UsageError(f"cannot read {shown}: that is no path") from None
    if len(data) > most:
        size = f"{most >> 20} MiB" if most >> 20 else f"{most} bytes"
        raise kind(f"{shown} is larger than {size}")
    return data


def trouble_with(path: Path, what: str, others: int = OTHERS_TOUCH) -> str:
    """Why `read_file` would refuse a file, as far as one can tell without opening it; empty if nothing is wrong."""
    shown = f"{what} {printable(str(path))}"
    try:
        return _trouble(path.stat(), path, shown, others)[0]
    except OSError as error:
        return f"cannot read {shown}: {error.strerror}"
    except ValueError:
        return f"cannot read {shown}: that is no path"


def _trouble(status: os.stat_result, path: Path, shown: str, others: int) -> tuple[str, str]:
    """What is wrong with a file, and what to do about it."""
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        return f"{shown} is a folder", ""
    if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
        return f"{shown} is neither a file nor a pipe", ""
    if os.name != "posix":
        return "", ""
    if status.st_uid not in _mine():
        return f"{shown} belongs to another user (uid {status.st_uid}), who can change it", "Make it your own: chown."
    if mode & others:
        read = others & stat.S_IROTH
        change = "600" if read else "go-w"
        hint = f"chmod {change} {shlex.quote(printable(str(path)))}"
        return f"{shown} can be {'read' if read else 'written'} by others", hint
    return "", ""


def _mine() -> set[int]:
    """Root's, the caller's, and whoever called sudo (sudo(8), SUDO_UID)."""
    behind = os.environ.get("SUDO_UID", "") if os.getuid() == 0 else ""
    return {0, os.getuid(), *([int(behind)] if behind.isdecimal() and len(behind) < 11 else [])}


def _all_of(descriptor: int, pipe: bool, most: int, until: float) -> bytes:
    data = b""
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
    return data


def _wait(descriptor: int, until: float) -> None:
    """Until there is something to read, or the writer is gone; that there was none yet does not count as that."""
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    if not ready.poll(max(until - time.monotonic(), 0) * 1000):
        raise TimeoutError
