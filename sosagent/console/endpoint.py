"""What a console knows of its endpoint: what it is, whether we are past its own words, what it takes for itself."""

from __future__ import annotations

import re

from ..endpoint.dialects import PLAIN, Dialect, spelled
from ..terminal.kernel import holds_stamp
from ..transports import Ask

__all__ = ["Endpoint"]

_TAIL = 256
_LONGEST_TAKEN = 8
#: Colours, titles, palettes and keypad modes around a prompt; none goes on behind the end of a line.
_ESCAPES = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\]P[0-9A-Fa-f]{7}|[]P^_X][^\x07\x1b\r\n]*(?:\x07|\x1b\\)?|[()][0-9A-Za-z]|[=>78Mc])"
)
_CONTROLS = re.compile(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]")


class Endpoint:
    """The endpoint's side of one connection.

    Args:
        dialect: what the endpoint is; a console and nothing else by default.
        named: the name of the machine's console there, where it has several.
        kick: end somebody else's session.
        ask: asks the user what the endpoint wants to know; None where nobody is there.

    Attributes:
        inside: whether its own words are behind us.
        went_in: whether what ends the console would be for the endpoint: it was entered, or is all that there is.
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
        """Whether its own prompt stands on what came last, though we are past it."""
        if not self.inside or not self.dialect.prompt:
            return False
        text = _CONTROLS.sub(b"", _ESCAPES.sub(b"", self._heard)).rstrip(b"\r ").rpartition(b"\n")[2]
        line = text.rpartition(b"\r")[2].decode("latin-1")
        # The kernel may have left its line open in front of it.
        if self.prompt and holds_stamp(line) and line.endswith(self.prompt):
            return True
        return self.dialect.stands(line)

    def takes(self, data: bytes) -> str:
        """What of `data` it would take for itself, behind what was sent before, as people write it; or nothing."""
        taken = self.dialect.taken(self._sent, data)
        return "" if taken is None else spelled(taken)

    def sent(self, data: bytes) -> None:
        """Take note of what was sent."""
        self._sent = (self._sent + data)[-_LONGEST_TAKEN:]
