"""Progress events that a job emits while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Event", "EventSink"]


@dataclass(frozen=True)
class Event:
    """One event.

    Fields:
        kind: ``start`` when a step starts, ``done`` when it has succeeded, ``note`` for something the user
            should know, ``detail`` for something shown with ``-v``.
        text: one printable line.
    """

    kind: Literal["start", "done", "note", "detail"]
    text: str


EventSink = Callable[[Event], None]
