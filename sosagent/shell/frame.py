"""Requests and replies of the verified shell as bytes, and POSIX checksums. No I/O, no clock.

A request is a program in portions, followed by a line with its number, checksum and length. A reply
is a colon and the output, followed by a line with number, exit status, checksum and length. Every
portion begins with ``)``, which every shell (bash, dash, ash, mksh, zsh, tcsh) rejects as a syntax
error, so a shell executes no part of a request if the receiver is gone. `remote/receiver.sh`
describes the protocol.
"""

from __future__ import annotations

import re
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from ..terminal.kernel import is_kernel_line
from ..terminal.own_text import RECEIVER_TRAILER, RECEIVER_UP

__all__ = [
    "EMPTY_CKSUM", "END", "PORTION", "RUN", "SHOW", "Ended", "Reply", "ReplyReader", "Shown", "Up", "checked", "cksum",
    "cksum_appended", "cksum_replaced", "portions", "request",
]  # fmt: skip

EMPTY_CKSUM = "4294967295 0"  # the output of ``cksum`` for an empty file
PORTION = 200  # characters in a line, below the limit of every tty and shell (MAX_CANON is 255 in POSIX)
END = b"]Z\r"
#: The collector of the start line prints the text that it has collected, and runs it.
SHOW, RUN = b"]\r", b"]G\r"
_REPLY_LIMIT = 8 << 20
#: Damaged replies in a row; their lines are then dropped, since each reply is looked for in all of them.
_MOST_DAMAGED = 64
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
#: What a terminal multiplexer adds to text that it draws. Moving the cursor to a position starts another line.
_MOVED = re.compile(rb"\x1b\[[0-9;]*[Hf]")
_DRAWN = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[ -/]+[0-~]|[0-Z\\^-~])|[\x0e\x0f]")
_TRAILER, _UP = (re.compile(f"{text}$".encode("ascii")) for text in (RECEIVER_TRAILER, RECEIVER_UP))


@dataclass(frozen=True)
class Up:
    """The receiver reports that it is running.

    Fields:
        tool: what computes its checksums, a key of `CHECKSUMS` (checksums.py).
    """

    tool: str = ""


@dataclass(frozen=True)
class Shown:
    """The collector has printed the expected text, so it has arrived intact."""


@dataclass(frozen=True)
class Ended:
    """The receiver has restored everything and exited."""


@dataclass(frozen=True)
class Reply:
    """A reply whose last line has arrived.

    Fields:
        number: how many programs have run on the machine.
        status: exit status of the last program; None if no program has run.
        output: its output without trailing newlines; None if the reply arrived damaged.
    """

    number: int
    status: int | None
    output: bytes | None


def cksum(data: bytes) -> str:
    """Return the output of ``cksum`` for `data`: checksum, space, length (POSIX, cksum)."""
    length = len(data)
    return f"{_finished(_register(data), length)} {length}"


def cksum_appended(before: str, added: bytes) -> str:
    """Return the output of ``cksum`` after `added` is appended to a file with the checksum `before`.

    A CRC can be run backwards: removing the length bytes from its end gives the register after the
    last byte of the file. So a single checksum proves that all old bytes are unchanged and that
    ours follow them, without a copy of the file.

    Args:
        before: output of ``cksum`` for the file before the append.
        added: the bytes appended.
    """
    length = int(before.partition(" ")[2]) + len(added)
    return f"{_finished(_register(added, _unfinished(before)), length)} {length}"


def cksum_replaced(whole: str, before: str, old: bytes, new: bytes) -> str:
    """Return the output of ``cksum`` after `old` in the middle of a file is replaced by `new`.

    The bytes after `old` are not known here. They change a difference between two registers in the
    same way as an equal number of zero bytes.

    Args:
        whole: output of ``cksum`` for the file.
        before: output of ``cksum`` for the part in front of `old`.
        old, new: the current bytes, and those that replace them.
    """
    length = int(whole.partition(" ")[2])
    after = length - int(before.partition(" ")[2]) - len(old)
    register = _unfinished(before)
    difference = _register(bytes(after), _register(old, register) ^ _register(new, register))
    length += len(new) - len(old)
    return f"{_finished(_unfinished(whole) ^ difference, length)} {length}"


def _unfinished(checksum: str) -> int:
    """Return the CRC register after the last byte, before the bytes of the length are added."""
    crc, length = map(int, checksum.split())
    register = ~crc & 0xFFFFFFFF
    for byte in reversed(_length_bytes(length)):
        index = _INDEX_BY_LOW_BYTE[register & 0xFF]
        register = (register ^ _TABLE[index]) >> 8 | (index ^ byte) << 24
    return register


def _register(data: bytes, register: int = 0) -> int:
    """Return the CRC register after `data`. POSIX processes the most significant bit first, zlib the least."""
    return _reflected(zlib.crc32(data.translate(_REVERSED), _reflected(register) ^ 0xFFFFFFFF) ^ 0xFFFFFFFF)


def _finished(register: int, length: int) -> int:
    return ~_register(_length_bytes(length), register) & 0xFFFFFFFF


