"""Filter console output for the user's own terminal, while it arrives. No I/O.

The filter passes more than a recording contains (`printable.playable`): full-screen programs need scroll regions,
the alternate screen, line drawing, and the queries that a terminal answers with numbers (its type, its cursor's
position). It drops everything that does more than paint: titles, the clipboard, palettes and hyperlinks (OSC);
all DCS, APC, PM and SOS strings; printing; window operations; and queries that are answered with text that the
sender can choose, such as the answerback.
"""

from __future__ import annotations

import codecs
import re

from ..printable import UNSAFE_CLASS

__all__ = ["Live"]

_MAX_HELD = 64  # characters of an incomplete escape sequence
#: All controls except those that paint, ring the bell or select a character set. Bytes that are not UTF-8 are decoded
#: to surrogates and pass too.
_UNSAFE = re.compile(
    f"[{UNSAFE_CLASS}]".replace("\x00-\x1f", "\x00-\x06\x10-\x1f").replace(
        "\ud800-\udfff", "\ud800-\udc9f\udd00-\udfff"
    )
)
_MODE = r"(?:1|5|6|7|12|25|47|1000|1002|1003|1005|1006|1015|1047|1048|1049|2004|2026)"
_SAFE = re.compile(
    # Colour, cursor, erasing, inserting, scrolling; without numbers that would keep a terminal busy.
    r"\x1b(?:\[(?:(?!\d{5}b|[\d;:]*\d{6})[0-9;:]*[@A-MPSTXZ`abdefgmrsu]"
    r"|[>=]?0?c|\??[56]n|\?\d{1,4}\$p"  # queries that are answered with numbers
    rf"|4[hl]|\?{_MODE}(?:;{_MODE})*[hl]|[0-6]? q|!p)"  # modes
    r"|[78DEHM=>c]|[()*+][0-2AB])"
)
#: A palette colour of the Linux console, which has no terminator; the start of a string; any other sequence.
_TOKEN = re.compile(
    r"\x1b(?:(?P<palette>\](?:P[0-9A-Fa-f]{7}|R))|(?P<string>[]P^_X])|\[[0-?]*[ -/]*[@-~]|[ -/]*[0-Z\\`-~]|)"
)
_PARTIAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[ -/]*)?")
_STRING_END = re.compile(r"\x07|\x1b\\|(?=\x1b[^\\]|[\r\n\x18\x1a])")
_MODES = re.compile(r"\x1b\[\?([\d;]+)([hl])")
_PASTE = "2004"
#: Sequences that reset the terminal. We use bracketed paste, so it is switched on again after them.
_RESETS = ("\x1bc", "\x1b[!p")
_BRACKETS = "\x1b[?2004h"
_SHIFTS = re.compile(r"[\x0e\x0f]")
#: The modes that are on by default.
_DEFAULT_ON = ("7", "25")
#: Settings of a terminal: the sequences that change it, the one that sets the default, and how to restore that. The
#: last sequence that matches determines the current setting.
_SETTINGS = (
    (re.compile(r"\x1b\[[\d;:]*r"), "\x1b[r", "\x1b7\x1b[r\x1b8"),
    (re.compile(r"\x1b[=>]"), "\x1b>", "\x1b>"),
    (re.compile(r"\x1b\[4[hl]"), "\x1b[4l", "\x1b[4l"),
    (re.compile(r"\x1b\[[0-6]? q"), "\x1b[0 q", "\x1b[0 q"),
    (re.compile(r"\x1b[(][0-2AB]"), "\x1b(B", "\x1b(B\x0f"),
    (re.compile(r"[\x0e\x0f]"), "\x0f", "\x0f"),
    (re.compile(r"\x1b[)][0-2AB]"), "\x1b)B", "\x1b)B"),
    (re.compile(r"\x1b(?:\[0?3?g|H)"), "", "\x1b[?5W"),  # tab stops: every eight columns
    (re.compile(r"\x1b\[[\d;:]*m"), "\x1b[m", "\x1b[m"),
)


class Live:
    """Removes from a stream everything that does more than paint. Feed it bytes in portions of any size.

    Attributes:
        brackets: whether the machine has requested bracketed paste. The request is not passed to the terminal; the
            code that sends a paste acts on it.
    """

    def __init__(self) -> None:
        self.brackets = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._held = ""
        self._in_string = False
        self._modes: dict[str, bool] = {}
        self._last: dict[int, str] = {}  # the last sequence for each entry of _SETTINGS

    def feed(self, data: bytes) -> bytes:
        """Process the next bytes; return those that may be shown. An incomplete sequence is held back."""
        text, self._held = self._held + self._decoder.decode(data), ""
        shown: list[str] = []
        at = 0
        while at < len(text):
            if self._in_string:
                at = self._skip_string(text, at)
                continue
            start = text.find("\x1b", at)
            plain = _UNSAFE.sub("", text[at : start if start >= 0 else None])
            shown.append(plain)
            for shift in _SHIFTS.findall(plain)[-1:]:
                self._note_setting(shift)
            if start < 0:
                break
            if len(text) - start < _MAX_HELD and _PARTIAL.fullmatch(text, start):
                self._held = text[start:]
                break
            token = _TOKEN.match(text, start)
            assert token is not None
            self._in_string = token["string"] is not None
            if not self._in_string:
                shown.append(self._allowed(token[0]))
            at = token.end()
        return "".join(shown).encode("utf-8", "surrogateescape")

    def _skip_string(self, text: str, at: int) -> int:
        end = _STRING_END.search(text, at)
        if end is not None:
            self._in_string = False
            return end.end()
        if text.endswith("\x1b"):
            self._held = "\x1b"
        return len(text)

    def _note_setting(self, sequence: str) -> None:
        for index, (pattern, _, _) in enumerate(_SETTINGS):
            if pattern.fullmatch(sequence):
                self._last[index] = sequence

    def _allowed(self, sequence: str) -> str:
        if not _SAFE.fullmatch(sequence):
            return ""
        self._note_setting(sequence)
        if sequence in _RESETS:
            self.brackets = False
            return sequence + _BRACKETS
        modes = _MODES.fullmatch(sequence)
        if modes is None:
            return sequence
        names = modes[1].split(";")
        if _PASTE in names:
            self.brackets = modes[2] == "h"
            names.remove(_PASTE)
        self._modes |= dict.fromkeys(names, modes[2] == "h")
        return f"\x1b[?{';'.join(names)}{modes[2]}" if names else ""

    def undo(self) -> bytes:
        """Return the sequences that restore the defaults of the terminal which the machine has changed."""
        changed = [
            name for name, on in self._modes.items() if on != (name in _DEFAULT_ON) and name not in ("12", "1048")
        ]
        sequences = [f"\x1b[?{name}{'h' if name in _DEFAULT_ON else 'l'}" for name in changed]
        for index, (_, default, restore) in enumerate(_SETTINGS):
            if self._last.get(index, default) != default:
                sequences.append(restore)
        self._modes.clear()
        self._last.clear()
        return "".join(sequences).encode()
