"""Paths as callers pass them: text or a `Path`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

from .errors import UsageError
from .printable import printable

__all__ = ["NO_HOME", "StrPath", "as_path", "as_paths", "expanded"]

#: Why a ~ cannot be expanded.
NO_HOME = "~ has no meaning here: that user does not exist, or has no home folder"

#: What other programs may pass as the path of a file on this computer.
StrPath: TypeAlias = str | os.PathLike[str]


def as_path(path: StrPath | None) -> Path | None:
    """Return `path` as a `Path`; None stays None."""
    return None if path is None else Path(path)


def expanded(path: StrPath) -> Path:
    """Return `path` with ~ expanded.

    Raises:
        UsageError: that user does not exist, or has no home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(f"{printable(str(path))}: {NO_HOME}") from None


def as_paths(paths: object) -> tuple[Path, ...]:
    """Return one path, or several in a sequence, as a tuple.

    Raises:
        TypeError: `paths` is neither.
    """
    if isinstance(paths, str | os.PathLike):
        return (Path(paths),)
    if not isinstance(paths, list | tuple):
        raise TypeError(f"expected paths, got {type(paths).__name__}")
    return tuple(Path(one) for one in paths)
