"""Paths as callers pass them: text or a `Path`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

__all__ = ["StrPath", "as_path", "as_paths"]

#: What other programs may pass as the path of a file on this computer.
StrPath: TypeAlias = str | os.PathLike[str]


def as_path(path: StrPath | None) -> Path | None:
    """Return `path` as a `Path`; None stays None."""
    return None if path is None else Path(path)


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
