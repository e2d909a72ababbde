"""Bytes to and from the endpoint of one console: counted, paced, guarded, and under the job's deadline."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeVar

from ..deadline import Deadline
from ..errors import ConsoleError, DeadlineExceeded, EndpointLost, EndpointRefused
from ..terminal.kernel import FilteredOutput, KernelFilter
from ..transports import Transport
from .closing import explained
from .endpoint import Endpoint
from .events import EventSink
from .line_clock import LineClock
from .pacing import Pacer

__all__ = ["Connection", "MakeError"]

_NOTHING_TYPED = "Nothing was typed on the console before. The endpoint's last lines may say why it closed."
_NOT_READING = "The connection is open, and its other end reads nothing."
_REST_SECONDS, _MOST_READS = 0.5, 16
_PROMPT_QUIET = 0.2  # after this pause, text that looks like the endpoint's prompt is one

_E = TypeVar("_E", bound=ConsoleError)


class MakeError(Protocol):
    """Returns an error with the console's state and last lines; see `Console.error`."""

    def __call__(self, kind: type[_E], message: str, hint: str | None = None) -> _E: ...


class Connection:
    """One connection to an endpoint.

    Args:
        transport: carries the bytes.
        endpoint: what it is connected to.
        error: makes the errors raised here.
        emit: receives an event when the pace falls.
        keep: processes what arrived before a write failed.

    Attributes:
        line: how long bytes take on the line.
        pacer: how fast bytes are sent.
        deadline: when every wait ends.
        bytes_sent, bytes_received: how much went over the line so far.
        exchanges: how many writes ended in Enter; each waits for an answer.
    """

    def __init__(
        self,
        transport: Transport,
        endpoint: Endpoint,
        error: MakeError,
        emit: EventSink,
        keep: Callable[[FilteredOutput], None],
    ) -> None:
        self.transport = transport
        self.endpoint = endpoint
        self.line = LineClock(transport.baud)
        self.pacer = Pacer(transport, endpoint.dialect.pace, emit, self.line)
        self.deadline = Deadline(None)
        self.bytes_sent = 0
        self.bytes_received = 0
        self.exchanges = 0
        self._error = error
        self._keep = keep
        self._filter = KernelFilter()
        self._forward: Callable[[bytes], None] | None = None
        self._ahead: deque[bytes] = deque()  # read already, to see whether more follows

    def set_deadline(self, limit: float | Deadline | None) -> None:
        """End all waits `limit` seconds from now, or at a deadline that began earlier; None removes the deadline."""
        self.deadline = limit if isinstance(limit, Deadline) else Deadline(limit)

    def forward_to(self, receiver: Callable[[bytes], None] | None) -> None:
        """Pass all received bytes to `receiver` from now on, as soon as they arrive; None stops that."""
        self._forward = receiver

    @property
    def kernel_line_pending(self) -> bool:
        """Whether the last bytes may be the start of a kernel message, and are held back until that is clear."""
        return self._filter.holds_partial_line

    def damage_report(self) -> str:
        """Return a sentence about the damage measured on the line and its remedy; empty if there was none."""
        return self.pacer.damage_report(self.bytes_sent + self.bytes_received)

    async def read(self, seconds: float) -> FilteredOutput | None:
        """Wait at most `seconds` for the next bytes; None if none came. Cancelling it loses nothing.

        Raises:
            EndpointLost: the endpoint closed the connection.
            ConsoleError: it did that before Enter was typed on the console, and its last lines say why.
            DeadlineExceeded: the deadline passed first.
        """
        try:
            async with self.deadline.timeout(seconds):
                data = self._ahead.popleft() if self._ahead else await self.transport.read()
        except TimeoutError:
            if self.deadline.passed:
                raise self._deadline_passed() from None
            return None
        if not data:
            hint = None if self.bytes_sent else _NOTHING_TYPED
            reason = self.transport.end_reason
            message = f"{self.transport.name} closed the connection" + (f": {reason}" if reason else "")
            raise explained(self._error(EndpointLost, message, hint), self.transport.name, self.endpoint)
        self.bytes_received += len(data)
        self.line.note_received(data)
        if self._forward is not None:
            self._forward(data)
        self.endpoint.note_received(data)
        return self._filter.feed(data)

    async def check_endpoint(self) -> None:
        """Check that the endpoint has not returned to its own prompt.

        Raises:
            EndpointLost: it has.
        """
        if self.endpoint.shows_prompt() and not await self._more_follows():
            self.endpoint.note_fell_back()
            raise self._fell_back()

    async def _more_follows(self) -> bool:
        """Return whether more comes at once: then the endpoint's apparent prompt is part of a longer text."""
        try:
            async with asyncio.timeout(_PROMPT_QUIET):
                data = await self.transport.read()
        except TimeoutError:
            return False
        if data:
            self._ahead.append(data)
        return bool(data)

    def refuse_intercepted(self, data: bytes, subject: str = "") -> None:
        """Refuse to send what the endpoint would interpret as its own command.

        Args:
            data: the bytes to send.
            subject: how the message starts; by default it names the sequence.

        Raises:
            EndpointRefused: it would do so with a part of `data`.
        """
        sequence = self.endpoint.intercepted(data)
        if sequence:
            title = self.endpoint.dialect.title
            raise self._error(
                EndpointRefused,
                f"{subject or f'{sequence} is a sequence that'} {title} would interpret itself; it was not sent",
                "Do this step interactively, or reach the console through another endpoint.",
            )

    async def write(self, data: bytes) -> None:
        """Send `data` to the machine.

        Raises:
            EndpointRefused: the endpoint would interpret a part of it as its own command; nothing was sent.
            EndpointLost: the connection is gone, or the endpoint has returned to its own prompt.
            DeadlineExceeded: the deadline passed first.
        """
        if self.endpoint.shows_prompt():
            self.endpoint.note_fell_back()
        if self.endpoint.fell_back:
            raise self._fell_back()
        self.refuse_intercepted(data)
        await self._write(data)

    async def write_unguarded(self, data: bytes, pace: int) -> None:
        """Send `data` though the endpoint may interpret it.

        Args:
            data: the bytes.
            pace: how fast; see `Pacer`.

        Raises:
            EndpointLost: the connection is gone, or the endpoint has returned to its own prompt.
            DeadlineExceeded: the deadline passed first.
        """
        if self.endpoint.fell_back:
            raise self._fell_back()
        await self._write(data, pace)

    async def _write(self, data: bytes, pace: int | None = None) -> None:
        self.endpoint.note_sent(data)
        self.bytes_sent += len(data)
        self.exchanges += data.endswith(b"\r")
        if self.deadline.passed:
            raise self._deadline_passed()
        try:
            async with self.deadline.timeout():
                await self.pacer.write(data, pace)
        except TimeoutError:
            if not self.pacer.blocked:
                raise self._deadline_passed() from None  # it was typed slowly
            raise self.too_late("the endpoint does not accept more data", _NOT_READING) from None
        except EndpointLost as error:
            await self._read_rest()
            raise self._error(EndpointLost, error.message) from None

    async def _read_rest(self) -> None:
        """Read what the endpoint sent before a write failed; raise the error of `read` at its end."""
        for _ in range(_MOST_READS):
            filtered = await self.read(_REST_SECONDS)
            if filtered is None:
                return
            self._keep(filtered)

    async def send_break(self) -> None:
        """Send a BREAK.

        Raises:
            UsageError: this endpoint cannot send one.
            EndpointLost: the connection is gone, or the endpoint has returned to its own prompt.
            DeadlineExceeded: the deadline passed first.
        """
        sequence = self.endpoint.dialect.breaks
        try:
            async with self.deadline.timeout():
                if self.endpoint.fell_back:
                    raise self._fell_back()
                if sequence:
                    self.endpoint.note_sent(sequence)
                    await self.transport.write(sequence)
                else:
                    await self.transport.send_break()
        except TimeoutError:
            raise self.too_late("the endpoint did not accept the BREAK", _NOT_READING) from None

    def too_late(self, message: str, hint: str | None = None) -> DeadlineExceeded:
        """Return the error of a wait that ended.

        Args:
            message: what did not come.
            hint: what to do; by default, allow more time. Damage that was seen on the line is added.
        """
        hint = DeadlineExceeded.default_hint if hint is None else hint
        return self._error(DeadlineExceeded, message, f"{hint} {self.damage_report()}".strip())

    def _deadline_passed(self) -> DeadlineExceeded:
        seconds = self.deadline.seconds or 0.0
        return self.too_late(f"the deadline of {seconds:.0f} s passed", self.line.time_hint(seconds) or None)

    def _fell_back(self) -> EndpointLost:
        title = self.endpoint.dialect.title
        return self._error(EndpointLost, f"{title} fell back to its own command line; the machine's console is gone")
