"""TOML as text: the line of each key, and tables as they are written. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

__all__ = ["WORD", "Keys", "key_and_value", "line_in", "lines_of", "path_at", "table"]

#: One part of a key.
WORD = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED = rf"({WORD}(?:\s*\.\s*{WORD})*)"

#: A key or a table, by its parts.
Keys = tuple[str, ...]


def lines_of(text: str) -> dict[Keys, int]:
    """Return the line on which each key and each table first appears."""
    lines: dict[Keys, int] = {}
    for number, path, _ in _paths(text):
        for end in range(1, len(path) + 1):
            lines.setdefault(path[:end], number)
    return lines


def line_in(lines: Mapping[Keys, int], path: Keys) -> int:
    """Return the line of a key, or of the table that it belongs to, from the result of `lines_of`."""
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 1)


def path_at(text: str, number: int) -> tuple[Keys, bool]:
    """Return the key of a line, or the last one before it, and whether it is the header of a table."""
    return next(((path, header) for line, path, header in reversed([*_paths(text)]) if line <= number), ((), False))


def key_and_value(line: str) -> tuple[Keys, str] | None:
    """Return the key of a line and the text after its ``=``; None if the line has no key."""
    match = re.match(rf"\s*{_DOTTED}\s*=\s*(.*)", line)
    return None if match is None else (_split(match[1]), match[2].rstrip())


def table(path: Keys, values: Mapping[str, str | Sequence[str]]) -> str:
    """Return a table as TOML, with its header; empty values are left out.

    Args:
        path: the table's name.
        values: without control characters.
    """
    lines = [f"[{'.'.join(map(_quote_key, path))}]"]
    for key, value in values.items():
        if value:
            # A JSON string is a TOML string, unless it escapes a character as a surrogate pair; ensure_ascii=False.
            lines.append(f"{_quote_key(key)} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _paths(text: str) -> Iterator[tuple[int, Keys, bool]]:
    """Yield the number of each line with a key or a header, the whole path, and whether it is a header."""
    inside: Keys = ()
    for number, line in enumerate(text.split("\n"), 1):
        header, pair = _header(line), key_and_value(line)
        if header is not None:
            inside = header
            yield number, header, True
        elif pair is not None:
            yield number, (*inside, *pair[0]), False


def _quote_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _header(line: str) -> Keys | None:
    match = re.fullmatch(rf"\s*\[\[?\s*{_DOTTED}\s*\]\]?\s*(?:#.*)?", line)
    return None if match is None else _split(match[1])


def _split(text: str) -> Keys:
    return tuple(map(_unquote, re.findall(WORD, text)))


def _unquote(word: str) -> str:
    if word[0] not in "\"'":
        return word
    try:
        return str(json.loads(word)) if word[0] == '"' else word[1:-1]
    except ValueError:  # an escape that JSON does not have
        return word[1:-1]
