"""A change of a file that has not been made yet, and its diff as text. No I/O."""

from __future__ import annotations

import difflib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from .printable import printable

__all__ = [
    "MOST_TEXT",
    "Confirm",
    "FileChange",
    "FileVersion",
    "changed_file",
    "changed_lines",
    "is_private",
    "is_short",
    "shortened",
]

#: The most bytes of a file of which a diff is made.
MOST_TEXT = 32 << 10
#: The most seconds for reading a file from the machine, so that a diff of all of it can be shown.
_MOST_READING_SECONDS = 30.0
_MOST_LINE = 4000
_MOST_SHOWN = 40
_NO_NEWLINE = "\\ No newline at end of file"
#: Contents that are not shown, and the names of files whose contents are not.
_PRIVATE = re.compile(rb"PRIVATE KEY-----|PuTTY-User-Key-File")
_PRIVATE_NAMES = ("shadow", "shadow-", "gshadow", "gshadow-")


@dataclass(frozen=True)
class FileVersion:
    """The contents of a file before or after a change.

    Fields:
        size: in bytes; None if unknown.
        checksum: such as ``SHA-256 9f86...`` or ``cksum 3015617425``; empty if unknown.
        data: the contents; None if they are unknown or too large.
        mode: the permission bits; None if they are unknown, or not part of the change.
    """

    size: int | None
    checksum: str = ""
    data: bytes | None = field(default=None, repr=False)
    mode: int | None = None

    @property
    def text(self) -> str | None:
        """The contents as text; None if they are not text, or private, or not known."""
        if self.data is None or b"\0" in self.data or _PRIVATE.search(self.data):
            return None
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError:
            return None

    def __str__(self) -> str:
        size = "contents that cannot be read" if self.size is None else f"{self.size:,} bytes"
        return f"{size}, {self.checksum}" if self.checksum else size


@dataclass(frozen=True)
class FileChange:
    """A change of a file that has not been made yet.

    Fields:
        path: the file.
        diff: the lines of a unified diff, printable and without secrets. If the contents are not text, large or
            private, the lines have sizes and checksums. Empty if nothing changes.
        removed, added: the lines of the file that are removed and added, as in `diff`, without the first character.
    """

    path: str
    diff: tuple[str, ...]

    @property
    def removed(self) -> tuple[str, ...]:
        return tuple(line[1:] for line in self.diff[2:] if line.startswith("-"))

    @property
    def added(self) -> tuple[str, ...]:
        return tuple(line[1:] for line in self.diff[2:] if line.startswith("+"))

    def __bool__(self) -> bool:
        return bool(self.diff)


#: Asks the user whether to make a change.
Confirm = Callable[[FileChange], Awaitable[bool]]


def is_short(size: int, byte_seconds: float) -> bool:
    """Return whether a file on the machine is read for a diff.

    Args:
        size: of the file, in bytes.
        byte_seconds: how long a byte takes on the line.
    """
    return size <= MOST_TEXT and size * byte_seconds <= _MOST_READING_SECONDS


def is_private(path: str) -> bool:
    """Return whether the contents of a file are never shown: it has the hashes of passwords."""
    return path.rpartition("/")[2] in _PRIVATE_NAMES


def changed_file(
    path: str, old: FileVersion | None, new: FileVersion, redact: Callable[[str], str] = str
) -> FileChange:
    """Return the change of a whole file.

    Args:
        path: the file.
        old, new: its contents before and after; `old` is None for a new file.
        redact: removes secrets from a line.
    """
    before = "" if old is None else old.text
    if before is None or new.text is None or is_private(path):
        same = old is not None and old.checksum and (old.size, old.checksum) == (new.size, new.checksum)
        body = [] if same else [*([f"-({old})"] if old else []), f"+({new})"]
    else:
        body = list(_unified(before, new.text))
        if not body and old is None:
            body = [f"+({new})"]
    if old is not None and None not in (old.mode, new.mode) and old.mode != new.mode:
        body += [f"-(mode {old.mode:04o})", f"+(mode {new.mode:04o})"]
    return _change(path, old is None, body, redact)


def changed_lines(
    path: str, removed: Sequence[str], added: Sequence[str], redact: Callable[[str], str] = str
) -> FileChange:
    """Return the change of a file of which only the lines that change are known."""
    body = ["@@ without the lines around these: the file is too large, or changed while it was read @@"]
    body += [*(f"-{line}" for line in removed), *(f"+{line}" for line in added)]
    return _change(path, False, body if len(body) > 1 else [], redact)


def shortened(diff: Sequence[str], hint: str, most: int = _MOST_SHOWN) -> list[str]:
    """Return a diff for a question: its first lines, and how many more there are and how to see them."""
    if len(diff) <= most:
        return list(diff)
    return [*diff[: most - 1], f"({len(diff) - most + 1} more lines; {hint})"]


def _change(path: str, is_new: bool, body: Sequence[str], redact: Callable[[str], str]) -> FileChange:
    head = [f"--- {'/dev/null' if is_new else path}", f"+++ {path}"] if body else []
    # A long line loses its start, but not the sign in front of it.
    lines = (line[0] + printable(redact(line[1:].expandtabs()), _MOST_LINE) for line in (*head, *body))
    return FileChange(path, tuple(lines))


def _unified(before: str, after: str) -> list[str]:
    """Return a unified diff without its first two lines."""
    lines: list[str] = []
    for line in list(difflib.unified_diff(_lines(before), _lines(after)))[2:]:
        lines.append(line.removesuffix("\n"))
        if not line.endswith("\n"):
            lines.append(_NO_NEWLINE)
    return lines


def _lines(text: str) -> list[str]:
    """Return the lines of `text` with their newlines. Other characters that end a line for Python do not count."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + [line for line in lines[-1:] if line]
