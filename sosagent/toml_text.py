"""TOML as text: on which line a key stands, and tables as they are written. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

__all__ = ["line_in", "line_of", "lines_of", "table"]

_WORD = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""

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
    inside: Keys = ()
    for number, line in enumerate(text.split("\n"), 1):
        header, key = _header(line), _key(line)
        if header is not None:
            inside = at = header
        elif key is not None:
            at = (*inside, *key)
        else:
            continue
        for end in range(1, len(at) + 1):
            found.setdefault(at[:end], number)
    return found


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
    found = re.fullmatch(r"\s*\[\[?([^\]]+)\]\]?\s*(?:#.*)?", line)
    return None if found is None else _dotted(found[1])


def _key(line: str) -> Keys | None:
    found = re.match(rf"\s*({_WORD}(?:\s*\.\s*{_WORD})*)\s*=", line)
    return None if found is None else _dotted(found[1])


def _dotted(text: str) -> Keys:
    return tuple(part.strip().strip("\"'") for part in re.findall(r"""\s*("[^"]*"|'[^']*'|[^.]+)""", text))
