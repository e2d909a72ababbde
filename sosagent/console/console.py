"""One console with one owner: send, expect, and a deadline on every wait."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self, TypeVar

from ..deadline import Deadline
from ..errors import ConsoleError, EndpointLost
from ..printable import printable
from ..secrets.marks import NOT_RECORDED, REDACTED
from ..secrets.secret import Secret
from ..terminal.expect import Match, Pattern, compile_patterns
from ..terminal.kernel import FilteredOutput
from ..transports import Transport
from .connection import Connection
from .endpoint import Endpoint
from .events import Event, EventSink, GuardedCalls, guarded
from .pacing import Pacer
from .received import Mark, ReceivedText
from .recorder import Recorder
from .redact import EchoMask
from .transcript import Transcript
from .typing import LineTyper
from .way_out import WayOut

__all__ = ["Console", "Mark"]

_TAIL_LINES = 12
_E = TypeVar("_E", bound=ConsoleError)


class Console:
    """A console at the other end of a `Transport`.

    Only one task may use it at a time. Every wait ends at the job's deadline, if one is set, with
    `DeadlineExceeded`, which names the console's state and shows its last lines. A cancelled method leaves the
    console usable: nothing that was received is lost.

    Args:
        transport: the connection; `aclose` closes it.
        transcript: records what is sent and received.
        on_event: receives progress events.
        endpoint: the endpoint that the transport is connected to; by default a plain console.

    Attributes:
        received: the text received so far.
        recorder: the transcript, the last output, and the secrets to redact.
        connection: sends and receives the bytes; it refuses sequences that the endpoint would interpret.
        line: how long bytes take on the line; waits for text grow with that.
        typer: types lines and compares their echo.
        machine_start: where the machine's output starts; earlier output is the endpoint's own.
        way_out: the time for logging out and closing.
        state: the console state recognised last; `sosagent.console_state` looks again.
        received_only_kernel: whether the bytes received last contained nothing but kernel messages.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        transcript: Transcript | None = None,
        on_event: EventSink | None = None,
        endpoint: Endpoint | None = None,
    ) -> None:
        self.transport = transport
        self.endpoint = endpoint or Endpoint()
        self.received = ReceivedText()
        self.recorder = Recorder(transcript)
        self.connection = Connection(transport, self.endpoint, self.error, self.emit, self._keep)
        self.line = self.connection.line
        self.typer = LineTyper(self, self.received, self.pacer, self.line)
        self.machine_start = Mark(0)
        self.state = "unknown"
        self.received_only_kernel = False
        self._on_event = None if on_event is None else guarded(on_event)
        self._callbacks: list[GuardedCalls] = [] if self._on_event is None else [self._on_event]
        self._mask = EchoMask()
        self.way_out = WayOut()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection and the transcript. This does not log out, and takes no longer than the way out."""
        limit = self.way_out.closing_seconds
        try:
            async with asyncio.timeout(limit):
                await self.transport.aclose()
        except TimeoutError:
            self.emit(Event("detail", f"closing {self.transport.name} takes longer than {limit:.0f} s"))
        finally:
            self.recorder.close()

    @property
    def pacer(self) -> Pacer:
        """The typing pace of the console, and the damage noted so far."""
        return self.connection.pacer

    @property
    def deadline(self) -> Deadline:
        """When every wait ends."""
        return self.connection.deadline

    @property
    def bytes_sent(self) -> int:
        """The number of bytes sent so far."""
        return self.connection.bytes_sent

    @property
    def bytes_received(self) -> int:
        """The number of bytes received so far."""
        return self.connection.bytes_received

    @property
    def exchanges(self) -> int:
        """The number of writes so far that ended in Enter; each waits for an answer."""
        return self.connection.exchanges

    # -- state and errors ---------------------------------------------------------------------

    def note_state(self, name: str) -> None:
        """Record the name of the console state that was recognised."""
        if name != self.state:
            self.emit(Event("detail", f"state: {name}"))
        self.state = name

    def error(self, kind: type[_E], message: str, hint: str | None = None) -> _E:
        """Return an error that carries the console's state and last lines.

        Args:
            kind: its class.
            message: what happened, in one line.
            hint: what to do next; by default the hint of `kind`.
        """
        return kind(message, state=self.state, tail=self.tail(), hint=hint)

    def damage_report(self) -> str:
        """Return a sentence about the damage measured on the line and its remedy; empty if there was none."""
        return self.connection.damage_report()

    def emit(self, event: Event) -> None:
        """Pass an event to the progress display."""
        if self._on_event is not None:
            self._on_event(event)

    def guard(self, callback: Callable[..., object], what: str) -> GuardedCalls:
        """Return `callback` of the caller so that its failure does not end the job; see `local_failures`."""
        self._callbacks.append(guarded(callback, what))
        return self._callbacks[-1]

    @property
    def local_failures(self) -> tuple[str, ...]:
        """What failed on this computer so far: the transcript, and callbacks of the caller. The job goes on."""
        return tuple(filter(None, (self.recorder.failure, *(one.failure for one in self._callbacks))))

    def set_deadline(self, limit: float | Deadline | None) -> None:
        """End all waits `limit` seconds from now, or at a deadline that began earlier; None removes the deadline."""
        self.way_out.cancel()
        self.connection.set_deadline(limit)

    def start_leaving(self) -> None:
        """Begin the way out, whose waits end at a deadline of its own; see `WayOut.begin`."""
        self.connection.set_deadline(self.way_out.begin(self.deadline))

    def leave_within(self, seconds: float) -> None:
        """End the way out `seconds` from now."""
        self.connection.set_deadline(self.way_out.end_within(seconds))

    def time_left(self) -> float | None:
        """Return the seconds until the deadline; None without a deadline."""
        return None if self.deadline.seconds is None else self.deadline.remaining

    def mark_machine_start(self, since: Mark | None = None) -> None:
        """Note that the endpoint's own dialogue is over and the machine's output starts here, or at `since`."""
        self.endpoint.note_passed()
        self.machine_start = since or self.mark()
        self.pacer.slow_down(self.endpoint.dialect.pace)

    # -- what was received --------------------------------------------------------------------

    @property
    def open_line(self) -> str:
        """The line that has no newline yet, without a right prompt."""
        return self.received.open_line

    @property
    def kernel_line_pending(self) -> bool:
        """Whether the last bytes may be the start of a kernel message, and are held back until that is clear."""
        return self.connection.kernel_line_pending

    @property
    def output(self) -> bytes:
        """The last 64 KiB received, as a terminal would get them, with secrets replaced."""
        return self.recorder.output

    def mark(self) -> Mark:
        """Return a mark for `since`; see `ReceivedText.mark`."""
        return self.received.mark()

    def mark_before_open_line(self) -> Mark:
        """Return a mark for `since`; see `ReceivedText.mark_before_open_line`."""
        return self.received.mark_before_open_line()

    def since(self, mark: Mark) -> tuple[list[str], str]:
        """Return the lines finished since `mark` and the open line; see `ReceivedText.since`."""
        return self.received.since(mark)

    def tail(self, count: int = _TAIL_LINES) -> tuple[str, ...]:
        """Return the last `count` lines that are not blank, printable and redacted, for error messages."""
        open_line = NOT_RECORDED if self.recorder.private else self.open_line
        lines = [line for line in [*self.received.lines, open_line] if line.strip()]
        distinct = [line for line, _ in itertools.groupby(lines)]  # the empty rows of an editor are all the same
        # A row that was full may have split a secret, so the lines are redacted together.
        return tuple(printable(line) for line in self.redact("\n".join(distinct)).split("\n")[-count:])

    # -- recording ----------------------------------------------------------------------------

    def redact(self, text: str) -> str:
        """Return `text` from the console without the secrets that were sent."""
        return self.recorder.redact(text)

    def unrecorded(self, *secrets: Secret) -> AbstractContextManager[None]:
        """Show and record nothing inside this context; `secrets` are replaced afterwards too."""
        return self.recorder.unrecorded(*secrets)

    def mark_recording(self, label: str) -> None:
        """Add a marker to the transcript, which a player can jump to."""
        self.recorder.add_marker(label)

    def forward_to(self, receiver: Callable[[bytes], None] | None) -> None:
        """Pass all bytes to `receiver` from now on, as soon as they arrive; None stops that."""
        self.connection.forward_to(receiver)

    # -- receiving ----------------------------------------------------------------------------

    async def receive(self, seconds: float, *, ignore_kernel: bool = False) -> bytes | None:
        """Wait at most `seconds` for the next bytes.

        Args:
            seconds: how long to wait.
            ignore_kernel: continue to wait if only kernel messages were received.

        Returns:
            The bytes without kernel messages that interrupted other lines, so they may be empty; None if no
            bytes arrived in time.

        Raises:
            EndpointLost: the endpoint closed the connection, or returned to its own prompt.
            DeadlineExceeded: the job's deadline passed first.
        """
        wait = Deadline(seconds)
        while (data := await self._receive(wait.remaining)) is not None:
            if not (ignore_kernel and self.received_only_kernel):
                break
            if self.line.byte_seconds and self.kernel_line_pending:
                wait = Deadline(seconds)  # for the next byte of what may be a kernel line, or an escape sequence
        return data

    async def _receive(self, seconds: float) -> bytes | None:
        filtered = await self.connection.read(seconds)
        if filtered is None:
            return None
        self.received_only_kernel = filtered.only_kernel
        self._keep(filtered)
        await self.connection.check_endpoint()
        return filtered.data

    def _keep(self, filtered: FilteredOutput) -> None:
        # While an echo is masked, a kernel message may be in the middle of it: drop that too.
        kernel_lines = () if self._mask.active else filtered.kernel_lines
        data = self._mask.apply(filtered.data)
        self.recorder.record_output(data + "".join(f"{line}\r\n" for line in kernel_lines).encode())
        self.typer.feed(data)
        cuts = [cut for cut in filtered.interruptions if cut <= len(data)]  # the mask drops only the start
        self.received.feed(data, kernel_lines, cuts, private=self.recorder.private)

    async def quiet(self, seconds: float, at_most: float) -> bool:
        """Wait until nothing but kernel messages is received for `seconds`, or longer on a slow line.

        Returns:
            True if the line is quiet; False if output still flows after `at_most` seconds.
        """
        deadline = self.line.wait(at_most)
        while await self.receive(max(seconds, self.line.quiet_seconds), ignore_kernel=True) is not None:
            if deadline.passed:
                return False
        return True

    async def expect(
        self, patterns: Pattern | Sequence[Pattern], seconds: float = 30.0, *, exact: bool = False
    ) -> Match:
        """Wait until one of `patterns` matches; see `sosagent.Console.expect`."""
        listed = [patterns] if not isinstance(patterns, Sequence) or isinstance(patterns, str) else patterns
        compiled = compile_patterns(listed, exact=exact)
        deadline = self.line.wait(seconds)
        while (match := self.received.find(compiled)) is None:
            try:
                data = await self.receive(deadline.remaining)
            except EndpointLost:
                if compiled.eof is None:
                    raise
                return Match(compiled.eof, "", "")
            if data is None and deadline.passed:
                if compiled.timeout is not None:
                    return Match(compiled.timeout, "", "")
                raise self.connection.too_late(f"none of the expected text came within {seconds:.0f} s", "")
        return match

    def skip(self) -> None:
        """Consume everything received so far, so that only later text can match."""
        self.received.skip()

    # -- sending ------------------------------------------------------------------------------

    async def send(self, text: str | bytes) -> None:
        """Send `text` unchanged; Enter is ``\\r``.

        Raises:
            EndpointRefused: the endpoint would interpret a part of it as a command; nothing was sent.
            EndpointLost: the connection is gone, or the endpoint returned to its own prompt.
            DeadlineExceeded: the job's deadline passed first.
        """
        data = text.encode("utf-8") if isinstance(text, str) else text
        self.recorder.record_input(data)
        self._note_enter(data)
        await self.connection.write(data)

    async def send_secret(self, secret: Secret, enter: str = "\r") -> None:
        """Send `secret` and Enter. Output up to the next newline is neither kept nor recorded.

        Raises: the same errors as `send`.
        """
        data = f"{secret.reveal()}{enter}".encode()
        self.connection.refuse_intercepted(data, "the password contains a sequence that")
        self._mask.start()
        self.recorder.add_secret(secret)
        self.recorder.record_note(f"{REDACTED}\r")
        self._note_enter(data)
        await self.connection.write(data)

    def _note_enter(self, data: bytes) -> None:
        if b"\r" in data or b"\n" in data:
            self.received.note_enter()

    async def send_interactive(self, data: bytes, pace: int = 0) -> None:
        """Send what a person types or pastes, including the endpoint's own escape sequences. It is not recorded.

        Args:
            data: the keys.
            pace: how fast (see `pacing`); a paste arrives faster than a serial line takes it.

        Raises:
            EndpointLost: the connection is gone, or the endpoint returned to its own prompt.
            DeadlineExceeded: the job's deadline passed first.
        """
        self._note_enter(data)
        await self.connection.write_unguarded(data, pace)

    async def send_break(self) -> None:
        """Send a BREAK.

        Raises:
            UsageError: this endpoint cannot send one.
            EndpointLost: the connection is gone, or the endpoint returned to its own prompt.
            DeadlineExceeded: the job's deadline passed first.
        """
        self.recorder.record_note("(BREAK)")
        await self.connection.send_break()

    async def type_line(self, text: str, *, tries: int = 3, new_prompt_keys: str = "", required: bool = True) -> bool:
        """Type `text` without Enter and compare its echo; see `LineTyper.type_line`."""
        return await self.typer.type_line(text, tries=tries, new_prompt_keys=new_prompt_keys, required=required)
