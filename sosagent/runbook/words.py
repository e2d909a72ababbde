"""Words for mistakes in a runbook. No I/O."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from ..printable import printable

__all__ = ["InField", "beginning", "mistakes_of", "near", "unknown"]

_SHOWN = 60
_LISTED = 60
_WORDS = 600

#: What pydantic calls a mistake -> what was expected; with what it tells of it.
_EXPECTED = {
    "string_type": "a text was expected",
    "string_too_short": "it is empty",
    "string_too_long": "it is longer than {max_length} characters",
    "int_type": "a whole number was expected",
    "int_parsing": "a whole number was expected",
    "int_parsing_size": "a whole number was expected, a smaller one",
    "int_from_float": "a whole number was expected",
    "finite_number": "a number was expected",
    "bool_type": "true or false was expected",
    "bool_parsing": "true or false was expected",
    "dict_type": "keys and values were expected",
    "tuple_type": "a list was expected",
    "too_short": "it is empty",
    "missing": "it is missing",
    "greater_than": "a number above {gt:g} was expected",
    "greater_than_equal": "a number of {ge:g} or more was expected",
    "less_than_equal": "a number up to {le:g} was expected",
    "literal_error": "{expected} was expected",
    "string_pattern_mismatch": "{pattern_words} was expected",
}
_PATTERNS = {
    "[a-z]": "a name of small letters, digits and _, 40 at most,",
    "^0?": "a mode such as '0644', in quotes,",
    "^[a-z0-9]$": "one small letter or digit",
}
#: Keys that may have values of several kinds -> which.
_ONE_OF = {
    "status": "a whole number from 0 to 255, a list of them, or any was expected",
    "default": "a text, a number, true or false was expected",
    "parameters": "a text, a number, true or false was expected",
}


class InField(ValueError):
    """A mistake of several keys together, which is told at one of them.

    Attributes:
        field: that key.
    """

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


def beginning(text: str, limit: int = _SHOWN) -> str:
    """`text` as one harmless line, which keeps its beginning: that is where people look."""
    cut = text if len(text) <= limit else f"{text[:limit]}…"
    return printable(cut, 12 * limit)


def near(name: str, names: Iterable[str]) -> str:
    """Which of `names` is meant by `name`, as the end of a sentence; all of them where none is like it."""
    listed = list(names)
    found = difflib.get_close_matches(name, listed, 1)
    if found:
        return f"; {found[0]!r} is meant?"
    return f"; there are {', '.join(listed)}" if 0 < len(listed) < _LISTED else ""


def unknown(key: str, names: Iterable[str]) -> str:
    """A key that nothing knows."""
    return f"there is no '{beginning(key)}'{near(key, names)}"


def mistakes_of(
    model: type[BaseModel], told: Mapping[str, Any], error: ValidationError
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where in `told` something is wrong, and what: one mistake for each place.

    Args:
        model: what it was to be.
        told: what the file says.
        error: pydantic's; none of its own words is shown.
    """
    fields = [field.alias or name for name, field in model.model_fields.items()]
    found: dict[tuple[str | int, ...], list[Any]] = {}
    for one in error.errors(include_input=False, include_url=False):
        found.setdefault(_place(one["loc"], told), []).append(one)
    misspelt = {
        meant for key in told if key not in fields for meant in difflib.get_close_matches(key, fields, 1)
    }  # fmt: skip
    for path, errors in found.items():
        one = errors[0]
        if one["type"] == "extra_forbidden":
            yield path, unknown(str(path[-1]), fields) if fields else "nothing is taken here"
        elif one["type"] == "missing":
            missing = str(one["loc"][-1])
            if missing not in misspelt:
                yield path, f"{missing} is missing"
        elif isinstance(cause := one.get("ctx", {}).get("error"), InField):
            yield (*path, cause.field) if cause.field in told else path, beginning(str(cause), _WORDS)
        else:
            key = beginning(".".join(map(str, path)), 80)
            words = _ONE_OF.get(str(path[0]), "") if len(errors) > 1 and path else _words(one, _value(path, told))
            yield path, f"{key}: {words}" if key else words


def _place(where: tuple[str | int, ...], told: Any) -> tuple[str | int, ...]:
    """The part of `where` that is in the file: pydantic adds the kinds that it tried."""
    path: list[str | int] = []
    for part in where:
        inside = isinstance(told, Mapping) and part in told
        if not inside and not (isinstance(told, (list, tuple)) and isinstance(part, int) and part < len(told)):
            break
        told = told[part]
        path.append(part)
    return tuple(path)


def _value(path: tuple[str | int, ...], told: Any) -> Any:
    for part in path:
        told = told[part]
    return told


def _words(one: Any, value: Any) -> str:
    context = dict(one.get("ctx", {}))
    if one["type"] in ("float_type", "float_parsing"):
        return "a number of seconds was expected"  # no other key takes one that may be broken
    if one["type"] == "value_error":
        return beginning(str(context["error"]), _WORDS)
    if one["type"] == "string_type" and isinstance(value, (bool, int, float)):
        return "a text was expected; in quotes it is one"
    pattern = str(context.get("pattern", ""))
    context["pattern_words"] = next((words for begin, words in _PATTERNS.items() if begin in pattern), "another text")
    return _EXPECTED.get(one["type"], "another value was expected").format(**context)
