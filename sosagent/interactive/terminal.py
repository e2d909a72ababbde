"""The user's terminal while a console is shown on it: set to raw mode, and always restored."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
import tty
from collections import deque
from contextlib import suppress
from typing import Any

__all__ = ["UserTerminal"]

_CHUNK = 4096
_DEFAULT_SIZE = (80, 24)
_BRACKETS_ON, _BRACKETS_OFF = b"\x1b[?2004h", b"\x1b[?2004l"
_CANCEL = b"\x18"
_INTERRUPT, _END = b"\x03", b"\x04"
_IFLAG, _OFLAG, _LFLAG, _CC = 0, 1, 3, 6


class UserTerminal:
    """The user's keyboard and screen. Needs a running event loop.

    A terminal is opened a second time in non-blocking mode, so that the descriptors which the parent
    shell shares with this process keep their flags.

    Args:
        keys: descriptor of the keyboard. It is read only if it is a terminal.
        screen: descriptor to write to.
    """

    def __init__(self, keys: int = 0, screen: int = 1) -> None:
        self._loop = asyncio.get_running_loop()
        self._keys = _reopened(keys) if os.isatty(keys) else None
        self._screen = _reopened(screen) if os.isatty(screen) else screen
        self._opened = [one for one in (self._keys, self._screen) if one is not None and one not in (keys, screen)]
        self._saved: list[Any] | None = None if self._keys is None else termios.tcgetattr(self._keys)
        self._chunks: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._ended = self._keys is None
        self._pending = bytearray()
        self._drained = asyncio.Event()
        self._drained.set()
        self._resized = asyncio.Event()
        self._reading = self._closed = False
        self._is_screen = os.isatty(screen)
        self._loop.add_signal_handler(signal.SIGWINCH, self._resized.set)

    @property
    def has_keys(self) -> bool:
        """Whether the keyboard is a terminal, so that the user can type."""
        return self._keys is not None

    # -- modes --------------------------------------------------------------------------------

    def raw(self) -> None:
        """Pass every key and every byte through unchanged. The first call starts reading keys."""
        if self._keys is None or self._closed:
            return
        with suppress(termios.error):  # the terminal has gone away; the next read reports it
            tty.setraw(self._keys, termios.TCSANOW)
        if not self._reading:
            self._reading = True
            self._loop.add_reader(self._keys, self._on_readable)
        self._bracket(_BRACKETS_ON)

    def show_lines(self) -> None:
        """Let a job print lines: keys are read one by one, without echo."""
        attributes = self._saved_attributes()
        if attributes is not None:
            attributes[_LFLAG] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
            self._set(attributes)

    async def ask(self, prompt: str, *, echo: bool = True, ahead: str = "") -> str | None:
        """Ask the user for a line, which the terminal lets them edit.

        Args:
            prompt: printed at the start of a new line.
            echo: whether the answer is shown.
            ahead: input that the user typed before the prompt appeared.

        Returns:
            The line; None if the user cancelled with ^C or ^D, or there is no keyboard.
        """
        attributes = self._saved_attributes()
        if attributes is None:
            return None
        disabled = bytes([os.fpathconf(self._keys or 0, "PC_VDISABLE") & 0xFF])
        attributes[_IFLAG] |= termios.ICRNL
        attributes[_LFLAG] |= termios.ICANON | termios.ECHOE | termios.ECHOK
        attributes[_LFLAG] = attributes[_LFLAG] | termios.ECHO if echo else attributes[_LFLAG] & ~termios.ECHO
        for key in (termios.VINTR, termios.VQUIT, termios.VSUSP, termios.VEOF):
            attributes[_CC][key] = disabled
        # As line ends, ^C and ^D reach us as bytes: they raise no signal and do not close the input.
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
        """Restore the terminal. A second call does nothing.

        Args:
            undo: sequences that undo the modes which the console set on the screen.
        """
        if self._closed:
            return
        self._closed = True
        self._loop.remove_signal_handler(signal.SIGWINCH)
        self._loop.remove_writer(self._screen)
        brackets = _BRACKETS_OFF if self._is_screen and (self._reading or undo) else b""
        with suppress(OSError):
            # Do not wait for a slow screen. Much pending output is dropped: a sequence that was cut off would
            # swallow the text after the gap, so CAN ends it.
            rest = bytes(self._pending) if len(self._pending) <= _CHUNK else _CANCEL
            os.write(self._screen, rest + undo + brackets)
        if self._keys is not None:
            if self._reading:
                self._loop.remove_reader(self._keys)
            with suppress(termios.error):
                termios.tcsetattr(self._keys, termios.TCSANOW, self._saved or [])
        for descriptor in set(self._opened):
            os.close(descriptor)

    def _bracket(self, keys: bytes) -> None:
        if self._is_screen:
            self.put(keys)

    def _saved_attributes(self) -> list[Any] | None:
        if self._saved is None:
            return None
        return [list(part) if isinstance(part, list) else part for part in self._saved]

    def _set(self, attributes: list[Any]) -> None:
        if self._keys is not None and not self._closed:
            with suppress(termios.error):
                termios.tcsetattr(self._keys, termios.TCSANOW, attributes)

    # -- reading and writing ------------------------------------------------------------------

    async def read(self) -> bytes:
        """Return the next keys, or ``b""`` when the terminal has gone away. Without a keyboard, wait forever."""
        if self._keys is None:
            await asyncio.Event().wait()
        while not self._chunks:
            if self._ended:
                return b""
            self._arrived.clear()
            await self._arrived.wait()
        return self._chunks.popleft()

    def put(self, data: bytes) -> None:
        """Write `data` as soon as the screen accepts it; `drained` waits for that."""
        if self._closed or not data:
            return
        self._pending += data
        if self._drained.is_set():
            self._drained.clear()
            self._write()

    async def drained(self) -> None:
        """Wait until everything passed to `put` has been written."""
        await self._drained.wait()

    def size(self) -> tuple[int, int]:
        """Return columns and rows; 80 and 24 if no descriptor is a terminal."""
        for descriptor in (self._screen, self._keys):
            if descriptor is not None and os.isatty(descriptor):
                with suppress(OSError):
                    columns, rows = os.get_terminal_size(descriptor)
                    if columns and rows:
                        return columns, rows
        return _DEFAULT_SIZE

    async def wait_for_resize(self) -> None:
        """Wait until the size of the terminal has changed since the last call."""
        await self._resized.wait()
        self._resized.clear()

    def _on_readable(self) -> None:
        assert self._keys is not None
        try:
            data = os.read(self._keys, _CHUNK)
        except BlockingIOError:
            return
        except OSError:  # EIO: the terminal has hung up
            data = b""
        if data:
            self._chunks.append(data)
        else:
            self._ended = True
            self._loop.remove_reader(self._keys)
        self._arrived.set()

    def _write(self) -> None:
        self._loop.remove_writer(self._screen)
        try:
            while self._pending:
                del self._pending[: os.write(self._screen, self._pending[:_CHUNK])]
        except BlockingIOError:
            self._loop.add_writer(self._screen, self._write)
            return
        except OSError:  # the terminal has gone away; the next read reports it
            self._pending.clear()
        self._drained.set()


def _reopened(descriptor: int) -> int:
    """Open the same terminal again as a non-blocking descriptor; return `descriptor` if that fails."""
    try:
        return os.open(os.ttyname(descriptor), os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return descriptor
