"""The programs that run on the machine: files in `remote/`, shortened for the line.

The sources are commented POSIX sh, and each is checked and tested on its own. The text sent has no
comments and no indentation, and each name that starts with ``sos_`` becomes one letter, the same in
all programs. The rest is sent as it is.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from functools import cache
from importlib.resources import files

from ..errors import UsageError

__all__ = ["Expanded", "Word", "program", "require_one_line", "shrink", "variables"]

_NAME = re.compile(r"\bsos_[a-z_]+")
_WORDS_BEFORE_A_BLANK = ("do", "then", "else", "{", "!", "in")
_NEEDS_NO_SEMICOLON = ("(", "&", "|", ";")
_QUOTED_OR_NOT = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|[^'\"]+|.", re.DOTALL)
#: Letters for names, without those that the sources use themselves. The names that are used most get the first ones.
_LETTERS = (*"abcdefgjqsuvwyABCDEFGHIJKLMNOPQRSTUVWXYZ", "Ax", "Bx", "Cx", "Dx", "Ex", "Fx", "Gx", "Hx")


class Expanded(str):
    """A word that replaces a variable in the text of a program, without quotes.

    Only for words of our own, such as ``~root``, ``$HOME`` or a number.
    """


class Word(str):
    """A value that is assigned without quotes, so that the machine's shell expands it; only for words of our own."""


def program(*parts: str, **values: str) -> str:
    """Return the programs `parts`, in sequence, as one line.

    Args:
        parts: names of files in `remote/`, without ``.sh``.
        values: values of variables; the keyword for ``$sos_path`` is ``path``. Values that no part uses are
            omitted. A value is quoted and assigned at the start of the program, except that an `Expanded`
            one replaces the variable and a `Word` is assigned without quotes.
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


def require_one_line(text: str) -> None:
    """Check a program that a request is to carry.

    Raises:
        UsageError: it is not one line of printable ASCII.
    """
    if not text.isascii() or any(one < " " and one != "\t" for one in text):
        raise UsageError(
            "a program must be one line of printable ASCII",
            hint="Separate its commands by semicolons, or run it as a script: sosagent.exec.",
        )


def variables(*names: str) -> str:
    """Return a word for the shell that expands to the concatenated values of the variables `names`."""
    short = _sources()[1]
    return "".join(f"${short['sos_' + name]}" for name in names)


@cache
def _sources() -> tuple[dict[str, str], dict[str, str]]:
    entries = (entry for entry in files(__package__).joinpath("remote").iterdir() if entry.name.endswith(".sh"))
    sources = {entry.name.removesuffix(".sh"): entry.read_text("ascii") for entry in entries}
    uses = Counter(name for source in sources.values() for name in _NAME.findall(shrink(source)))
    long_names = sorted(uses, key=lambda name: (-uses[name], name))
    return sources, dict(zip(long_names, _LETTERS[: len(long_names)], strict=True))


def shrink(source: str) -> str:
    """Return a POSIX sh program as one short line.

    Args:
        source: lines of one or more complete commands, and comments on lines of their own. Here-documents
            and quotes that span lines are not supported.
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
