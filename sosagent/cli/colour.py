"""Colour in messages, where the user's terminal and settings allow it."""

from __future__ import annotations

import os
from typing import TextIO

__all__ = ["colour_allowed", "in_colour"]

_CODES = {"error": "1;31"}
_NO_COLOURS = ("dumb", "unknown")


def colour_allowed(stream: TextIO) -> bool:
    """Return whether colour may be written to `stream`: a terminal that has colours, and no NO_COLOR (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") in _NO_COLOURS or os.name == "nt":
        return False
    return stream.isatty()


def in_colour(text: str, style: str, stream: TextIO) -> str:
    """Return `text` in the colour of a style, if `stream` takes colour."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if colour_allowed(stream) else text
