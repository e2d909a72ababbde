"""What a console knows of its endpoint: what it is, whether we are past its own words, what it takes for itself."""

from __future__ import annotations

import re

from ..dialects import PLAIN, Dialect
from ..transports import Ask

__all__ = ["Endpoint"]

_TAIL = 256
_LONGEST_TAKEN = 8
#: Colours, titles and keypad modes around a prompt.
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[()][0-9A-Za-z]|[=>78])|[\x00\x07]")


class Endpoint:
    """The endpoint's side of one connection.

    Args:
        dialect: what the endpoint is; a console and nothing else by default.
        named: the name of the machine's console there, where it has several.
        kick: end somebody else's session.
        ask: asks the user what the endpoint wants to know; None where nobody is there.

    Attributes:
        inside: whether its own words are behind us.
        went_in: whether a command that leads to the console was typed, or the console was there at once.
        fell_back: whether it has gone back to its own prompt since; nothing is sent any more.
        prompt: its own, as it stood when we came in; empty if it was not seen.
    """

    def __init__(
        self, dialect: Dialect = PLAIN, *, named: str | None = None, kick: bool = False, ask: Ask | None = None
    ) -> None:
        self.dialect, self.named, self.kick, self.ask = dialect, named, kick, ask
        self.inside = self.went_in = self.fell_back = False
        self.prompt = ""
        self._heard = b""
        self._sent = b"\r"  # some endpoints take what stands at the begin of a line, and so of a connection

    def heard(self, data: bytes) -> None:
        """Take what came, as it came: a line of the kernel's may hide a prompt behind it."""
        self._heard = (self._heard + data)[-_TAIL:]

    def at_its_prompt(self) -> bool:
        """Whether what came last is its own prompt, though we are past it.

        Behind other text only the very prompt counts that stood there when we came in.
        """
        if not self.inside or not self.dialect.prompt:
            return False
        line = _ESCAPES.sub(b"", self._heard).rpartition(b"\n")[2].rpartition(b"\r")[2]
        text = line.decode("latin-1").rstrip()
        return text.endswith(self.prompt) if self.prompt else self.dialect.is_prompt(text)

    def takes(self, data: bytes) -> str:
        """What of `data` it would take for itself, behind what was sent before, as people write it; or nothing."""
        taken = self.dialect.taken(self._sent, data)
        return "" if taken is None else " ".join(_key(byte) for byte in taken)

    def sent(self, data: bytes) -> None:
        """Take note of what was sent."""
        self._sent = (self._sent + data)[-_LONGEST_TAKEN:]


def _key(byte: int) -> str:
    names = {0x0D: "Enter", 0x0A: "Ctrl-J", 0x1B: "Esc"}
    return names.get(byte) or (f"^{chr(byte + 0x40)}" if byte < 0x20 else chr(byte))
