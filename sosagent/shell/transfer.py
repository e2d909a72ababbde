"""What uploads and downloads share: the path on the machine, how bytes become text, how much goes at once."""

from __future__ import annotations

import base64
import binascii
import gzip
import re
import shlex
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypedDict

from ..errors import ConsoleError, EditRefused, LineDamaged, NotVerified, UsageError
from ..printable import printable
from .programs import Expanded, Word, program

if TYPE_CHECKING:
    from .verified import Result, VerifiedShell

__all__ = [
    "FLOOR", "MOST_BYTES", "FindTools", "PieceSize", "Tools", "Transfer", "ask_tools", "reading", "refused",
    "remote_word", "said", "steady",
]  # fmt: skip

MOST_BYTES = 1 << 30  # what the machine says of a file's length is not believed beyond
FLOOR = 64  # bytes of the smallest piece
_FIRST, _MOST = 2048, 48 * 1024
_MOST_WITHOUT_BASE64 = 16 * 1024  # a byte takes three characters or so
_PIECE_SECONDS = 15.0  # a piece that takes longer is not followed by a bigger one
_GROW_AFTER = 4  # intact pieces, once one was damaged
_STEADY_TRIES = 8
_FLOOR_TRIES = 3  # at the floor, before the line is typed to more slowly
_MOST_PATH = 4000

_SAFE = re.compile(r"[\w./@%+,:=-]*", re.ASCII)
_SAID = re.compile(r"([a-z])(?: (.{1,400}))?")
#: What makes bytes of base64, and base64 of bytes in one line; the first of each that works is taken.
_DECODERS = (
    "base64 -d",
    "openssl base64 -d -A",
    "python3 -c 'import sys,base64;sys.stdout.buffer.write(base64.b64decode(sys.stdin.read()))'",
    "perl -MMIME::Base64 -0777ne 'print decode_base64($_)'",
    "busybox base64 -d",
)
_ENCODERS = (
    "base64|tr -d '\\n'",
    "openssl base64 -A",
    "python3 -c 'import sys,base64;print(base64.b64encode(sys.stdin.buffer.read()).decode())'",
    "perl -MMIME::Base64 -0777ne 'print encode_base64($_,\"\")'",
    "busybox base64|busybox tr -d '\\n'",
)
_HEX = "od -An -v -tx1|tr -d ' \\n'"
#: How printf(1) is given a byte. As it is only where no shell, format or program of ours means something by it: a
#: history, an option, a name that `program` makes short.
_OCTAL = [
    chr(byte) if 32 <= byte < 127 and chr(byte) not in "!%'-\\_" else f"\\{byte:03o}" for byte in range(256)
]  # fmt: skip


class Sending(TypedDict, total=False):
    """How a piece is sent; see `Shell.run`."""

    tries: int
    slower: bool


@dataclass(frozen=True)
class Transfer:
    """A file that has arrived, and was compared.

    Fields:
        path: where it is now: on the machine for an upload, here for a download; empty if it is in `data` alone.
        size: in bytes.
        cksum: what ``cksum`` says of it on both sides.
        sha256: the same of sha256sum; None where the machine has none.
        seconds: how long it took.
        resumed_from: so many bytes were there from a run that was cut.
        bytes_sent, bytes_received: on the line.
        data: what was downloaded, where no file was named.
    """

    path: str
    size: int
    cksum: str
    sha256: str | None
    seconds: float
    resumed_from: int
    bytes_sent: int
    bytes_received: int
    data: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Tools:
    """What the machine makes text of bytes with, and back.

    Fields:
        decoder: makes bytes of base64; None where printf must.
        encoder: makes base64 of bytes; None where od must.
        gzip: whether it has that.
    """

    decoder: str | None
    encoder: str | None
    gzip: bool

    def printing(self, piece: bytes) -> str:
        """Commands that print `piece` on the machine; packed where that is shorter."""
        plain = self._text(piece)
        if not self.gzip:
            return plain
        packed = f"{self._text(gzip.compress(piece, 9, mtime=0))}|gzip -dc"
        return min(plain, packed, key=len)

    def _text(self, piece: bytes) -> str:
        if self.decoder is None:
            return f"printf '{''.join(_OCTAL[byte] for byte in piece)}'"
        return f"printf %s {base64.b64encode(piece).decode('ascii')}|{self.decoder}"

    def read(self, text: bytes, size: int) -> bytes | None:
        """The piece of which the machine made `text`; None if that is not `size` bytes. No more is ever unpacked.

        Args:
            text: what ``piece.sh`` printed.
            size: how many bytes were asked for.
        """
        kind, text = text[:1], b"".join(text[1:].split())
        try:
            data = binascii.unhexlify(text) if self.encoder is None else base64.b64decode(text, validate=True)
            if kind == b"z":
                data = zlib.decompressobj(wbits=31).decompress(data, size + 1)
        except (binascii.Error, zlib.error):
            return None
        return data if kind in (b"r", b"z") and len(data) == size else None


#: Tells what the machine has; see `ask_tools`.
FindTools = Callable[[], Awaitable[Tools]]


