"""The file of --log-file: what a command did, line by line, with the time of each line."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ..errors import UsageError
from ..printable import printable
from ..sudo import open_or_create

__all__ = ["LogFile"]

_LINE = 4000
_MOST_BYTES = 64 << 20
_OURS = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")
_START = 25  # bytes that `_OURS` matches


class LogFile:
    """Appends lines to a log file as they come. A new file is readable by its owner only.

    If the file cannot be written any more, the log ends, and the command goes on.

    Args:
        path: the file; a log of an earlier command is continued.
        on_failure: called once with a sentence if the log ends early.

    Raises:
        UsageError: the file cannot be opened, is a symbolic link, or is not a log of ours.
    """

    def __init__(self, path: Path, on_failure: Callable[[str], None]) -> None:
        self._path = path
        self._on_failure = on_failure
        self._written = 0
        self._descriptor: int | None = _open(path)

    def write(self, mark: str, text: str) -> None:
        """Append a line: the time in UTC, a mark such as ``>``, and the text."""
        if self._descriptor is None:
            return
        time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        line = f"{time}Z {mark} {printable(text, _LINE)}".rstrip() + "\n"
        self._written += len(line)
        try:
            if self._written > _MOST_BYTES:
                raise OSError(0, f"it has {_MOST_BYTES >> 20} MiB")
            rest = memoryview(line.encode("utf-8", "backslashreplace"))
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            self.close()
            self._on_failure(f"cannot write the log {printable(str(self._path))}: {error.strerror}; it ends here")

    def close(self) -> None:
        """Close the file. Lines that follow are dropped."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _open(path: Path) -> int:
    shown = printable(str(path))
    if path.is_symlink():
        raise UsageError(f"{shown} is a symbolic link; the log was not written", hint="Name the file itself.")
    flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = open_or_create(path, flags)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", None) or printable(str(error))
        raise UsageError(f"cannot write the log {shown}: {why}") from None
    try:
        found = os.fstat(descriptor)
        # A mistyped name may be that of a key.
        start = os.read(descriptor, _START) if stat.S_ISREG(found.st_mode) else b"no file"
        if start and not _OURS.match(start):
            raise UsageError(
                f"{shown} exists and is not a log of sosagent; nothing was written to it",
                hint="Choose another file for the log.",
            )
        if found.st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    except OSError as error:
        os.close(descriptor)
        raise UsageError(f"cannot write the log {shown}: {error.strerror}") from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
