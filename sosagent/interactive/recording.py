"""A recording of an interactive session: the console's output, and nothing that the user typed.

A typed character appears in it only where the machine echoed it. Machines do not echo at a password
prompt. In case a slow one does, everything up to the next newline is left out there. While a job runs
in the session, the console itself records what the job types, without secrets, as in any job.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..console.redact import Redactor
from ..console.transcript import Transcript
from ..secrets.secret import Secret

__all__ = ["ScreenRecording"]


class ScreenRecording:
    """The recording of a session; the user starts and stops it.

    Attributes:
        path: the file that is written; None while nothing is recorded.
        transcript: the same file as an open transcript.
    """

    def __init__(self) -> None:
        self.path: Path | None = None
        self.transcript: Transcript | None = None
        self._redactor = Redactor()
        self._hidden = False
        self._report: Callable[[str], None] | None = None

    def report_failures_to(self, report: Callable[[str], None]) -> None:
        """Call `report` with a sentence if a recording ends early, because its file cannot be written."""
        self._report = report

    def start(self, path: Path, title: str, size: tuple[int, int]) -> None:
        """Start a recording.

        Args:
            path: the file to write.
            title: shown by players.
            size: columns and rows of the user's terminal.

        Raises:
            UsageError: the file cannot be created.
        """
        self.transcript = Transcript(path, title, size, on_failure=self._failed)
        self.path = path

    def _failed(self, text: str) -> None:
        self.path = None
        if self._report is not None:
            self._report(f"{text}; the recording ends here")

    def stop(self) -> None:
        """Finish the recording, if there is one."""
        if self.transcript is not None:
            self.transcript.output(self._redactor.flush())
            self.transcript.close()
        self.path = self.transcript = None

    def redact(self, secret: Secret) -> None:
        """Leave `secret` out of everything that is recorded from now on."""
        self._redactor.add(secret)

    def hide_line(self) -> None:
        """Record nothing until the next newline: the user is typing a secret."""
        self._hidden = True

    def output(self, data: bytes) -> None:
        """Record `data`, which the console printed."""
        if self._hidden:
            _, newline, data = data.partition(b"\n")
            self._hidden = not newline
            data = b"\r\n" + data if newline else b""
        if self.transcript is not None and data:
            self.transcript.output(self._redactor.redact_stream(data))

    def resize(self, columns: int, rows: int) -> None:
        """Record a new size of the user's terminal."""
        if self.transcript is not None:
            self.transcript.resize(columns, rows)
