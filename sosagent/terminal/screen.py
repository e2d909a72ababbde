"""What a terminal would show of the bytes that a console gave: pyte is the terminal."""

from __future__ import annotations

import re

import pyte

from ..printable import clean

__all__ = ["screen_of", "terminal_of"]

#: Where a character of no width may be: behind one, pyte shows nothing of a text.
_NOT_ASCII = re.compile("[\xa0-\U0010ffff]+")

#: Control sequences; pyte fails on some that no terminal has a meaning for.
_CSI = re.compile(r"(?:\x1b\[|\x9b)(?P<private>[<-?]?)(?P<params>[0-9;]*)(?P<between>[^@-~]*)(?P<final>[@-~])")


def screen_of(output: bytes, columns: int, rows: int) -> list[str]:
    """The rows of a terminal that was given `output`, from the top, each clean and without blanks at its end.

    Args:
        output: bytes of a console.
        columns, rows: of the terminal.
    """
    return [clean(line).rstrip() for line in terminal_of(output, columns, rows).display]


def terminal_of(output: bytes, columns: int, rows: int) -> pyte.Screen:
    """The terminal itself, with its colours."""
    screen = pyte.Screen(columns, rows)
    text = _NOT_ASCII.sub(lambda found: clean(found[0]), output.decode("utf-8", "replace"))
    pyte.Stream(screen).feed(_CSI.sub(_known, text))
    return screen


def _known(sequence: re.Match[str]) -> str:
    private, params, between, final = sequence.group("private", "params", "between", "final")
    if between or (private and (private != "?" or final not in "hl")):
        return ""
    params = re.sub(r"\d{5,}", "9999", params)
    if final in "cn":  # questions to the terminal
        return ""
    if final not in "mhl":
        params = ";".join(params.split(";")[: 2 if final in "Hfr" else 1])
    if final in "JK" and params not in ("", "0", "1", "2", "3" if final == "J" else ""):
        return ""
    return f"\x1b[{private}{params}{final}"
