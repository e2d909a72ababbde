"""The screen that a terminal would show for the output of a console, computed by pyte."""

from __future__ import annotations

import re

import pyte
from pyte.screens import Char
from wcwidth import wcwidth

from ..printable import clean
from .emulator import Emulator, EmulatorStream

__all__ = ["cells_of", "rows_of", "screen_of", "terminal_of"]

#: Text that may contain a character to remove.
_NOT_ASCII = re.compile("[\xa0-\U0010ffff]+")
#: Variation selectors: they choose between two drawings of the same character.
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")

#: With TERM=ansi, programs draw lines in code page 437, between SGR 11 and SGR 10, as Linux's console has it.
_STYLE = re.compile(rb"\x1b\[([0-9;]*)m")
_CODE_PAGE = {
    **{code: bytes([code]).decode("cp437") for code in range(128, 256)},
    **{4: "♦", 16: "►", 17: "◄", 24: "↑", 25: "↓"},
}
#: A change to G1 that no change back follows on the same line: noise, if G1 was not selected.
_LONE_SHIFT = re.compile(r"\x0e(?![^\x0e\x0f\n]{1,500}\x0f)")

#: Fills the whole screen with E. A few kilobytes of it would keep pyte busy for a minute.
_FILL = re.compile(r"\x1b#8")

#: Control sequences. pyte fails on some that have no meaning to any terminal.
_CSI = re.compile(
    r"(?:\x1b\[|\x9b)(?P<private>[<-?]?)(?P<params>[0-9;]*+)(?P<between>[^@-~\x1b\x9b]*+)(?P<final>[@-~]?)"
)


def screen_of(output: bytes, columns: int, rows: int) -> list[str]:
    """Return the rows of a terminal after `output`, from the top, printable and without trailing blanks.

    Args:
        output: bytes from a console.
        columns, rows: the size of the terminal.
    """
    return rows_of(terminal_of(output, columns, rows))


def rows_of(screen: pyte.Screen) -> list[str]:
    """Return the rows of a terminal from the top, printable and without trailing blanks."""
    return [clean("".join(cell.data for cell in cells_of(screen, row))).rstrip() for row in range(screen.lines)]


def cells_of(screen: pyte.Screen, row: int) -> list[Char]:
    """Return the cells of a row; the right half of a wide character is a cell without text.

    If one half of a wide character was overwritten, the other half becomes a blank, as on a terminal.
    """
    cells = [screen.buffer[row][column] for column in range(screen.columns)]
    whole = []
    for column, cell in enumerate(cells):
        if not cell.data:
            left_half = column > 0 and wcwidth(cells[column - 1].data[:1]) == 2
            cell = cell if left_half else cell._replace(data=" ")
        elif wcwidth(cell.data[0]) == 2 and column + 1 < len(cells) and cells[column + 1].data:
            cell = cell._replace(data=" ")
        whole.append(cell)
    return whole


def terminal_of(output: bytes, columns: int, rows: int) -> pyte.Screen:
    """Return the terminal after `output`, with colours.

    The output may have begun in the middle: if it never selects G1, a text between SO and SI is line drawing.
    """
    screen = Emulator(columns, rows)
    text = _NOT_ASCII.sub(lambda match: _SELECTORS.sub("", clean(match[0])), _decoded(output))
    text = _FILL.sub("", text) if "\x1b#8" in text else text
    if "\x0e" in text and "\x1b)" not in text:
        text = "\x1b)0" + _LONE_SHIFT.sub("", text)
    EmulatorStream(screen).feed(_CSI.sub(_supported, text))
    return screen


def _decoded(output: bytes) -> str:
    """Decode UTF-8, and code page 437 where Linux's console would."""
    texts = []
    start = 0
    selected = False
    for style in _STYLE.finditer(output):
        now = _selects_code_page(style[1], selected)
        if now != selected:
            texts.append(_decoded_part(output[start : style.start()], selected))
            start, selected = style.start(), now
    return "".join([*texts, _decoded_part(output[start:], selected)])


def _decoded_part(part: bytes, code_page: bool) -> str:
    return part.decode("latin-1").translate(_CODE_PAGE) if code_page else part.decode("utf-8", "replace")


def _selects_code_page(params: bytes, selected: bool) -> bool:
    """Return whether the code page is selected after a style, if it was or was not `selected` before."""
    words = iter(params.split(b";"))
    for word in words:
        if word in (b"38", b"48"):  # a colour: a number or three follow
            for _ in range(1 if next(words, b"") == b"5" else 3):
                next(words, b"")
        elif word in (b"10", b"11", b"12"):
            selected = word != b"10"
    return selected


def _supported(sequence: re.Match[str]) -> str:
    private, params, between, final = sequence.group("private", "params", "between", "final")
    if final == "m" and between.startswith(":"):
        params, between = _with_semicolons(params + between), ""
    if between or (private and (private != "?" or final not in "hl")):
        return ""
    params = re.sub(r"\d{5,}", "9999", params)
    if final in "cn":  # queries, which a terminal would answer
        return ""
    if private and "5" in params.split(";"):  # reverse video repaints the screen each time
        return ""
    if final not in "mhl":
        params = ";".join(params.split(";")[: 2 if final in "Hfr" else 1])
    if final in "su":  # with parameters, margins or a protocol for keys
        return "" if private or params else "\x1b7" if final == "s" else "\x1b8"
    if final in "JK" and params not in ("", "0", "1", "2", "3" if final == "J" else ""):
        return ""
    return f"\x1b[{private}{params}{final}"


def _with_semicolons(params: str) -> str:
    """Return the parameters of a colour or style with `;` in place of `:`, such as 38:2::255:128:0."""
    if not re.fullmatch(r"[0-9;:]{1,200}", params):
        return ""
    plain = []
    for param in params.split(";"):
        kind, _, more = param.partition(":")
        values = more.split(":")
        if kind in ("38", "48") and values[0] == "2":
            plain.append(";".join([kind, "2", *values[-3:]]) if len(values) >= 4 else "")
        elif kind == "4" and more == "0":
            plain.append("24")
        elif kind in ("38", "48") and more:
            plain.append(f"{kind};{';'.join(values)}")
        elif kind != "58":  # the colour of the underline
            plain.append(kind)
    return ";".join(value for value in plain if value)
