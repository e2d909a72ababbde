"""The console: one owner, deadlines, expect and send; and the way from any state to a root shell and back."""

from .console import Console
from .events import Event, EventSink

__all__ = ["Console", "Event", "EventSink"]
