"""The cells of a terminal's screen: text, colours and style, as a terminal shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wcwidth import wcwidth

from ..printable import clean
from ..terminal.screen import cells_of

if TYPE_CHECKING:
    import pyte
    from pyte.screens import Char

__all__ = ["BAR", "INK", "PAPER", "Cell", "Colour", "cells_of_screen", "cells_of_text", "hexadecimal"]

Colour = tuple[int, int, int]

INK, PAPER = (197, 200, 198), (41, 41, 41)
#: Behind the title.
BAR = (62, 62, 62)

_COLOURS = {
    "black": (0, 0, 0), "red": (204, 85, 90), "green": (152, 168, 75), "brown": (208, 179, 68), "blue": (96, 138, 177),
    "magenta": (152, 114, 159), "cyan": (104, 160, 179), "white": (197, 200, 198),
}  # fmt: skip
_BRIGHT = {
    "black": (128, 128, 128), "red": (255, 119, 119), "green": (190, 214, 108), "brown": (240, 212, 110),
    "blue": (138, 180, 222), "magenta": (200, 152, 208), "cyan": (142, 204, 224), "white": (255, 255, 255),
}  # fmt: skip
_NAMED = {**_COLOURS, **{f"bright{name}": colour for name, colour in _BRIGHT.items()}}
_NAMED["bfightmagenta"] = _NAMED["brightmagenta"]  # so spelled in pyte


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell.

    Attributes:
        text: a character and the marks on it; a blank, or nothing in the right half of a wide character.
        ink, paper: the colours of the text and behind it.
        bold, underline, strike: the style.
        wide: whether the character takes this cell and the next one.
    """

    text: str
    ink: Colour = INK
    paper: Colour = PAPER
    bold: bool = False
    underline: bool = False
    strike: bool = False
    wide: bool = False


def cells_of_screen(screen: pyte.Screen, cursor: bool) -> list[list[Cell]]:
    """Return the rows of a terminal.

    Args:
        screen: the terminal.
        cursor: whether to exchange the colours under the cursor, unless the terminal hides it.
    """
    rows = [[_cell(char) for char in cells_of(screen, row)] for row in range(screen.lines)]
    if cursor and not screen.cursor.hidden:
        row, at = rows[screen.cursor.y], min(screen.cursor.x, screen.columns - 1)
        at -= at > 0 and not row[at].text
        for column in range(at, min(at + 1 + row[at].wide, len(row))):
            row[column] = replace(row[column], ink=row[column].paper, paper=row[column].ink)
    return rows


def cells_of_text(text: str, columns: int, ink: Colour, paper: Colour, bold: bool) -> list[Cell]:
    """Return a row with a text, which ends in an ellipsis if it is too long."""
    cells: list[Cell] = []
    for character in clean(text):
        width = wcwidth(character)
        if width <= 0 and cells:
            last = next(at for at in range(len(cells) - 1, -1, -1) if cells[at].text)
            if len(cells[last].text) < 5:
                cells[last] = replace(cells[last], text=cells[last].text + character)
        elif width > 0:
            cells.append(Cell(character, ink, paper, bold, wide=width == 2))
            cells += [Cell("", ink, paper, bold)] * (width - 1)
    if len(cells) > columns:
        cells = cells[: columns - 1]
        if cells and cells[-1].wide:
            cells[-1] = replace(cells[-1], text=" ", wide=False)
        cells.append(Cell("…", ink, paper, bold))
    return cells + [Cell(" ", ink, paper, bold)] * (columns - len(cells))


def hexadecimal(colour: Colour) -> str:
    """Return a colour as in CSS."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _cell(char: Char) -> Cell:
    text = clean(char.data) or (" " if char.data else "")
    ink, paper = _colour(char.fg, INK, char.bold), _colour(char.bg, PAPER, False)
    if char.reverse:
        ink, paper = paper, ink
    wide = wcwidth(text[:1]) == 2
    return Cell(text, ink, paper, char.bold, char.underscore, char.strikethrough, wide)


def _colour(name: str, default: Colour, bold: bool) -> Colour:
    """Return a colour. As on most terminals, bold text in one of the eight colours has the brighter colour."""
    if bold and name in _BRIGHT:
        return _BRIGHT[name]
    if name in _NAMED:
        return _NAMED[name]
    if re.fullmatch(r"[0-9a-fA-F]{6}", name):
        return int(name[:2], 16), int(name[2:4], 16), int(name[4:], 16)
    return default
