"""pyte's terminal, corrected where it differs from terminals. The tests compare it with tmux."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import pyte
from pyte import modes
from pyte.charsets import LAT1_MAP
from pyte.screens import Char, StaticDefaultDict
from wcwidth import wcwidth

__all__ = ["Emulator", "EmulatorStream"]

_MAX_MARKS = 4  # combining characters on one character

#: The characters of DEC line drawing, from ``_`` to ``~``. ESC ( 0 selects it as G0, ESC ) 0 as G1.
_LINE_DRAWING = "".join(map(chr, range(0x5F))) + "\xa0◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·\x7f"
#: The modes that show another screen until they are reset, so that a full-screen program leaves no trace.
_ALTERNATE = {47, 1047, 1049}


class EmulatorStream(pyte.Stream):
    """pyte's parser with the other control sequences of `Emulator`."""

    csi = pyte.Stream.csi | {"S": "scroll_up", "T": "scroll_down", "b": "repeat", "`": "cursor_to_column"}
    escape = pyte.Stream.escape | {"E": "next_line"}  # pyte returns to the first column only in a rare mode
    events = frozenset([*pyte.Stream.events, *csi.values(), *escape.values()])

    def __init__(self, screen: Emulator) -> None:
        super().__init__(screen)
        self.use_utf8 = False  # pyte ignores changes of the character set in UTF-8; terminals do not


