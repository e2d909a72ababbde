"""The options of an interactive session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..keys import PublicKey
from ..secrets.secret import Secret

__all__ = ["InteractiveOptions"]


@dataclass(frozen=True)
class InteractiveOptions:
    """The options of an interactive session.

    Fields:
        read_keys: returns the public keys in the file that the user names at the KEYFILE prompt.
        find_password: returns the machine's password if it is available without asking, else None.
        user: the user whose authorized_keys file receives the keys.
        escape: the escape character; None disables the escape.
        read_only: show the console and never type on it.
        pace: how fast pastes are sent, as one of the console's paces; None for a pace below 9600 baud.
        record: the file for a recording of the whole session.
        stop_spinner: removes a progress spinner from the user's terminal.
    """

    read_keys: Callable[[str], list[PublicKey]]
    find_password: Callable[[], Secret | None]
    user: str = "root"
    escape: bytes | None = b"~"
    read_only: bool = False
    pace: int | None = None
    record: Path | None = None
    stop_spinner: Callable[[], None] = lambda: None
