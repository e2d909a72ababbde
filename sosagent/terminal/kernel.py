"""Kernel lines: messages that the kernel prints directly to the console, in the middle of any other output.

With time stamps (printk.time, the default of distributions) they can be recognised:
``[   12.345678] usb 1-1: new device``. The text that a kernel line interrupts is still on the line for the
program that wrote it, and continues after the message. So `KernelFilter` removes kernel lines from the middle of
others. All patterns for kernel lines are in this module.

Such a message ends with a newline, so what it interrupts may just as well be a finished line, whose text ends like a
kernel line: any program can print that. `FilteredOutput.interruptions` says where lines were removed, so that a prompt
in front of one is not taken for an open prompt (`ReceivedText.since`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = [
    "LOOSE_STAMP",
    "FilteredOutput",
    "KernelFilter",
    "contains_kernel_stamp",
    "is_kernel_banner",
    "is_kernel_line",
    "looks_like_kernel_line",
    "without_kernel_lines",
]

#: A time stamp of any precision, for patterns that need no certainty.
LOOSE_STAMP = r"\[ *\d+\.\d+\] "

#: A time stamp as the kernel prints it, perhaps with the caller (CONFIG_PRINTK_CALLER).
_STAMP = rb"\[ *\d{1,8}\.\d{6}\](?:\[ *[TC]\d+\])? "
#: A whole kernel line. After ESC, the bracket starts an escape sequence instead. After a panic or at a reboot no
#: program reads what was on the line before, so those messages end that line and are not removed.
_LINE = re.compile(rb"(?<!\x1b)" + _STAMP + rb"(?!Kernel panic|reboot: |Linux version )[^\n]{0,2048}\n")
#: The end of received bytes, where it may be the start of a kernel line.
_PARTIAL_LINE = re.compile(
    rb"(?<!\x1b)(?:" + _STAMP + rb"[^\n]*|\[(?: *| *\d{1,8}(?:\.\d{0,6}\]?(?:\[[ TC\d]*\]?)?)?))\Z"
)
_STAMP_BYTES = re.compile(_STAMP)
_STAMP_TEXT = re.compile(_STAMP.decode())
_LOOSE_STAMP = re.compile(LOOSE_STAMP)
_BANNER = re.compile(LOOSE_STAMP + "Linux version")
#: A kernel line after one of these does not interrupt other text: the line is empty, or it is the start of a
#: reply from our shell (shell/frame.py), and its output may be that of dmesg.
_UNINTERRUPTED = (b"", b":")
_MAX_HELD = 2048  # printk limits a line to half of this


def is_kernel_line(line: str) -> bool:
    """Return whether `line` is a kernel line."""
    return line[:1] == "[" and _STAMP_TEXT.match(line) is not None


def looks_like_kernel_line(line: str) -> bool:
    """Return whether `line` starts with a time stamp of any precision."""
    return _LOOSE_STAMP.match(line) is not None


def is_kernel_banner(line: str) -> bool:
    """Return whether `line` is the first message of a kernel that boots."""
    return _BANNER.match(line) is not None


def contains_kernel_stamp(line: str) -> bool:
    """Return whether a kernel line starts anywhere in `line`."""
    return _STAMP_TEXT.search(line) is not None


def without_kernel_lines(data: bytes) -> bytes:
    """Return `data` without the kernel lines in it."""
    return _LINE.sub(b"", data)


@dataclass(frozen=True)
class FilteredOutput:
    """Output of a console, with kernel lines taken apart.

    Fields:
        data: the bytes without kernel lines that interrupted other lines.
        kernel_lines: those lines.
        interruptions: the positions in `data` where they were, as distances from its end.
        only_kernel: whether only kernel lines came, including those that interrupted a line.
    """

    data: bytes
    kernel_lines: tuple[str, ...] = ()
    only_kernel: bool = False
    interruptions: tuple[int, ...] = ()


class KernelFilter:
    """Removes kernel lines from the middle of others. Feed it bytes in portions of any size."""

    def __init__(self) -> None:
        self._held = b""  # may become a kernel line
        self._holds_stamp = False  # whether it starts with a whole time stamp
        self._line_start = b""  # the first bytes of the unfinished line

    @property
    def holds_partial_line(self) -> bool:
        """Whether the last bytes are held back because they may be the start of a kernel line."""
        return bool(self._held)

    def feed(self, data: bytes) -> FilteredOutput:
        """Process the next bytes. Bytes that may be the start of a kernel line are held back until it ends."""
        if not self._held and b"[" not in data:
            self._note_line(data)
            return FilteredOutput(data)
        data, self._held = self._held + data, b""
        if self._holds_stamp and len(data) <= _MAX_HELD and b"\n" not in data:
            self._held = data
            return FilteredOutput(b"", only_kernel=True)
        self._holds_stamp = False
        kept, kernel_lines, cuts, only_kernel, end = bytearray(), [], [], True, 0
        for match in _LINE.finditer(data):
            if match.start() > end:
                kept += data[end : match.start()]
                only_kernel = False
                self._note_line(data[end : match.start()])
            if self._line_start in _UNINTERRUPTED:
                self._note_line(match[0])
                kept += match[0]
            else:
                kernel_lines.append(match[0].decode("utf-8", "replace").rstrip("\r\n"))
                cuts.append(len(kept))
            end = match.end()
        rest = data[end:]
        partial = _PARTIAL_LINE.search(rest, rest.rfind(b"\n") + 1)
        if partial and len(rest) - partial.start() <= _MAX_HELD:
            rest, self._held = rest[: partial.start()], rest[partial.start() :]
            self._holds_stamp = _STAMP_BYTES.match(self._held) is not None
        if rest:
            kept += rest
            only_kernel = False
            self._note_line(rest)
        interruptions = tuple(len(kept) - cut for cut in cuts)
        return FilteredOutput(bytes(kept), tuple(kernel_lines), only_kernel, interruptions)

    def _note_line(self, data: bytes) -> None:
        """Remember how the unfinished line starts after `data`."""
        _, newline, rest = data.rpartition(b"\n")
        self._line_start = (rest if newline else self._line_start + data)[:2]
