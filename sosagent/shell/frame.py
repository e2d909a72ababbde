"""Requests and replies of the verified shell, as bytes. No I/O, no clock.

A request is a program in portions, then a line with its number, checksum and length. A reply is
the output's lines, each marked, then a line with number, exit status, checksum and length. Every
request line begins with ``)``, which every shell (bash, dash, ash, mksh, zsh, tcsh) refuses as a
syntax error: should the receiver be gone, nothing of it is executed. The protocol is told in
`remote/receiver.sh`.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

__all__ = ["END", "PORTION", "Ended", "Reply", "ReplyReader", "Up", "cksum", "portions", "request"]

PORTION = 200  # characters of a line: below every tty's and shell's limit (255 is POSIX MAX_CANON)
END = b"]Z\r"
_REPLY_LIMIT = 8 << 20
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_TRAILER = re.compile(rb"=(\d+) (\d*) (\d+) (\d+)$")


@dataclass(frozen=True)
class Up:
    """The receiver says that it runs."""


@dataclass(frozen=True)
class Ended:
    """The receiver has put everything back and is gone."""


@dataclass(frozen=True)
class Reply:
    """A reply whose end has come.

    Fields:
        number: how many programs have run on the machine.
        status: exit status of the last one; None if none ran yet.
        output: what it printed, without newlines at the end; None if it arrived damaged.
    """

    number: int
    status: int | None
    output: bytes | None


def cksum(data: bytes) -> str:
    """What ``cksum`` prints for `data`: checksum, a blank, length (POSIX, cksum).

    POSIX has the CRC most significant bit first and without complement at the start; that is
    zlib's with the bits of each byte turned round.
    """
    length = len(data)
    tail = length.to_bytes((length.bit_length() + 7) // 8, "little")
    turned = zlib.crc32((data + tail).translate(_REVERSED), 0xFFFFFFFF)
    return f"{int(f'{turned:032b}'[::-1], 2)} {length}"


def portions(program: str) -> bytes:
    """Give `program` as lines that end in Enter, none longer than `PORTION` with its mark.

    A portion does not end in a blank, which ``read`` would strip, nor in a backslash, which would
    continue the line in a shell that got it by mistake.
    """
    lines: list[str] = []
    position = 0
    while position < len(program):
        end = min(position + PORTION - 1, len(program))
        while end < len(program) and end > position + 1 and program[end - 1] in " \t\\":
            end -= 1
        lines.append(")" + program[position:end] + "\r")
        position = end
    return "".join(lines).encode("ascii")


def request(number: int, program: str) -> bytes:
    """Give the whole request that makes the receiver run `program` as its `number`-th (from 0)."""
    return portions(program) + f"]{number} {cksum(f'{number}{program}'.encode('ascii'))}\r".encode("ascii")


class ReplyReader:
    """Finds replies in what the console prints; all else is noise and passes by.

    What a reply carries is checked: a line of the kernel in between is seen by its missing mark, a
    damaged byte by the checksum.
    """

    def __init__(self) -> None:
        self._open = b""
        self._lines: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Up | Ended | Reply]:
        """Take the next bytes; give what they complete."""
        lines = (self._open + data).split(b"\n")
        self._open = lines.pop()[-_REPLY_LIMIT:]
        return [event for line in lines if (event := self._line(line)) is not None]

    def _line(self, line: bytes) -> Up | Ended | Reply | None:
        text = line.rstrip(b"\r")
        if text.startswith(b":"):
            self._size += len(line)
            if self._size <= _REPLY_LIMIT:
                self._lines.append(line[1:])
            return None
        if text == b"=R":
            return Up()
        if text == b"=Z":
            return Ended()
        found = _TRAILER.match(text)
        if found is None:
            return None
        number, status, crc, length = (group.decode("ascii") for group in found.groups())
        lines, self._lines, self._size = self._lines, [], 0
        return Reply(
            int(number),
            int(status) if status else None,
            _intact(lines, f"{number} {status} ".encode("ascii"), f"{crc} {length}"),
        )


def _intact(lines: list[bytes], head: bytes, checksum: str) -> bytes | None:
    """Join the lines so that the checksum is right. A tty puts \\r before \\n, an endpoint's own one more."""
    for strip in (1, 2, 0, None):
        joined = b"\n".join(line.rstrip(b"\r") if strip is None else _without(line, strip) for line in lines)
        if cksum(head + joined) == checksum:
            return joined
    return None


def _without(line: bytes, returns: int) -> bytes:
    for _ in range(returns):
        line = line.removesuffix(b"\r")
    return line
