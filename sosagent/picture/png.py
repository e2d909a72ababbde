"""A picture as PNG, drawn by Pillow."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from ..errors import UsageError
from .font import ASCENT, FONT_SIZE, bundled_font
from .layout import Glyph, Layout
from .shapes import CELL_HEIGHT, CELL_WIDTH, Point
from .system_fonts import SystemFont, system_font

if TYPE_CHECKING:
    from PIL import Image, ImageFont

__all__ = ["png"]

_EDGE = 8  # pixels that a character may reach over the edges of its cell
#: Characters and polygons are drawn this many times larger and then made smaller: exact shapes without the hinting
#: of one version of FreeType.
_FINE = 4
#: Sixteen shades instead of 256 between the colours of text and paper. Nobody sees that, and it halves the file.
_SHADES = [round(shade / 17) * 17 for shade in range(256)]
_MOST_PIXELS_WITH_PALETTE = 10_000_000  # a screen of 200 columns and 60 rows has 6.5 million
#: The combining class of marks above a character. The font has them at the height for one mark on a small letter.
_ABOVE, _MARK_RAISE, _CAPITAL_RAISE = 230, 4, 5
#: Sizes of the pictures in colour fonts that have only pictures: Noto Color Emoji, Apple Color Emoji.
_PICTURE_SIZES = (109, 160, 136, 128, 96)


def png(layout: Layout, fallback: Callable[[str], SystemFont | None] = system_font) -> bytes:
    """Return a picture as a PNG file.

    Args:
        layout: the picture.
        fallback: finds a font for a character that the bundled font lacks. Without one, a box with the character's
            code is drawn.

    Raises:
        UsageError: Pillow is not installed.
    """
    try:
        from PIL import Image, ImageDraw
        from PIL.PngImagePlugin import PngInfo
    except ImportError:
        raise UsageError(
            "--png needs Pillow, which is not installed", hint="pip install pillow, or use --svg."
        ) from None
    image = Image.new("RGB", (layout.width, layout.height))
    draw = ImageDraw.Draw(image)
    for areas in (layout.areas, layout.lines):
        for colour, rects in areas.items():
            for left, top, right, bottom in rects:
                draw.rectangle((left, top, right - 1, bottom - 1), fill=colour)
    for colour, corners in layout.polygons:
        left, top = int(min(x for x, _ in corners)) - 1, int(min(y for _, y in corners)) - 1
        mask = _polygon(tuple((x - left, y - top) for x, y in corners))
        image.paste(colour, (left, top), mask)
    pen = _Pen(fallback)
    for row in layout.rows:
        for glyph in row:
            if glyph.text.strip("\xa0 "):
                drawn = pen.draw(glyph)
                at = (glyph.x - _EDGE, glyph.y - ASCENT - _EDGE)
                if drawn.mode == "L":
                    image.paste(glyph.ink, at, drawn)
                else:
                    image.paste(drawn, at, drawn)
    about = PngInfo()
    about.add_itxt("Title", layout.title)
    file = io.BytesIO()
    _with_palette(image).save(file, "PNG", pnginfo=about)
    return file.getvalue()


def _with_palette(image: Image.Image) -> Image.Image:
    """Return the same picture with a palette, which makes the file smaller, if it has at most 256 colours.

    Pillow needs three times the memory of the picture for that, so a huge one is left as it is.
    """
    from PIL import Image

    if image.width * image.height > _MOST_PIXELS_WITH_PALETTE or image.getcolors(256) is None:
        return image
    return image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


@lru_cache(maxsize=256)
def _polygon(corners: tuple[Point, ...]) -> Image.Image:
    """Return the pixels of a polygon as shades."""
    from PIL import Image, ImageDraw

    width, height = int(max(x for x, _ in corners)) + 2, int(max(y for _, y in corners)) + 2
    fine = Image.new("L", (width * _FINE, height * _FINE))
    ImageDraw.Draw(fine).polygon([(x * _FINE, y * _FINE) for x, y in corners], fill=255)
    return fine.resize((width, height), Image.Resampling.BOX)


class _Pen:
    """Draws characters, each one once.

    Args:
        fallback: as in `png`.
    """

    def __init__(self, fallback: Callable[[str], SystemFont | None]) -> None:
        self._fallback = fallback
        self._drawn: dict[tuple[str, bool, bool], Image.Image] = {}
        self._faces: dict[tuple[bool, float], ImageFont.FreeTypeFont] = {}

    def draw(self, glyph: Glyph) -> Image.Image:
        """Return a character with its marks and `_EDGE` around its cell: shades, or a picture in colour."""
        key = (glyph.text, glyph.bold, glyph.wide)
        if key not in self._drawn:
            self._drawn[key] = self._new(glyph)
        return self._drawn[key]

    def _new(self, glyph: Glyph) -> Image.Image:
        from PIL import Image, ImageDraw

        base = glyph.text[0]
        font = bundled_font(glyph.bold)
        if not glyph.wide and font.has(base):
            image = _blank(glyph.wide)
            fine = image.resize((image.width * _FINE, image.height * _FINE))
            draw = ImageDraw.Draw(fine)
            face = self._face(glyph.bold, FONT_SIZE * _FINE)
            above = _CAPITAL_RAISE if base.isupper() else 0
            for character in filter(font.has, glyph.text):
                raised = 0
                if unicodedata.combining(character) == _ABOVE:
                    raised, above = above, above + _MARK_RAISE
                at = (_EDGE * _FINE, (_EDGE + ASCENT - raised) * _FINE)
                draw.text(at, character, fill=255, font=face, anchor="ls")
            return fine.resize(image.size, Image.Resampling.BOX).point(_SHADES)
        found = self._fallback(base)
        drawn = _drawn_in(found, glyph) if found else None
        return drawn or self._code(base, glyph.wide)

    def _face(self, bold: bool, size: float) -> ImageFont.FreeTypeFont:
        from PIL import ImageFont

        key = (bold, size)
        if key not in self._faces:
            file = io.BytesIO(bundled_font(bold).data)
            self._faces[key] = ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC)
        return self._faces[key]

    def _code(self, character: str, wide: bool) -> Image.Image:
        """Return a box with the code of a character, for one that no font has."""
        from PIL import ImageDraw

        image = _blank(wide)
        draw = ImageDraw.Draw(image)
        width = CELL_WIDTH * (2 if wide else 1)
        draw.rectangle((_EDGE + 1, _EDGE + 3, _EDGE + width - 2, _EDGE + CELL_HEIGHT - 4), outline=160)
        code = f"{ord(character):04X}"
        across = 2 if len(code) == 4 or not wide else 3
        size = 14.0 if wide and across == 2 else 10.0
        lines = [code[at : at + across] for at in range(0, len(code), across)]
        height = round(size * 0.85)
        top = _EDGE + (CELL_HEIGHT - height * len(lines)) // 2
        for number, line in enumerate(lines):
            at = (_EDGE + width / 2, top + (number + 0.5) * height)
            draw.text(at, line, fill=255, font=self._face(False, size), anchor="mm")
        return image


def _blank(wide: bool, mode: str = "L") -> Image.Image:
    from PIL import Image

    return Image.new(mode, (CELL_WIDTH * (2 if wide else 1) + 2 * _EDGE, CELL_HEIGHT + 2 * _EDGE))


def _drawn_in(found: SystemFont, glyph: Glyph) -> Image.Image | None:
    """Return a character in a font of the system, or None if Pillow cannot load that font."""
    from PIL import Image, ImageDraw, ImageFont

    room = CELL_WIDTH * (2 if glyph.wide else 1)
    for size in (FONT_SIZE, *_PICTURE_SIZES):
        try:
            face = ImageFont.truetype(found.file, size, found.index, layout_engine=ImageFont.Layout.BASIC)
            break
        except OSError:
            continue
    else:
        return None
    mode, ink = ("RGBA", (255, 255, 255, 255)) if found.colour else ("L", 255)
    length = max(1.0, face.getlength(glyph.text[0]))
    if size == FONT_SIZE and not found.colour:
        face = face.font_variant(size=FONT_SIZE * min(1.0, room / length))
        image = _blank(glyph.wide)
        at = (_EDGE + room / 2, _EDGE + ASCENT)
        ImageDraw.Draw(image).text(at, glyph.text, fill=ink, font=face, anchor="ms")
        return image
    drawn = Image.new(mode, (round(length), round(size * 1.3)))
    ImageDraw.Draw(drawn).text((0, 0), glyph.text[0], fill=ink, font=face, embedded_color=found.colour)
    box = drawn.getbbox()
    if box is None:
        return None
    drawn = drawn.crop(box)
    scale = min((room - 2) / drawn.width, (CELL_HEIGHT - 4) / drawn.height)
    drawn = drawn.resize((max(1, round(drawn.width * scale)), max(1, round(drawn.height * scale))))
    image = _blank(glyph.wide, mode)
    image.paste(drawn, (_EDGE + (room - drawn.width) // 2, _EDGE + (CELL_HEIGHT - drawn.height) // 2))
    return image
