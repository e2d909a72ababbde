"""What the kernel prints on its console: past the tty, wherever the cursor stands, whoever is typing.

With time stamps (printk.time, the default of distributions) its lines can be told from others:
``[   12.345678] usb 1-1: new device``. What stood on the line before stands there still for whoever
wrote it, and goes on after; so such a line is taken out of the middle of others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = [
    "FilteredOutput",
    "KernelFilter",
    "contains_kernel_stamp",
    "is_kernel_line",
    "looks_like_kernel_line",
    "without_kernel_lines",
]

_STAMP = rb"\[ *\d{1,8}\.\d{6}\](?:\[ *[TC]\d+\])? "
#: A line of the kernel's, not an escape sequence's parameters; and the end of what came, if one may begin there.
#: After a panic or a reboot nobody reads what stood on the line before.
_LINE = re.compile(rb"(?<!\x1b)" + _STAMP + rb"(?!Kernel panic|reboot: |Linux version )[^\n]*\n")
_BEGINS = re.compile(rb"(?<!\x1b)(?:" + _STAMP + rb"[^\n]*|\[(?: *| *\d{1,8}(?:\.\d{0,6}\]?(?:\[[ TC\d]*\]?)?)?))\Z")
_IS = re.compile(_STAMP.decode())
#: Nothing stands there yet; or a reply of our shell begins (shell/frame.py), whose output may be dmesg's.
_BEGIN = (b"", b":")
_LOOKS_LIKE = re.compile(rb"\r*\n?\[ *\d+\.\d+\] [^\n]*\r?\Z")
_MOST_HELD = 2048  # printk's own limit is half of it


def is_kernel_line(line: str) -> bool:
    """Whether `line` is the kernel's."""
    return line[:1] == "[" and _IS.match(line) is not None


def contains_kernel_stamp(line: str) -> bool:
    """Whether the kernel has begun to speak somewhere in `line`."""
    return _IS.search(line) is not None


def without_kernel_lines(data: bytes) -> bytes:
    """Take all of the kernel's lines out of what came."""
    return _LINE.sub(b"", data)


def looks_like_kernel_line(data: bytes) -> bool:
    """Return whether `data`, received without its newline, looks like one kernel message; any time stamp counts."""
    return _LOOKS_LIKE.match(data) is not None


@dataclass(frozen=True)
class FilteredOutput:
    """What a console sent.

    Fields:
        data: the bytes without kernel messages that interrupted other lines.
        kernel_lines: those messages.
        only_kernel: whether nothing but kernel messages came, wherever they stood.
    """

    data: bytes
    kernel_lines: tuple[str, ...] = ()
    only_kernel: bool = False


class KernelFilter:
    """Takes the kernel's lines out of the middle of others. Feed it bytes in any portions."""

    def __init__(self) -> None:
        self._held = b""  # may become a line of the kernel's
        self._line = b""  # how the line begins that is not finished

    @property
    def holds_partial_line(self) -> bool:
        """Whether the last bytes are held back because they may be the start of a kernel message."""
        return bool(self._held)

    def feed(self, data: bytes) -> FilteredOutput:
        """Take the next bytes. Where a line of the kernel's may have begun, its bytes wait for its end."""
        if not self._held and b"[" not in data:
            self._went(data)
            return FilteredOutput(data)
        data, self._held = self._held + data, b""
        kept, kernel, only_kernel, end = bytearray(), [], True, 0
        for found in _LINE.finditer(data):
            if found.start() > end:
                kept += data[end : found.start()]
                only_kernel = False
                self._went(data[end : found.start()])
            if self._line in _BEGIN:
                self._went(found[0])
                kept += found[0]
            else:
                kernel.append(found[0].decode("utf-8", "replace").rstrip("\r\n"))
            end = found.end()
        rest = data[end:]
        begins = _BEGINS.search(rest)
        if begins and len(rest) - begins.start() <= _MOST_HELD:
            rest, self._held = rest[: begins.start()], rest[begins.start() :]
        if rest:
            kept += rest
            only_kernel = False
            self._went(rest)
        return FilteredOutput(bytes(kept), tuple(kernel), only_kernel)

    def _went(self, data: bytes) -> None:
        """The line went on, or others came."""
        _, newline, rest = data.rpartition(b"\n")
        self._line = (rest if newline else self._line + data)[:2]
