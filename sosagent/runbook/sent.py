"""What was sent to a machine, as people would write it. No I/O."""

from __future__ import annotations

import re
import shlex

from ..printable import printable

__all__ = ["bare_program", "shown_program", "shown_text", "shown_values"]

_SHOWN = 160
#: How `scope.limited` and `Scope.program` write one: what a login has, the values of names, the text.
_LIMITED = re.compile(r"^\((?P<program>.*)\)& sos_p=\$!;", re.DOTALL)
_ASSIGNED = re.compile(r"^(?:unset [^;]*;)?export PATH=[^;]*;(?P<values>.*?);?eval (?P<word>.*)$", re.DOTALL)
_PRINTF = re.compile(r"\\([0-7]{3}|.)|%%")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def bare_program(text: str) -> str:
    """A program without what ends it when its time is up (`scope.limited`)."""
    found = _LIMITED.match(text)
    return text if found is None else found["program"]


def shown_text(text: str) -> str:
    """What was typed, for people."""
    enter = " and Enter" if text.endswith("\r") else ""
    return f"'{printable(text.removesuffix(chr(13)), _SHOWN)}'{enter}"


def shown_program(text: str) -> str:
    """A program as it stands in a runbook, as far as it can be told, for people."""
    found = _ASSIGNED.match(text)
    plain = text
    if found is not None:
        word = found["word"]
        try:
            if word.startswith('"$(printf '):
                form = shlex.split(word.removeprefix('"$(printf ').removesuffix(')"'))[0]
                # The escapes are of bytes.
                plain = _PRINTF.sub(_unescaped, form).encode("latin-1", "replace").decode("utf-8", "replace")
            else:
                plain = shlex.split(word)[0]
        except (ValueError, IndexError):
            pass  # it is shown as it was sent
    plain = printable(plain.strip().replace("\n", "; "), 100_000)
    return f"'{plain if len(plain) <= _SHOWN else plain[:_SHOWN] + '…'}'"


def _unescaped(found: re.Match[str]) -> str:
    escape = found[1]
    if escape is None:
        return "%"
    return chr(int(escape, 8)) if len(escape) == 3 else _ESCAPES.get(escape, escape)


def shown_values(text: str) -> str:
    """The names that go before a program, with their values."""
    found = _ASSIGNED.match(text)
    return printable(found["values"] if found else "", _SHOWN) or "no values"
