"""Import from ssh_config(5): each Host that is not a pattern becomes a machine, and its alias the console."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...printable import printable
from .imported import NOT_FOLLOWED, Imported, split_words

__all__ = ["from_ssh_config"]


def from_ssh_config(text: str) -> Imported:
    """Return the machines of an ssh_config."""
    imported = Imported()
    for keyword, *words in _lines(text):
        match keyword.lower():
            case "include":
                imported.notes.append(NOT_FOLLOWED.format(f"Include {printable(' '.join(words), 80)}"))
            case "host":
                for name in words:
                    if re.search(r"[*?!]", name):
                        imported.skip(name, "a pattern is not a machine")
                    else:
                        imported.add(name, {"console": name})
    imported.notes.append("an ssh_config does not say which hosts are consoles; keep only those")
    return imported


def _lines(text: str) -> Iterator[list[str]]:
    """Yield the keyword and the arguments of each line."""
    for line in text.splitlines():
        match = re.match(r"\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.+)", line)
        if match is not None:
            yield [match[1], *split_words(match[2])]
