"""The part of telnet that a console needs (RFC 854, 855, 856, 857, 858). No I/O.

We agree that both sides send all eight bits and that the far side echoes, and refuse all other options.
"""

from __future__ import annotations

__all__ = ["BREAK", "Telnet"]

_IAC, _DONT, _DO, _WONT, _WILL, _SB, _BRK, _SE = 255, 254, 253, 252, 251, 250, 243, 240
_BINARY, _ECHO, _GO_AHEAD = 0, 1, 3
#: The options that the far side may enable for itself, and those that it may enable for us.
_THEIRS, _OURS = {_BINARY, _ECHO, _GO_AHEAD}, {_BINARY, _GO_AHEAD}
_MAX_SUBNEGOTIATION = 4096

BREAK = bytes((_IAC, _BRK))


class Telnet:
    """The telnet state of one connection: removes commands from received bytes, and answers them."""

    def __init__(self) -> None:
        self._rest = b""
        self._on: dict[tuple[int, int], bool] = {}
        self._after_return = False

    def send(self, data: bytes) -> bytes:
        """Encode `data`: double each byte 255, and follow CR with NUL unless we send all eight bits."""
        escaped = data.replace(b"\xff", b"\xff\xff")
        return escaped if self._on.get((_WILL, _BINARY)) else escaped.replace(b"\r", b"\r\0")

    def receive(self, data: bytes) -> tuple[bytes, bytes]:
        """Decode received bytes.

        Returns:
            The console's bytes, and the answer to send back.
        """
        data = self._rest + data
        self._rest = b""
        text, answer, at = bytearray(), bytearray(), 0
        while at < len(data):
            if data[at] != _IAC:
                at += self._plain(data[at], text)
                continue
            length = self._command_length(data, at)
            if length == 0:
                self._rest = data[at:] if len(data) - at < _MAX_SUBNEGOTIATION else b""
                break
            command = data[at + 1]
            if command == _IAC:
                text.append(_IAC)
            elif command >= _WILL and length == 3:
                answer += self._negotiate(command, data[at + 2])
            at += length
        return bytes(text), bytes(answer)

    def _plain(self, byte: int, text: bytearray) -> int:
        # A CR is transmitted as CR NUL unless the far side sends all eight bits.
        if not (byte == 0 and self._after_return and not self._on.get((_DO, _BINARY))):
            text.append(byte)
        self._after_return = byte == 13
        return 1

    def _command_length(self, data: bytes, at: int) -> int:
        """Return the length of the command at `at`; 0 if it is not complete yet."""
        if at + 1 >= len(data):
            return 0
        if data[at + 1] == _SB:
            end = data.find(bytes((_IAC, _SE)), at)
            return end + 2 - at if end >= 0 else 0
        if data[at + 1] >= _WILL and data[at + 1] != _IAC:
            return 3 if at + 2 < len(data) else 0
        return 2

    def _negotiate(self, command: int, option: int) -> bytes:
        """Answer WILL, WONT, DO or DONT. A request that changes nothing gets no answer, which prevents loops."""
        asks_us = command in (_DO, _DONT)
        wanted = command in (_DO, _WILL)
        agreed = wanted and option in (_OURS if asks_us else _THEIRS)
        key = (_WILL if asks_us else _DO, option)
        if self._on.get(key, None if wanted else False) == agreed:
            return b""
        self._on[key] = agreed
        words = (_WILL, _WONT) if asks_us else (_DO, _DONT)
        return bytes((_IAC, words[0] if agreed else words[1], option))
