"""Fonts of the system for characters that the bundled font lacks, such as Chinese ones; fontconfig finds them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["SystemFont", "parse_fonts", "system_font"]

_FORMAT = r"%{file}\t%{index}\t%{color}\t%{style}\t%{charset}\n"
_TIME_LIMIT = 10.0


@dataclass(frozen=True, slots=True)
class SystemFont:
    """A font file.

    Attributes:
        file: its path.
        index: which font of the file.
        colour: whether its characters are pictures in colour.
        ranges: the first and last code of each range of its characters.
    """

    file: str
    index: int
    colour: bool
    ranges: tuple[tuple[int, int], ...]


def system_font(character: str) -> SystemFont | None:
    """Return the system font that has a character, or None."""
    code = ord(character)
    return next((font for font in _fonts() if any(first <= code <= last for first, last in font.ranges)), None)


@lru_cache(maxsize=1)
def _fonts() -> list[SystemFont]:
    try:
        done = subprocess.run(
            ["fc-list", "-f", _FORMAT], stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIME_LIMIT, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []  # no fontconfig: a box with the code is drawn
    return parse_fonts(done.stdout.decode("utf-8", "replace"))


def parse_fonts(listed: str) -> list[SystemFont]:
    """Return the fonts in the order of preference: of fixed width, of normal weight, by name.

    Args:
        listed: the output of fc-list: file, index, whether in colour, style and characters of each font.
    """
    fonts = []
    for line in listed.splitlines():
        file, index, colour, style, charset = (line.split("\t") + [""] * 4)[:5]
        # The upper half of an index selects a variant of a variable font, which is not needed.
        if not index.isdigit() or int(index) > 0xFFFF:
            continue
        try:
            ranges = tuple(_range(word) for word in charset.split())
        except ValueError:
            continue
        normal = style.split(",")[0] in ("Regular", "Book", "Normal", "Medium", "Roman")
        fonts.append((("mono" not in file.lower(), not normal, file, int(index)), colour == "True", ranges))
    return [SystemFont(key[2], key[3], colour, ranges) for key, colour, ranges in sorted(fonts)]


def _range(word: str) -> tuple[int, int]:
    first, _, last = word.partition("-")
    return int(first, 16), int(last or first, 16)
