"""Characters that are drawn as shapes, so that they join from cell to cell whatever the font: lines and blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

__all__ = ["CELL_HEIGHT", "CELL_WIDTH", "Point", "Rect", "Shape", "shape_of"]

#: The size of a cell in pixels of the PNG image.
CELL_WIDTH, CELL_HEIGHT = 16, 32

Rect = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom are outside
Point = tuple[float, float]

_MIDDLE = (CELL_WIDTH // 2, CELL_HEIGHT // 2)
_LIGHT, _HEAVY, _DOUBLE = 1, 2, 3
#: Half of the thickness of a line of each weight.
_HALF = (0, 1, 2, 4)
#: A double line is two lines, between these distances from its middle.
_INNER, _OUTER = 2, 4

#: The weights of the lines from the middle to the left, right, top and bottom, for each character from U+2500:
#: 0 none, 1 light, 2 heavy, 3 double. The characters with dots are drawn otherwise.
_TABLE = """
1100 2200 0011 0022 .... .... .... .... .... .... .... .... 0101 0201 0102 0202
1001 2001 1002 2002 0110 0210 0120 0220 1010 2010 1020 2020 0111 0211 0121 0112
0122 0221 0212 0222 1011 2011 1021 1012 1022 2021 2012 2022 1101 2101 1201 2201
1102 2102 1202 2202 1110 2110 1210 2210 1120 2120 1220 2220 1111 2111 1211 2211
1121 1112 1122 2121 1221 2112 1212 2221 2212 2122 1222 2222 .... .... .... ....
3300 0033 0301 0103 0303 3001 1003 3003 0310 0130 0330 3010 1030 3030 0311 0133
0333 3011 1033 3033 3301 1103 3303 3310 1130 3330 3311 1133 3333 .... .... ....
.... .... .... .... 1000 0010 0100 0001 2000 0020 0200 0002 1200 0012 2100 0021
"""
_LINES = _TABLE.split()

#: Dashed lines: how many dashes, whether vertical, and the weight.
_DASHES = {
    "┄": (3, False, _LIGHT), "┅": (3, False, _HEAVY), "┆": (3, True, _LIGHT), "┇": (3, True, _HEAVY),
    "┈": (4, False, _LIGHT), "┉": (4, False, _HEAVY), "┊": (4, True, _LIGHT), "┋": (4, True, _HEAVY),
    "╌": (2, False, _LIGHT), "╍": (2, False, _HEAVY), "╎": (2, True, _LIGHT), "╏": (2, True, _HEAVY),
}  # fmt: skip

#: Round corners: whether the line goes to the right, and whether it goes down.
_CORNERS = {"╭": (True, True), "╮": (False, True), "╯": (False, False), "╰": (True, False)}
#: Diagonals and Powerline's triangles: the lines, or the corners of the area, in halves of a cell.
_DIAGONALS = {
    "╱": ["20 02"],
    "╲": ["00 22"],
    "╳": ["20 02", "00 22"],
    "\ue0b1": ["00 21", "21 02"],
    "\ue0b3": ["20 01", "01 22"],
}
_AREAS = {"\ue0b0": "00 21 02", "\ue0b2": "20 01 22"}

_SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}
#: Blocks: left, top, right and bottom, in eighths of a cell.
_BLOCKS = {
    "▀": (0, 0, 8, 4), "█": (0, 0, 8, 8), "▐": (4, 0, 8, 8), "▔": (0, 0, 8, 1), "▕": (7, 0, 8, 8),
    **{chr(0x2580 + eighths): (0, 8 - eighths, 8, 8) for eighths in range(1, 8)},
    **{chr(0x2590 - eighths): (0, 0, eighths, 8) for eighths in range(1, 8)},
    **dict.fromkeys(_SHADES, (0, 0, 8, 8)),
}  # fmt: skip
#: Quarters of a block from U+2596: upper left 1, upper right 2, lower left 4, lower right 8.
_QUARTERS = (4, 8, 1, 13, 9, 7, 11, 2, 6, 14)
#: DEC's horizontal lines at other heights: the top of each.
_SCAN_LINES = {"⎺": 0, "⎻": 7, "⎼": 23, "⎽": 30}
#: The dots of a Braille character in the order of their bits: column and row.
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))


@dataclass(frozen=True, slots=True)
class Shape:
    """A character as a drawing in a cell of `CELL_WIDTH` by `CELL_HEIGHT`.

    Attributes:
        rects: areas with straight edges, in whole pixels.
        polygons: other areas.
        shade: how much of the area is ink, at most 1.
    """

    rects: tuple[Rect, ...] = ()
    polygons: tuple[tuple[Point, ...], ...] = ()
    shade: float = 1.0


@lru_cache(maxsize=1024)
def shape_of(character: str) -> Shape | None:
    """Return the drawing of a character, or None for a character of the font."""
    if "─" <= character <= "╿":
        return _line(character)
    if character in _BLOCKS:
        left, top, right, bottom = _BLOCKS[character]
        rect = (left * 2, top * 4, right * 2, bottom * 4)
        return Shape((rect,), shade=_SHADES.get(character, 1.0))
    if "▖" <= character <= "▟":
        return Shape(_grid(_QUARTERS[ord(character) - 0x2596], (0, 16, 32)))
    if "\U0001fb00" <= character <= "\U0001fb3b":
        return Shape(_grid(_sextant(ord(character) - 0x1FB00), (0, 11, 21, 32)))
    if "\u2800" <= character <= "\u28ff":
        dots = (_DOTS[bit] for bit in range(8) if ord(character) >> bit & 1)
        return Shape(tuple((2 + x * 8, 2 + y * 8, 6 + x * 8, 6 + y * 8) for x, y in dots))
    if character in _SCAN_LINES:
        return Shape(((0, _SCAN_LINES[character], CELL_WIDTH, _SCAN_LINES[character] + 2),))
    if character in _AREAS:
        return Shape(polygons=(tuple(map(_place, _AREAS[character].split())),))
    return _diagonals(character) if character in _DIAGONALS else None


def _line(character: str) -> Shape:
    if character in _DASHES:
        return Shape(tuple(_dashes(*_DASHES[character])))
    if character in _CORNERS:
        return _corner(*_CORNERS[character])
    if character in _DIAGONALS:
        return _diagonals(character)
    left, right, top, bottom = map(int, _LINES[ord(character) - 0x2500])
    x, y = _MIDDLE
    rects: list[Rect] = []
    for near, far, start in _strips(left, right, top, bottom):
        rects.append((0, y + near, x - start, y + far))
    for near, far, start in _strips(right, left, top, bottom):
        rects.append((x + start, y + near, CELL_WIDTH, y + far))
    for near, far, start in _strips(top, bottom, left, right):
        rects.append((x + near, 0, x + far, y - start))
    for near, far, start in _strips(bottom, top, left, right):
        rects.append((x + near, y + start, x + far, CELL_HEIGHT))
    return Shape(tuple(rects))


def _strips(weight: int, opposite: int, before: int, after: int) -> Iterator[tuple[int, int, int]]:
    """Yield the parts of a line from the middle to an edge.

    Args:
        weight: the line's weight.
        opposite: the weight of the line to the opposite edge.
        before, after: the weights of the lines to the edges beside it, with the lower and the higher coordinate.

    Yields:
        Where the part begins and ends across the line, and where it begins along the line, all from the middle.
    """
    if weight == _DOUBLE:
        for near, far, beside, other in ((-_OUTER, -_INNER, before, after), (_INNER, _OUTER, after, before)):
            if beside == _DOUBLE:
                yield near, far, _INNER
            elif not beside and other == _DOUBLE:
                yield near, far, -_OUTER
            else:
                yield near, far, -_HALF[max(beside, other)]
    elif weight:
        half = _HALF[weight]
        if before == after == _DOUBLE:
            yield -half, half, 0 if opposite else _INNER
        else:
            yield -half, half, -_HALF[max(before, after)]


def _dashes(count: int, vertical: bool, weight: int) -> Iterator[Rect]:
    length, gap = (CELL_HEIGHT, 2) if vertical else (CELL_WIDTH, 1)
    half = _HALF[weight]
    x, y = _MIDDLE
    for at in range(count):
        start, end = round(at * length / count) + gap, round((at + 1) * length / count) - gap
        yield (x - half, start, x + half, end) if vertical else (start, y - half, end, y + half)


def _corner(to_right: bool, to_bottom: bool) -> Shape:
    x, y = _MIDDLE
    radius = x
    right, down = (1 if to_right else -1), (1 if to_bottom else -1)
    centre = (x + right * radius, y + down * radius)
    angles = [step * math.pi / 20 for step in range(11)]
    ring = [
        (centre[0] - right * distance * math.cos(angle), centre[1] - down * distance * math.sin(angle))
        for distance, steps in ((radius + 1, angles), (radius - 1, angles[::-1]))
        for angle in steps
    ]
    rest = (x - 1, y + radius, x + 1, CELL_HEIGHT) if to_bottom else (x - 1, 0, x + 1, y - radius)
    return Shape((rest,), (tuple(ring),))


def _diagonals(character: str) -> Shape:
    polygons = []
    for ends in _DIAGONALS[character]:
        (x0, y0), (x1, y1) = map(_place, ends.split())
        across = 1.2  # half of the width of the line, along its row
        polygons.append(((x0 - across, y0), (x0 + across, y0), (x1 + across, y1), (x1 - across, y1)))
    return Shape(polygons=tuple(polygons))


def _place(halves: str) -> Point:
    return int(halves[0]) * CELL_WIDTH / 2, int(halves[1]) * CELL_HEIGHT / 2


def _sextant(number: int) -> int:
    """Return the sixths of a character: those with no sixth, one half or all of them have other characters."""
    bits = number + 1
    bits += bits >= 0b010101
    return bits + (bits >= 0b101010)


def _grid(bits: int, edges: tuple[int, ...]) -> tuple[Rect, ...]:
    """Return the parts of a cell of two columns whose bits are set, from the upper left."""
    half = CELL_WIDTH // 2
    return tuple(
        (column * half, top, column * half + half, bottom)
        for row, (top, bottom) in enumerate(pairwise(edges))
        for column in range(2)
        if bits >> (row * 2 + column) & 1
    )
