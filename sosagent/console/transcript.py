"""A recording of the console in asciicast v2 (docs.asciinema.org/manual/asciicast/v2) that is safe to play.

Escape sequences that do more than draw are left out. The console never passes secrets to it: for a
password, a mark is recorded in its place, and its echo is dropped (console/redact.py).
"""

from __future__ import annotations

import codecs
import json
import os
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path

from ..errors import UsageError
from ..paths import StrPath
from ..printable import playable, printable
from ..sudo import take_owner

__all__ = ["Transcript"]

_MAX_SIZE = 64 << 20  # characters of a file; later events are dropped
_START = b'{"version":'


def _refuse_other_file(path: Path) -> None:
    """Refuse to replace a file that is not a recording: a mistyped name may be that of a key, or /dev/null."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISREG(mode):
        with path.open("rb") as opened:
            if opened.read(len(_START)) in (b"", _START):
                return
    elif stat.S_ISLNK(mode) and (path.is_file() or not path.exists()):
        return
    raise UsageError(
        f"{printable(str(path))} exists and is not a recording; it was not replaced",
        hint="Choose another file for the recording, or move this one away.",
    )


def _create(path: Path) -> tuple[int, Path]:
    """Create a file of mode 0600 that can take the place of `path`, and open it; return its descriptor and its path.

    An older recording is replaced once the new one has begun. A link is not followed.
    """
    if os.name == "nt":  # where an open file cannot be renamed
        path.unlink(missing_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), path
    old = path.lstat() if path.is_file() and not path.is_symlink() else None
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".sosagent-")
    take_owner(descriptor, old, path.parent)
    return descriptor, Path(name)


class Transcript:
    """Writes events to an asciicast file as they happen. Only the file's owner can read it.

    If the file cannot be written any more, the recording ends with its last whole event, and the job goes on.

    Args:
        path: where to write it. An older recording there is replaced.
        title: what the recording shows.
        size: columns and rows of the terminal.
        on_failure: called once with `failure` if the recording ends early.

    Attributes:
        failure: why the recording ended early, as a sentence; empty if it did not.

    Raises:
        UsageError: the file cannot be created, or another kind of file has this name.
    """

    def __init__(
        self,
        path: StrPath,
        title: str,
        size: tuple[int, int] = (80, 24),
        *,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        self.failure = ""
        self._path = path = Path(path)
        self._on_failure = on_failure
        try:
            _refuse_other_file(path)
            descriptor, new = _create(path)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            why = getattr(error, "strerror", None) or printable(str(error))
            raise UsageError(f"cannot write the transcript {printable(str(path))}: {why}") from None
        self._file: FileIO | None = FileIO(descriptor, "w")
        self._size = 0  # bytes of whole events in the file
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._start = time.monotonic()
        self._written = 0
        header = {
            "version": 2,
            "width": size[0],
            "height": size[1],
            "timestamp": int(time.time()),
            "title": printable(title),
        }
        self._write(json.dumps(header) + "\n")
        try:
            if self.failure:
                raise UsageError(self.failure)
            new.replace(path)
        except OSError as error:
            self._file.close()
            raise UsageError(f"cannot write the transcript {printable(str(path))}: {error.strerror}") from None
        finally:
            if new != path:
                new.unlink(missing_ok=True)

    def output(self, data: bytes) -> None:
        """Record output of the console."""
        text = self._held + self._decoder.decode(data)
        # Hold back an escape sequence that is not complete yet.
        cut = text.rfind("\x1b")
        if cut >= 0 and len(text) - cut < 256 and not any(c.isalpha() or c in "\x07\\" for c in text[cut + 1 :]):
            text, self._held = text[:cut], text[cut:]
        else:
            self._held = ""
        self._event("o", playable(text))

    def input(self, text: str) -> None:
        """Record typed text; for a secret, the caller passes a mark instead."""
        self._event("i", playable(text))

    def marker(self, label: str) -> None:
        """Add a marker at this moment."""
        self._event("m", printable(label, 200))

    def resize(self, columns: int, rows: int) -> None:
        """Record the new size of the terminal."""
        self._event("r", f"{columns}x{rows}")

    def close(self) -> None:
        """Close the file. A second call has no effect."""
        if self._file is not None:
            opened, self._file = self._file, None
            try:
                opened.close()  # a network file system may report a full disk only here
            except OSError as error:
                self._fail(error)

    def _event(self, kind: str, text: str) -> None:
        if self._file is None or not text or self._written > _MAX_SIZE:
            return
        line = json.dumps([round(time.monotonic() - self._start, 6), kind, text]) + "\n"
        self._written += len(line)
        self._write(line)

    def _write(self, line: str) -> None:
        """Append a line; if that fails, remove the part that was written, and end the recording."""
        assert self._file is not None
        data = line.encode()
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self._size)
            with suppress(OSError):
                self._file.close()
            self._file = None
            self._fail(error)
            return
        self._size += len(data)

    def _fail(self, error: OSError) -> None:
        self.failure = f"cannot write the transcript {printable(str(self._path))}: {error.strerror}"
        if self._on_failure is not None:
            self._on_failure(self.failure)