class PieceSize:
    """How much is sent at once: more while nothing is damaged and it does not take long, else less. No I/O.

    Args:
        tools: without base64 it stays smaller.
    """

    def __init__(self, tools: Tools) -> None:
        base = tools.decoder is not None and tools.encoder is not None
        self.size = _FIRST
        self._most = _MOST if base else _MOST_WITHOUT_BASE64
        self._was_damaged = False
        self._intact = 0  # pieces of this size
        self._failed = 0  # one after the other, at the floor

    @property
    def sending(self) -> Sending:
        """How to send it: once, since a smaller one is next; at the floor slower, since the line may overrun."""
        return {} if self._failed >= _FLOOR_TRIES else {"tries": 1, "slower": False}

    def intact(self, seconds: float) -> None:
        """One has arrived, and took so long."""
        self._failed = 0
        self._intact += 1
        if seconds > _PIECE_SECONDS:
            self.size = max(self.size // 2, FLOOR)
        elif seconds < _PIECE_SECONDS / 2 and self._intact >= (_GROW_AFTER if self._was_damaged else 1):
            self.size = min(2 * self.size, self._most)
            self._intact = 0

    def damaged(self, error: ConsoleError) -> None:
        """One has not.

        Raises:
            ConsoleError: `error`, when nothing smaller or slower is left to try.
        """
        if not isinstance(error, LineDamaged | NotVerified) or not self.sending:
            raise error
        self._was_damaged, self._intact = True, 0
        if self.size == FLOOR:
            self._failed += 1
        self.size = max(self.size // 2, FLOOR)


def remote_word(path: str) -> Word:
    """A path on the machine as a word of its shell.

    Raises:
        UsageError: it does not say from where on, or is none of a file.
    """
    home, rest = path.startswith("~/"), path.removeprefix("~")
    name = rest.rpartition("/")[2]
    if not rest.startswith("/") or len(rest) > _MOST_PATH:
        raise UsageError(
            f"{printable(path, 80)!r} is no path that a file on the machine can have",
            hint="It begins with / or, for the home folder of the login, with ~/",
        )
    if re.search(r"[\x00-\x1f\x7f]", path):
        raise UsageError(f"the path {printable(path, 80)!r} holds control characters")
    if name in ("", ".", ".."):
        raise UsageError(f"{printable(path, 80)!r} names a folder; name the file itself")
    typed = rest[1:] if home else rest  # the slash behind the tilde may not be quoted
    if _SAFE.fullmatch(typed):
        word = typed
    elif typed.isascii() and "!" not in typed:
        word = shlex.quote(typed)
    else:
        word = f"$(printf '{''.join(_OCTAL[byte] for byte in typed.encode('utf-8', 'surrogateescape'))}')"
    return Word(f"~/{word}" if home else word)


async def steady(shell: VerifiedShell, text: str) -> Result:
    """Run a short program. On a line with noise it is sent again as fast: slower helps against overruns alone."""
    try:
        return await shell.run(text, tries=_STEADY_TRIES, slower=False)
    except LineDamaged:
        return await shell.run(text)


async def ask_tools(shell: VerifiedShell) -> Tools:
    """Find out which tools the machine has, by trying each. Most have base64, so that is tried alone first."""
    tools = await _asked(shell, 1)
    if tools.decoder is None or tools.encoder is None:
        tools = await _asked(shell, len(_DECODERS))
    return tools


async def _asked(shell: VerifiedShell, count: int) -> Tools:
    decoders, encoders = (Expanded(" ".join(map(shlex.quote, all_[:count]))) for all_ in (_DECODERS, _ENCODERS))
    told, _ = said((await steady(shell, program("tools", decoders=decoders, encoders=encoders))).lines)
    return Tools(_numbered(_DECODERS[:count], told.get("d")), _numbered(_ENCODERS[:count], told.get("e")), "z" in told)


def reading(tools: Tools, copy: str) -> str:
    """The program that prints what the commands `copy` do, as text."""
    form, pack = tools.encoder or _HEX, "gzip -c" if tools.gzip else "cat"
    return program("piece", copy=Expanded(copy), form=Expanded(form), pack=Expanded(pack))


def _numbered(commands: Sequence[str], number: str | None) -> str | None:
    index = int(number) if number is not None and re.fullmatch(r"\d", number) else len(commands)
    return commands[index] if index < len(commands) else None


def said(lines: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """What a program said by letter, the last of each; and the other lines, which are complaints."""
    told: dict[str, str] = {}
    complaints = []
    for line in lines:
        found = _SAID.fullmatch(line)
        if found is not None:
            told[found[1]] = found[2] or ""
        elif line.strip():
            complaints.append(line)
    return told, complaints


_REASONS: dict[Literal["full", "read-only"], tuple[str, ...]] = {
    "full": ("No space left", "Disk quota exceeded", "File too large"),
    "read-only": ("Read-only file system",),
}
_HINTS = {
    "full": "Make room there, or name another folder; then run again.",
    "read-only": "Name a folder that can be written to, or make the file system writable by hand.",
    "": "The machine's own words are above.",
}


def refused(message: str, complaints: Sequence[str] = (), hint: str | None = None) -> EditRefused:
    """The error for what the machine cannot or may not do, with what it said."""
    text = "\n".join(complaints)
    reason = next((name for name, words in _REASONS.items() if any(word in text for word in words)), "")
    why = {"full": ": the disk is full", "read-only": ": it is on a read-only file system", "": ""}[reason]
    if not reason and complaints:
        why = f": {printable(complaints[0])}"
    told = hint if hint is not None else _HINTS[reason] if complaints else ""
    return EditRefused(f"{message}{why}", state="our shell", tail=complaints, hint=told)
