"""What a person wants of an interactive session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..keys import PublicKey
from ..secrets.secret import Secret

__all__ = ["Hands"]


@dataclass(frozen=True)
class Hands:
    """What a person wants of it.

    Fields:
        read_keys: the keys of a KEYFILE that is typed in answer to a prompt.
        password: the machine's, where it is at hand; None where the user has to be asked.
        user: whose authorized_keys.
        escape: the escape's character; None for none.
        read_only: nothing is typed, ever.
        pace: how fast pastes are sent, of the console's paces; by default not faster than 9600 baud.
        record: a file for a recording.
        calm: takes a spinner away.
    """

    read_keys: Callable[[str], list[PublicKey]]
    password: Callable[[], Secret | None]
    user: str = "root"
    escape: bytes | None = b"~"
    read_only: bool = False
    pace: int | None = None
    record: Path | None = None
    calm: Callable[[], None] = lambda: None
