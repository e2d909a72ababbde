"""The smallest interface that a console needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from ..errors import UsageError

__all__ = ["Ask", "Transport"]

#: Asks the user: the name of the endpoint that wants to know (empty for a key's passphrase), the words, whether the
#: answer may be shown.
Ask = Callable[[str, str, bool], Awaitable[str | None]]


class Transport(ABC):
    """Bytes to and from one console. Owned by one task.

    Errors of the library beneath are mapped here, at the boundary: methods raise `EndpointLost`
    when the connection is gone, and nothing of that library's own.
    """

    #: What it is connected to, in the user's words; safe to print.
    name: str = "console"
    #: Which console it is, where the name alone does not tell; see `target.place_of`.
    place: str = ""
    #: Whether the endpoint has let us in already, so that it asks for no login of its own any more.
    logged_in: bool = False
    #: What ends a line that the endpoint itself asks for.
    newline: str = "\r"
    #: Whether the endpoint has given us its console, so that closing must end that session too.
    has_console: bool = False
    #: Bits a second of the line, where this end sets them.
    baud: int | None = None

    def set_place(self, place: str) -> None:
        """Record which console this is; see `place`."""
        self.place = place

    def note_console_granted(self, granted: bool) -> None:
        """Record whether the endpoint has given us its console; see `has_console`."""
        self.has_console = granted

    def others(self) -> str:
        """Who else is connected, in words, where that would explain that nothing comes; empty if nobody is known."""
        return ""

    @abstractmethod
    async def read(self) -> bytes:
        """Wait for the next bytes; ``b""`` when the endpoint has closed. Cancelling it loses nothing."""

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Send `data`. Returns when it is handed to the connection, which may still be sending it.

        Raises:
            EndpointLost: the connection is gone.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connection to the endpoint. Does nothing the second time, and never raises."""

    async def send_break(self) -> None:
        """Send a BREAK, which Linux and boot loaders take as a key of its own (SysRq).

        Raises:
            UsageError: this endpoint has no way to.
            EndpointLost: the connection is gone.
        """
        raise UsageError(f"{self.name} has no way to send a BREAK")

    def resize(self, columns: int, rows: int) -> None:
        """The user's terminal has this size now. Tells the far end where there is a way to; a serial line has none."""
        return None
