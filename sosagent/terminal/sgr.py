"""Text with colours and bold: what the escape sequence SGR (``CSI ... m``) sets. No I/O.

All other control sequences and control characters are removed, so that the text is safe wherever it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..printable import clean

__all__ = ["PAPER", "Colour", "Style", "StyledText", "as_sgr", "last_characters", "plain_text", "styled_runs"]

#: Red, green and blue, from 0 to 255 each.
Colour = tuple[int, int, int]

#: The default colours of a terminal with a dark background.
INK: Colour = (197, 200, 198)
PAPER: Colour = (41, 41, 41)

#: A control sequence in its 7-bit and 8-bit form. Strings (OSC, DCS, APC, PM, SOS) end with their line at the latest.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)(?P<sgr>[0-9;:]*)m"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[P\]X^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c\r\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
#: A text may change its style so often; the rest of it has the default style.
_MOST_RUNS = 10_000
_MOST_PARAMETERS = 64
#: The first 16 of the 256 colours: of 30 to 37, and of 90 to 97.
_BASIC: tuple[Colour, ...] = (
    (0, 0, 0), (204, 85, 90), (152, 168, 75), (208, 179, 68), (96, 138, 177), (152, 114, 159), (104, 160, 179), INK,
    (120, 120, 120), (255, 120, 125), (190, 210, 100), (240, 215, 110), (130, 175, 220), (195, 150, 205),
    (140, 205, 220), (255, 255, 255),
)  # fmt: skip


@dataclass(frozen=True)
class Style:
    """How text looks.

    Fields:
        ink, paper: the colours of the text and of its background; None for the default.
        bold: whether it is bold.
    """

    ink: Colour | None = None
    paper: Colour | None = None
    bold: bool = False

    @property
    def readable(self) -> Style:
        """The same style; without its colours if the text could not be told from its background."""
        if _contrast(self.ink or INK, self.paper or PAPER) < 2:
            return replace(self, ink=None, paper=None)
        return self


#: Runs of text, each with its style. The text contains newlines, but no other control characters.
StyledText = tuple[tuple[Style, str], ...]


def styled_runs(text: str) -> StyledText:
    """Return `text` as runs with their styles. Adjacent runs have different styles."""
    runs: list[tuple[Style, str]] = []
    style, at = Style(), 0
    for match in _SEQUENCE.finditer(text):
        _append(runs, style, text[at : match.start()])
        at = match.end()
        if match["sgr"] is not None:
            style = _after(style, match["sgr"]) if len(runs) < _MOST_RUNS else Style()
    _append(runs, style, text[at:])
    return tuple(runs)


def plain_text(text: str) -> str:
    """Return `text` without control sequences and control characters; newlines are kept."""
    return "".join(part for _, part in styled_runs(text))


def as_sgr(runs: Iterable[tuple[Style, str]]) -> str:
    """Return runs as text with SGR sequences, and without any if all of it has the default style."""
    return "".join(part if style == Style() else f"{_sequence(style)}{part}\x1b[0m" for style, part in runs)


def last_characters(runs: StyledText, count: int) -> StyledText:
    """Return the last `count` characters of the runs."""
    kept: list[tuple[Style, str]] = []
    for style, part in reversed(runs):
        if count <= 0:
            break
        kept.append((style, part[-count:]))
        count -= len(part)
    return tuple(reversed(kept))


def _append(runs: list[tuple[Style, str]], style: Style, text: str) -> None:
    text = "\n".join(map(clean, text.split("\n")))
    if not text:
        return
    if runs and runs[-1][0] == style:
        runs[-1] = style, runs[-1][1] + text
    else:
        runs.append((style, text))


def _after(style: Style, parameters: str) -> Style:
    """Return the style after the parameters of an SGR sequence."""
    numbers = iter(parameters.split(";")[:_MOST_PARAMETERS])
    for word in numbers:
        code, *parts = word.split(":")
        number = _number(code)
        if number in (38, 48):
            # 38;5;N and 38;2;R;G;B; with colons, there may be a colour space in front of R.
            colour = _colour(iter(parts), len(parts) > 4) if parts else _colour(numbers, False)
            if colour is not None:
                style = replace(style, ink=colour) if number == 38 else replace(style, paper=colour)
        elif not parts or number == 0:
            style = _basic(style, number)
    return style


def _basic(style: Style, number: int) -> Style:
    if number == 0:
        return Style()
    if number in (1, 22):
        return replace(style, bold=number == 1)
    if number in (39, 49):
        return replace(style, ink=None) if number == 39 else replace(style, paper=None)
    base, place = number // 10 * 10, number % 10
    if place > 7 or base not in (30, 40, 90, 100):
        return style
    colour = _BASIC[place + (8 if base >= 90 else 0)]
    return replace(style, ink=colour) if base in (30, 90) else replace(style, paper=colour)


def _colour(words: Iterator[str], has_space: bool) -> Colour | None:
    kind = _number(next(words, ""))
    if kind == 5:
        return _indexed(_number(next(words, "")))
    if kind != 2:
        return None
    if has_space:
        next(words, "")
    red, green, blue = (_number(next(words, "")) for _ in range(3))
    return (red, green, blue) if max(red, green, blue) <= 255 else None


def _indexed(number: int) -> Colour | None:
    if number < 16:
        return _BASIC[number]
    if number < 232:
        steps = (number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6
        red, green, blue = (step and 55 + 40 * step for step in steps)
        return red, green, blue
    grey = 8 + 10 * (number - 232)
    return (grey, grey, grey) if number < 256 else None


def _number(word: str) -> int:
    """Return a parameter; an empty one is 0, and a very large one is 999."""
    return int(word or "0") if len(word) < 4 else 999


def _sequence(style: Style) -> str:
    parts = ["0", *(["1"] if style.bold else [])]
    for code, colour in (("38", style.ink), ("48", style.paper)):
        if colour is not None:
            parts += [code, "2", *map(str, colour)]
    return f"\x1b[{';'.join(parts)}m"


def _contrast(one: Colour, other: Colour) -> float:
    """Return the contrast of two colours, from 1 to 21, as WCAG 2.2 defines it."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    shares = (part / 255 for part in colour)
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
