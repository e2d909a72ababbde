"""picture/shapes.py: the characters that are drawn."""

from __future__ import annotations

import re
import unicodedata

import pytest

from sosagent.picture.shapes import CELL_HEIGHT, CELL_WIDTH, Rect, Shape, shape_of

#: Half of the thickness of a line at the edge of its cell, by its weight in the character's name.
REACH = {"LIGHT": 1, "SINGLE": 1, "HEAVY": 2, "DOUBLE": 4}
SIDES = {"LEFT": "l", "RIGHT": "r", "UP": "u", "DOWN": "d", "HORIZONTAL": "lr", "VERTICAL": "ud"}
LINES = [chr(code) for code in range(0x2500, 0x2580)]
JOINING = [one for one in LINES if not re.search("DASH|ARC|DIAGONAL", unicodedata.name(one))]


def edges(shape: Shape) -> dict[str, int]:
    """Return how far the shape reaches from the middle at each edge."""
    reach: dict[str, int] = {}
    for left, top, right, bottom in shape.rects:
        across, down = max(16 - top, bottom - 16), max(8 - left, right - 8)
        for side, touches, size in (
            ("l", left == 0, across), ("r", right == CELL_WIDTH, across),
            ("u", top == 0, down), ("d", bottom == CELL_HEIGHT, down),
        ):  # fmt: skip
            if touches:
                reach[side] = max(reach.get(side, 0), size)
    return reach


def named_edges(character: str) -> dict[str, int]:
    """Return the same by the character's name in Unicode, such as BOX DRAWINGS DOWN HEAVY AND RIGHT LIGHT."""
    words = unicodedata.name(character).removeprefix("BOX DRAWINGS ").split()
    weights = [word for word in words if word in REACH]
    parts = " ".join(words).split(" AND ")
    found = {}
    for part in parts:
        weight = next((word for word in part.split() if word in REACH), weights[0])
        for word in part.split():
            found.update(dict.fromkeys(SIDES.get(word, ""), REACH[weight]))
    return found


def shape(character: str) -> Shape:
    found = shape_of(character)
    assert found, f"U+{ord(character):04X}"
    return found


def test_a_line_reaches_the_edges_that_its_name_says() -> None:
    assert {one: edges(shape(one)) for one in JOINING} == {one: named_edges(one) for one in JOINING}


def test_the_lines_of_a_character_are_connected() -> None:
    """No part ends in nothing. The lines of a double line may be separate."""
    for character in JOINING:
        groups: list[list[Rect]] = []
        for rect in shape(character).rects:
            near = [group for group in groups if any(_touch(rect, one) for one in group)]
            groups = [group for group in groups if group not in near]
            groups.append([rect, *(one for group in near for one in group)])
        assert len(groups) <= (4 if "DOUBLE" in unicodedata.name(character) else 1), character
        for group in groups:
            assert len(edges(Shape(tuple(group)))) >= min(2, len(named_edges(character))), character


def _touch(one: Rect, other: Rect) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def test_a_shape_stays_in_its_cell_and_differs_from_all_others() -> None:
    codes = [*range(0x2500, 0x25A0), *range(0x2801, 0x2900), *range(0x23BA, 0x23BE), *range(0x1FB00, 0x1FB3C)]
    drawn = {chr(code): shape(chr(code)) for code in codes}
    assert len(set(drawn.values())) == len(codes)
    for one in drawn.values():
        assert one.rects or one.polygons
        for left, top, right, bottom in one.rects:
            assert 0 <= left < right <= CELL_WIDTH and 0 <= top < bottom <= CELL_HEIGHT
        for corners in one.polygons:
            assert all(-2 <= x <= CELL_WIDTH + 2 and 0 <= y <= CELL_HEIGHT for x, y in corners)


@pytest.mark.parametrize(
    ("character", "area"),
    [("█", 32), ("▀", 16), ("▄", 16), ("▌", 16), ("▐", 16), ("▁", 4), ("▇", 28), ("▏", 4), ("▉", 28), ("▔", 4),
     ("▕", 4), ("▖", 8), ("▚", 16), ("▙", 24), ("▟", 24), ("░", 32)],
)  # fmt: skip
def test_the_area_of_blocks(character: str, area: int) -> None:
    """In sixteenths of half a cell."""
    shape = shape_of(character)
    assert shape
    covered = {
        (x, y) for left, top, right, bottom in shape.rects for x in range(left, right) for y in range(top, bottom)
    }
    assert len(covered) == area * CELL_WIDTH * CELL_HEIGHT // 32


def test_letters_are_no_shapes() -> None:
    assert all(shape_of(one) is None for one in "aA0|-_+ \xa0é漢■●▲◆")
