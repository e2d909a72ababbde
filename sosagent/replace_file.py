"""Replace the contents of a file on the user's own computer in one step."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .errors import UsageError
from .printable import printable

__all__ = ["replace_file"]


def replace_file(path: Path, text: str) -> None:
    """Replace the contents of `path` with `text` atomically: a reader sees the old file or the new one.

    The file keeps its mode, and a symbolic link stays a link. A new file gets mode 0600, a new folder 0700.

    Args:
        path: the file; its folder is created if it is missing.
        text: the new contents; surrogate escapes are written as the bytes they stand for.

    Raises:
        UsageError: the file cannot be written; its contents are unchanged.
    """
    try:
        real = path.resolve()
        real.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = real.stat().st_mode & 0o777 if real.exists() else 0o600
        handle, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as opened:
                opened.write(text)
                opened.flush()
                os.fsync(opened.fileno())
            Path(name).chmod(mode)
            Path(name).replace(real)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"cannot write {printable(str(path))}: {error.strerror}") from None
