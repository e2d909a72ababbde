"""Record the traffic of a console without secrets: to a transcript, and the last output in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..secrets.marks import NOT_RECORDED
from ..secrets.secret import Secret
from .redact import Redactor
from .traffic import Traffic, TrafficSink
from .transcript import Transcript

__all__ = ["Recorder"]

_OUTPUT_SIZE = 64 * 1024


class Recorder:
    """Records the traffic of one console.

    Args:
        transcript: the file to record to; None records to memory only.
    """

    def __init__(self, transcript: Transcript | None) -> None:
        self._transcript = transcript
        self._traffic: Traffic | None = None
        self._redactor = Redactor()
        self._output = bytearray()
        self._private = False

    @property
    def private(self) -> bool:
        """Whether nothing is recorded now; see `unrecorded`."""
        return self._private

    @property
    def failure(self) -> str:
        """Why the transcript ended early; empty if it did not."""
        return "" if self._transcript is None else self._transcript.failure

    @property
    def output(self) -> bytes:
        """The last output of the console, at least 64 KiB if that much came, with secrets replaced."""
        return bytes(self._output)

    def clear_output(self) -> None:
        """Forget the output received so far."""
        self._output.clear()

    def pass_traffic_to(self, sink: TrafficSink) -> None:
        """Pass what is recorded from now on to `sink` as well, line by line."""
        self._traffic = Traffic(sink)

    def switch_to(self, transcript: Transcript | None) -> None:
        """Record to `transcript` from now on, or to no file. The previous one stays open."""
        if self._transcript is not None:
            self._transcript.output(self._redactor.flush())
        self._transcript = transcript

    def close(self) -> None:
        """Finish the transcript."""
        rest = self._redactor.flush()
        if self._transcript is not None:
            self._transcript.output(rest)
            self._transcript.close()
        if self._traffic is not None:
            self._traffic.output(rest)
            self._traffic.close()

    def add_secret(self, secret: Secret) -> None:
        """Replace `secret` in everything recorded and redacted from now on."""
        self._redactor.add(secret)

    def redact(self, text: str) -> str:
        """Return `text` with the known secrets replaced."""
        return self._redactor.redact(text)

    @contextmanager
    def unrecorded(self, *secrets: Secret) -> Iterator[None]:
        """Record nothing inside this context; `secrets` are replaced afterwards too."""
        for secret in secrets:
            self._redactor.add(secret)
        before, self._private = self._private, True
        try:
            yield
        finally:
            self._private = before

    def record_output(self, data: bytes) -> None:
        """Record bytes that came from the console."""
        if self._private:
            return
        self._keep(self._redactor.redact_stream(data))

    def _keep(self, data: bytes) -> None:
        if not data:
            return
        if self._transcript is not None:
            self._transcript.output(data)
        if self._traffic is not None:
            self._traffic.output(data)
        self._output += data
        if len(self._output) > 2 * _OUTPUT_SIZE:
            del self._output[:-_OUTPUT_SIZE]

    def record_input(self, data: bytes) -> None:
        """Record bytes that were sent."""
        self.record_note(NOT_RECORDED if self._private else data.decode("utf-8", "replace"))

    def record_note(self, text: str) -> None:
        """Record `text` in place of what was sent."""
        self._keep(self._redactor.flush_short())
        if self._transcript is not None:
            self._transcript.input(text)
        if self._traffic is not None:
            self._traffic.input(text)

    def add_marker(self, label: str) -> None:
        """Add a marker to the transcript, which a player can jump to."""
        self._keep(self._redactor.flush_short())
        if self._transcript is not None:
            self._transcript.marker(label)
