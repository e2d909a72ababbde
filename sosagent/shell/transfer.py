"""Common parts of uploads and downloads: the path on the machine, the answers of programs, the size of pieces."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from ..errors import ConsoleError, LineDamaged, NotVerified, UsageError
from ..file_change import FileChange
from ..printable import printable
from .programs import Word
from .refusal import refused

if TYPE_CHECKING:
    from .verified import Result, VerifiedShell

__all__ = [
    "MAX_BYTES", "MIN_PIECE", "PieceSize", "Transfer", "parse_answers", "printf_octal", "remote_word",
    "require_checksum", "run_short",
]  # fmt: skip

MAX_BYTES = 1 << 30  # the largest length of a file that is believed
MIN_PIECE = 64  # bytes
_FIRST_PIECE, _MAX_PIECE = 2048, 48 * 1024
_MAX_PIECE_WITHOUT_BASE64 = 16 * 1024  # without base64, a byte takes about three characters
_PIECE_SECONDS = 15.0  # the size does not grow after a piece that took longer
_GROW_AFTER = 4  # intact pieces, once one was damaged
_SHORT_PROGRAM_TRIES = 8
_MIN_PIECE_TRIES = 3  # of the smallest piece, before typing slower
_MAX_PATH = 4000

_SAFE = re.compile(r"[\w./@%+,:=-]*", re.ASCII)
_ANSWER = re.compile(r"([a-z])(?: (.{1,400}))?")
#: Each byte as printf(1) prints it. Only bytes that have no meaning in a shell, a format, a history, an option, or
#: a name that `program` shortens stand for themselves.
_OCTAL = [
    chr(byte) if 32 <= byte < 127 and chr(byte) not in "!%'-\\_" else f"\\{byte:03o}" for byte in range(256)
]  # fmt: skip


def printf_octal(data: bytes) -> str:
    """Return a format of printf(1), for use in single quotes, that prints `data`."""
    return "".join(_OCTAL[byte] for byte in data)


@dataclass(frozen=True)
class Transfer:
    """A file that has arrived and was compared.

    Fields:
        path: where the file is now: on the machine after an upload, here after a download; empty if only `data` has it.
        size: in bytes.
        cksum: output of ``cksum`` for the file, on both sides.
        sha256: its SHA-256; None if the machine has no sha256sum.
        seconds: duration of the transfer.
        resumed_from: how many bytes an interrupted run had transferred before.
        bytes_sent, bytes_received: the traffic on the line.
        data: the contents, after a download without a target.
        change: the change of the file on the machine, after a dry run or a question; otherwise None.
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
    change: FileChange | None = None


class SendOptions(TypedDict, total=False):
    """Arguments of `Shell.run` for a piece."""

    tries: int
    slower: bool


class PieceSize:
    """Chooses how much to transfer at once: more while pieces arrive intact and in time, otherwise less. No I/O.

    Args:
        base64: whether the machine can encode and decode base64; otherwise pieces stay smaller.
    """

    def __init__(self, *, base64: bool) -> None:
        self.size = _FIRST_PIECE
        self._max = _MAX_PIECE if base64 else _MAX_PIECE_WITHOUT_BASE64
        self._was_damaged = False
        self._intact = 0  # pieces of this size
        self._failed = 0  # consecutive pieces of the smallest size

    @property
    def send_options(self) -> SendOptions:
        """Options for the next piece: one try, because a smaller piece follows; the defaults for the smallest piece."""
        return {} if self._failed >= _MIN_PIECE_TRIES else {"tries": 1, "slower": False}

    def note_intact(self, seconds: float) -> None:
        """Note that a piece arrived intact, and how long it took."""
        self._failed = 0
        self._intact += 1
        if seconds > _PIECE_SECONDS:
            self.size = max(self.size // 2, MIN_PIECE)
        elif seconds < _PIECE_SECONDS / 2 and self._intact >= (_GROW_AFTER if self._was_damaged else 1):
            fast = seconds < _PIECE_SECONDS / 8 and not self._was_damaged
            self.size = min((4 if fast else 2) * self.size, self._max)
            self._intact = 0

    def note_damaged(self, error: ConsoleError) -> None:
        """Note that a piece did not arrive intact.

        Raises:
            ConsoleError: `error`, if there is nothing smaller or slower left to try.
        """
        if not isinstance(error, LineDamaged | NotVerified) or not self.send_options:
            raise error
        self._was_damaged, self._intact = True, 0
        if self.size == MIN_PIECE:
            self._failed += 1
        self.size = max(self.size // 2, MIN_PIECE)


def remote_word(path: str) -> Word:
    """Return a path on the machine as a word for its shell.

    Raises:
        UsageError: the path is relative, or is not the path of a file.
    """
    home, rest = path.startswith("~/"), path.removeprefix("~")
    name = rest.rpartition("/")[2]
    if not rest.startswith("/") or len(rest) > _MAX_PATH:
        raise UsageError(
            f"{printable(path, 80)!r} is not the path of a file on the machine",
            hint="Start the path with / or, for the home folder of the login, with ~/",
        )
    if re.search(r"[\x00-\x1f\x7f]", path):
        raise UsageError(f"the path {printable(path, 80)!r} contains control characters")
    if name in ("", ".", ".."):
        raise UsageError(f"{printable(path, 80)!r} is a folder; name the file itself")
    typed = rest[1:] if home else rest  # the slash after the tilde must not be quoted
    if _SAFE.fullmatch(typed):
        word = typed
    elif typed.isascii() and "!" not in typed:
        word = shlex.quote(typed)
    else:
        word = f"$(printf '{printf_octal(typed.encode('utf-8', 'surrogateescape'))}')"
    return Word(f"~/{word}" if home else word)


def require_checksum(shell: VerifiedShell, name: str) -> None:
    """Check that the machine can compare a file; known once a program has run.

    Raises:
        EditRefused: only the shell itself could, which reads text.
    """
    if shell.checksum_tool == "sh":
        raise refused(
            f"{name} cannot be compared on this machine, so it is not transferred",
            hint="The machine needs one of cksum, crc32, sha256sum, md5sum, od and hexdump.",
        )


async def run_short(shell: VerifiedShell, text: str) -> Result:
    """Run a short program. Noise on the line does not slow it down: that only helps against overruns."""
    try:
        return await shell.run(text, tries=_SHORT_PROGRAM_TRIES, slower=False)
    except LineDamaged:
        return await shell.run(text)


def parse_answers(lines: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Parse the output of a program in `remote/`.

    Returns:
        Its answers by letter, the last one of each, and its other lines, which are complaints.
    """
    answers: dict[str, str] = {}
    complaints = []
    for line in lines:
        match = _ANSWER.fullmatch(line)
        if match is not None:
            answers[match[1]] = match[2] or ""
        elif line.strip():
            complaints.append(line)
    return answers, complaints
