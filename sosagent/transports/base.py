"""The interface that a console needs from a transport."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from ..errors import UsageError

__all__ = ["Ask", "Transport"]

#: Asks the user a question and returns the answer, or None without one. Arguments: the name of the endpoint that
#: asks (empty for the passphrase of a key), the question, whether the answer may be echoed.
Ask = Callable[[str, str, bool], Awaitable[str | None]]


class Transport(ABC):
    """Carries bytes to and from one console. One task owns it.

    Implementations map the errors of their libraries: methods raise `EndpointLost` when the connection is lost,
    and no exception of a library.
    """

    #: The endpoint as the user named it; safe to print.
    name: str = "console"
    #: Identifies the console if the name alone does not; see `target.place_of`.
    place: str = ""
    #: Whether the endpoint has authenticated us, so that it shows no login prompt of its own.
    logged_in: bool = False
    #: Ends a line that the endpoint itself asks for.
    newline: str = "\r"
    #: Whether the endpoint has opened its console for us, so that closing has to end that session.
    has_console: bool = False
    #: Bits per second of the line, if this side sets the speed; else None.
    baud: int | None = None

    @property
    def end_reason(self) -> str:
        """Why the endpoint closed the connection, if that is known: safe to print, else empty."""
        return ""

    def set_place(self, place: str) -> None:
        """Record which console this is; see `place`."""
        self.place = place

    def note_console_granted(self, granted: bool) -> None:
        """Record whether the endpoint has granted access to its console; see `has_console`."""
        self.has_console = granted

    def others(self) -> str:
        """Return who else is connected, if that may explain a silent console; an empty string if unknown."""
        return ""

    @abstractmethod
    async def read(self) -> bytes:
        """Wait for the next bytes; ``b""`` when the endpoint has closed. No bytes are lost when cancelled."""

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Send `data`. Returns when the connection has accepted it; it may still be on its way.

        Raises:
            EndpointLost: the connection is lost.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connection to the endpoint. Can be called more than once, and never raises."""

    async def send_break(self) -> None:
        """Send a BREAK, which Linux (SysRq) and boot loaders react to.

        Raises:
            UsageError: the endpoint cannot send one.
            EndpointLost: the connection is lost.
        """
        raise UsageError(f"{self.name} cannot send a BREAK")

    def resize(self, columns: int, rows: int) -> None:
        """Report a new size of the user's terminal to the remote side. Do nothing where that is impossible."""
        return None
