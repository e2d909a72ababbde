"""A recording of the console in asciicast v2 (docs.asciinema.org/manual/asciicast/v2), safe to play.

Escape sequences that could do more than paint a screen are left out. Secrets are never handed to
it: what is typed at a password prompt is recorded as a note, and what comes back until the next
newline is not recorded at all (the console masks it by position).
"""

from __future__ import annotations

import codecs
import json
import os
import stat
import time
from pathlib import Path
from typing import TextIO

from ..errors import UsageError
from ..printable import playable, printable

__all__ = ["Transcript"]

_LIMIT = 64 << 20
_BEGIN = b'{"version":'


def _refuse_other(path: Path) -> None:
    """Something else than a recording is not taken away: a mistyped name may be a key's, or root's /dev/null."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISREG(mode):
        with path.open("rb") as opened:
            if opened.read(len(_BEGIN)) in (b"", _BEGIN):
                return
    elif stat.S_ISLNK(mode) and (path.is_file() or not path.exists()):
        return
    raise UsageError(
        f"{printable(str(path))} is there, and is no recording: it is not replaced",
        hint="Name another file for the recording, or move that one away.",
    )


class Transcript:
    """Writes events to an asciicast file as they come, readable by its owner only.

    Args:
        path: of the file.
        title: what it is a recording of.
        size: of the terminal, columns and rows.

    Raises:
        UsageError: the file cannot be made.
    """

    def __init__(self, path: Path, title: str, size: tuple[int, int] = (80, 24)) -> None:
        try:
            # An older recording is replaced as a whole, a link not followed.
            _refuse_other(path)
            path.unlink(missing_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise UsageError(f"cannot write the transcript {printable(str(path))}: {error.strerror}") from None
        self._file: TextIO | None = os.fdopen(descriptor, "w", encoding="utf-8")
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
        self._file.write(json.dumps(header) + "\n")

    def output(self, data: bytes) -> None:
        """Record what the console showed."""
        text = self._held + self._decoder.decode(data)
        # An escape sequence may still lack its end.
        cut = text.rfind("\x1b")
        if cut >= 0 and len(text) - cut < 256 and not any(c.isalpha() or c in "\x07\\" for c in text[cut + 1 :]):
            text, self._held = text[:cut], text[cut:]
        else:
            self._held = ""
        self._event("o", playable(text))

    def input(self, text: str) -> None:
        """Record what was typed; for a secret, the caller gives something else in its place."""
        self._event("i", playable(text))

    def marker(self, label: str) -> None:
        """Name this moment."""
        self._event("m", printable(label, 200))

    def resize(self, columns: int, rows: int) -> None:
        """Record that the terminal has this size from now on."""
        self._event("r", f"{columns}x{rows}")

    def close(self) -> None:
        """Finish the file. Does nothing the second time."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _event(self, kind: str, text: str) -> None:
        if self._file is None or not text or self._written > _LIMIT:
            return
        line = json.dumps([round(time.monotonic() - self._start, 6), kind, text]) + "\n"
        self._written += len(line)
        self._file.write(line)
        self._file.flush()
