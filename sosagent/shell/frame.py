"""Requests and replies of the verified shell, as bytes. No I/O, no clock.

A request is a program in portions, then a line with its number, checksum and length. A reply is a
colon and the output, then a line with number, exit status, checksum and length. Every
request line begins with ``)``, which every shell (bash, dash, ash, mksh, zsh, tcsh) refuses as a
syntax error: should the receiver be gone, nothing of it is executed. The protocol is told in
`remote/receiver.sh`.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

__all__ = [
    "CHECK", "END", "PORTION", "Ended", "Reply", "ReplyReader", "Up", "cksum", "cksum_appended", "cksum_replaced",
    "portions", "request",
]  # fmt: skip

PORTION = 200  # characters of a line: below every tty's and shell's limit (255 is POSIX MAX_CANON)
END = b"]Z\r"
CHECK = b"\r"  # an empty line: the collector of the start line looks at what it has
_REPLY_LIMIT = 8 << 20
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_TRAILER = re.compile(rb"=(\d{1,9}) (\d{0,3}) (\d{1,10}) (\d{1,10})$")


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
    """What ``cksum`` prints for `data`: checksum, a blank, length (POSIX, cksum)."""
    length = len(data)
    return f"{_finished(_register(data), length)} {length}"


def cksum_appended(before: str, added: bytes) -> str:
    """What ``cksum`` must print when `added` was appended to a file for which it printed `before`.

    A CRC can be run backwards: taking the length bytes off the end gives the register as it stood
    behind the file's last byte. So one checksum proves that all old bytes are as they were, and
    that ours stand behind them, without a copy of the file.
    """
    length = int(before.partition(" ")[2]) + len(added)
    return f"{_finished(_register(added, _unfinished(before)), length)} {length}"


def cksum_replaced(whole: str, before: str, old: bytes, new: bytes) -> str:
    """What ``cksum`` must print when `old` in the middle of a file is replaced by `new`.

    The rest of the file, which is not known here, does the same to a difference in the register as so many zeros.

    Args:
        whole: what it prints of the file.
        before: what it prints of the part before `old`.
        old, new: what stands there, and what is to.
    """
    length = int(whole.partition(" ")[2])
    behind = length - int(before.partition(" ")[2]) - len(old)
    register = _unfinished(before)
    difference = _register(bytes(behind), _register(old, register) ^ _register(new, register))
    length += len(new) - len(old)
    return f"{_finished(_unfinished(whole) ^ difference, length)} {length}"


def _unfinished(checksum: str) -> int:
    """The CRC register behind the last byte, before the length's bytes were added."""
    crc, length = map(int, checksum.split())
    register = ~crc & 0xFFFFFFFF
    for byte in reversed(_length_bytes(length)):
        index = _INDEX_BY_LOW_BYTE[register & 0xFF]
        register = (register ^ _TABLE[index]) >> 8 | (index ^ byte) << 24
    return register


def _register(data: bytes, register: int = 0) -> int:
    """The CRC register after `data`. POSIX takes the most significant bit first: zlib's, turned round."""
    return _turned(zlib.crc32(data.translate(_REVERSED), _turned(register) ^ 0xFFFFFFFF) ^ 0xFFFFFFFF)


def _finished(register: int, length: int) -> int:
    return ~_register(_length_bytes(length), register) & 0xFFFFFFFF


def _length_bytes(length: int) -> bytes:
    return length.to_bytes((length.bit_length() + 7) // 8, "little")


def _turned(number: int) -> int:
    return int(f"{number:032b}"[::-1], 2)


def _table() -> list[int]:
    table = []
    for byte in range(256):
        register = byte << 24
        for _ in range(8):
            register = (register << 1 ^ (_POLYNOMIAL if register & 0x80000000 else 0)) & 0xFFFFFFFF
        table.append(register)
    return table


_POLYNOMIAL = 0x04C11DB7
_TABLE = _table()
_INDEX_BY_LOW_BYTE = {entry & 0xFF: index for index, entry in enumerate(_TABLE)}


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

    What a reply carries is checked. A line of the kernel in its middle is taken out if the checksum
    is right without it; else the reply is damaged.
    """

    def __init__(self) -> None:
        self._open = b""
        self._lines: list[bytes] = []
        self._size = 0
        self._begun = False

    @property
    def begun(self) -> bool:
        """Whether something came that may be a reply's beginning, and not its end yet."""
        return self._begun or self._open.startswith(b":")

    def feed(self, data: bytes) -> list[Up | Ended | Reply]:
        """Take the next bytes; give what they complete."""
        lines = (self._open + data).split(b"\n")
        self._open = lines.pop()[-_REPLY_LIMIT:]
        return [event for line in lines if (event := self._line(line)) is not None]

    def _line(self, line: bytes) -> Up | Ended | Reply | None:
        text = line.rstrip(b"\r")
        if text == b"=R":
            return Up()
        if text == b"=Z":
            return Ended()
        found = _TRAILER.match(text)
        if found is None:
            self._size += len(line)
            self._begun = self._begun or line.startswith(b":")
            if self._size <= _REPLY_LIMIT:
                self._lines.append(line)
            return None
        number, status, crc, length = (group.decode("ascii") for group in found.groups())
        output = _intact(self._lines, f"{number} {status} ".encode("ascii"), f"{crc} {length}")
        if output is None:
            # An output may hold what looks like its end: the lines stay, for the real one.
            self._lines.append(line)
        else:
            self._lines, self._size, self._begun = [], 0, False
        return Reply(int(number), int(status) if status else None, output)


_KERNEL_LINE = re.compile(rb"\[ *\d+\.\d{6}\] .*\r?$")


def _intact(lines: list[bytes], head: bytes, checksum: str) -> bytes | None:
    """Find the output in `lines`, so that the checksum is right; None if it is damaged.

    It begins at a colon. A tty puts a carriage return before each newline, an endpoint's own one
    more; the kernel may have printed lines in between. Lengths are compared before checksums, so
    that the cost is linear whatever a machine prints.
    """
    length = int(checksum.partition(" ")[2]) - len(head)
    for without_kernel in (False, True):
        kept = [line for line in lines if not (without_kernel and _KERNEL_LINE.match(line))]
        for returns in (1, 2, 0, None):
            bare = [_without(line, returns) for line in kept]
            size = -1
            for start in range(len(bare) - 1, -1, -1):
                size += len(bare[start]) + 1
                if bare[start].startswith(b":") and size - 1 == length:
                    output = b"\n".join(bare[start:])[1:]
                    if cksum(head + output) == checksum:
                        return output
    return None


def _without(line: bytes, returns: int | None) -> bytes:
    """Take `returns` carriage returns off the line's end; None takes all."""
    if returns is None:
        return line.rstrip(b"\r")
    for _ in range(returns):
        line = line.removesuffix(b"\r")
    return line
