"""A recording of a console that a person works at: what it showed, and nothing that was typed.

A key that is typed is in it where the machine echoed it. At a password prompt nothing is echoed;
where a slow machine does so all the same, what comes until the next newline is left out. (Of a job
that is run meanwhile, the console itself records what was typed, as in any job, without secrets.)
"""

from __future__ import annotations

from pathlib import Path

from ..console.redact import Hush
from ..console.transcript import Transcript

__all__ = ["HandRecording"]


class HandRecording:
    """The recording, if one runs.

    Attributes:
        path: where it is written; None while nothing is recorded.
        hush: secrets that were given to a job, and are shown nowhere.
        transcript: the file.
    """

    def __init__(self) -> None:
        self.path: Path | None = None
        self.hush = Hush()
        self.transcript: Transcript | None = None
        self._hidden = False

    def start(self, path: Path, title: str, size: tuple[int, int]) -> None:
        """Begin one.

        Raises:
            UsageError: the file cannot be made.
        """
        self.transcript = Transcript(path, title, size)
        self.path = path

    def stop(self) -> None:
        """End it, if one runs."""
        if self.transcript is not None:
            self.transcript.output(self.hush.rest())
            self.transcript.close()
        self.path = self.transcript = None

    def hide(self) -> None:
        """Something is typed that must not be seen: nothing is recorded until the next newline."""
        self._hidden = True

    def came(self, data: bytes) -> None:
        """Record what the console showed."""
        if self._hidden:
            _, newline, data = data.partition(b"\n")
            self._hidden = not newline
            data = b"\r\n" + data if newline else b""
        if self.transcript is not None and data:
            self.transcript.output(self.hush.stream(data))

    def resize(self, columns: int, rows: int) -> None:
        """Record that the terminal has another size."""
        if self.transcript is not None:
            self.transcript.resize(columns, rows)
