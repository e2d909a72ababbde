"""Whether what came back is the echo of a line that was typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from ..terminal.text import Text

__all__ = ["USUAL_WIDTHS", "EchoReader", "resembles", "shows_line"]

#: fish makes the row below a full one with this: a carriage return goes back to the full row, and no line has ended.
_DOWN_AND_UP = re.compile(rb"(?<!\r)\r*+\n\x1b\[A")
#: What may become that with the next bytes.
_DOWN_AND_UP_STARTS = re.compile(rb"\n(?:\x1b\[?)?\Z")
#: Terminal widths that are tried first. Shells assume 80 for a serial tty without a size.
USUAL_WIDTHS = (80, 999)
_WIDTHS = (*USUAL_WIDTHS, 132, 100, 120, 160, 200, *range(40, 260))
_MOST_BYTES = 1 << 20  # that are read in all to find the width; a hostile console could keep us busy with more

_SIMILAR = 0.6
_LONGEST = 300  # characters that are compared


class EchoReader:
    """Reads an echo as it arrives, as terminals of the usual widths would show it.

    Args:
        before: the open line behind which the echo is expected.
        text: the text that was typed.
    """

    def __init__(self, before: str, text: str, widths: Sequence[int] = USUAL_WIDTHS) -> None:
        wanted = [before + text]
        if before and not before[-1].isspace():
            wanted.append(f"{before} {text}")  # the blank at the end of the prompt arrived late
        self._screens = [_Screen(Text(width, before), one) for width in widths for one in wanted]
        self._held = b""

    def feed(self, data: bytes) -> None:
        """Process the next bytes of the echo."""
        data = self._held + data
        start = match.start() if (match := _DOWN_AND_UP_STARTS.search(data)) else len(data)
        data, self._held = data[:start], data[start:]
        self._feed(data)

    def finish(self) -> None:
        """No more bytes follow."""
        self._feed(self._held)
        self._held = b""

    def _feed(self, data: bytes) -> None:
        data = _DOWN_AND_UP.sub(b"\r", data)
        for screen in self._screens:
            screen.feed(data)

    @property
    def shows_line(self) -> bool:
        """Whether exactly the text that was typed is there now, at one of the widths."""
        return not self._held and any(screen.shows_line for screen in self._screens)

    @property
    def shows_beginning(self) -> bool:
        """Whether a part of the text is there, from its beginning and without a fault, at one of the widths."""
        return any(screen.shows_beginning for screen in self._screens)


class _Screen:
    """One width. Shells that know their terminal's width break the line themselves, so finished lines are joined.

    Text behind the cursor was not typed: fish shows there how the line might continue.
    """

    def __init__(self, text: Text, wanted: str) -> None:
        self._text, self._wanted = text, wanted
        self._finished = ""
        self._before = len(text.before_cursor)

    def feed(self, data: bytes) -> None:
        # More than the whole line in finished lines is no echo, whatever follows.
        if len(self._finished) <= len(self._wanted):
            self._finished += "".join(self._text.feed(data))

    @property
    def shows_line(self) -> bool:
        return self._shown == self._wanted

    @property
    def shows_beginning(self) -> bool:
        return len(self._shown) > self._before and self._wanted.startswith(self._shown)

    @property
    def _shown(self) -> str:
        return self._finished + self._text.before_cursor


def shows_line(echo: bytes, before: str, text: str, widths: Sequence[int] = _WIDTHS) -> bool:
    """Return whether `echo`, received behind `before`, leaves exactly `text` there at one of the `widths`."""
    for width in widths[: max(_MOST_BYTES // (len(echo) or 1), len(USUAL_WIDTHS))]:
        reader = EchoReader(before, text, (width,))
        reader.feed(echo)
        reader.finish()
        if reader.shows_line:
            return True
    return False


def resembles(echo: bytes, text: str) -> bool:
    """Whether `echo` is the echo of `text` with some bytes damaged, and not something else.

    A line editor that draws, and a program that answers instead of echoing, do not damage anything.
    """
    if not echo or b"\x1b" in echo:
        return False
    came = echo.decode("latin-1").replace("\r", "").replace("\n", "")[: 2 * _LONGEST]
    return SequenceMatcher(None, came, text[:_LONGEST], autojunk=False).ratio() >= _SIMILAR
