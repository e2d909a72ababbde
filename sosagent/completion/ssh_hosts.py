"""The names of ssh_config(5) files. Reads what it can, and never fails."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

__all__ = ["names_host", "read_small", "ssh_hosts"]

_MOST_BYTES = 1 << 20
_MOST_FILES = 100
_MOST_LEVELS = 16  # of Include, as ssh
_LINE = re.compile(r'\s*"?(host|include)"?(?:\s*=\s*|\s+)(.*)', re.IGNORECASE)
_WORD = re.compile(r'"([^"]*)"|([^\s"]+)')


def read_small(file: Path) -> str:
    """Return the text of a regular file of at most 1 MiB; an empty text if it cannot be read."""
    try:
        if not file.is_file() or file.stat().st_size > _MOST_BYTES:
            return ""
        return file.read_text("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def ssh_hosts(config: str | None, home: Path | None) -> list[str]:
    """Return the names in Host lines that are no patterns.

    Args:
        config: the file; by default the user's and the system's.
        home: the user's home folder, if there is one.
    """
    return [word for word in _host_words(config, home) if not set(word) & set("*?!")]


def names_host(name: str, config: str | None, home: Path | None) -> bool:
    """Return whether a Host line names `name`, or has a pattern for it other than ``*``; see `ssh_hosts`."""
    words = _host_words(config, home)
    return any(word.strip("*") and fnmatchcase(name, word.replace("[", "[[]")) for word in words)


def _host_words(config: str | None, home: Path | None) -> list[str]:
    """Return the words of all Host lines, each once."""
    own = None if home is None else home / ".ssh"
    system = Path("/etc/ssh")
    files = [(Path(config), own)] if config else [(system / "ssh_config", system)]
    if own is not None and not config:
        files.insert(0, (own / "config", own))
    names: dict[str, None] = {}
    seen: set[Path] = set()
    for file, folder in files:
        names |= dict.fromkeys(_names(file, folder, home, seen, 0))
    return list(names)


def _names(file: Path, folder: Path | None, home: Path | None, seen: set[Path], level: int) -> Iterator[str]:
    if file in seen or len(seen) >= _MOST_FILES or level > _MOST_LEVELS:
        return
    seen.add(file)
    for line in read_small(file).splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        words = ["".join(pair) for pair in _WORD.findall(match[2].partition(" #")[0])]
        if match[1].lower() == "host":
            yield from words
            continue
        for word in words:
            for path in _included(word, folder, home):
                yield from _names(path, folder, home, seen, level + 1)


def _included(word: str, folder: Path | None, home: Path | None) -> list[Path]:
    if word.startswith("~/") and home is not None:
        word = str(home / word[2:])
    if not word.startswith("/"):
        if folder is None:
            return []
        word = str(folder / word)
    try:
        return [Path(path) for path in sorted(glob.glob(word))]  # noqa: PTH207 - Path.glob takes no absolute pattern
    except (OSError, ValueError, re.error):
        return []
