"""The screen that a terminal would show for the output of a console, computed by pyte."""

from __future__ import annotations

import re
import unicodedata

import pyte
from pyte.screens import Char
from wcwidth import wcwidth

from ..printable import clean

__all__ = ["cells_of", "rows_of", "screen_of", "terminal_of"]

#: Text that may contain a character without width. pyte drops the rest of a text after such a character.
_NOT_ASCII = re.compile("[\xa0-\U0010ffff]+")

_MAX_MARKS = 4  # combining characters on one character; pyte composes all of them again for each one

#: Fills the whole screen with E. A few kilobytes of it would keep pyte busy for a minute.
_FILL = re.compile(r"\x1b#8")

#: Control sequences. pyte fails on some that have no meaning to any terminal.
_CSI = re.compile(
    r"(?:\x1b\[|\x9b)(?P<private>[<-?]?)(?P<params>[0-9;]*+)(?P<between>[^@-~\x1b\x9b]*+)(?P<final>[@-~]?)"
)


def screen_of(output: bytes, columns: int, rows: int) -> list[str]:
    """Return the rows of a terminal after `output`, from the top, printable and without trailing blanks.

    Args:
        output: bytes from a console.
        columns, rows: the size of the terminal.
    """
    return rows_of(terminal_of(output, columns, rows))


def rows_of(screen: pyte.Screen) -> list[str]:
    """Return the rows of a terminal from the top, printable and without trailing blanks."""
    return [clean("".join(cell.data for cell in cells_of(screen, row))).rstrip() for row in range(screen.lines)]


def cells_of(screen: pyte.Screen, row: int) -> list[Char]:
    """Return the cells of a row; the right half of a wide character is a cell without text.

    If one half of a wide character was overwritten, the other half becomes a blank, as on a terminal.
    """
    cells = [screen.buffer[row][column] for column in range(screen.columns)]
    whole = []
    for column, cell in enumerate(cells):
        if not cell.data:
            left_half = column > 0 and wcwidth(cells[column - 1].data[:1]) == 2
            cell = cell if left_half else cell._replace(data=" ")
        elif wcwidth(cell.data[0]) == 2 and column + 1 < len(cells) and cells[column + 1].data:
            cell = cell._replace(data=" ")
        whole.append(cell)
    return whole


def terminal_of(output: bytes, columns: int, rows: int) -> pyte.Screen:
    """Return the terminal after `output`, with colours."""
    screen = pyte.Screen(columns, rows)
    text = _NOT_ASCII.sub(lambda match: _composable(clean(match[0])), output.decode("utf-8", "replace"))
    text = _FILL.sub("", text) if "\x1b#8" in text else text
    pyte.Stream(screen).feed(_CSI.sub(_supported, text))
    return screen


def _composable(text: str) -> str:
    """Return `text` with at most four combining characters in succession."""
    kept = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MAX_MARKS:
            kept.append(character)
    return "".join(kept)


def _supported(sequence: re.Match[str]) -> str:
    private, params, between, final = sequence.group("private", "params", "between", "final")
    if between or (private and (private != "?" or final not in "hl")):
        return ""
    params = re.sub(r"\d{5,}", "9999", params)
    if final in "cn":  # queries, which a terminal would answer
        return ""
    if private and "5" in params.split(";"):  # reverse video repaints the screen each time
        return ""
    if final not in "mhl":
        params = ";".join(params.split(";")[: 2 if final in "Hfr" else 1])
    if final in "JK" and params not in ("", "0", "1", "2", "3" if final == "J" else ""):
        return ""
    return f"\x1b[{private}{params}{final}"
