"""Show programs and texts that were sent to a machine as a person would write them. No I/O."""

from __future__ import annotations

import re
import shlex

from ..printable import printable

__all__ = ["shown_program", "shown_text", "shown_values", "without_time_limit"]

_EXCERPT = 160
#: The form of a program from `scope.with_time_limit`, and the one from `Scope.program`.
_WITH_TIME_LIMIT = re.compile(r"^\((?P<program>.*)\)& sos_p=\$!;", re.DOTALL)
_FILLED = re.compile(r"^(?:unset [^;]*;)?export PATH=[^;]*;(?P<values>.*?);?eval (?P<word>.*)$", re.DOTALL)
_PRINTF = re.compile(r"\\([0-7]{3}|.)|%%")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def without_time_limit(text: str) -> str:
    """Return a program without the part that `scope.with_time_limit` adds."""
    match = _WITH_TIME_LIMIT.match(text)
    return text if match is None else match["program"]


def shown_text(text: str) -> str:
    """Return typed text as messages show it."""
    enter = " and Enter" if text.endswith("\r") else ""
    return f"'{printable(text.removesuffix(chr(13)), _EXCERPT)}'{enter}"


def shown_program(text: str) -> str:
    """Return a program as messages show it: as it was written in the runbook if that can be reconstructed."""
    match = _FILLED.match(text)
    plain = text
    if match is not None:
        word = match["word"]
        try:
            if word.startswith('"$(printf '):
                form = shlex.split(word.removeprefix('"$(printf ').removesuffix(')"'))[0]
                # The escapes stand for bytes.
                plain = _PRINTF.sub(_unescaped, form).encode("latin-1", "replace").decode("utf-8", "replace")
            else:
                plain = shlex.split(word)[0]
        except (ValueError, IndexError):
            pass  # shown as it was sent
    plain = printable(plain.strip().replace("\n", "; "), 100_000)
    return f"'{plain if len(plain) <= _EXCERPT else plain[:_EXCERPT] + '…'}'"


def _unescaped(match: re.Match[str]) -> str:
    escape = match[1]
    if escape is None:
        return "%"
    return chr(int(escape, 8)) if len(escape) == 3 else _ESCAPES.get(escape, escape)


def shown_values(text: str) -> str:
    """Return the variables that are set before a program, as messages show them."""
    match = _FILLED.match(text)
    return printable(match["values"] if match else "", _EXCERPT) or "no values"
