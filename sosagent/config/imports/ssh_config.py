"""ssh_config(5): a Host whose name is no pattern is a console, and the alias the way to it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...printable import printable
from .imported import NOT_FOLLOWED, Imported, split

__all__ = ["of_ssh_config"]


def of_ssh_config(text: str) -> Imported:
    """The machines of an ssh_config."""
    found = Imported()
    for words in _ssh_lines(text):
        match words[0].lower():
            case "include":
                found.notes.append(NOT_FOLLOWED.format(f"Include {printable(' '.join(words[1:]), 80)}"))
            case "host":
                for name in words[1:]:
                    if re.search(r"[*?!]", name):
                        found.skipped.append((name, "a pattern is no machine"))
                    else:
                        found.add(name, {"console": name})
    found.notes.append("an ssh_config does not tell which hosts are consoles: keep those that are")
    return found


def _ssh_lines(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        keyword = re.match(r"\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.+)", line)
        if keyword is not None:
            yield [keyword[1], *split(keyword[2])]