def _length_bytes(length: int) -> bytes:
    return length.to_bytes((length.bit_length() + 7) // 8, "little")


def _reflected(number: int) -> int:
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
    """Split `program` into lines that end in Enter, none longer than `PORTION` with its mark.

    No portion ends in a space, which ``read`` would strip, or in a backslash, which would continue
    the line in a shell that receives it by mistake.
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


def checked(program: str) -> bytes:
    """Return `program` in portions, with the line at which the collector runs it if its cksum is right."""
    text = program.encode("ascii") + b"\n"  # the collector passes the text to cksum by echo
    return portions(program) + f"]{cksum(text)}\r".encode("ascii")


def request(number: int, program: str, checksum: Callable[[bytes], str] = cksum) -> bytes:
    """Return the request that makes the receiver run `program` as number `number`, counted from 0."""
    return portions(program) + f"]{number} {checksum(f'{number}{program}'.encode('ascii'))}\r".encode("ascii")


class ReplyReader:
    """Finds replies in the output of the console and ignores everything else.

    The checksum of each reply is compared. Kernel lines inside a reply are removed if the checksum
    matches without them, and so is what a terminal multiplexer adds; otherwise the reply is damaged.
    """

    def __init__(self) -> None:
        self._checksum: Callable[[bytes], str] = cksum
        self._expected: bytes | None = None
        self._open = b""
        self._lines: deque[bytes] = deque()
        self._size = 0  # of the lines, with their newlines
        self._damaged = 0  # replies among the lines
        self._in_reply = False

    @property
    def in_reply(self) -> bool:
        """Whether the start of a possible reply has arrived, but not its end."""
        return self._in_reply or self._open.startswith(b":")

    def use(self, checksum: Callable[[bytes], str]) -> None:
        """Compare `checksum` in the replies that follow."""
        self._checksum = checksum

    def expect(self, text: str) -> None:
        """Report `Shown` when the collector prints `text`."""
        self._expected = text.encode("ascii")

    def feed(self, data: bytes) -> list[Up | Ended | Reply | Shown]:
        """Process the next bytes and return the events that they complete."""
        lines = (self._open + data).split(b"\n")
        self._open = lines.pop()[-_REPLY_LIMIT:]
        return [event for line in lines if (event := self._line(line)) is not None]

    def _line(self, line: bytes) -> Up | Ended | Reply | Shown | None:
        *before, text = _drawn(line) or [b""]
        if up := _UP.match(text):
            return Up(up[1].decode("ascii"))
        if text == b"=Z":
            return Ended()
        if text == self._expected:
            self._expected = None
            return Shown()
        trailer = _TRAILER.match(text)
        if trailer is None:
            self._in_reply = self._in_reply or any(part.startswith(b":") for part in (*before, text))
            self._keep(line)
            return None
        number, status, crc, length = (group.decode("ascii") for group in trailer.groups())
        head = f"{number} {status} ".encode("ascii")
        output = _intact([*self._lines, *before], head, f"{crc} {length}", self._checksum)
        self._damaged += output is None
        if output is None and self._damaged < _MOST_DAMAGED:
            # Output may contain a line that looks like a trailer, so the lines are kept for the real one.
            self._keep(line)
        else:
            self._lines.clear()
            self._size, self._damaged, self._in_reply = 0, 0, False
        return Reply(int(number), int(status) if status else None, output)

    def _keep(self, line: bytes) -> None:
        """Keep a line for the end of its reply. The first ones are dropped once all are longer than any reply."""
        self._lines.append(line)
        self._size += len(line) + 1
        while self._size > _REPLY_LIMIT:
            self._size -= len(self._lines.popleft()) + 1


def _intact(lines: Collection[bytes], head: bytes, checksum: str, compute: Callable[[bytes], str]) -> bytes | None:
    """Find the output in `lines` for which the checksum matches; return None if it is damaged.

    Output starts at a colon. A tty puts a carriage return before each newline, and an endpoint with
    a tty of its own a second one; the kernel may print lines in between. Lengths are compared before
    checksums, so the cost is linear whatever a machine prints.
    """
    length = int(checksum.partition(" ")[2]) - len(head)
    if length > _REPLY_LIMIT:
        return None
    without_kernel = [line for line in lines if not is_kernel_line(line.decode("latin-1"))]
    candidates = [lines] if len(without_kernel) == len(lines) else [lines, without_kernel]
    if any(map(_DRAWN.search, without_kernel)):
        candidates.append([part for line in without_kernel for part in _drawn(line)])
    for kept in candidates:
        for returns in (1, 2, 0, None):
            for output in _of_length(kept, length, returns):
                if compute(head + output) == checksum:
                    return output
    return None


def _drawn(line: bytes) -> list[bytes]:
    """Return the lines that a terminal shows for `line`, without empty ones if it is drawn there."""
    if _DRAWN.search(line) is None:
        return [line.rstrip(b"\r")]
    shown = (_DRAWN.sub(b"", part).strip(b"\r") for part in _MOVED.split(line))
    return [part for part in shown if part]


def _of_length(lines: Collection[bytes], length: int, returns: int | None) -> Iterator[bytes]:
    """Yield what may be an output of `length` bytes at the end of `lines`; see `_without` for `returns`."""
    bare: list[bytes] = []
    size = -1
    for line in reversed(list(lines)):
        bare.append(_without(line, returns))
        size += len(bare[-1]) + 1
        if size - 1 > length:
            return
        if size - 1 == length and bare[-1].startswith(b":"):
            yield b"\n".join(reversed(bare))[1:]


def _without(line: bytes, returns: int | None) -> bytes:
    """Remove `returns` carriage returns from the end of the line, or all of them if None."""
    if returns is None:
        return line.rstrip(b"\r")
    for _ in range(returns):
        line = line.removesuffix(b"\r")
    return line
