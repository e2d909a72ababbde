"""Separate the escape commands (``Enter ~`` and a letter) from the bytes that the user types. No I/O.

The rules are OpenSSH's: the escape character counts only at the start of a line; with an unknown letter
both characters go to the console; typed twice, it is sent once. Inside a bracketed paste the escape
character has no meaning, because the text may contain a line that starts with ``~.``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import UsageError
from ..printable import printable

__all__ = [
    "LETTERS", "PASTE_END", "PASTE_START", "Command", "Escape", "Input", "PasteEdge", "Pasted", "Typed", "is_reply",
    "parse_escape",
]  # fmt: skip

#: The letters that follow the escape character, and their help.
LETTERS = {
    "?": "this help",
    ".": "leave",
    "s": "show the connection and the console's state",
    "b": "send a BREAK",
    "k": "add a key to the machine's authorized_keys, as sos-addkey does",
    "r": "start a recording, or stop the current one",
    "p": "send the text of a file, at the line's pace",
}
#: The brackets that a terminal puts around a paste when it is asked to (bracketed paste).
PASTE_START, PASTE_END = b"\x1b[200~", b"\x1b[201~"
_LINE_ENDS = b"\r\n"
#: Data that a terminal sends without a key press: its cursor position, identity, focus and mouse reports. Some shells
#: ask for them at each prompt; they must not move the user away from the start of the line.
_REPLY = re.compile(rb"\x1b\[(?:[?>=]?[\d;]*[Rcn]|\?[\d;]*\$y|[IO]|<[\d;]*[Mm])")
_PARTIAL_REPLY = re.compile(rb"\x1b(?:\[(?:[?>=<]?[\d;]{0,40}|\?[\d;]{0,40}\$))?")


@dataclass(frozen=True)
class Typed:
    """Keys for the console.

    Fields:
        data: the bytes that the terminal sent for them.
    """

    data: bytes


@dataclass(frozen=True)
class Pasted:
    """Part of a bracketed paste, for the console.

    Fields:
        data: the text without the brackets.
    """

    data: bytes


@dataclass(frozen=True)
class PasteEdge:
    """The start or the end of a bracketed paste.

    Fields:
        opens: whether this is the start.
    """

    opens: bool


@dataclass(frozen=True)
class Command:
    """An escape command.

    Fields:
        letter: one of `LETTERS`.
    """

    letter: str


Input = Typed | Pasted | PasteEdge | Command


class Escape:
    """Parser of the user's input. The bytes may arrive in chunks of any size.

    Args:
        character: the escape character; None sends everything to the console.
    """

    def __init__(self, character: bytes | None = b"~") -> None:
        self._character = None if character is None else character[0]
        self._line_start = True
        self._pending = False  # the escape character was typed, its letter was not
        self._pasting = False
        self._held = b""  # may become a bracket or a reply
        self._parsed: list[Input] = []

    def feed(self, data: bytes) -> list[Input]:
        """Parse the next bytes, and hold back a possible start of a bracket or a reply."""
        for at in range(len(data)):
            self._take(data[at : at + 1])
        return self._drain()

    @property
    def waits(self) -> bool:
        """Whether bytes are held that may be a complete key, such as Esc. Inside a paste there are no keys."""
        return bool(self._held) and not self._pasting

    def flush(self) -> list[Input]:
        """Return the held bytes; to be called when nothing followed in time. Inside a paste they stay held."""
        if not self._pasting:
            self._release()
        return self._drain()

    def _drain(self) -> list[Input]:
        parsed, self._parsed = self._parsed, []
        return parsed

    def _take(self, byte: bytes) -> None:
        bracket = PASTE_END if self._pasting else PASTE_START
        if self._held + byte == bracket:
            self._held = b""
            self._parsed.append(PasteEdge(not self._pasting))
            self._pasting = not self._pasting
        elif not self._pasting and _REPLY.fullmatch(self._held + byte):
            self._add(Typed, self._held + byte)
            self._held = b""
        elif bracket.startswith(self._held + byte) or (
            not self._pasting and self._held and _PARTIAL_REPLY.fullmatch(self._held + byte)
        ):
            self._held += byte
        elif self._held:
            self._release()
            self._take(byte)
        else:
            self._take_plain(byte)

    def _release(self) -> None:
        held, self._held = self._held, b""
        for at in range(len(held)):
            self._take_plain(held[at : at + 1])

    def _take_plain(self, byte: bytes) -> None:
        if self._pasting:
            self._add(Pasted, byte)
        elif self._pending:
            self._pending = False
            letter = byte.decode("latin-1")
            if letter in LETTERS:
                self._parsed.append(Command(letter))
                return  # still at the start of a line
            self._add(Typed, b"" if byte[0] == self._character else bytes((self._character or 0,)))
            self._add(Typed, byte)
        elif self._line_start and byte[0] == self._character:
            self._pending = True
            return
        else:
            self._add(Typed, byte)
        self._line_start = byte in _LINE_ENDS

    def _add(self, kind: type[Typed] | type[Pasted], data: bytes) -> None:
        last = self._parsed[-1] if self._parsed else None
        if data and isinstance(last, kind):
            self._parsed[-1] = kind(last.data + data)
        elif data:
            self._parsed.append(kind(data))


def is_reply(data: bytes) -> bool:
    """Whether `data` holds only replies and reports of the user's terminal, and no keys."""
    return not _REPLY.sub(b"", data)


def parse_escape(text: str) -> bytes | None:
    """Parse the value of ``--escape``: a character, ``^X`` for a control character, or ``none``.

    Returns:
        The escape character; None for ``none``.

    Raises:
        UsageError: the text is not such a value, or the character is one of `LETTERS`.
    """
    if text == "none":
        return None
    if re.fullmatch(r"\^[A-Z\]\\^_]", text, re.ASCII | re.IGNORECASE):
        byte = ord(text[1].upper()) & 0x1F
        if byte not in _LINE_ENDS:
            return bytes((byte,))
    elif re.fullmatch(r"[!-~]", text, re.ASCII) and text not in LETTERS:
        return text.encode("ascii")
    raise UsageError(
        f"--escape cannot be {printable(text, 40)!r}",
        hint=f"Use one character such as ~ or ^], but not {' '.join(LETTERS)}; or none.",
    )
