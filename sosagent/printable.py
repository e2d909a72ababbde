"""The one way for text from a machine to reach a screen, a file or JSON.

Everything that a console prints is data, perhaps hostile: escape sequences that rewrite the
reader's clipboard (OSC 52), bidi controls that reorder a line, markup of our own printing
library. Two functions make it harmless; nothing else may hand such text on.
"""

from __future__ import annotations

import re

__all__ = ["UNSAFE_CLASS", "clean", "is_clean", "playable", "printable"]

#: What may not stand raw in a line: C0 and DEL, C1, bidi and other format controls, separators
#: that some terminals treat as newlines, the byte order mark, surrogates, noncharacters, tags.
UNSAFE_CLASS = (
    "\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff0-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff"
)
_UNSAFE = re.compile(f"[{UNSAFE_CLASS}]")
_UNSAFE_IN_PLAY = re.compile(f"[{UNSAFE_CLASS}]".replace("\x00-\x1f", "\x00-\x07\x0b\x0c\x0e-\x1f"))

#: Escape sequences that a player may show: colour, cursor movement, erasing. All else is dropped,
#: with what it carries (OSC, DCS, APC, PM and SOS strings up to their terminator).
_ESCAPE = re.compile(
    r"(?P<safe>\x1b\[[0-9;:]*[A-HJKPXm@dfG`])"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[P\]X^_][^\x07\x1b\r\n]*(?:\x07|\x1b\\)?"
    r"|\x1b[ -/]*[0-~]?"
)


def printable(text: str | bytes, limit: int = 400) -> str:
    """Give `text` as one line that is safe anywhere: controls as ``\\x1b``, at most `limit` characters.

    Args:
        text: what the machine sent; bytes are read as UTF-8 with replacement.
        limit: the longest result in characters; a longer text keeps its end, after ``…``.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if len(text) > limit:
        text = "…" + text[-limit:]
    return _UNSAFE.sub(_escaped, text)


def clean(text: str) -> str:
    """Drop from `text` every character that `printable` would have to escape."""
    return _UNSAFE.sub("", text)


def is_clean(text: str) -> bool:
    """Tell whether `text` holds nothing that `printable` would have to escape."""
    return not _UNSAFE.search(text)


def playable(text: str) -> str:
    """Give `text` for a recording: colours, cursor movement and newlines stay, all other controls go."""
    kept: list[str] = []
    position = 0
    for found in _ESCAPE.finditer(text):
        kept += _UNSAFE_IN_PLAY.sub("", text[position : found.start()]), found["safe"] or ""
        position = found.end()
    return "".join([*kept, _UNSAFE_IN_PLAY.sub("", text[position:])])


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
