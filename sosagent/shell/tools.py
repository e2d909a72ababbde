"""The commands of the machine that turn the bytes of a file into text and back."""

from __future__ import annotations

import base64
import binascii
import gzip
import re
import shlex
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .programs import Expanded, program
from .transfer import parse_answers, printf_octal, run_short

if TYPE_CHECKING:
    from .verified import VerifiedShell

__all__ = ["NO_ENCODER", "FindTools", "Tools", "ask_tools", "encoding_program"]

#: Commands that decode base64, and commands that encode it in one line; the first of each that works is used.
_DECODERS = (
    "base64 -d",
    "openssl base64 -d -A",
    "python3 -c 'import sys,base64;sys.stdout.buffer.write(base64.b64decode(sys.stdin.read()))'",
    "perl -MMIME::Base64 -0777ne 'print decode_base64($_)'",
    "busybox base64 -d",
)
_ENCODERS = (
    "printf %s $(base64)",
    "openssl base64 -A",
    "python3 -c 'import sys,base64;print(base64.b64encode(sys.stdin.buffer.read()).decode())'",
    "perl -MMIME::Base64 -0777ne 'print encode_base64($_,\"\")'",
    "printf %s $(busybox base64)",
)
#: BusyBox's hexdump prints a byte above 127 as a negative number in any other format.
_HEX_ENCODER = "printf %s $({ od -An -v -tx1||hexdump -v -C|sed 's/|.*//;s/^[^ ]*//';} 2>/dev/null)"
#: What to do where `Tools.can_encode` is False.
NO_ENCODER = "To print bytes as text, the machine needs one of base64, openssl, python3, perl, od and hexdump."


@dataclass(frozen=True)
class Tools:
    """The commands that a machine has for file transfers.

    Fields:
        decoder: decodes base64; None where printf must do it.
        encoder: encodes base64; None where od must print hexadecimal.
        gzip: whether gzip works.
        hexadecimal: whether od or hexdump works.
    """

    decoder: str | None
    encoder: str | None
    gzip: bool
    hexadecimal: bool = True

    @property
    def can_encode(self) -> bool:
        """Whether the machine can print the bytes of a file as text."""
        return self.encoder is not None or self.hexadecimal

    def printing(self, piece: bytes) -> str:
        """Return commands that print `piece` on the machine, compressed where that is shorter."""
        plain = self._decoding(piece)
        if not self.gzip:
            return plain
        packed = f"{self._decoding(gzip.compress(piece, 9, mtime=0))}|gzip -dc"
        return min(plain, packed, key=len)

    def _decoding(self, piece: bytes) -> str:
        if self.decoder is None:
            return f"printf '{printf_octal(piece)}'"
        return f"printf %s {base64.b64encode(piece).decode('ascii')}|{self.decoder}"

    def decode(self, text: bytes, size: int) -> bytes | None:
        """Return the piece of a file that the machine encoded as `text`; None if it is not `size` bytes long.

        At most one byte more than `size` is ever decompressed.

        Args:
            text: output of ``encode_piece.sh``.
            size: how many bytes were requested.
        """
        kind, text = text[:1], b"".join(text[1:].split())
        try:
            data = binascii.unhexlify(text) if self.encoder is None else base64.b64decode(text, validate=True)
            if kind == b"z":
                data = zlib.decompressobj(wbits=31).decompress(data, size + 1)
        except (binascii.Error, zlib.error):
            return None
        return data if kind in (b"r", b"z") and len(data) == size else None


#: Returns the tools of the machine; see `ask_tools`.
FindTools = Callable[[], Awaitable[Tools]]


async def ask_tools(shell: VerifiedShell) -> Tools:
    """Find out which tools the machine has by trying each. Most machines have base64, so it is tried alone first."""
    tools = await _try_first(shell, 1)
    if tools.decoder is None or tools.encoder is None:
        tools = await _try_first(shell, len(_DECODERS))
    return tools


async def _try_first(shell: VerifiedShell, count: int) -> Tools:
    """Try the first `count` decoders and encoders."""
    decoders, encoders = (Expanded(" ".join(map(shlex.quote, all_[:count]))) for all_ in (_DECODERS, _ENCODERS))
    result = await run_short(
        shell, program("find_tools", decoders=decoders, encoders=encoders, hexadecimal=Expanded(_HEX_ENCODER))
    )
    answers, _ = parse_answers(result.lines)
    decoder = _numbered(_DECODERS[:count], answers.get("d"))
    return Tools(decoder, _numbered(_ENCODERS[:count], answers.get("e")), "z" in answers, "x" in answers)


def _numbered(commands: Sequence[str], number: str | None) -> str | None:
    index = int(number) if number is not None and re.fullmatch(r"\d", number) else len(commands)
    return commands[index] if index < len(commands) else None


def encoding_program(tools: Tools, copy: str) -> str:
    """Return the program that prints the output of the commands `copy` as text."""
    encoder, pack = tools.encoder or _HEX_ENCODER, "gzip -c" if tools.gzip else "cat"
    return program("encode_piece", copy=Expanded(copy), format=Expanded(encoder), pack=Expanded(pack))
