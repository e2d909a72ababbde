"""The programs that run on the machine: real files in `remote/`, made small for the line.

The sources are commented POSIX sh, linted and tested alone. What travels has no comments and no
indentation, and every name that begins with ``sos_`` becomes a letter, the same in all of them;
nothing else is touched.
"""

from __future__ import annotations

import re
import shlex
from functools import cache
from importlib.resources import files

__all__ = ["Expanded", "Word", "program", "shrink", "variables"]

_NAME = re.compile(r"\bsos_[a-z_]+")
_WORDS_BEFORE_A_BLANK = ("do", "then", "else", "{", "!", "in")
_NEEDS_NO_SEMICOLON = ("(", "&", "|", ";")
_QUOTED_OR_NOT = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|[^'\"]+|.", re.DOTALL)
#: What names may become. Missing are the letters that the sources use as they are.
_LETTERS = "abcdefgjqsuvwyABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Expanded(str):
    """A word that the machine's shell is to see as it is, put where its name stands.

    Only for our own words, such as ``~root``, ``$HOME`` or a number.
    """


class Word(str):
    """A value that is assigned as it is, so that the shell expands it there: our own words only."""


def program(*parts: str, **values: str) -> str:
    """Give the programs `parts`, one after the other, as one line.

    Args:
        parts: files of `remote/`, without ``.sh``.
        values: for ``$sos_path`` the keyword is ``path``; those that no part mentions are left out.
            Each is quoted for the shell and assigned in front, but for `Expanded` ones, which take
            the place of the variable, and `Word` ones, which are not quoted.
    """
    sources, names = _sources()
    text = ";".join(shrink(sources[part]) for part in parts)
    assigned = ""
    for key, value in values.items():
        if f"sos_{key}" not in text:
            continue
        if isinstance(value, Expanded):
            text = re.sub(rf"\$sos_{key}\b", lambda _, word=value: word, text)  # type: ignore[misc]
        else:
            assigned += f"{names['sos_' + key]}={value if isinstance(value, Word) else shlex.quote(value)};"
    return assigned + _NAME.sub(lambda name: names[name[0]], text)


def variables(*names: str) -> str:
    """The values of variables of the programs, one after the other, as a word for the shell."""
    short = _sources()[1]
    return "".join(f"${short['sos_' + name]}" for name in names)


@cache
def _sources() -> tuple[dict[str, str], dict[str, str]]:
    found = (entry for entry in files(__package__).joinpath("remote").iterdir() if entry.name.endswith(".sh"))
    sources = {entry.name.removesuffix(".sh"): entry.read_text("ascii") for entry in found}
    long_names = sorted({name for source in sources.values() for name in _NAME.findall(source)})
    return sources, dict(zip(long_names, _LETTERS, strict=False))


def shrink(source: str) -> str:
    """Make a POSIX sh program one short line.

    Args:
        source: complete commands, one or more to a line; comments on lines of their own; no here
            documents, and no quotes that span lines.
    """
    joined = ""
    for line in source.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if not joined or joined.endswith(_NEEDS_NO_SEMICOLON):
            joined += line
        elif re.split(r"[\s;()]", joined)[-1] in _WORDS_BEFORE_A_BLANK:
            joined += " " + line
        else:
            joined += ";" + line
    return "".join(
        part if part[0] in "'\"" else re.sub(r"\s*(&&|\|\||;;|[;|&<>])\s*", r"\1", part)
        for part in _QUOTED_OR_NOT.findall(joined)
    )
