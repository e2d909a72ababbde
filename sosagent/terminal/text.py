"""Terminal bytes -> finished lines and the open line.

Console output is made for a terminal: it moves the cursor, redraws, sets colours and rings the bell. `Text` keeps
only the resulting text: the finished lines, and the *open line*, which has no newline yet and contains the prompt.

Most output is plain ASCII with CR LF and takes a fast path without work per character. All other output goes
through a small terminal with one logical line, wrapped at `width` columns, in which the cursor can move back. That
is enough to see the text behind a prompt after a shell's line editor has redrawn it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from ..printable import clean

__all__ = ["OPEN_LINE_LIMIT", "Text"]

OPEN_LINE_LIMIT = 64 * 1024
#: How many columns behind the end of the line the cursor may be. More than any terminal has, and few enough that a
#: short sequence does not make a long line.
_MAX_GAP = 512
_ESCAPE_LIMIT = 256
_MAX_DIGITS = 5  # of a parameter of an escape sequence

#: Bytes that the fast path cannot process: C0 without CR and LF, and DEL.
_SPECIAL = bytes(set(range(0x20)) - {0x0A, 0x0D}) + b"\x7f"

#: One token: plain text, a newline, a complete escape sequence, or a single control character.
_TOKEN = re.compile(
    r"(?P<run>[^\x00-\x1f\x7f]+)"
    r"|(?P<newline>\r*\n)"
    r"|\x1b\[(?P<params>[0-?]*)[ -/]*(?P<final>[@-~])"
    # A newline ends a string (OSC, DCS, APC, PM, SOS), so that an unterminated one does not hide all later output.
    # Where the text ends after it, the start of the next sequence was cut off (see _UNFINISHED).
    r"|\x1b[P\]X^_][^\x07\x1b\r\n]*(?:\x07|\x1b\\|(?=[\x1b\r\n]|\Z))"
    r"|\x1b[ -/]+[0-~]"
    r"|\x1b[0-OQ-WYZ`-~\\]"
    r"|(?P<control>[\x00-\x1f\x7f])"
)
#: The start of an incomplete escape sequence.
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[P\]X^_][^\x07\x1b\r\n]*\x1b?|[ -/]*)?\Z")


class Text:
    """Turns the bytes of a console into lines. Feed it bytes in portions of any size.

    Args:
        width: columns of the terminal that the machine assumes; 80 for a serial tty without a size.
        open_line: the initial contents of the open line.

    Attributes:
        cursor_jumps: how often the cursor was moved to an absolute position on the screen, as full-screen
            programs do. A jump to another row finishes the open line.
        just_jumped: whether nothing was written since the last jump.
        open_line: the line that has no newline yet, at most its last 64 KiB.
    """

    def __init__(self, width: int = 80, open_line: str = "") -> None:
        self.width = width
        self.cursor_jumps = 0
        self.restart(open_line)

    def restart(self, open_line: str) -> None:
        """Replace the open line and put the cursor at its end, for output of another width that was misread."""
        self.open_line = open_line
        self.just_jumped = False
        self._homed = False
        self._fresh: int | None = (
            None  # how much of the line was rewritten since it was interrupted; None if it was not
        )
        self._row = 0  # of the screen, as far as the output determined it; otherwise arbitrary
        self._cursor = len(open_line)
        self._wrap_pending = False
        self._held = b""  # carriage returns that a newline may follow
        self._escape = ""  # an incomplete escape sequence
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._plain = True  # the cursor is at the end and no sequence is incomplete

    @property
    def before_cursor(self) -> str:
        """The open line up to the cursor."""
        # A held carriage return already moves the cursor of a terminal: bash ends a full row with a space and CR.
        return self.open_line[: self._row_start() if self._held else self._cursor]

    @property
    def after_cursor(self) -> str:
        """The open line behind the cursor."""
        return self.open_line[self._cursor :]

    @property
    def prompt(self) -> str:
        """The open line without a right prompt: text behind the cursor that is separated by two blanks."""
        return self.open_line[: self._cursor] if self.after_cursor.startswith("  ") else self.open_line

    @property
    def interrupted(self) -> bool:
        """Whether text of the open line is from before an interruption; see `note_interruption`."""
        return self._fresh is not None

    def note_interruption(self) -> None:
        """A whole line was removed behind the open line, whose text so far may thus be that of a finished line."""
        self._fresh = 0 if self.open_line else None

    def feed(self, data: bytes) -> list[str]:
        """Process the next bytes; return the lines that they finish, without newlines."""
        if self._held:
            data = self._held + data
            self._held = b""
        if self._plain and data.isascii() and len(data.translate(None, _SPECIAL)) == len(data):
            text = data.decode("ascii")
            if "\r" in text:
                text = text.replace("\r\n", "\n")
                if "\r" in text:
                    return self._feed_slowly(data)
            self.just_jumped = self.just_jumped and not text
            if "\n" not in text:
                self.open_line += text
                self._cursor = len(self.open_line)
                self._limit_line()
                return []
            lines = (self.open_line + text).split("\n")
            self.open_line = lines.pop()
            self._fresh = None
            self._row += len(lines)
            self._cursor = len(self.open_line)
            return lines
        return self._feed_slowly(data)

    def _feed_slowly(self, data: bytes) -> list[str]:
        if self._plain:
            self._wrap_pending = self._cursor > 0 and self._cursor % self.width == 0
        stripped = data.rstrip(b"\r")
        self._held = data[len(stripped) :][:1]  # several carriage returns do what one does
        text = self._escape + self._decoder.decode(stripped)
        self._escape = ""
        if "\x1b" in text and (unfinished := _UNFINISHED.search(text)):
            kept = text[unfinished.start() :]
            text = text[: unfinished.start()]
            # Of a string that does not end, only the start is kept; its contents are dropped.
            self._escape = kept if len(kept) <= _ESCAPE_LIMIT else kept[:2] + "\x1b" * kept.endswith("\x1b")
        lines: list[str] = []
        for token in _TOKEN.finditer(text):
            kind = token.lastgroup
            if kind == "run":
                self._write(clean(token[0]))
            elif kind == "newline":
                self._newline(len(token[0]) > 1, lines)
            elif kind == "final":
                self._move(token["final"], token["params"], lines)
            elif kind == "control":
                self._control(token[0])
        if self._fresh is not None and self._fresh >= len(self.open_line):
            self._fresh = None
        # `_held` does not prevent the fast path: it is put in front of the next bytes.
        self._plain = (
            self._cursor == len(self.open_line)
            and not self._escape
            and not self._decoder.getstate()[0]
            and not self._held
            and not self._homed
        )
        return lines

    def _write(self, run: str) -> None:
        self.just_jumped = False
        if self._homed:  # overwriting after "home" is drawing; after clearing the screen it is not
            self.cursor_jumps += 1
            self._homed = False
        line, at = self.open_line, self._cursor
        if not line:
            self._fresh = None
        elif self._fresh is not None and at <= self._fresh:
            self._fresh = max(self._fresh, at + len(run))
        if at >= len(line):
            self.open_line = line + " " * (at - len(line)) + run
        else:
            self.open_line = line[:at] + run + line[at + len(run) :]
        self._cursor = at + len(run)
        self._limit_line()
        self._wrap_pending = self._cursor % self.width == 0 and bool(run)

    def _limit_line(self) -> None:
        dropped = len(self.open_line) - OPEN_LINE_LIMIT // 2
        if dropped > OPEN_LINE_LIMIT // 2:
            self.open_line = self.open_line[dropped:]
            self._cursor = len(self.open_line)
            if self._fresh is not None:
                self._fresh = max(self._fresh - dropped, 0)

    def _newline(self, with_return: bool, lines: list[str]) -> None:
        """End the line, unless the cursor is in an earlier row of a wrapped line."""
        row, last_row = self._row_start() // self.width, max(len(self.open_line) - 1, 0) // self.width
        if row < last_row:
            start = self._row_start()
            column = 0 if with_return else self._cursor - start
            self._cursor = start + self.width + column
        else:
            lines.append(self.open_line)
            self.open_line = ""
            self._fresh = None
            self._cursor = 0
            self.just_jumped = False
            self._row += 1
        self._wrap_pending = False

    def _row_start(self) -> int:
        at = self._cursor - 1 if self._wrap_pending else self._cursor
        return at - at % self.width

    def _control(self, character: str) -> None:
        if character == "\r":
            self._cursor = self._row_start()
        elif character == "\b":
            self._cursor = max(self._cursor - 1, 0)
        elif character == "\t":
            self._write(" " * (8 - self._cursor % 8))
            return
        else:
            return
        self._wrap_pending = False

    def _move(self, final: str, params: str, lines: list[str]) -> None:
        if params[:1] in tuple("<=>?"):
            return
        number, column = (part[:_MAX_DIGITS] for part in (*params.split(";"), "", "")[:2])
        if final in "Hf" and any(part.isdigit() and int(part) > 1 for part in (number, column)):
            self._go_to(int(number) if number.isdigit() else 1, column, lines)
            return
        action = _MOVES.get(final)
        if action is None:
            return
        action(self, min(int(number), OPEN_LINE_LIMIT) if number.isdigit() else None)
        self._cursor = min(max(self._cursor, 0), len(self.open_line) + _MAX_GAP)
        self._wrap_pending = False

    def _go_to(self, row: int, column: str, lines: list[str]) -> None:
        self.cursor_jumps += 1
        if row != self._row:
            if self.open_line.strip():
                lines.append(self.open_line.rstrip())
            self.open_line = ""
        self._row = row
        self._cursor = min(max(int(column) - 1, 0), self.width) if column.isdigit() else 0
        self._wrap_pending = False
        self.just_jumped = True

    def _up(self, count: int | None) -> None:
        self._cursor -= self.width * min(1 if count is None else count, self._cursor // self.width)

    def _down(self, count: int | None) -> None:
        rows = max(len(self.open_line) - 1, 0) // self.width - self._cursor // self.width
        self._cursor += self.width * max(min(count or 1, rows), 0)

    def _forward(self, count: int | None) -> None:
        self._cursor += count or 1

    def _back(self, count: int | None) -> None:
        self._cursor = max(self._cursor - (count or 1), self._row_start())

    def _column(self, count: int | None) -> None:
        self._cursor = self._row_start() + (count or 1) - 1

    def _erase_in_row(self, mode: int | None) -> None:
        start = self._row_start()
        if mode in (1, 2):
            self._overwrite(start, self._cursor + 1)
        if mode != 1:
            self._overwrite(self._cursor, start + self.width)

    def _erase_below(self, mode: int | None) -> None:
        self._homed = False
        if mode in (2, 3):  # the screen is cleared, including the open line
            self.open_line, self._cursor = "", 0
        elif not mode:
            self.open_line = self.open_line[: self._cursor]

    def _delete(self, count: int | None) -> None:
        line, at = self.open_line, self._cursor
        self.open_line = line[:at] + line[at + (count or 1) :]
        if self._fresh is not None:
            self._fresh = min(self._fresh, at)

    def _insert(self, count: int | None) -> None:
        line, at = self.open_line, self._cursor
        self.open_line = (line[:at] + " " * min(count or 1, self.width) + line[at:])[:OPEN_LINE_LIMIT]

    def _overwrite(self, start: int, end: int) -> None:
        line = self.open_line
        if end >= len(line):
            self.open_line = line[:start]
        else:
            self.open_line = line[:start] + " " * (end - start) + line[end:]

    def _home(self, _count: int | None) -> None:
        self._cursor = 0
        self._row = 1
        self._homed = True


#: The effect of a CSI sequence on the line, by its final character (ECMA-48 8.3). All others have none.
_MOVES: dict[str, Callable[[Text, int | None], None]] = {
    "A": Text._up,
    "B": Text._down,
    "C": Text._forward,
    "D": Text._back,
    "G": Text._column,
    "`": Text._column,
    "H": Text._home,
    "f": Text._home,
    "J": Text._erase_below,
    "K": Text._erase_in_row,
    "P": Text._delete,
    "@": Text._insert,
}
