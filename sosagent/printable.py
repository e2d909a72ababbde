"""Making text from a machine safe for screens, files and JSON.

Text from a console may be hostile: it may contain escape sequences that write the reader's clipboard (OSC 52),
bidirectional controls that reorder a line, or markup of our own printing library. `printable` and `playable` make
it harmless; such text must pass through one of them before it is shown.
"""

from __future__ import annotations

import re

__all__ = ["UNSAFE_CLASS", "clean", "is_clean", "playable", "printable"]

#: Characters that a line must not contain: C0 and DEL, C1, bidirectional and other format controls, separators
#: that some terminals treat as newlines, the byte order mark, surrogates, noncharacters, and tags.
UNSAFE_CLASS = (
    "\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff0-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff"
)
_UNSAFE = re.compile(f"[{UNSAFE_CLASS}]")
_UNSAFE_IN_PLAY = re.compile(f"[{UNSAFE_CLASS}]".replace("\x00-\x1f", "\x00-\x07\x0b\x0c\x0e-\x1f"))

#: Escape sequences that a player may show: colour, cursor movement, erasing. All others are dropped, together
#: with their contents (OSC, DCS, APC, PM and SOS strings up to their terminator).
_ESCAPE = re.compile(
    r"(?P<safe>\x1b\[[0-9;:]*[A-HJKPXm@dfG`])"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[P\]X^_][^\x07\x1b\r\n]*(?:\x07|\x1b\\)?"
    r"|\x1b[ -/]*[0-~]?"
)


def printable(text: str | bytes, limit: int = 400) -> str:
    """Return `text` as one line that is safe anywhere, with control characters escaped like ``\\x1b``.

    Args:
        text: text from the machine; bytes are decoded as UTF-8 with replacement.
        limit: how many characters of `text` to keep; of a longer text the end is kept, after ``…``.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if len(text) > limit:
        text = "…" + text[-limit:]
    return _UNSAFE.sub(_escaped, text)


def clean(text: str) -> str:
    """Return `text` without the characters that `printable` escapes."""
    return _UNSAFE.sub("", text)


def is_clean(text: str) -> bool:
    """Return whether `text` contains no character that `printable` escapes."""
    return not _UNSAFE.search(text)


def playable(text: str) -> str:
    """Return `text` for a recording: with colours, cursor movement and newlines, without all other controls."""
    kept: list[str] = []
    position = 0
    for match in _ESCAPE.finditer(text):
        kept += _UNSAFE_IN_PLAY.sub("", text[position : match.start()]), match["safe"] or ""
        position = match.end()
    return "".join([*kept, _UNSAFE_IN_PLAY.sub("", text[position:])])


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
