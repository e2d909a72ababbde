"""Reads TOML, and says what is wrong with one in ordinary words, with the line. No I/O."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from ..errors import ConfigInvalid
from ..printable import printable
from .toml_text import WORD, key_of, lines_of, path_at

__all__ = ["read_toml"]

_MOST_IN_A_LINE = 4096
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{WORD}\s*\.\s*){{32}}")
_NO_END = re.compile(r"Illegal character '\\[nr]'|Found invalid character '\\[nr]'|Unterminated string|Expected \"'")
_TWICE = re.compile(r"Cannot (?:declare|overwrite|mutate)|Duplicate inline")
_QUOTES = "a text needs quotes; only numbers, true and false stand without"


def read_toml(text: str, shown: str) -> dict[str, Any]:
    """What a text says.

    Args:
        text: TOML.
        shown: the file's name, safe to print.

    Raises:
        ConfigInvalid: it is none, or one that would take minutes to read.
    """
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > _MOST_IN_A_LINE:
            raise ConfigInvalid(f"{shown}, line {number}: it is longer than {_MOST_IN_A_LINE} characters")
        if _LONG_KEY.search(line):
            raise ConfigInvalid(f"{shown}, line {number}: a key of so many parts is in no file of machines")
    try:
        return tomllib.loads(text)
    except ValueError as error:
        number, words = _in_words(text, str(error))
        raise ConfigInvalid(f"{shown}, line {number}: {printable(words, 200)}") from None
    except RecursionError:
        raise ConfigInvalid(f"{shown}: it is nested too deeply to be a file of machines") from None


def _in_words(text: str, said: str) -> tuple[int, str]:
    """The line, and the words, for what tomllib says. They hold no value, which may be a password."""
    words, _, place = said.partition(" (at ")
    at = re.match(r"line (\d+)", place)
    number = int(at[1]) if at else max(len(text.splitlines()), 1)
    if _NO_END.match(words):
        return number if at else _odd_quote(
            text, "'" if "'" in words else '"', number
        ), "the quote at its end is missing"
    if _TWICE.match(words):
        return number, _twice(text, number) or words
    line = text.split("\n")[number - 1]
    if line.lstrip().startswith("[") and words.startswith("Expected ']'"):
        closed = "]" in line.partition("#")[0]
        return number, f"a table's name {_NAME if closed else 'ends with ]'}"
    found = key_of(line)
    if found is not None and (words == "Invalid value" or words.startswith("Expected newline")):
        key, value = found
        if not value:
            return number, f"{key[-1]}: nothing stands behind ="
        if value[0] not in "\"'":
            return number, f"{key[-1]}: {_QUOTES}"
    return number, words


_NAME = "holds only ASCII letters, digits, dash and underscore, or it stands in quotes"


def _odd_quote(text: str, mark: str, last: int) -> int:
    """The line where a text begins that does not end."""
    return next((n for n, line in reversed([*enumerate(text.split("\n"), 1)]) if line.count(mark) % 2), last)


def _twice(text: str, number: int) -> str:
    """What stands on a line that stood before, and where."""
    path, header = path_at(text, number)
    lines = lines_of(text)
    for end in range(len(path), 0, -1):
        first = lines.get(path[:end], number)
        if first < number:
            shown = f"[{'.'.join(path[:end])}]" if header else repr(path[end - 1])
            return f"{shown} stands on line {first} already"
    return ""
