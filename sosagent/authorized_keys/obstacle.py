"""What would make sshd refuse a key, or restrict it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Obstacle"]


@dataclass(frozen=True)
class Obstacle:
    """A reason why a login with a key fails or is restricted.

    Fields:
        sentence: the reason.
        remedy: what helps, in a sentence; may be empty.
        refuses: whether no login with the key is possible; otherwise it is restricted, or not checked.
    """

    sentence: str
    remedy: str = ""
    refuses: bool = True
