"""A simulated boot loader at its prompt, as U-Boot shows it after a key has stopped its countdown."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["BootLoader"]

_PROMPT = b"=> "
_VERSION = "U-Boot 2023.01+dfsg-2 (Jan 14 2023 - 20:07:54 +0000)"
_BOOT = ("boot", "bootd", "run bootcmd")


class BootLoader:
    """The prompt of a boot loader.

    Args:
        write: prints bytes on the console.
        boot: called when a command boots the machine.
    """

    def __init__(self, write: Callable[[bytes], None], boot: Callable[[], None]) -> None:
        self._write = write
        self._boot = boot
        self._line = bytearray()
        write(_PROMPT)

    def key(self, byte: int) -> None:
        """Process one byte that is typed."""
        if byte in (0x0D, 0x0A):
            line, self._line = self._line.decode("ascii", "replace").strip(), bytearray()
            self._write(b"\r\n")
            self._run(line)
        elif byte == 0x03:
            self._line.clear()
            self._write(b"<INTERRUPT>\r\n" + _PROMPT)
        elif byte == 0x15:
            self._write(b"\b \b" * len(self._line))
            self._line.clear()
        elif byte in (0x08, 0x7F):
            if self._line:
                self._write(b"\b \b")
            del self._line[-1:]
        elif 0x20 <= byte < 0x7F:
            self._line.append(byte)
            self._write(bytes([byte]))

    def _run(self, line: str) -> None:
        if line in _BOOT:
            self._write(b"Starting kernel ...\r\n\r\n")
            self._boot()
            return
        words = line.split()
        if words[:1] == ["version"]:
            self._write(f"{_VERSION}\r\n".encode())
        elif words[:1] == ["echo"]:
            self._write(f"{' '.join(words[1:])}\r\n".encode())
        elif words:
            self._write(f"Unknown command '{words[0]}' - try 'help'\r\n".encode())
        self._write(_PROMPT)
