"""Where everything of a picture is: areas, polygons and texts, in pixels. `svg.py` and `png.py` draw them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wcwidth import wcswidth

from .cells import BAR, INK, PAPER, Cell, Colour, cells_of_text
from .font import ASCENT, bundled_font
from .shapes import CELL_HEIGHT, CELL_WIDTH, Point, Rect, Shape, shape_of

__all__ = ["Glyph", "Layout", "lay_out"]

_MARGIN = 16  # around the screen
_PADDING = 8  # above and below the title
_UNDERLINE = (ASCENT + 2, ASCENT + 4)
_STRIKE = (ASCENT - 9, ASCENT - 7)


@dataclass(frozen=True, slots=True)
class Glyph:
    """A character of the font at its place.

    Attributes:
        x, y: the left end of the line on which the character stands.
        text: the character with its marks, or a blank between two others.
        ink: its colour.
        bold, wide: as in `Cell`.
    """

    x: int
    y: int
    text: str
    ink: Colour
    bold: bool
    wide: bool


@dataclass(slots=True)
class Layout:
    """The picture.

    Attributes:
        title: the title, on one line.
        width, height: size of the picture.
        areas: the areas behind the text by their colour, to be drawn in this order.
        lines: underlines, and the areas of characters that are shapes.
        polygons: colour and corners of other areas.
        rows: the texts of each row, without the blanks at its end.
    """

    title: str
    width: int
    height: int
    areas: dict[Colour, list[Rect]] = field(default_factory=dict)
    lines: dict[Colour, list[Rect]] = field(default_factory=dict)
    polygons: list[tuple[Colour, tuple[Point, ...]]] = field(default_factory=list)
    rows: list[list[Glyph]] = field(default_factory=list)


def lay_out(screen: Sequence[Sequence[Cell]], titles: Sequence[str]) -> Layout:
    """Return the layout of a screen under a title bar.

    Args:
        screen: the rows, all of the same length.
        titles: the parts of the title. They share a line if there is room.
    """
    columns = len(screen[0])
    parts = [title for title in titles if title]
    whole = " · ".join(parts)
    shown = parts if wcswidth(whole) > columns else parts and [whole]
    bar = [cells_of_text(line, columns, INK, BAR, bold=True) for line in shown]
    top = len(bar) * CELL_HEIGHT + 2 * _PADDING if bar else 0
    layout = Layout(whole, columns * CELL_WIDTH + 2 * _MARGIN, top + len(screen) * CELL_HEIGHT + 2 * _MARGIN)
    _add_area(layout.areas, PAPER, (0, 0, layout.width, layout.height))
    if bar:
        _add_area(layout.areas, BAR, (0, 0, layout.width, top))
    for number, line in enumerate(bar):
        _add_row(layout, line, _PADDING + number * CELL_HEIGHT, BAR)
    for number, row in enumerate(screen):
        _add_row(layout, row, top + _MARGIN + number * CELL_HEIGHT, PAPER)
    return layout


def _add_row(layout: Layout, row: Iterable[Cell], y: int, paper: Colour) -> None:
    glyphs: list[Glyph] = []
    kept = 0  # glyphs up to the last one that is not blank
    for column, cell in enumerate(row):
        x = _MARGIN + column * CELL_WIDTH
        if cell.paper != paper:
            _add_area(layout.areas, cell.paper, (x, y, x + CELL_WIDTH, y + CELL_HEIGHT))
        for wanted, (start, end) in ((cell.underline, _UNDERLINE), (cell.strike, _STRIKE)):
            if wanted:
                _add_area(layout.lines, cell.ink, (x, y + start, x + CELL_WIDTH, y + end))
        shape = shape_of(cell.text[0]) if cell.text else None
        if shape:
            _add_shape(layout, shape, cell, x, y)
        if cell.text:
            text = " " if shape else _in_font(cell)
            glyphs.append(Glyph(x, y + ASCENT, text, cell.ink, cell.bold, cell.wide))
            kept = len(glyphs) if glyphs[-1].text.strip("\xa0 ") else kept
    layout.rows.append(glyphs[:kept])


def _in_font(cell: Cell) -> str:
    """Return the text of a cell, with separate marks if the bundled font has only those, as of ``ế``."""
    font = bundled_font(cell.bold)
    if font.has(cell.text[0]) or cell.wide:
        return cell.text
    parts = unicodedata.normalize("NFD", cell.text)
    return parts if all(map(font.has, parts)) else cell.text


def _add_shape(layout: Layout, shape: Shape, cell: Cell, x: int, y: int) -> None:
    ink = tuple(round(p + (i - p) * shape.shade) for i, p in zip(cell.ink, cell.paper, strict=True))
    colour = (ink[0], ink[1], ink[2])
    for left, top, right, bottom in shape.rects:
        _add_area(layout.lines, colour, (x + left, y + top, x + right, y + bottom))
    for corners in shape.polygons:
        layout.polygons.append((colour, tuple((x + across, y + down) for across, down in corners)))


def _add_area(areas: dict[Colour, list[Rect]], colour: Colour, area: Rect) -> None:
    """Add an area, or make one of the last areas of the same colour longer."""
    same = areas.setdefault(colour, [])
    for at in range(max(0, len(same) - 4), len(same)):
        left, top, right, bottom = same[at]
        beside = (top, bottom) == (area[1], area[3]) and left <= area[0] <= right
        below = (left, right) == (area[0], area[2]) and top <= area[1] <= bottom
        if beside or below:
            same[at] = (left, top, max(right, area[2]), max(bottom, area[3]))
            return
    same.append(area)
