"""The state of the endpoint that a console is connected through."""

from __future__ import annotations

import re

from ..endpoint.dialect import Dialect, spell_keys
from ..endpoint.dialects import PLAIN
from ..terminal.kernel import contains_kernel_stamp
from ..transports import Ask

__all__ = ["Endpoint"]

_KEPT_RECEIVED = 256
_KEPT_SENT = 8  # the longest sequence that an endpoint intercepts
#: Colours, titles, palettes and keypad modes around a prompt. They all end before the end of a line.
_ESCAPES = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\]P[0-9A-Fa-f]{7}|[]P^_X][^\x07\x1b\r\n]*(?:\x07|\x1b\\)?|[()][0-9A-Za-z]|[=>78Mc])"
)
_CONTROLS = re.compile(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]")


class Endpoint:
    """The state of the endpoint in one connection.

    Args:
        dialect: the endpoint's dialect; a plain console by default.
        console_name: the name of the machine's console, if the endpoint has several.
        kick: end another user's session.
        ask: passes the endpoint's questions to the user; None if no user is present.

    Attributes:
        passed: whether the endpoint's own dialogue is over and the machine's console is reached.
        must_leave: whether the dialect's leave sequence is for this endpoint: its console was opened by a command,
            or the console is all there is.
        entered: whether Enter was typed on the machine's console.
        fell_back: whether the endpoint has returned to its own prompt since; nothing is sent any more.
        prompt: its prompt as it looked before the console was opened; empty if it did not appear.
    """

    def __init__(
        self, dialect: Dialect = PLAIN, *, console_name: str | None = None, kick: bool = False, ask: Ask | None = None
    ) -> None:
        self.dialect, self.console_name, self.kick, self.ask = dialect, console_name, kick, ask
        self.passed = self.must_leave = self.entered = self.fell_back = False
        self.prompt = ""
        self._received = b""
        # Some endpoints interpret a sequence only at the start of a line, which the start of a connection counts as.
        self._sent = b"\r"

    def switch_dialect(self, dialect: Dialect) -> None:
        """Replace the dialect. Its dialogue is still to come, and no other session is ended there."""
        self.dialect, self.passed, self.kick = dialect, False, False

    def note_passed(self) -> None:
        """Note that the endpoint's own dialogue is over."""
        self.passed = True

    def note_must_leave(self) -> None:
        """Note that the dialect's leave sequence is needed at the end."""
        self.must_leave = True

    def note_fell_back(self) -> None:
        """Note that the endpoint has returned to its own prompt."""
        self.fell_back = True

    def note_prompt(self, prompt: str) -> None:
        """Remember how the endpoint's prompt looks."""
        self.prompt = prompt

    def note_received(self, data: bytes) -> None:
        """Process received bytes, unfiltered: the endpoint's prompt may follow an unfinished kernel message."""
        self._received = (self._received + data)[-_KEPT_RECEIVED:]

    def note_sent(self, data: bytes) -> None:
        """Process bytes that are being sent."""
        self._sent = (self._sent + data)[-_KEPT_SENT:]
        self.entered = self.entered or (self.passed and (b"\r" in data or b"\n" in data))

    def shows_prompt(self) -> bool:
        """Return whether the received bytes end in the endpoint's own prompt after its dialogue was over."""
        if not self.passed or not self.dialect.prompt:
            return False
        text = _CONTROLS.sub(b"", _ESCAPES.sub(b"", self._received)).rstrip(b"\r ").rpartition(b"\n")[2]
        line = text.rpartition(b"\r")[2].decode("latin-1")
        # The kernel may have left its line unfinished in front of the prompt.
        if self.prompt and contains_kernel_stamp(line) and line.endswith(self.prompt):
            return True
        return self.dialect.contains_prompt(line)

    def intercepted(self, data: bytes) -> str:
        """Return the sequence the endpoint would interpret itself if `data` were sent now, in readable form.

        The sequence may start in what was sent before. Without one, return an empty string.
        """
        taken = self.dialect.forbidden_in(self._sent, data)
        return "" if taken is None else spell_keys(taken)
