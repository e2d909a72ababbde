"""Messages about mistakes in a runbook. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from ..printable import printable
from ..suggest import close_matches, did_you_mean

__all__ = ["FieldError", "excerpt", "mistakes_of", "suggestion", "unknown"]

_EXCERPT = 60
_MOST_LISTED = 60
_MESSAGE = 600

#: Pydantic's type of a mistake -> our message. The braces are filled from pydantic's context.
_MESSAGES = {
    "string_type": "expected text",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_parsing_size": "expected a smaller whole number",
    "int_from_float": "expected a whole number",
    "finite_number": "expected a finite number",
    "float_type": "expected a number of seconds",  # all fractional numbers in runbooks are durations
    "float_parsing": "expected a number of seconds",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "dict_type": "expected a mapping of keys to values",
    "tuple_type": "expected a list",
    "too_short": "must not be empty",
    "missing": "is missing",
    "greater_than": "expected a number greater than {gt:g}",
    "greater_than_equal": "expected a number of at least {ge:g}",
    "less_than_equal": "expected a number of at most {le:g}",
    "literal_error": "expected {expected}",
    "string_pattern_mismatch": "expected {pattern_words}",
}
#: Start of a pattern -> what it describes.
_PATTERNS = {
    "[a-z]": "a name of lower-case letters, digits and _, at most 40 characters long",
    "^0?": "a mode in quotes, such as '0644'",
    "^[a-z0-9]$": "one lower-case letter or digit",
}
#: Keys whose values may have several types -> those types.
_UNIONS = {
    "status": "expected a whole number from 0 to 255, a list of them, or any",
    "default": "expected text, a number, true or false",
    "parameters": "expected text, a number, true or false",
}


class FieldError(ValueError):
    """A mistake that involves several keys and is reported at one of them.

    Attributes:
        field: the key.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def excerpt(text: str, limit: int = _EXCERPT) -> str:
    """Return the first `limit` characters of `text` as one printable line, with ``…`` if there are more."""
    cut = text if len(text) <= limit else f"{text[:limit]}…"
    return printable(cut, 12 * limit)


def suggestion(name: str, known: Iterable[str], kind: str) -> str:
    """Return the end of a message about an unknown name: the closest known name, or all of them.

    Args:
        name: the unknown name.
        known: the names that would be accepted.
        kind: what they are, in the plural.
    """
    listed = list(known)
    closest = did_you_mean(name, listed)
    if closest:
        return closest
    return f"; the {kind} are {', '.join(listed)}" if 0 < len(listed) < _MOST_LISTED else ""


def unknown(name: str, known: Iterable[str], kind: str = "key") -> str:
    """Return the message about an unknown name; see `suggestion`. `kind` is in the singular."""
    return f"unknown {kind} '{excerpt(name)}'{suggestion(name, known, f'{kind}s')}"


def mistakes_of(
    model: type[BaseModel], data: Mapping[str, Any], error: ValidationError
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Translate the errors of pydantic, one for each place in the file.

    Args:
        model: the model that `data` was validated against.
        data: from the file.
        error: the error of pydantic; its own wording is never shown.

    Yields:
        The path of the mistake within `data`, and the message.
    """
    fields = [field.alias or name for name, field in model.model_fields.items()]
    by_place: dict[tuple[str | int, ...], list[Any]] = {}
    for one in error.errors(include_input=False, include_url=False):
        by_place.setdefault(_place(one["loc"], data), []).append(one)
    misspelt = {meant for key in data if key not in fields for meant in close_matches(key, fields, most=1)}
    for path, errors in by_place.items():
        one = errors[0]
        if one["type"] == "extra_forbidden":
            yield path, unknown(str(path[-1]), fields) if fields else "no keys are allowed here"
        elif one["type"] == "missing":
            missing = str(one["loc"][-1])
            if missing not in misspelt:
                yield path, f"{missing} is missing"
        elif isinstance(cause := one.get("ctx", {}).get("error"), FieldError):
            yield (*path, cause.field) if cause.field in data else path, excerpt(str(cause), _MESSAGE)
        else:
            key = excerpt(".".join(map(str, path)), 80)
            union = _UNIONS.get(str(path[0]), "") if len(errors) > 1 and path else ""
            message = union or _message(one, _value(path, data))
            yield path, f"{key}: {message}" if key else message


def _place(location: tuple[str | int, ...], data: Any) -> tuple[str | int, ...]:
    """Return the part of `location` that exists in the file: pydantic appends the types that it tried."""
    path: list[str | int] = []
    for part in location:
        inside = isinstance(data, Mapping) and part in data
        if not inside and not (isinstance(data, (list, tuple)) and isinstance(part, int) and part < len(data)):
            break
        data = data[part]
        path.append(part)
    return tuple(path)


def _value(path: tuple[str | int, ...], data: Any) -> Any:
    for part in path:
        data = data[part]
    return data


def _message(error: Any, value: Any) -> str:
    context = dict(error.get("ctx", {}))
    if error["type"] == "value_error":
        return excerpt(str(context["error"]), _MESSAGE)
    if error["type"] == "string_type" and isinstance(value, (bool, int, float)):
        return "expected text; put it in quotes"
    pattern = str(context.get("pattern", ""))
    context["pattern_words"] = next((words for part, words in _PATTERNS.items() if part in pattern), "other text")
    return _MESSAGES.get(error["type"], "expected another value").format(**context)
