"""Read TOML, and explain a syntax error in plain words, with its line. No I/O."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from ..errors import ConfigInvalid
from ..printable import printable
from .toml_text import WORD, key_and_value, lines_of, path_at

__all__ = ["read_toml"]

_MAX_LINE = 4096
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{WORD}\s*\.\s*){{32}}")
_UNTERMINATED = re.compile(
    r"Illegal character '\\[nr]'|Found invalid character '\\[nr]'|Unterminated string|Expected \"'"
)
_DUPLICATE = re.compile(r"Cannot (?:declare|overwrite|mutate)|Duplicate inline")
_QUOTES = "a string needs quotes; only numbers, true and false do not"
_TABLE_NAME = "may contain only ASCII letters, digits, dashes and underscores, unless it is in quotes"


def read_toml(text: str, shown: str) -> dict[str, Any]:
    """Parse TOML.

    Args:
        text: the text.
        shown: the file's name, safe to print.

    Raises:
        ConfigInvalid: the text is not TOML, or would take minutes to parse.
    """
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > _MAX_LINE:
            raise ConfigInvalid(f"{shown}:{number}: longer than {_MAX_LINE} characters")
        if _LONG_KEY.search(line):
            raise ConfigInvalid(f"{shown}:{number}: a key has too many parts")
    try:
        return tomllib.loads(text)
    except ValueError as error:
        number, message = _explain(text, str(error))
        raise ConfigInvalid(f"{shown}:{number}: {printable(message, 200)}") from None
    except RecursionError:
        raise ConfigInvalid(f"{shown}: the values are nested too deeply") from None


def _explain(text: str, error: str) -> tuple[int, str]:
    """Return the line and a message for a tomllib error. The message contains no value, which may be a password."""
    message, _, place = error.partition(" (at ")
    at = re.match(r"line (\d+)", place)
    number = int(at[1]) if at else max(len(text.splitlines()), 1)
    if _UNTERMINATED.match(message):
        quote = "'" if "'" in message else '"'
        return number if at else _line_of_open_quote(text, quote, number), "the closing quote is missing"
    if _DUPLICATE.match(message):
        return number, _explain_duplicate(text, number) or message
    line = text.split("\n")[number - 1]
    if line.lstrip().startswith("[") and message.startswith("Expected ']'"):
        closed = "]" in line.partition("#")[0]
        return number, f"a table's name {_TABLE_NAME if closed else 'must end with ]'}"
    pair = key_and_value(line)
    if pair is not None and (message == "Invalid value" or message.startswith("Expected newline")):
        key, value = pair
        if not value:
            return number, f"{key[-1]}: no value after ="
        if value[0] not in "\"'":
            return number, f"{key[-1]}: {_QUOTES}"
    return number, message


def _line_of_open_quote(text: str, quote: str, last: int) -> int:
    """Return the last line with an odd number of quotes, or `last`."""
    return next((n for n, line in reversed([*enumerate(text.split("\n"), 1)]) if line.count(quote) % 2), last)


def _explain_duplicate(text: str, number: int) -> str:
    """Describe the duplicate key or table on a line, and where it first occurs, or return an empty string."""
    path, is_header = path_at(text, number)
    lines = lines_of(text)
    for end in range(len(path), 0, -1):
        first = lines.get(path[:end], number)
        if first < number:
            name = f"[{'.'.join(path[:end])}]" if is_header else repr(path[end - 1])
            return f"{name} is already on line {first}"
    return ""
