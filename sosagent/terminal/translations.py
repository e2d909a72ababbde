"""What login, sulogin, sudo and PAM print in other languages, and what it means.

translations.json has the texts, from the message catalogues of Debian's packages (tests/support/catalogues.py). A text
counts only as a whole line; blanks, case, and the width of the colon are ignored.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from dataclasses import dataclass
from functools import cache

__all__ = ["message_meaning", "prompt_meaning"]

_LONGEST = 300  # characters of a line
_LONGEST_VALUE = 64
_PROMPTS = ("password-expired", "sudo-password", "password", "maintenance", "maintenance-enter", "login")
_DIRECTIVE = re.compile(r"%(?:\d\$)?l?[a-z]")
_HOST = re.compile(r"[\w.-]+")
_BLANKS = re.compile(r"[\s\u00a0\u2007\u202f]+")
_INVISIBLE = re.compile(r"[\u200b-\u200f\u2060\ufeff]")
_COLON = re.compile(r" ?[:\uff1a\u17d6]$")


@dataclass(frozen=True)
class _Texts:
    """The texts of some meanings: whole ones, and those with places for values, by the pieces between the values."""

    whole: dict[str, str]
    parts: tuple[tuple[tuple[str, ...], str], ...]


def prompt_meaning(line: str) -> tuple[str, str | None] | None:
    """Return the state that an open line stands for in another language, and the host name in a login prompt.

    Returns:
        A name of the table of states, or None if the line is no known prompt, or one in English.
    """
    text = _plain(line)
    if not text.endswith(":") or len(text) > _LONGEST:
        return None
    found = _find(text, _texts(*_PROMPTS))
    if found is None:
        return None
    meaning, value = found
    if meaning != "login":
        return meaning, None
    if value == "last" or _HOST.fullmatch(value) is None:
        return None
    return meaning, next((word for word in re.split(r"[\s:]+", line) if word.casefold() == value), None)


def message_meaning(line: str, *meanings: str) -> str | None:
    """Return the meaning of a finished line in another language: one of `meanings` (keys of translations.json)."""
    text = _plain(line)
    if not text or len(text) > _LONGEST:
        return None
    found = _find(text, _texts(*meanings))
    return found[0] if found is not None else None


def _find(text: str, texts: _Texts) -> tuple[str, str] | None:
    """Return the meaning of a text, and the first of the values in it."""
    if (meaning := texts.whole.get(text)) is not None:
        return meaning, ""
    for pieces, meaning in texts.parts:
        if text.startswith(pieces[0]) and text.endswith(pieces[-1]):
            value = _first_value(text, pieces)
            if value is not None:
                return meaning, value
    return None


def _first_value(text: str, pieces: tuple[str, ...]) -> str | None:
    """Return the first value if the text consists of these pieces and of values without blanks between them."""
    at, end, first = len(pieces[0]), len(text) - len(pieces[-1]), ""
    for piece in (*pieces[1:-1], None):
        until = end if piece is None else text.find(piece, at + 1, end)
        value = text[at:until] if until > at else ""
        if not value or len(value) > _LONGEST_VALUE or " " in value:
            return None
        first, at = first or value, until + len(piece or "")
    return first


@cache
def _all() -> dict[str, list[str]]:
    text = importlib.resources.files(__package__).joinpath("translations.json").read_text("utf-8")
    texts: dict[str, list[str]] = json.loads(text)
    return texts


@cache
def _texts(*meanings: str) -> _Texts:
    whole: dict[str, str] = {}
    parts: dict[tuple[str, ...], str] = {}
    for meaning in meanings:
        for text in _all()[meaning]:
            # util-linux's login prints the host name in front of a text that has no place for it.
            named = f"%s {text}" if meaning == "login" and "%" not in text else text
            pieces = tuple(_DIRECTIVE.split(_plain(named)))
            if len(pieces) == 1:
                whole.setdefault(pieces[0], meaning)
            else:
                parts.setdefault(pieces, meaning)
    return _Texts(whole, tuple(parts.items()))


def _plain(text: str) -> str:
    """Return a text without differences that do not matter."""
    text = _BLANKS.sub(" ", _INVISIBLE.sub("", text)).strip()
    return _COLON.sub(":", text).casefold()
