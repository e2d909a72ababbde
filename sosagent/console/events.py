"""What a job tells while it runs, for whoever shows progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Event", "EventSink"]


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Fields:
        kind: ``start`` a step begins, ``done`` it has ended well, ``note`` something worth knowing,
            ``detail`` something for ``-v``.
        text: in one line, printable.
    """

    kind: Literal["start", "done", "note", "detail"]
    text: str


EventSink = Callable[[Event], None]