class Emulator(pyte.Screen):
    """A terminal's screen.

    Args:
        columns, lines: its size.
    """

    def reset(self) -> None:
        """Return to the initial state."""
        super().reset()
        self.g0_charset = self.g1_charset = LAT1_MAP
        self._last = ""
        self._main: tuple[Any, list[Any]] | None = None  # the main screen and its saved cursor, behind the other one

    def define_charset(self, code: str, mode: str) -> None:
        """Select the character set of G0 (`mode` is an opening parenthesis) or G1."""
        chosen = _LINE_DRAWING if code == "0" else LAT1_MAP
        if mode == "(":
            self.g0_charset = chosen
        else:
            self.g1_charset = chosen

    def draw(self, data: str) -> None:
        """Draw text. pyte drops the rest of a text after a character without width that is not a combining one, and
        draws the left half of a wide character in the last column."""
        start = 0
        for at, character in enumerate(data):
            if (character <= "\u02ff" and not "~" < character < "\xa0") or (width := wcwidth(character)) == 1:
                continue
            super().draw(data[start:at])
            start = at
            if width == 2 and self.cursor.x == self.columns - 1 > 0:
                self.cursor.x = self.columns if modes.DECAWM in self.mode else self.columns - 2
            elif width <= 0:
                start = at + 1
                if width == 0:
                    self._add_mark(character)
        super().draw(data[start:])
        self._last = data[-1:] or self._last

    def repeat(self, count: int = 1) -> None:
        """Draw the last character again, `count` times, but at most for one row."""
        if self._last:
            self.draw(self._last * min(count or 1, self.columns))

    def set_margins(self, top: int | None = None, bottom: int | None = None) -> None:
        """Set the margins, or remove them. pyte goes to the first cell only in the first case."""
        super().set_margins(top, bottom)
        if self.margins is None:
            self.cursor_position()

    def cursor_up(self, count: int | None = None) -> None:
        """Move up to the upper margin, or to the first line from above that. pyte knows the margin only."""
        first = self.margins.top if self.margins and self.cursor.y >= self.margins.top else 0
        self.cursor.y = max(self.cursor.y - (count or 1), first)

    def cursor_down(self, count: int | None = None) -> None:
        """Move down to the lower margin, or to the last line from below that."""
        last = self.margins.bottom if self.margins and self.cursor.y <= self.margins.bottom else self.lines - 1
        self.cursor.y = min(self.cursor.y + (count or 1), last)

    def next_line(self) -> None:
        """Go to the first column of the next line."""
        self.carriage_return()
        self.index()

    def insert_lines(self, count: int | None = None) -> None:
        """Insert lines at the cursor. pyte fails to move a line to which nothing was written."""
        self._move_lines(-(count or 1))

    def delete_lines(self, count: int | None = None) -> None:
        """Delete lines at the cursor."""
        self._move_lines(count or 1)

    def scroll_up(self, count: int = 1) -> None:
        """Move the lines between the margins up."""
        with self._at_line(self.margins.bottom if self.margins else self.lines - 1):
            for _ in range(min(count or 1, self.lines)):
                self.index()

    def scroll_down(self, count: int = 1) -> None:
        """Move the lines between the margins down."""
        with self._at_line(self.margins.top if self.margins else 0):
            for _ in range(min(count or 1, self.lines)):
                self.reverse_index()

    def set_mode(self, *numbers: int, **kwargs: Any) -> None:
        """Set modes; one of `_ALTERNATE` shows an empty screen."""
        super().set_mode(*numbers, **kwargs)
        if kwargs.get("private") and self._main is None and _ALTERNATE & {*numbers}:
            self.save_cursor()
            self._main = self.buffer, self.savepoints
            self.savepoints = []
            self.buffer = defaultdict(lambda: StaticDefaultDict[int, Char](self.default_char))

    def reset_mode(self, *numbers: int, **kwargs: Any) -> None:
        """Reset modes; one of `_ALTERNATE` shows the main screen again."""
        super().reset_mode(*numbers, **kwargs)
        if kwargs.get("private") and self._main is not None and _ALTERNATE & {*numbers}:
            self.buffer, self.savepoints = self._main
            self._main = None
            self.restore_cursor()

    def save_cursor(self) -> None:
        """Save the cursor. pyte keeps all that were saved; terminals keep the last one."""
        self.savepoints.clear()
        super().save_cursor()

    def restore_cursor(self) -> None:
        """Return to the saved cursor, as often as asked."""
        saved = [point._replace(cursor=copy(point.cursor)) for point in self.savepoints]
        super().restore_cursor()
        if saved:  # pyte moves it between the margins
            self.cursor.y = min(saved[-1].cursor.y, self.lines - 1)
        self.savepoints += saved

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:
        """Erase a part of a line. Erased cells keep the background alone, not the style, as on terminals."""
        with self._erasing():
            super().erase_in_line(how, private)

    def erase_characters(self, count: int | None = None) -> None:
        """Erase some characters."""
        with self._erasing():
            super().erase_characters(count)

    def erase_in_display(self, how: int = 0, *args: Any, **kwargs: Any) -> None:
        """Erase a part of the screen. pyte leaves rows to which nothing was written as they are."""
        with self._erasing():
            for row in range(self.lines):
                if how >= 2 or (row > self.cursor.y if how == 0 else row < self.cursor.y):
                    self.buffer[row] = self._blank_line()
            if how < 2:
                super().erase_in_line(how)

    def _move_lines(self, count: int) -> None:
        top, bottom = self.margins or (0, self.lines - 1)
        if top <= self.cursor.y <= bottom:
            self.carriage_return()
            places = range(self.cursor.y, bottom + 1)
            moved = [self.buffer[place + count] if place + count in places else self._blank_line() for place in places]
            self.buffer.update(zip(places, moved, strict=True))

    def _blank_line(self) -> StaticDefaultDict[int, Char]:
        return StaticDefaultDict(Char(" ", bg=self.cursor.attrs.bg))

    @contextmanager
    def _at_line(self, line: int) -> Iterator[None]:
        before, self.cursor.y = self.cursor.y, line
        try:
            yield
        finally:
            self.cursor.y = before

    @contextmanager
    def _erasing(self) -> Iterator[None]:
        style = self.cursor.attrs
        self.cursor.attrs = Char(" ", bg=style.bg)
        try:
            yield
        finally:
            self.cursor.attrs = style

    def _add_mark(self, mark: str) -> None:
        column = min(self.cursor.x, self.columns) - 1
        if column < 0:
            return
        line = self.buffer[self.cursor.y]
        if column and not line[column].data:
            column -= 1  # the right half of a wide character
        cell = line[column]
        if cell.data and len(unicodedata.normalize("NFD", cell.data)) <= _MAX_MARKS:
            line[column] = cell._replace(data=unicodedata.normalize("NFC", cell.data + mark))
