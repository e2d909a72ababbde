"""The user's own terminal while a console is shown on it: raw, and as it was on every way out."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
import tty
from collections import deque
from contextlib import suppress
from typing import Any

__all__ = ["OwnTerminal"]

_PORTION = 4096
_USUAL = (80, 24)
_BRACKETS_ON, _BRACKETS_OFF = b"\x1b[?2004h", b"\x1b[?2004l"
_CANCEL = b"\x18"
_INTERRUPT, _END = b"\x03", b"\x04"
_IFLAG, _OFLAG, _LFLAG, _CC = 0, 1, 3, 6


class OwnTerminal:
    """Keys from one descriptor, the screen at another. Needs a running event loop.

    Both are opened anew where they are terminals, so that they need not block and the shell that
    started us does not notice.

    Args:
        keys: descriptor of the keyboard; one that is no terminal is not read.
        screen: descriptor that is written to.

    Attributes:
        resized: is set when the terminal's size has changed.
    """

    def __init__(self, keys: int = 0, screen: int = 1) -> None:
        self._loop = asyncio.get_running_loop()
        self._keys = _opened_anew(keys) if os.isatty(keys) else None
        self._screen = _opened_anew(screen) if os.isatty(screen) else screen
        self._own = [one for one in (self._keys, self._screen) if one is not None and one not in (keys, screen)]
        self._before: list[Any] | None = None if self._keys is None else termios.tcgetattr(self._keys)
        self._read: deque[bytes] = deque()
        self._came = asyncio.Event()
        self._ended = self._keys is None
        self._out = bytearray()
        self._written = asyncio.Event()
        self._written.set()
        self.resized = asyncio.Event()
        self._reading = self._closed = False
        self._paints = os.isatty(screen)
        self._loop.add_signal_handler(signal.SIGWINCH, self.resized.set)

    @property
    def has_keys(self) -> bool:
        """Whether there is a keyboard."""
        return self._keys is not None

    # -- how keys arrive ----------------------------------------------------------------------

    def raw(self) -> None:
        """Every key as it is, and every byte to the screen as it is. Before the first time, nothing is read."""
        if self._keys is None or self._closed:
            return
        with suppress(termios.error):  # the terminal is gone, which reading tells
            tty.setraw(self._keys, termios.TCSANOW)
        if not self._reading:
            self._reading = True
            self._loop.add_reader(self._keys, self._readable)
        self._bracket(_BRACKETS_ON)

    def working(self) -> None:
        """While a job prints lines: keys as they are, without echo."""
        attributes = self._as_before()
        if attributes is not None:
            attributes[_LFLAG] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
            self._set(attributes)

    async def ask(self, prompt: str, *, echo: bool = True, ahead: str = "") -> str | None:
        """Ask for a line, which the terminal lets the user edit; None where that was given up (^C, ^D).

        Args:
            prompt: on a line of its own.
            echo: whether the answer may be seen.
            ahead: what was typed before it was asked for.
        """
        attributes = self._as_before()
        if attributes is None:
            return None
        disabled = bytes([os.fpathconf(self._keys or 0, "PC_VDISABLE") & 0xFF])
        attributes[_IFLAG] |= termios.ICRNL
        attributes[_LFLAG] |= termios.ICANON | termios.ECHOE | termios.ECHOK
        attributes[_LFLAG] = attributes[_LFLAG] | termios.ECHO if echo else attributes[_LFLAG] & ~termios.ECHO
        for key in (termios.VINTR, termios.VQUIT, termios.VSUSP, termios.VEOF):
            attributes[_CC][key] = disabled
        # They end the line, and so are seen here; no signal, no end of input.
        attributes[_CC][termios.VEOL], attributes[_CC][termios.VEOL2] = _INTERRUPT, _END
        self._bracket(_BRACKETS_OFF)
        self.put(f"\r\n{prompt}{ahead if echo else ''}".encode())
        await self.drained()
        self._set(attributes)
        try:
            line = ahead.encode("utf-8", "surrogateescape")
            while not line.endswith((b"\n", b"\r", _INTERRUPT, _END)):
                data = await self.read()
                if not data:
                    return None
                line += data
        finally:
            self.put(b"\r\n")
            self.raw()
        return None if line.endswith((_INTERRUPT, _END)) else line.decode("utf-8", "replace").strip("\r\n")

    def close(self, undo: bytes = b"") -> None:
        """Put the terminal back as it was. Does nothing the second time.

        Args:
            undo: what takes back what the console did to the screen.
        """
        if self._closed:
            return
        self._closed = True
        self._loop.remove_signal_handler(signal.SIGWINCH)
        self._loop.remove_writer(self._screen)
        brackets = _BRACKETS_OFF if self._paints and (self._reading or undo) else b""
        with suppress(OSError):
            # What the screen does not take now, nobody waits for. Of more than a little nothing is shown: a sequence
            # that was cut would go on with what stands behind the gap. CAN ends it.
            rest = bytes(self._out) if len(self._out) <= _PORTION else _CANCEL
            os.write(self._screen, rest + undo + brackets)
        if self._keys is not None:
            if self._reading:
                self._loop.remove_reader(self._keys)
            with suppress(termios.error):
                termios.tcsetattr(self._keys, termios.TCSANOW, self._before or [])
        for descriptor in set(self._own):
            os.close(descriptor)

    def _bracket(self, keys: bytes) -> None:
        if self._paints:
            self.put(keys)

    def _as_before(self) -> list[Any] | None:
        if self._before is None:
            return None
        return [list(part) if isinstance(part, list) else part for part in self._before]

    def _set(self, attributes: list[Any]) -> None:
        if self._keys is not None and not self._closed:
            with suppress(termios.error):
                termios.tcsetattr(self._keys, termios.TCSANOW, attributes)

    # -- reading and writing ------------------------------------------------------------------

    async def read(self) -> bytes:
        """Wait for the next keys; ``b""`` when the terminal has gone. Without a keyboard, for ever."""
        if self._keys is None:
            await asyncio.Event().wait()
        while not self._read:
            if self._ended:
                return b""
            self._came.clear()
            await self._came.wait()
        return self._read.popleft()

    def put(self, data: bytes) -> None:
        """Show `data`, as soon as the screen takes it; see `drained`."""
        if self._closed or not data:
            return
        self._out += data
        if self._written.is_set():
            self._written.clear()
            self._write()

    async def drained(self) -> None:
        """Wait until the screen has taken what was put there."""
        await self._written.wait()

    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        for descriptor in (self._screen, self._keys):
            if descriptor is not None and os.isatty(descriptor):
                with suppress(OSError):
                    columns, rows = os.get_terminal_size(descriptor)
                    if columns and rows:
                        return columns, rows
        return _USUAL

    def _readable(self) -> None:
        assert self._keys is not None
        try:
            data = os.read(self._keys, _PORTION)
        except BlockingIOError:
            return
        except OSError:  # EIO: it has hung up
            data = b""
        if data:
            self._read.append(data)
        else:
            self._ended = True
            self._loop.remove_reader(self._keys)
        self._came.set()

    def _write(self) -> None:
        self._loop.remove_writer(self._screen)
        try:
            while self._out:
                del self._out[: os.write(self._screen, self._out[:_PORTION])]
        except BlockingIOError:
            self._loop.add_writer(self._screen, self._write)
            return
        except OSError:  # nobody sees it any more; the end of the keys says so
            self._out.clear()
        self._written.set()


def _opened_anew(descriptor: int) -> int:
    """The same terminal by a descriptor of its own that does not block; the one that there is where that cannot be."""
    try:
        return os.open(os.ttyname(descriptor), os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return descriptor
