"""What a person types -> what goes to the console, and what is for us: ``Enter ~`` and a letter. No I/O.

As OpenSSH does it: the escape counts at the begin of a line only, behind an unknown letter both
characters go to the console, and the escape twice is the escape once. In a paste that the terminal
brackets nothing is looked for: a text may hold a line that begins with ``~.``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import UsageError
from ..printable import printable

__all__ = [
    "CLOSES", "LETTERS", "OPENS", "Command", "Edge", "Escape", "Input", "Pasted", "Typed", "escape_of", "only_answers",
]  # fmt: skip

#: Letters behind the escape, and what they do.
LETTERS = {
    "?": "this help",
    ".": "leave",
    "s": "what this is connected to, and how it goes",
    "b": "send a BREAK",
    "k": "add a key to the machine's authorized_keys, as sos-addkey does",
    "r": "start a recording, or end the one that runs",
    "p": "send a file's text, at the line's pace",
}
#: What terminals put around a paste, once they are asked to (bracketed paste).
OPENS, CLOSES = b"\x1b[200~", b"\x1b[201~"
_ENTER = b"\r\n"
#: What a terminal says by itself: where its cursor is, what it is, that it has the focus, where the mouse is. Some
#: shells ask it at each prompt, and that must not take the begin of the line away from the user.
_ANSWER = re.compile(rb"\x1b\[(?:[?>=]?[\d;]*[Rcn]|\?[\d;]*\$y|[IO]|<[\d;]*[Mm])")
_ANSWER_BEGINS = re.compile(rb"\x1b(?:\[(?:[?>=<]?[\d;]{0,40}|\?[\d;]{0,40}\$))?")


@dataclass(frozen=True)
class Typed:
    """Keys for the console.

    Fields:
        data: as the terminal gave them.
    """

    data: bytes


@dataclass(frozen=True)
class Pasted:
    """A part of a bracketed paste, for the console.

    Fields:
        data: without the brackets.
    """

    data: bytes


@dataclass(frozen=True)
class Edge:
    """A bracket of a paste.

    Fields:
        opens: whether it is the one before the paste.
    """

    opens: bool


@dataclass(frozen=True)
class Command:
    """The escape and a letter.

    Fields:
        letter: one of `LETTERS`.
    """

    letter: str


Input = Typed | Pasted | Edge | Command


class Escape:
    """Takes the escape out of what is typed. Feed it bytes in any portions.

    Args:
        character: the escape; None for none, so that everything goes to the console.
    """

    def __init__(self, character: bytes | None = b"~") -> None:
        self._character = None if character is None else character[0]
        self._at_begin = True  # of a line
        self._pending = False  # the escape was typed, its letter was not
        self._pasting = False
        self._held = b""  # may become a bracket
        self._found: list[Input] = []

    def feed(self, data: bytes) -> list[Input]:
        """Take the next bytes; gives what came of them. What may become a paste's bracket waits for its rest."""
        for at in range(len(data)):
            self._take(data[at : at + 1])
        return self._give()

    @property
    def waits(self) -> bool:
        """Whether a key came that may be the begin of more: Esc alone is one, too. In a paste there are no keys."""
        return bool(self._held) and not self._pasting

    def flush(self) -> list[Input]:
        """What waited, where nothing more comes. In a paste it waits on: more comes, if late."""
        if not self._pasting:
            self._let_go()
        return self._give()

    def _give(self) -> list[Input]:
        found, self._found = self._found, []
        return found

    def _take(self, byte: bytes) -> None:
        bracket = CLOSES if self._pasting else OPENS
        if self._held + byte == bracket:
            self._held = b""
            self._found.append(Edge(not self._pasting))
            self._pasting = not self._pasting
        elif not self._pasting and _ANSWER.fullmatch(self._held + byte):
            self._add(Typed, self._held + byte)
            self._held = b""
        elif bracket.startswith(self._held + byte) or (
            not self._pasting and self._held and _ANSWER_BEGINS.fullmatch(self._held + byte)
        ):
            self._held += byte
        elif self._held:
            self._let_go()
            self._take(byte)
        else:
            self._plain(byte)

    def _let_go(self) -> None:
        held, self._held = self._held, b""
        for at in range(len(held)):
            self._plain(held[at : at + 1])

    def _plain(self, byte: bytes) -> None:
        if self._pasting:
            self._add(Pasted, byte)
        elif self._pending:
            self._pending = False
            letter = byte.decode("latin-1")
            if letter in LETTERS:
                self._found.append(Command(letter))
                return  # behind it, still at the begin of a line
            self._add(Typed, b"" if byte[0] == self._character else bytes((self._character or 0,)))
            self._add(Typed, byte)
        elif self._at_begin and byte[0] == self._character:
            self._pending = True
            return
        else:
            self._add(Typed, byte)
        self._at_begin = byte in _ENTER

    def _add(self, kind: type[Typed] | type[Pasted], data: bytes) -> None:
        last = self._found[-1] if self._found else None
        if data and isinstance(last, kind):
            self._found[-1] = kind(last.data + data)
        elif data:
            self._found.append(kind(data))


def only_answers(data: bytes) -> bool:
    """Whether nobody typed this: the user's terminal has answered a question."""
    return not _ANSWER.sub(b"", data)


def escape_of(text: str) -> bytes | None:
    """The escape that ``--escape`` names: a character, ``^X`` for one with Ctrl, or ``none``.

    Raises:
        UsageError: it cannot be one.
    """
    if text == "none":
        return None
    if re.fullmatch(r"\^[A-Z\]\\^_]", text, re.ASCII | re.IGNORECASE):
        byte = ord(text[1].upper()) & 0x1F
        if byte not in _ENTER:
            return bytes((byte,))
    elif re.fullmatch(r"[!-~]", text, re.ASCII) and text not in LETTERS:
        return text.encode("ascii")
    raise UsageError(
        f"--escape cannot be {printable(text, 40)!r}",
        hint=f"One character such as ~ or ^] (none of {' '.join(LETTERS)}), or none.",
    )
