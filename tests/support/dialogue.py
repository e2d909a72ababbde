"""A scripted machine at the far end of a memory transport: it answers the expected keys, and records any others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass

from sosagent.transports.memory import MemoryTransport

__all__ = ["Exchange", "FarEnd", "command", "typed"]

#: In `Exchange.keys` and `Exchange.reply`: the random letters and digits that mark the end of a command's output.
NONCE = "{nonce}"


@dataclass(frozen=True)
class Exchange:
    """Keys that the far end waits for, and its reply.

    Fields:
        keys: what must be typed next. `NONCE` stands for 4 hexadecimal digits.
        reply: text to send then, and pauses in seconds between texts.
    """

    keys: str
    reply: tuple[str | float, ...] = ()


def typed(line: str, *reply: str | float) -> tuple[Exchange, ...]:
    """`line` is echoed; then Enter brings `reply` on a new line."""
    return (Exchange(line, (line,)), Exchange("\r", ("\r\n", *reply)))


def command(line: str, *output: str, prompt: str) -> tuple[Exchange, ...]:
    """A command that the login runs at a shell's prompt, and its output."""
    keys = f" {line};echo S\\OS{NONCE}"
    lines = "".join(f"{text}\r\n" for text in (*output, f"SOS{NONCE}"))
    return (Exchange(keys, (keys,)), Exchange("\r", (f"\r\n{lines}{prompt}",)))


class FarEnd:
    """Plays a list of exchanges, in order.

    Args:
        transport: its end of a memory pair.
        shows: what it sends before any key arrives.
        exchanges: the keys that it waits for, and its replies.

    Attributes:
        typed: everything that was typed.
    """

    def __init__(self, transport: MemoryTransport, shows: Iterable[str | float], exchanges: Iterable[Exchange]) -> None:
        self.typed = ""
        self._transport = transport
        self._shows = tuple(shows)
        self._exchanges = list(exchanges)
        self._pending = ""
        self._nonce = ""

    def then(self, exchanges: Iterable[Exchange]) -> None:
        """Wait for these keys next."""
        self._exchanges.extend(exchanges)

    @property
    def remaining(self) -> list[Exchange]:
        """The exchanges whose keys were not typed."""
        return list(self._exchanges)

    @property
    def unexpected(self) -> str:
        """Keys that no exchange waited for."""
        return self._pending

    async def run(self) -> None:
        """Play the exchanges until the connection ends. Expected keys stop what is still being sent."""
        sending = asyncio.ensure_future(self._send(self._shows))
        try:
            while data := await self._transport.read():
                self.typed += data.decode()
                self._pending += data.decode()
                while self._exchanges and (reply := self._take(self._exchanges[0])) is not None:
                    self._exchanges.pop(0)
                    sending.cancel()
                    sending = asyncio.ensure_future(self._send(reply))
                    await asyncio.sleep(0)
        finally:
            sending.cancel()

    def _take(self, exchange: Exchange) -> tuple[str | float, ...] | None:
        pattern = re.escape(exchange.keys).replace(re.escape(NONCE), r"([0-9a-f]{4})")
        match = re.match(pattern, self._pending)
        if match is None:
            return None
        self._pending = self._pending[match.end() :]
        self._nonce = match[1] if match.groups() else self._nonce
        return exchange.reply

    async def _send(self, pieces: Iterable[str | float]) -> None:
        for piece in pieces:
            if isinstance(piece, str):
                await self._transport.write(piece.replace(NONCE, self._nonce).encode())
            else:
                await asyncio.sleep(piece)
