"""The console's screen as text, HTML, SVG or PNG: pyte interprets the output, rich and Pillow draw the screen."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..printable import clean
from ..terminal.screen import cells_of, rows_of, terminal_of

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["Picture"]

_Colour = tuple[int, int, int]
_Run = tuple[_Colour, _Colour, bool, str]  # ink, paper, whether bold, text

_SCALE = 2  # pixels of the image for each pixel of the font
_INK, _PAPER = (197, 200, 198), (41, 41, 41)
#: rich's template loads its font from the network, which an image in a ticket must not do.
_FONT_FACE = re.compile(r"@font-face \{\{.*?\}\}", re.DOTALL)


class Picture:
    """The screen of a terminal after some output.

    Args:
        output: the bytes from the console.
        columns, rows: size of the terminal.
        title: the title above the image.
    """

    def __init__(self, output: bytes, columns: int, rows: int, title: str) -> None:
        self._title = title
        self._screen = terminal_of(output, columns, rows)

    def text(self) -> str:
        """Return the screen as lines, without the empty lines at the end."""
        return "\n".join(rows_of(self._screen)).rstrip("\n")

    def html(self) -> str:
        """Return the screen as HTML for a ``pre`` element: escaped text, with spans for non-default colours."""
        rows = ("".join(map(_span, self._runs(row))).rstrip() for row in range(self._screen.lines))
        return "\n".join(rows).strip("\n")

    def svg(self) -> bytes:
        """Return the screen as an SVG image in colour, which loads nothing from the network."""
        from rich._export_format import CONSOLE_SVG_FORMAT
        from rich.console import Console

        console = Console(
            record=True, width=self._screen.columns, file=io.StringIO(), color_system="truecolor", legacy_windows=False,
            force_terminal=True, highlight=False, markup=False, emoji=False,
        )  # fmt: skip
        for row in range(self._screen.lines):
            console.print(self._row(row), no_wrap=True, overflow="crop", crop=True)
        svg = console.export_svg(title=self._title, code_format=_FONT_FACE.sub("", CONSOLE_SVG_FORMAT))
        return svg.encode("utf-8")

    def png(self) -> bytes:
        """Return the screen as a PNG image in a fixed-width bitmap font.

        Raises:
            UsageError: Pillow is not installed.
        """
        try:
            from PIL import Image, ImageDraw, ImageFont
        except ImportError:
            raise UsageError(
                "--png needs Pillow, which is not installed", hint="pip install 'sosagent[png]', or use --svg."
            ) from None
        font = ImageFont.load_default_imagefont()
        width, height = 6, 11
        image = Image.new("RGB", (self._screen.columns * width + 8, self._screen.lines * height + 8), _PAPER)
        draw = ImageDraw.Draw(image)
        for row in range(self._screen.lines):
            for column, cell in enumerate(cells_of(self._screen, row)):
                ink, paper = _colours(cell)
                at = (4 + column * width, 4 + row * height)
                if paper != _PAPER:
                    draw.rectangle((*at, at[0] + width - 1, at[1] + height - 1), fill=paper)
                # The font has the characters of Latin-1 only.
                character = cell.data if cell.data.isprintable() and ord(cell.data[:1] or " ") < 256 else "?"
                if character != " ":
                    draw.text(at, character, fill=ink, font=font)
        image = image.resize((image.width * _SCALE, image.height * _SCALE), Image.Resampling.NEAREST)
        png = io.BytesIO()
        image.save(png, "PNG")
        return png.getvalue()

    def _row(self, row: int) -> Text:
        from rich.style import Style
        from rich.text import Text

        text = Text()
        for ink, paper, bold, characters in self._runs(row):
            text.append(characters, Style(color=_hex(ink), bgcolor=_hex(paper), bold=bold))
        return text

    def _runs(self, row: int) -> Iterator[_Run]:
        """Split a row into runs of cells with the same colours and weight."""
        for (ink, paper, bold), run in groupby(cells_of(self._screen, row), lambda cell: (*_colours(cell), cell.bold)):
            yield ink, paper, bold, "".join(clean(cell.data) or (" " if cell.data else "") for cell in run)


def _span(run: _Run) -> str:
    ink, paper, bold, text = run
    styles = [
        *([f"color:{_hex(ink)}"] if ink != _INK else []),
        *([f"background:{_hex(paper)}"] if paper != _PAPER else []),
        *(["font-weight:bold"] if bold else []),
    ]
    escaped = html.escape(text)
    return f'<span style="{";".join(styles)}">{escaped}</span>' if styles else escaped


def _hex(colour: _Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _colours(cell: Any) -> tuple[_Colour, _Colour]:
    ink, paper = _colour(cell.fg, _INK), _colour(cell.bg, _PAPER)
    return (paper, ink) if cell.reverse else (ink, paper)


_NAMED = {
    "black": (0, 0, 0), "red": (204, 85, 90), "green": (152, 168, 75), "brown": (208, 179, 68), "blue": (96, 138, 177),
    "magenta": (152, 114, 159), "cyan": (104, 160, 179), "white": (197, 200, 198),
}  # fmt: skip


def _colour(name: str, default: _Colour) -> _Colour:
    if name in _NAMED:
        return _NAMED[name]
    if re.fullmatch(r"[0-9a-fA-F]{6}", name):
        return int(name[:2], 16), int(name[2:4], 16), int(name[4:], 16)
    return default
