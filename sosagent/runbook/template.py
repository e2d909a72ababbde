"""`{{ name }}` in a runbook's texts: names and filters, no code. No I/O.

``{{ name }}`` is a parameter or what a step stored, ``{{ name.status }}`` a part of it, ``{{ name | trim }}`` passes
it through filters: ``quote`` (a word of the shell), ``trim``, ``lower``, ``upper``, ``first``, ``last`` (line),
``lines`` (their number), ``default:TEXT``. Two braces themselves are written ``{{ '{{' }}``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Template", "TemplateInvalid", "Unknown", "parse_template"]

_HOLE = re.compile(r"\{\{(?P<body>.*?)\}\}", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


class TemplateInvalid(ValueError):
    """A text's holes cannot be read; the words say why."""


class Unknown(LookupError):
    """A name that nobody gave a value."""


@dataclass(frozen=True)
class Hole:
    """What stands between two pairs of braces.

    Fields:
        name: dotted; empty for a quoted text.
        text: the quoted text.
        filters: names and their arguments, from left to right.
    """

    name: str
    text: str
    filters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Template:
    """A text with holes.

    Fields:
        pieces: texts and holes in their order.
    """

    pieces: tuple[str | Hole, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it needs, without parts."""
        return tuple(dict.fromkeys(name for name, _ in self.holes))

    @property
    def holes(self) -> tuple[tuple[str, str], ...]:
        """Its names, each with the part of it that is wanted; an empty one for all of it."""
        named = (one.name.partition(".") for one in self.pieces if isinstance(one, Hole) and one.name)
        return tuple(dict.fromkeys((name, part) for name, _, part in named))

    def fill(self, values: Mapping[str, Any], escape: Callable[[str], str] = str) -> str:
        """The text with `values` in its holes.

        Args:
            values: texts, numbers, flags; a mapping has parts, and shows its ``output``.
            escape: is given what goes into each hole.

        Raises:
            Unknown: a name has no value, and no default.
        """
        return "".join(one if isinstance(one, str) else escape(_filled(one, values)) for one in self.pieces)


def parse_template(text: str) -> Template:
    """Read a text with holes.

    Raises:
        TemplateInvalid: a hole is not closed, or holds something else than names and filters.
    """
    pieces: list[str | Hole] = []
    at = 0
    for found in _HOLE.finditer(text):
        pieces += [text[at : found.start()], _hole(found["body"])]
        at = found.end()
    rest = text[at:]
    if "{{" in rest:
        raise TemplateInvalid("{{ is not closed by }}")
    return Template(tuple(one for one in (*pieces, rest) if one != ""))


def _hole(body: str) -> Hole:
    value, *filters = [part.strip() for part in body.split("|")]
    quoted = _QUOTED.fullmatch(value)
    if quoted is None and _NAME.fullmatch(value) is None:
        raise TemplateInvalid(f"{{{{{body}}}}} does not hold a name: letters, digits and _, a part of it behind a dot")
    made: list[tuple[str, str]] = []
    for one in filters:
        name, colon, argument = one.partition(":")
        if name not in _FILTERS:
            raise TemplateInvalid(f"there is no filter '{name}'; there are {', '.join(_FILTERS)}")
        if colon and name != "default":
            raise TemplateInvalid(f"the filter {name} takes nothing behind a colon; only default does")
        made.append((name, argument.strip().strip("'\"")))
    return Hole("" if quoted else value, (quoted[1] or quoted[2] or "") if quoted else "", tuple(made))


def _filled(hole: Hole, values: Mapping[str, Any]) -> str:
    if not hole.name:
        value: Any = hole.text
    else:
        value = _looked_up(hole.name, values)
        default = next((argument for name, argument in hole.filters if name == "default"), None)
        if value is None and default is not None:
            value = default
        if value is None:
            raise Unknown(hole.name)
    text = _shown(value)
    for name, argument in hole.filters:
        text = _FILTERS[name](text, argument)
    return text


def _looked_up(name: str, values: Mapping[str, Any]) -> Any:
    value: Any = values
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _shown(value: Any) -> str:
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
