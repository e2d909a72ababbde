"""TOML as text: on which line a key stands, and tables as they are written. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

__all__ = ["WORD", "key_of", "line_in", "line_of", "lines_of", "path_at", "table"]

#: One part of a key.
WORD = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED = rf"({WORD}(?:\s*\.\s*{WORD})*)"

Keys = tuple[str, ...]


def line_of(text: str, path: Keys) -> int:
    """The line on which the key `path` stands in a TOML text, or the table that it belongs to."""
    return line_in(lines_of(text), path)


def line_in(lines: Mapping[Keys, int], path: Keys) -> int:
    """The same, in what `lines_of` gave."""
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 1)


def lines_of(text: str) -> dict[Keys, int]:
    """The line on which each key, and each table, is named first."""
    found: dict[Keys, int] = {}
    for number, at, _ in _paths(text):
        for end in range(1, len(at) + 1):
            found.setdefault(at[:end], number)
    return found


def path_at(text: str, number: int) -> tuple[Keys, bool]:
    """The key of a line, or of the last one before it; and whether it is a table's header."""
    return next(((at, header) for line, at, header in reversed([*_paths(text)]) if line <= number), ((), False))


def key_of(line: str) -> tuple[Keys, str] | None:
    """The key of a line, and what stands behind its ``=``; None where there is none."""
    found = re.match(rf"\s*{_DOTTED}\s*=\s*(.*)", line)
    return None if found is None else (_dotted(found[1]), found[2].rstrip())


def _paths(text: str) -> Iterator[tuple[int, Keys, bool]]:
    inside: Keys = ()
    for number, line in enumerate(text.split("\n"), 1):
        header, key = _header(line), key_of(line)
        if header is not None:
            inside = header
            yield number, header, True
        elif key is not None:
            yield number, (*inside, *key[0]), False


def table(path: Keys, values: Mapping[str, str | Sequence[str]]) -> str:
    """A table with its header; empty lists are left out.

    Args:
        path: its keys.
        values: without control characters.
    """
    lines = [f"[{'.'.join(map(_bare, path))}]"]
    for key, value in values.items():
        if value:
            # JSON's strings are TOML's, but for what has a code above 16 bits, which stays as it is.
            lines.append(f"{_bare(key)} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _bare(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _header(line: str) -> Keys | None:
    found = re.fullmatch(rf"\s*\[\[?\s*{_DOTTED}\s*\]\]?\s*(?:#.*)?", line)
    return None if found is None else _dotted(found[1])


def _dotted(text: str) -> Keys:
    return tuple(map(_part, re.findall(WORD, text)))


def _part(word: str) -> str:
    if word[0] not in "\"'":
        return word
    try:
        return str(json.loads(word)) if word[0] == '"' else word[1:-1]
    except ValueError:  # an escape that JSON does not have
        return word[1:-1]
