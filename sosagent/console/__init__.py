"""One console with one owner: send, expect, and a deadline on every wait."""

from .console import Console
from .events import Event, EventSink

__all__ = ["Console", "Event", "EventSink"]
