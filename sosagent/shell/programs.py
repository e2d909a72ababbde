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

__all__ = ["Expanded", "program", "shrink"]

_NAME = re.compile(r"\bsos_[a-z_]+")
_WORDS_BEFORE_A_BLANK = ("do", "then", "else", "{", "!", "in")
_NEEDS_NO_SEMICOLON = ("(", "&", "|", ";")
_QUOTED_OR_NOT = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|[^'\"]+|.", re.DOTALL)
#: What names may become. Missing are the letters that the receiver and the start line use as they are.
_LETTERS = "abcdefghjkmqsuvwyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Expanded(str):
    """A value that the machine's shell is to expand: our own words only, such as ``~root`` or ``$HOME``."""


def program(*parts: str, **values: str) -> str:
    """Give the programs `parts`, one after the other, as one line with `values` assigned in front.

    Args:
        parts: files of `remote/`, without ``.sh``.
        values: for ``sos_path`` the keyword is ``path``; each is quoted for the shell,
            but for `Expanded` ones.
    """
    sources, names = _sources()
    assigned = "".join(
        f"{names['sos_' + key]}={value if isinstance(value, Expanded) else shlex.quote(value)};"
        for key, value in values.items()
    )
    return assigned + ";".join(shrink(sources[part], names) for part in parts)


@cache
def _sources() -> tuple[dict[str, str], dict[str, str]]:
    found = (entry for entry in files(__package__).joinpath("remote").iterdir() if entry.name.endswith(".sh"))
    sources = {entry.name.removesuffix(".sh"): entry.read_text("ascii") for entry in found}
    long_names = sorted({name for source in sources.values() for name in _NAME.findall(source)})
    return sources, dict(zip(long_names, _LETTERS, strict=False))


def shrink(source: str, names: dict[str, str]) -> str:
    """Make a POSIX sh program one short line.

    Args:
        source: complete commands, one or more to a line; comments on lines of their own; no here
            documents, and no quotes that span lines.
        names: what its ``sos_`` names become.
    """
    joined = ""
    for line in source.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if not joined or joined.endswith(_NEEDS_NO_SEMICOLON):
            joined += line
        elif re.split(r"[\s;)]", joined)[-1] in _WORDS_BEFORE_A_BLANK:
            joined += " " + line
        else:
            joined += ";" + line
    short = "".join(
        part if part[0] in "'\"" else re.sub(r"\s*(&&|\|\||;;|[;|&<>])\s*", r"\1", part)
        for part in _QUOTED_OR_NOT.findall(joined)
    )
    return _NAME.sub(lambda name: names[name[0]], short)
