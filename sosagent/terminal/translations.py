"""What login, sulogin, sudo and PAM print in other languages, and what it means.

translations.json has the texts, from the message catalogues of Debian's packages (tests/support/catalogues.py). A text
counts only as a whole line; blanks, case, and the width of the colon are ignored.

A program whose character set is not UTF-8 prints other bytes. In ASCII, the C library replaces each other character by
similar ones or by a question mark; util-linux's sulogin always does that. In the character sets of older locales, the
bytes are seldom valid UTF-8; the text that they decode to is computed here in the same way.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from ..printable import clean

__all__ = ["is_end_of_prompt", "message_meaning", "prompt_meaning"]

_LONGEST = 300  # characters of a line
_LONGEST_VALUE = 64
#: The first of them counts if two look the same in ASCII.
_PROMPTS = ("password", "password-expired", "sudo-password", "maintenance", "maintenance-enter", "login")
#: What may be recognised by its length alone, where no letter is left of it.
_WITHOUT_LETTERS = (*_PROMPTS, "refused")
_DIRECTIVE = re.compile(r"%(?:\d\$)?l?[a-z]")
_HOST = re.compile(r"[\w.-]+")
_BLANKS = re.compile(r"[\s\u00a0\u2007\u202f]+")
_INVISIBLE = re.compile(r"[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_UNREADABLE = "\ufffd"  # what takes the place of bytes that are no UTF-8
_COLON = re.compile(r" ?[:\uff1a\u17d6]$")

#: The key of translations.json that has, for characters, what the C library prints for them in ASCII.
_IN_ASCII = "in ASCII"
#: The character sets of glibc's locales besides UTF-8, as far as Python knows them.
_CHARSETS = (
    "iso8859-1", "iso8859-15", "iso8859-2", "iso8859-3", "iso8859-6", "iso8859-7", "iso8859-8", "iso8859-9",
    "iso8859-10", "iso8859-13", "iso8859-14", "koi8-r", "koi8-u", "koi8-t", "iso8859-5", "cp1251", "cp1255", "ptcp154",
    "euc-jp", "shift-jis", "euc-kr", "gb18030", "big5", "big5-hkscs", "tis-620",
)  # fmt: skip


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
    if not (text.endswith(":") or _UNREADABLE in text) or len(text) > _LONGEST:
        return None
    found = _find(text, _PROMPTS)
    if found is None:
        return None
    meaning, value = found
    if meaning != "login":
        return meaning, None
    if value == "last" or _HOST.fullmatch(value) is None:
        return None
    host = re.search(re.escape(value), line, re.IGNORECASE)
    return meaning, host and host[0]


def is_end_of_prompt(line: str) -> bool:
    """Return whether an open line is the end of a prompt for a name or a password, in any language."""
    text = _plain(line)
    if not text.endswith(":") or len(text) > _LONGEST or (len(text) == 1 and not line[-1:].isspace()):
        return False
    return any(prompt.endswith(text) for prompt in _ends_of_prompts())


def message_meaning(line: str, *meanings: str) -> str | None:
    """Return the meaning of a finished line in another language: one of `meanings` (keys of translations.json)."""
    text = _plain(line)
    if not text or len(text) > _LONGEST:
        return None
    found = _find(text, meanings)
    return found[0] if found is not None else None


def _find(text: str, meanings: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the meaning of a text, and the first of the values in it."""
    texts = _other_charsets(*meanings) if _UNREADABLE in text else _texts(*meanings)
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
def _ascii_characters() -> dict[int, str]:
    characters, *replacements = _all()[_IN_ASCII]
    return dict(zip(map(ord, characters), replacements, strict=True))


@cache
def _texts(*meanings: str) -> _Texts:
    """Return the texts of some meanings in UTF-8 and ASCII."""
    others = [(text, meaning) for text, meaning in _printed(meanings) if not text.isascii()]
    # Of two that look the same in ASCII, one with a host name is rather a login prompt.
    others.sort(key=lambda one: one[1] != "login")
    return _sorted([*_printed(meanings), *((_in_ascii(text), meaning) for text, meaning in others)])


@cache
def _ends_of_prompts() -> tuple[str, ...]:
    """Return what follows the host name in each prompt."""
    texts = [_plain(text) for text, _ in _printed(("password", "login"))]
    return ("login:", "password:", *(_DIRECTIVE.split(text)[-1] for text in texts))


@cache
def _other_charsets(*meanings: str) -> _Texts:
    """Return the texts of some meanings as they look if another character set is read as UTF-8."""
    return _sorted((misread, meaning) for text, meaning in _printed(meanings) for misread in _misread(text))


def _sorted(texts: Iterable[tuple[str, str]]) -> _Texts:
    whole: dict[str, str] = {}
    parts: dict[tuple[str, ...], str] = {}
    for text, meaning in texts:
        plain = _plain(text)
        if not re.search(r"\w", plain) and meaning not in _WITHOUT_LETTERS:
            continue
        pieces = tuple(_DIRECTIVE.split(plain)) if "%" in plain else (plain,)
        if len(pieces) == 1:
            whole.setdefault(pieces[0], meaning)
        else:
            parts.setdefault(pieces, meaning)
    return _Texts(whole, tuple(parts.items()))


def _printed(meanings: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the texts of some meanings, and their meanings."""
    for meaning in meanings:
        for text in _all()[meaning]:
            # util-linux's login prints the host name in front of a text that has no place for it.
            yield f"%s {text}" if meaning == "login" and "%" not in text else text, meaning


def _in_ascii(text: str) -> str:
    """Return what the C library prints for a text in ASCII."""
    known = _ascii_characters()
    return "".join(one if one.isascii() else known.get(ord(one), "?") for one in text)


def _misread(text: str) -> Iterator[str]:
    if text.isascii():
        return
    known = _ascii_characters()
    simpler = text.translate({code: other for code, other in known.items() if not chr(code).isalpha()})
    for charset in _CHARSETS:
        data = _encoded(text, charset) or _encoded(simpler, charset)
        if data is not None and not data.isascii():
            yield clean(data.decode("utf-8", "replace"))


def _encoded(text: str, charset: str) -> bytes | None:
    try:
        return text.encode(charset)
    except UnicodeEncodeError:
        return None


def _plain(text: str) -> str:
    """Return a text without differences that do not matter."""
    text = _BLANKS.sub(" ", _INVISIBLE.sub("", text)).strip()
    return _COLON.sub(":", text).casefold()
