"""The console's screen as text, HTML, SVG or PNG."""

from __future__ import annotations

import html
from collections.abc import Iterator
from itertools import groupby

from ..printable import clean
from ..terminal.screen import rows_of, terminal_of
from .cells import INK, PAPER, Cell, Colour, cells_of_screen, hexadecimal
from .layout import Layout, lay_out

__all__ = ["Picture"]

_Style = tuple[Colour, Colour, bool, bool, bool]


class Picture:
    """The screen of a terminal after some output.

    Args:
        output: the bytes from the console.
        columns, rows: size of the terminal.
        titles: the parts of the title above the image, such as the machine's name and the time; without any, there is
            no title bar.
    """

    def __init__(self, output: bytes, columns: int, rows: int, *titles: str) -> None:
        self._titles = [clean(title) for title in titles]
        self._screen = terminal_of(output, columns, rows)

    def text(self) -> str:
        """Return the screen as lines, without the empty lines at the end."""
        return "\n".join(rows_of(self._screen)).rstrip("\n")

    def html(self) -> str:
        """Return the screen as HTML for a ``pre`` element: escaped text, with spans for colours and style."""
        rows = ("".join(_spans(row)).rstrip() for row in cells_of_screen(self._screen, cursor=False))
        return "\n".join(rows).strip("\n")

    def svg(self) -> bytes:
        """Return the screen as an SVG image, which contains its font and loads nothing from the network."""
        from .svg import svg

        return svg(self.layout())

    def png(self) -> bytes:
        """Return the screen as a PNG image.

        Raises:
            UsageError: Pillow is not installed.
        """
        from .png import png

        return png(self.layout())

    def layout(self) -> Layout:
        """Return where everything of the image is."""
        return lay_out(cells_of_screen(self._screen, cursor=True), self._titles)


def _spans(row: list[Cell]) -> Iterator[str]:
    for style, cells in groupby(row, _style):
        escaped = html.escape("".join(cell.text for cell in cells))
        css = ";".join(_css(*style))
        yield f'<span style="{css}">{escaped}</span>' if css else escaped


def _style(cell: Cell) -> _Style:
    return cell.ink, cell.paper, cell.bold, cell.underline, cell.strike


def _css(ink: Colour, paper: Colour, bold: bool, underline: bool, strike: bool) -> Iterator[str]:
    if ink != INK:
        yield f"color:{hexadecimal(ink)}"
    if paper != PAPER:
        yield f"background:{hexadecimal(paper)}"
    if bold:
        yield "font-weight:bold"
    if underline or strike:
        yield "text-decoration:" + " ".join(["underline"] * underline + ["line-through"] * strike)
