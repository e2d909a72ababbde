"""Templates: ``{{ name }}`` in the text of a runbook. They contain names and filters, but no code. No I/O.

``{{ name }}`` is the value of a parameter or of a name that a step stored, ``{{ name.status }}`` is a part
of it, and ``{{ name | trim }}`` applies filters: ``quote`` (as one shell word), ``trim``, ``lower``,
``upper``, ``first`` and ``last`` (line), ``lines`` (their number), ``default:TEXT``. Two literal braces are
written ``{{ '{{' }}``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["NameNotSet", "Template", "TemplateInvalid", "fill_known", "parse_template"]

_PLACEHOLDER = re.compile(r"\{\{(?P<body>.*?)\}\}", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


class TemplateInvalid(ValueError):
    """A template cannot be parsed; the message says why."""


class NameNotSet(LookupError):
    """A name in a template has no value."""


@dataclass(frozen=True)
class Placeholder:
    """The contents of one pair of double braces.

    Fields:
        name: with its parts, separated by dots; empty for a quoted text.
        text: the quoted text.
        filters: their names and arguments, from left to right.
    """

    name: str
    text: str
    filters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Template:
    """A parsed text.

    Fields:
        pieces: literal texts and placeholders in their order.
    """

    pieces: tuple[str | Placeholder, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it uses, without parts."""
        return tuple(dict.fromkeys(name for name, _ in self.references))

    @property
    def references(self) -> tuple[tuple[str, str], ...]:
        """The names that it uses, each with the part that is used; an empty part means the value itself."""
        named = (one.name.partition(".") for one in self.pieces if isinstance(one, Placeholder) and one.name)
        return tuple(dict.fromkeys((name, part) for name, _, part in named))

    def fill(self, values: Mapping[str, Any], escape: Callable[[str], str] = str) -> str:
        """Return the text with `values` in place of the placeholders.

        Args:
            values: texts, numbers and booleans by name. A mapping has parts; its own text is its ``output``.
            escape: applied to every inserted value.

        Raises:
            NameNotSet: a name has neither a value nor a default.
        """
        return "".join(one if isinstance(one, str) else escape(_value_of(one, values)) for one in self.pieces)


def parse_template(text: str) -> Template:
    """Parse a text with placeholders.

    Raises:
        TemplateInvalid: a placeholder is not closed, or contains something other than a name and filters.
    """
    pieces: list[str | Placeholder] = []
    at = 0
    for match in _PLACEHOLDER.finditer(text):
        pieces += [text[at : match.start()], _placeholder(match["body"])]
        at = match.end()
    rest = text[at:]
    if "{{" in rest:
        raise TemplateInvalid("{{ is not closed by }}")
    return Template(tuple(one for one in (*pieces, rest) if one != ""))


def fill_known(text: str, values: Mapping[str, Any]) -> str:
    """Return a template with `values` in place of the placeholders that have one; the others stay as they are.

    A text that is not a valid template is returned unchanged.
    """
    try:
        parse_template(text)
    except TemplateInvalid:
        return text

    def value(match: re.Match[str]) -> str:
        try:
            return _value_of(_placeholder(match["body"]), values)
        except NameNotSet:
            return match[0]

    return _PLACEHOLDER.sub(value, text)


def _placeholder(body: str) -> Placeholder:
    value, *filters = [part.strip() for part in body.split("|")]
    quoted = _QUOTED.fullmatch(value)
    if quoted is None and _NAME.fullmatch(value) is None:
        raise TemplateInvalid(
            f"{{{{{body}}}}} does not contain a name: letters, digits and _, with an optional part after a dot"
        )
    parsed: list[tuple[str, str]] = []
    for one in filters:
        name, colon, argument = one.partition(":")
        if name not in _FILTERS:
            raise TemplateInvalid(f"unknown filter '{name}'; the filters are {', '.join(_FILTERS)}")
        if colon and name != "default":
            raise TemplateInvalid(f"the filter {name} takes no argument; only default does")
        parsed.append((name, argument.strip().strip("'\"")))
    return Placeholder("" if quoted else value, (quoted[1] or quoted[2] or "") if quoted else "", tuple(parsed))


def _value_of(placeholder: Placeholder, values: Mapping[str, Any]) -> str:
    if not placeholder.name:
        value: Any = placeholder.text
    else:
        value = _lookup(placeholder.name, values)
        default = next((argument for name, argument in placeholder.filters if name == "default"), None)
        if value is None and default is not None:
            value = default
        if value is None:
            raise NameNotSet(placeholder.name)
    text = _text_of(value)
    for name, argument in placeholder.filters:
        text = _FILTERS[name](text, argument)
    return text


def _lookup(name: str, values: Mapping[str, Any]) -> Any:
    value: Any = values
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _text_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.get("output", "") if isinstance(value, Mapping) else value)


def _line(text: str, at: int) -> str:
    lines = text.splitlines()
    return lines[at] if lines else ""


_FILTERS: dict[str, Callable[[str, str], str]] = {
    "quote": lambda text, _: shlex.quote(text),
    "trim": lambda text, _: text.strip(),
    "lower": lambda text, _: text.lower(),
    "upper": lambda text, _: text.upper(),
    "first": lambda text, _: _line(text, 0),
    "last": lambda text, _: _line(text, -1),
    "lines": lambda text, _: str(len(text.splitlines())),
    "default": lambda text, _: text,
}
