"""Find out by ^L what reads a line after our own login, and answer a program that asks for the terminal's size."""

from __future__ import annotations

import enum
import re

from ..console.console import Console
from ..terminal.states import ECHOING, READING, SILENT, Action
from .redraw import clears_screen, redraw

__all__ = ["Reader", "ask_reader", "pending_query"]

_LOOKED_AT = 400  # bytes at the end of the output
#: What a terminal answers to the queries that programs wait for: its cursor's position, its state, and its type.
_ANSWERS = (
    (re.compile(rb"\x1b\[6n"), "\x1b[24;80R"),
    (re.compile(rb"\x1b\[5n"), "\x1b[0n"),
    (re.compile(rb"\x1b\[0?c"), "\x1b[?6c"),
)
#: What may follow a query without being text: the cursor is restored, colours are reset.
_NO_TEXT = rb"(?:\x1b[78]|\x1b\[[\d;]*m|\x1b\[\?\d+[hl])*\Z"


class Reader(enum.Enum):
    """What reads the line."""

    EDITOR = "a line editor, as shells have"
    LINES = "a program that reads whole lines, which the terminal echoes; or none yet"
    KEYS = "a program that reads keys"
    NOTHING = "a program that shows nothing that is typed"


async def ask_reader(console: Console) -> Reader:
    """Type ^L, and return what reads the line."""
    before, mark, received = console.open_line, console.mark(), console.bytes_received
    observed = await redraw(console)
    if observed.state is READING:
        return Reader.LINES
    new = console.bytes_received - received
    drawn = console.received.jumped_since(mark)
    if not drawn and new and clears_screen(console.output[-new:]):
        return Reader.EDITOR  # with the same prompt, which does not count as new
    if observed.state is SILENT and new:
        return Reader.EDITOR  # an empty prompt was drawn again
    if observed.state in (SILENT, ECHOING):
        return Reader.NOTHING
    same = bool(before.strip()) and console.open_line == before and not any(map(str.strip, console.since(mark)[0]))
    return Reader.EDITOR if not drawn and (same or observed.state.action is Action.PROBE) else Reader.KEYS


def pending_query(output: bytes) -> str:
    """Return the answer to a query of the terminal at the end of `output`, or an empty string."""
    end = output[-_LOOKED_AT:]
    for query, answer in _ANSWERS:
        if re.search(query.pattern + _NO_TEXT, end):
            return answer
    return ""
