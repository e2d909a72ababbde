"""The part of an interactive session that its commands may use."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ..access import Access
from ..console.console import Console
from .options import InteractiveOptions
from .recording import ScreenRecording
from .sender import Sender
from .terminal import UserTerminal

__all__ = ["SessionContext"]


class SessionContext(Protocol):
    """The session that a command runs in."""

    @property
    def console(self) -> Console:
        """The machine's console, which only this session uses."""

    @property
    def terminal(self) -> UserTerminal:
        """The user's terminal."""

    @property
    def recording(self) -> ScreenRecording:
        """The recording of the session."""

    @property
    def sender(self) -> Sender:
        """Sends the user's input to the console."""

    @property
    def access(self) -> Access:
        """How the machine is reached."""

    @property
    def options(self) -> InteractiveOptions:
        """The user's options."""

    @property
    def seconds(self) -> float:
        """Seconds since the session started."""

    def notice(self, text: str, *, start: bytes = b"\r\n") -> None:
        """Show a message of sosagent on lines of its own, after the bytes `start`."""

    def exclusive(self) -> AbstractAsyncContextManager[None]:
        """Stop reading from the console and typing on it; the console's output and the user's keys wait.

        Raises:
            UsageError: a paste is still being sent, or the endpoint does not accept earlier input.
        """

    def sending(self) -> AbstractAsyncContextManager[None]:
        """Wait until earlier input has been sent, then let only the caller send.

        Raises:
            UsageError: the endpoint does not accept the earlier input.
        """

    def typed_ahead(self) -> str:
        """Remove and return what the user has typed so far, up to and including the next Enter (as ``\\r``)."""
