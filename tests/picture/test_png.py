"""picture/png.py: pictures compared with references, pixel by pixel."""

from __future__ import annotations

import builtins
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image, ImageChops

from sosagent.errors import UsageError
from sosagent.picture import Picture
from sosagent.picture.png import png
from sosagent.picture.shapes import CELL_HEIGHT, CELL_WIDTH
from sosagent.picture.system_fonts import SystemFont

from .compare import differences, image
from .screens import HERE, SCREENS, Screen

#: Versions of Pillow and FreeType differ by rounding.
TOLERANCE = 6


def reference(name: str) -> Image.Image:
    return image((HERE / f"{name}.png").read_bytes())


@pytest.mark.parametrize("name", SCREENS)
def test_a_picture_is_as_it_was_when_looked_at(name: str) -> None:
    assert differences(image(SCREENS[name].png()), reference(name), TOLERANCE) == []


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("bios", "Enter", "Eoter"),  # one letter
        ("bios", "╥", "╤"),  # one line
        ("bios", "\x1b[4m", ""),  # the underline
        ("bios", "\x1b[1;31m", "\x1b[1;35m"),  # a colour
        ("monitor", "\x1b[1m24", "24"),  # bold
        ("monitor", "\x1b[?25l", ""),  # the cursor
        ("lines", "\x1b(0lqwqk\x1b(B", "lqwqk"),
        ("text", "\u030c", ""),  # a mark
    ],
)
def test_the_comparison_sees_small_faults(name: str, old: str, new: str) -> None:
    screen = SCREENS[name]
    changed = screen.output.replace(old.encode(), new.encode(), 1)
    assert changed != screen.output
    assert differences(image(replace(screen, output=changed).png()), reference(name), TOLERANCE)


def test_lines_join_and_columns_have_one_width() -> None:
    """Every pixel of a frame has the colour of the text, without gaps."""
    rows = ["┌" + "─" * 18 + "┐", *["│" + " " * 18 + "│"] * 3, "└" + "─" * 18 + "┘"]
    frame = image(Screen("\r\n".join(rows).encode() + b"\x1b[?25l", 20, 5).png())
    ink = (197, 200, 198)
    left, right, top, bottom = 16 + 8, 16 + 19 * CELL_WIDTH + 8, 16 + 16, 16 + 4 * CELL_HEIGHT + 16
    for x in range(left, right):
        assert frame.getpixel((x, top)) == frame.getpixel((x, bottom)) == ink
    for y in range(top, bottom):
        assert frame.getpixel((left, y)) == frame.getpixel((right, y)) == ink


def test_what_follows_a_wide_character_is_where_the_terminal_has_it() -> None:
    wide = image(Screen("漢👍|".encode() + b"\x1b[?25l", 8, 1).png())
    narrow = image(Screen(b"    |\x1b[?25l", 8, 1).png())
    bar = (16 + 4 * CELL_WIDTH, 0, 16 + 5 * CELL_WIDTH, 64)
    assert ImageChops.difference(wide.crop(bar), narrow.crop(bar)).getbbox() is None


def test_a_character_without_a_font_shows_its_code() -> None:
    """Two characters that no font has differ, and neither is blank."""
    pictures = [image(Screen(text.encode() + b"\x1b[?25l", 4, 1).png()) for text in ("漢", "字", "👍", "\u0928", " ")]
    for number, one in enumerate(pictures):
        for other in pictures[number + 1 :]:
            assert differences(one, other, 0)


def square_font(path: Path, colour: bool) -> SystemFont:
    """Make a font whose only character is a square as large as a cell of two columns, orange if in colour."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, -200))
    for corner in ((0, 800), (1000, 800), (1000, -200)):
        pen.lineTo(corner)
    pen.closePath()
    square = pen.glyph()
    names = [".notdef", "square"]
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(names)
    font.setupCharacterMap({0x6F22: "square"})
    font.setupGlyf(dict.fromkeys(names, square))
    font.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupPost()
    if colour:
        font.setupCOLR({"square": [("square", 0)]})
        font.setupCPAL([[(1.0, 0.5, 0.0, 1.0)]])
    font.save(path)
    return SystemFont(str(path), 0, colour, ((0x6F22, 0x6F22),))


@pytest.mark.parametrize(("colour", "shown"), [(False, (204, 85, 90)), (True, (255, 128, 0))])
def test_a_font_of_the_system_is_used(colour: bool, shown: tuple[int, int, int], tmp_path: Path) -> None:
    found = square_font(tmp_path / "square.ttf", colour)
    layout = Picture("\x1b[31m漢字\x1b[?25l".encode(), 4, 1).layout()
    asked = []

    def fallback(character: str) -> SystemFont | None:
        asked.append(character)
        return found if character == "漢" else None

    drawn = image(png(layout, fallback))
    assert asked == ["漢", "字"]
    assert drawn.getpixel((32, 32)) == shown
    assert drawn.getpixel((16 + 2 * CELL_WIDTH + 16, 18)) == (41, 41, 41)  # not in the next cell
    # A file that Pillow cannot load is as good as none.
    (tmp_path / "square.ttf").write_bytes(b"no font")
    assert differences(image(png(layout, fallback)), image(png(layout, lambda character: None)), 0) == []


@pytest.mark.parametrize("colours", [250, 300])
def test_a_palette_loses_no_colour(colours: int) -> None:
    """A picture with more colours than a palette can have keeps them all as well."""
    wanted = [(number % 256, number * 7 % 256, number * 31 % 256) for number in range(colours)]
    output = "".join("\x1b[48;2;{};{};{}m ".format(*colour) for colour in wanted).encode() + b"\x1b[?25l"
    drawn = image(Screen(output, colours, 1).png())
    assert [drawn.getpixel((16 + CELL_WIDTH * at + 5, 30)) for at in range(colours)] == wanted


def test_the_title_is_in_the_file_as_text() -> None:
    file = Image.open(io.BytesIO(SCREENS["long-title"].png()))
    assert file.info["Title"] == "console-server-17.example.net:漢字 (web-1) · 2026-03-14 03:07:11 UTC"


def test_without_pillow_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def failing(name: str, *args: Any, **keywords: Any) -> Any:
        if name == "PIL" or name.startswith("PIL."):
            raise ImportError(name)
        return real(name, *args, **keywords)

    monkeypatch.setattr(builtins, "__import__", failing)
    with pytest.raises(UsageError, match="needs Pillow") as failed:
        Picture(b"x", 4, 1).png()
    assert failed.value.hint == "pip install pillow, or use --svg."
    assert Picture(b"x", 4, 1).svg()
