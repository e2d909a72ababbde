"""What is sent and received as lines, for people who look for the cause of a problem."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Literal, TypeAlias

from ..printable import printable

__all__ = ["Traffic", "TrafficSink"]

_LINE = 4000
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")

#: Is called with ``>`` for a line that was sent, or ``<`` for one that was received, and the printable text.
TrafficSink: TypeAlias = Callable[[Literal["<", ">"], str], object]


class Traffic:
    """Splits what a `Recorder` records, which contains no secrets, into lines.

    A line ends with its newline, or when the other side speaks.

    Args:
        sink: is called with each line.
    """

    def __init__(self, sink: TrafficSink) -> None:
        self._sink = sink
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._open = ""

    def output(self, data: bytes) -> None:
        """Process output of the console."""
        *lines, self._open = (self._open + self._decoder.decode(data)).split("\n")
        for line in lines:
            self._emit("<", line.removesuffix("\r"))
        while len(self._open) > _LINE:
            self._emit("<", self._open[:_LINE])
            self._open = self._open[_LINE:]

    def input(self, text: str) -> None:
        """Process typed text; for a secret, the caller passes a mark instead."""
        self.close()
        for line in _LINES.findall(text):
            self._emit(">", line.replace("\r", "\\r").replace("\n", "\\n"))

    def close(self) -> None:
        """Pass on the line that has no newline yet."""
        line, self._open = self._open, ""
        self._emit("<", line)

    def _emit(self, direction: Literal["<", ">"], line: str) -> None:
        if line:
            self._sink(direction, printable(line, _LINE))
