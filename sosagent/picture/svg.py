"""A picture as SVG: text that can be searched and copied, in a font that is part of the file."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .cells import INK, Colour, hexadecimal
from .font import FONT_SIZE, bundled_font
from .layout import Glyph, Layout
from .shapes import CELL_WIDTH, Point, Rect

__all__ = ["svg"]

_FAMILY = "sosagent mono"
#: What a viewer that does not load the font of the file shows instead.
_OTHER_FAMILIES = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"


@dataclass(slots=True)
class _Run:
    """Text that is placed as one.

    Attributes:
        first: its first character.
        text: the text.
        fits: whether all of it is in the bundled font, one character for each cell.
    """

    first: Glyph
    text: str
    fits: bool


def svg(layout: Layout) -> bytes:
    """Return a picture as an SVG file, which loads nothing from the network.

    Each run of text has its place and its length, so columns line up in any font. A character that the bundled font
    lacks is placed alone: its width in another font, or its direction, moves nothing else.
    """
    runs = [run for row in layout.rows for run in _runs(row)]
    body = [
        '<g shape-rendering="crispEdges">',
        *_areas(layout.areas),
        *_areas(layout.lines),
        "</g>",
        *(f'<path fill="{hexadecimal(colour)}" d="{_outline(corners)}"/>' for colour, corners in layout.polygons),
        f'<g font-family="\'{_FAMILY}\', {_OTHER_FAMILIES}" font-size="{FONT_SIZE:.4f}" fill="{hexadecimal(INK)}" '
        'direction="ltr" unicode-bidi="bidi-override" text-rendering="geometricPrecision">',
        *map(_text, runs),
        "</g>",
    ]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{layout.width / 2:g}" height="{layout.height / 2:g}" '
        f'viewBox="0 0 {layout.width} {layout.height}" role="img" xml:space="preserve">',
        f"<title>{_escaped(layout.title)}</title>",
        f"<style>{''.join(_faces(runs))}text{{white-space:pre;font-variant-ligatures:none}}</style>",
        *body,
        "</svg>\n",
    ]
    return "\n".join(lines).encode("utf-8")


def _faces(runs: Iterable[_Run]) -> Iterator[str]:
    """Yield the fonts with the characters that are used."""
    used: dict[bool, set[str]] = {}
    for run in runs:
        used.setdefault(run.first.bold, set()).update(run.text)
    for bold, characters in sorted(used.items()):
        font = base64.b64encode(bundled_font(bold).woff(characters)).decode("ascii")
        weight = "bold" if bold else "normal"
        yield f"@font-face{{font-family:'{_FAMILY}';font-weight:{weight};src:url(data:font/woff;base64,{font})}}"


def _runs(row: Iterable[Glyph]) -> Iterator[_Run]:
    """Split a row where the style changes, and after two blanks, where a column may begin."""
    run: _Run | None = None
    for glyph in row:
        blank = glyph.text == " "
        fits = blank or (not glyph.wide and len(glyph.text) == 1 and bundled_font(glyph.bold).has(glyph.text))
        if run and run.fits and (blank or (fits and _same_style(run, glyph) and not run.text.endswith("  "))):
            run.text += glyph.text
            continue
        if run:
            yield run
        run = _Run(glyph, glyph.text, fits)
    if run:
        yield run


def _same_style(run: _Run, glyph: Glyph) -> bool:
    return (run.first.ink, run.first.bold) == (glyph.ink, glyph.bold)


def _text(run: _Run) -> str:
    first = run.first
    place = f'x="{first.x}"'
    if first.wide:
        place = f'x="{first.x + CELL_WIDTH}" text-anchor="middle"'
    elif run.fits:
        place += f' textLength="{len(run.text) * CELL_WIDTH}"'
    elif not bundled_font(first.bold).has(first.text[0]):
        place += f' textLength="{CELL_WIDTH}" lengthAdjust="spacingAndGlyphs"'
    style = ("" if first.ink == INK else f' fill="{hexadecimal(first.ink)}"') + (
        ' font-weight="bold"' if first.bold else ""
    )
    return f'<text {place} y="{first.y}"{style}>{_escaped(run.text)}</text>'


def _areas(areas: dict[Colour, list[Rect]]) -> Iterator[str]:
    for colour, rects in areas.items():
        drawn = "".join(
            f"M{left} {top}h{right - left}v{bottom - top}h{left - right}z" for left, top, right, bottom in rects
        )
        yield f'<path fill="{hexadecimal(colour)}" d="{drawn}"/>'


def _outline(corners: Iterable[Point]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in corners) + "z"


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)
