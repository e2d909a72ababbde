"""What a console sends -> what a person's own terminal may get of it while it comes. No I/O.

More passes than in a recording (`printable.playable`): full-screen programs need scroll regions,
the other screen, line drawing and the two questions whose answer is but numbers (what the terminal
is, where its cursor is). What does more than paint stays out: titles, the clipboard, palettes and
hyperlinks (OSC), everything that is defined or asked for by DCS, APC, PM and SOS, printing, window
operations, the answerback, what makes the terminal answer with text that somebody else chose.
"""

from __future__ import annotations

import codecs
import re

from ..printable import UNSAFE_CLASS

__all__ = ["Live"]

_LONGEST = 64  # an escape sequence that waits for its end
#: Controls that paint, ring, or choose a character set, stay; so do bytes that are no UTF-8, which came as surrogates.
_UNSAFE = re.compile(
    f"[{UNSAFE_CLASS}]".replace("\x00-\x1f", "\x00-\x06\x10-\x1f").replace(
        "\ud800-\udfff", "\ud800-\udc9f\udd00-\udfff"
    )
)
_MODE = r"(?:1|5|6|7|12|25|47|1000|1002|1003|1005|1006|1015|1047|1048|1049|2004|2026)"
_SAFE = re.compile(
    # Colour, cursor, erasing, inserting, scrolling; no number that a terminal would work at for long.
    r"\x1b(?:\[(?:(?!\d{5}b|[\d;:]*\d{6})[0-9;:]*[@A-MPSTXZ`abdefgmrsu]"
    r"|[>=]?0?c|\??[56]n|\?\d{1,4}\$p"  # questions that are answered with numbers
    rf"|4[hl]|\?{_MODE}(?:;{_MODE})*[hl]|[0-6]? q|!p)"  # modes
    r"|[78DEHM=>c]|[()*+][0-2AB])"
)
#: A palette's colour, which nothing ends; the begin of a string; and any other sequence.
_TOKEN = re.compile(
    r"\x1b(?:(?P<palette>\](?:P[0-9A-Fa-f]{7}|R))|(?P<string>[]P^_X])|\[[0-?]*[ -/]*[@-~]|[ -/]*[0-Z\\`-~]|)"
)
_PARTIAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[ -/]*)?")
_STRING_END = re.compile(r"\x07|\x1b\\|(?=\x1b[^\\]|[\r\n\x18\x1a])")
_MODES = re.compile(r"\x1b\[\?([\d;]+)([hl])")
_PASTE = "2004"
#: They put the terminal as it was when it was switched on: that asking for brackets around pastes is ours stays so.
_RESETS = ("\x1bc", "\x1b[!p")
_BRACKETS = "\x1b[?2004h"
_SHIFTS = re.compile(r"[\x0e\x0f]")
#: Modes that are on where nobody has touched them; all others are off.
_ON = ("7", "25")
#: What the sequences leave behind, and what puts that right: the last one that fits tells.
_LEFT_BEHIND = (
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
    """Takes out of a stream what does more than paint. Feed it bytes in any portions.

    Attributes:
        brackets: whether the machine wants pastes in brackets. Its wish is not passed on: it is for who pastes.
    """

    def __init__(self) -> None:
        self.brackets = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._held = ""
        self._in_string = False
        self._modes: dict[str, bool] = {}
        self._last: dict[int, str] = {}  # by row of _LEFT_BEHIND

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; gives those that may be shown. A sequence that is cut waits for its end."""
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
                self._leaves(shift)
            if start < 0:
                break
            if len(text) - start < _LONGEST and _PARTIAL.fullmatch(text, start):
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

    def _leaves(self, sequence: str) -> None:
        for row, (looks, _, _) in enumerate(_LEFT_BEHIND):
            if looks.fullmatch(sequence):
                self._last[row] = sequence

    def _allowed(self, sequence: str) -> str:
        if not _SAFE.fullmatch(sequence):
            return ""
        self._leaves(sequence)
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
        """What puts the terminal right again, should the machine have left it otherwise."""
        odd = [name for name, on in self._modes.items() if on != (name in _ON) and name not in ("12", "1048")]
        back = [f"\x1b[?{name}{'h' if name in _ON else 'l'}" for name in odd]
        back += [mend for row, (_, plain, mend) in enumerate(_LEFT_BEHIND) if self._last.get(row, plain) != plain]
        self._modes.clear()
        self._last.clear()
        return "".join(back).encode()
