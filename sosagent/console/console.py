"""One console with one owner: expect and send, under one deadline."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from ..errors import ConsoleStateUnknown, DeadlineExceeded, EndpointLost, EndpointRefused
from ..printable import printable
from ..secrets.secret import Secret
from ..terminal.expect import Expecter, Match, Pattern, compile_patterns
from ..terminal.kernel import Heard, KernelFilter, is_kernel_line
from ..terminal.text import Text
from ..transports import Transport
from .endpoint import Endpoint
from .events import Event, EventSink
from .redact import Hush
from .transcript import Transcript

__all__ = ["MOST_PACE", "QUIET", "Console", "Mark"]

#: A prompt counts when the line has been quiet for so many seconds. What is typed there has its echo compared;
#: a password has none.
QUIET = 0.03

_TAIL_LINES = 12
_PRIVATE = "(not recorded)"
_PROMPT_QUIET = 0.2  # an endpoint's prompt stands; text that looks like it goes on
_ECHO_SECONDS = 2.0
_FRESH_SECONDS = 3.0
#: What goes before the keys that bring a fresh prompt, in each try. A flipped bit may have made a ^S, which stops all
#: output (where ^Q quotes the next key, that is a ^U); and some terminals ignore ^C, so the last try is Enter.
_FRESH = ("", "\x11\x15", "\x11\x15\x15\x15")
_ECHO_PAUSE = 0.5  # in the middle of an echo
#: How fast to type: so many bytes, then so many seconds' pause. UARTs without flow control hold 16 bytes and lose
#: what comes before somebody has taken them; iDRAC's wants 5 in 0.2 s.
_PACES = ((4096, 0.0), (64, 0.02), (16, 0.02), (8, 0.05), (5, 0.2))
#: The slowest.
MOST_PACE = len(_PACES) - 1
#: After how many damages each slower pace begins. It helps against overruns and not against noise, so the slower
#: it is, the longer the others are tried.
_DAMAGES = (2, 4, 7, 11)
_RAW_LIMIT = 64 * 1024  # of what came since typing began, and of what is kept for a picture of the screen
_KERNEL_LINE = re.compile(rb"^\r*\n?\[ *\d+\.\d+\] [^\n]*\r?$")
#: fish makes the row below a full one by this: the cursor is where a carriage return takes it, and no line has ended.
_DOWN_AND_UP = re.compile(rb"\r*\n\x1b\[A")
#: Terminal widths at which an echo is read; 80 is what shells take for a serial tty without a size.
_WIDTHS = (80, 999, *range(40, 260))


@dataclass(frozen=True)
class Mark:
    """A moment on a console.

    Fields:
        lines: how many lines were finished by then.
        open_line: the line that was open; empty for a mark that lets any open line count.
        drawn: how often programs had sent the cursor about by then.
        kernel: how many of the lines were the kernel's.
    """

    lines: int
    open_line: str = ""
    drawn: int = 0
    kernel: int = 0


class Console:
    """A console at the other end of a `Transport`.

    It is not for several tasks at once. Every wait ends at the job's deadline, if one is set, with
    `DeadlineExceeded`, which names the state the console was in and shows its last lines.
    Cancelling any of its methods leaves it usable: nothing that was received is lost.

    Args:
        transport: the connection; it is closed with the console.
        transcript: records what comes and goes.
        on_event: is told of progress.
        endpoint: what it is that we are connected to; a console and nothing else by default.

    Attributes:
        entered: what came before that is the endpoint's, not the machine's; see `entrance.enter_endpoint`.
        state: the name of the console's state as last recognised; `sosagent.console_state` looks anew.
        bytes_sent, bytes_received, exchanges: what went over the line so far; an exchange is a
            write that ends in Enter, whose answer is waited for.
        output: the last 64 KiB that came, as a terminal would get them; without what hid a secret.
        pace: how fast it types, by `note_damage`; 0 is as fast as it goes.
        echo: what came back of the line typed last.
        spoke: whether what was received last was more than lines of the kernel.
        line_count: how many lines have been finished so far.
        as_it_comes: is given what comes, all of it and at once; for a person's terminal.
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
        self.entered = Mark(0)
        self.state = "unknown"
        self.bytes_sent = 0
        self.bytes_received = 0
        self.exchanges = 0
        self.line_count = 0
        self.pace = self.endpoint.dialect.pace
        self._hush = Hush()
        self._private = False
        self._ahead: deque[bytes] = deque()  # was read to see whether more comes
        self._wrote = 0.0
        self._damages = 0  # of what was typed
        self._damaged_replies = 0
        self.echo = b""
        self._kernel_count = 0
        self._filter = KernelFilter()
        self.spoke = False
        self.output = bytearray()
        self.as_it_comes: Callable[[bytes], None] | None = None
        self._transcript = transcript
        self._on_event = on_event
        self._text = Expecter()
        self._lines: deque[str] = deque(maxlen=200)
        self._typed: bytearray | None = None  # what came since typing began, for the echo
        self._masking = False
        self._masked = b""  # what was hidden since the secret; looked at for the kernel's lines only
        self._deadline: float | None = None
        self._seconds = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection and the transcript. It does not log out."""
        await self.transport.aclose()
        if self._transcript is not None:
            self._transcript.output(self._hush.rest())
            self._transcript.close()

    def record_to(self, transcript: Transcript | None) -> None:
        """From now on record what comes and goes there; the caller closes it. None: nowhere."""
        if self._transcript is not None:
            self._transcript.output(self._hush.rest())
        self._transcript = transcript

    def enter(self, since: Mark | None = None) -> None:
        """From now on the machine speaks, not the endpoint; or since that mark."""
        self.endpoint.inside = True
        self.entered = since or self.mark()
        self.pace = max(self.pace, self.endpoint.dialect.pace)

    def mark_recording(self, label: str) -> None:
        """A marker in the recording, where a player can go to."""
        if self._transcript is not None:
            self._transcript.marker(label)

    def hide(self, text: str) -> str:
        """`text`, which came from the console, without the secrets that were sent."""
        return self._hush.text(text)

    def tell(self, event: Event) -> None:
        """Hand an event to whoever shows progress."""
        if self._on_event is not None:
            self._on_event(event)

    @property
    def open_line(self) -> str:
        """The line without a newline, as it stands; without a right prompt."""
        return self._text.prompt

    def unfinished(self) -> bool:
        """Whether what came last may be the begin of a line of the kernel's, and so is in nobody's sight yet."""
        return self._filter.holds

    def mark(self) -> Mark:
        """A mark for `since`: what stands on the console now is no answer to what is typed next."""
        return Mark(self.line_count, self.open_line, self._text.drawn, self._kernel_count)

    def mark_of_lines(self) -> Mark:
        """A mark for `since` that lets the open line count as it stands, and whatever was drawn so far."""
        return Mark(self.line_count, kernel=self._kernel_count)

    def restore(self, mark: Mark) -> None:
        """Go on with the open line as it was at `mark`: what came since was an echo that means nothing."""
        self._text.restart(mark.open_line)

    def since(self, mark: Mark) -> tuple[list[str], str]:
        """What came since `mark`: finished lines (at most the last 200), and the open line.

        The open line that stood there already is left out: an answer that takes its time (a far
        endpoint) must not be taken for the prompt before it.
        """
        count = min(self.line_count - mark.lines, len(self._lines))
        lines = list(self._lines)[len(self._lines) - count :]
        stale = self.open_line == mark.open_line and not self.spoken(mark)
        return lines, "" if stale else self.open_line

    def spoken(self, mark: Mark) -> int:
        """How many lines were finished since `mark`, without the kernel's, which nobody's typing brings about."""
        return self.line_count - mark.lines - (self._kernel_count - mark.kernel)

    def drawn_since(self, mark: Mark) -> bool:
        """Whether a program has sent the cursor about since `mark`, as those do that fill the screen."""
        return self._text.drawn > mark.drawn

    @property
    def drawing(self) -> bool:
        """Whether the cursor is still where a program has sent it: nothing was written since."""
        return self._text.drawing

    def tail(self, count: int = _TAIL_LINES) -> tuple[str, ...]:
        """The last lines that hold something, made printable; for error messages."""
        open_line = _PRIVATE if self._private else self.open_line
        lines = [line for line in [*self._lines, open_line] if line.strip()]
        kept = [line for line, _ in itertools.groupby(lines)]  # the rows of an empty editor are all the same
        return tuple(printable(self._hush.text(line)) for line in kept[-count:])

    def screen(self, columns: int = 80, rows: int = 24) -> list[str]:
        """What a terminal would show now, from what came so far: its rows, printable, from the top.

        Args:
            columns, rows: of the terminal.
        """
        from ..terminal.screen import screen_of  # pyte takes its time to import

        return screen_of(bytes(self.output), columns, rows)

    def set_deadline(self, seconds: float | None) -> None:
        """Let all waits end `seconds` from now; None lifts the deadline."""
        self._seconds = seconds or 0.0
        self._deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds

    def time_left(self) -> float | None:
        """Seconds until the deadline; None without one."""
        return None if self._deadline is None else self._deadline - asyncio.get_running_loop().time()

    async def receive(self, seconds: float) -> bytes | None:
        """Wait for the next bytes, at most `seconds`; None when none came.

        The kernel's lines in the middle of others are left out, so there may be none.

        Raises:
            EndpointLost: the endpoint closed the connection.
            DeadlineExceeded: the job's deadline came first.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        if self._deadline is not None:
            until = min(until, self._deadline)
        try:
            async with asyncio.timeout_at(until):
                data = self._ahead.popleft() if self._ahead else await self.transport.read()
        except TimeoutError:
            if self._deadline is not None and loop.time() >= self._deadline:
                raise self._late(f"the deadline of {self._seconds:.0f} s passed") from None
            return None
        if not data:
            raise EndpointLost(f"{self.transport.name} closed the connection", state=self.state, tail=self.tail())
        self.bytes_received += len(data)
        if self.as_it_comes is not None:
            self.as_it_comes(data)
        self.endpoint.heard(data)
        heard = self._filter.feed(data)
        self.spoke = heard.spoke
        self._take(heard)
        if self.endpoint.at_its_prompt() and not await self._goes_on():
            self.endpoint.fell_back = True
            raise self._fallen()
        return heard.data

    async def _goes_on(self) -> bool:
        """Whether more comes at once: then what looks like the endpoint's prompt is in the middle of something."""
        try:
            async with asyncio.timeout(_PROMPT_QUIET):
                data = await self.transport.read()
        except TimeoutError:
            return False
        if data:
            self._ahead.append(data)
        return bool(data)

    def _fallen(self) -> EndpointLost:
        return EndpointLost(
            f"{self.endpoint.dialect.title} fell back to its own command line, away from the machine's console",
            state=self.state,
            tail=self.tail(),
        )

    def _take(self, heard: Heard) -> None:
        data, kernel = heard.data, heard.kernel
        if self._masking:
            kernel = ()  # what would be an echo may stand in the middle of one
            # By position: nothing between a password's first byte and the next newline is kept.
            hidden, newline, rest = data.partition(b"\n")
            self._masked = (self._masked + hidden)[-_RAW_LIMIT:]
            while newline and _KERNEL_LINE.search(self._masked):
                # The newline is the kernel's, which spoke first.
                self._masked, newline, rest = rest.partition(b"\n")
            self._masking = not newline
            data = b"\r\n" + rest if newline else b""
        self._lines.extend(kernel)
        self.line_count += len(kernel)
        self._kernel_count += len(kernel)
        self._record(data + "".join(f"{line}\r\n" for line in kernel).encode())
        if self._typed is not None and len(self._typed) < _RAW_LIMIT:
            self._typed += data
        lines = self._text.feed(data)
        self.line_count += len(lines)
        self._kernel_count += sum(map(is_kernel_line, lines))
        self._lines.extend([_PRIVATE] * len(lines) if self._private else lines)

    @contextmanager
    def unrecorded(self, *secrets: Secret) -> Iterator[None]:
        """What is sent and what comes meanwhile is shown and recorded nowhere; `secrets`, not afterwards either."""
        for secret in secrets:
            self._hush.add(secret)
        before, self._private = self._private, True
        try:
            yield
        finally:
            self._private = before

    def _record(self, data: bytes) -> None:
        if self._private:
            return
        data = self._hush.stream(data)
        if not data:
            return
        if self._transcript is not None:
            self._transcript.output(data)
        self.output += data
        if len(self.output) > 2 * _RAW_LIMIT:
            del self.output[:-_RAW_LIMIT]

    async def expect(
        self, patterns: Pattern | Sequence[Pattern], seconds: float = 30.0, *, exact: bool = False
    ) -> Match:
        """Wait until one of `patterns` is seen in what came since the last match.

        Args:
            patterns: regular expressions (text or compiled), TIMEOUT, EOF; one or a list. One that
                ends in ``$`` is a prompt and matches on the open line only.
            seconds: how long at most.
            exact: take texts literally.

        Returns:
            The match; for TIMEOUT and EOF in the list, one with that index and no text.

        Raises:
            DeadlineExceeded: nothing matched in time, and TIMEOUT is not in the list.
            EndpointLost: the connection ended, and EOF is not in the list.
        """
        listed = [patterns] if not isinstance(patterns, Sequence) or isinstance(patterns, str) else patterns
        compiled = compile_patterns(listed, exact=exact)
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (found := self._text.find(compiled)) is None:
            try:
                data = await self.receive(max(until - loop.time(), 0))
            except EndpointLost:
                if compiled.eof is None:
                    raise
                return Match(compiled.eof, "", "")
            if data is None:
                if compiled.timeout is not None:
                    return Match(compiled.timeout, "", "")
                raise self._late(f"nothing that was expected came within {seconds:.0f} s")
        return found

    def skip(self) -> None:
        """Forget what has come: only what comes from now on can match."""
        self._text.skip()

    async def quiet(self, seconds: float, at_most: float) -> bool:
        """Wait until nothing but the kernel's lines has come for `seconds`; False if it flows after `at_most`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + at_most
        while await self.hear(seconds) is not None:
            if loop.time() > until:
                return False
        return True

    async def hear(self, seconds: float) -> bytes | None:
        """Like `receive`, but the kernel's lines do not count: None when nothing else came within `seconds`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (data := await self.receive(max(until - loop.time(), 0))) is not None:
            if self.spoke:
                return data
        return None

    async def send(self, text: str | bytes) -> None:
        """Send `text` as it is; Enter is ``\\r``."""
        data = text.encode("utf-8") if isinstance(text, str) else text
        if self._transcript is not None:
            self._transcript.input(_PRIVATE if self._private else data.decode("utf-8", "replace"))
        await self._write(data)

    async def pass_on(self, data: bytes, pace: int = 0) -> None:
        """Send what a person types or pastes, as it is: what the endpoint takes for itself, too. It is not recorded.

        Args:
            data: keys.
            pace: how fast, as the attribute; pastes come faster than a line takes them.
        """
        if self.endpoint.fell_back:
            raise self._fallen()
        self.endpoint.sent(data)
        self.bytes_sent += len(data)
        self.exchanges += data.endswith(b"\r")
        await self._portions(data, pace)

    async def send_break(self) -> None:
        """Send a BREAK.

        Raises:
            UsageError: the endpoint has no way to.
        """
        if self._transcript is not None:
            self._transcript.input("(BREAK)")
        try:
            async with asyncio.timeout(self.time_left()):
                if self.endpoint.fell_back:
                    raise self._fallen()
                if self.endpoint.dialect.breaks:
                    self.endpoint.sent(self.endpoint.dialect.breaks)
                    await self.transport.write(self.endpoint.dialect.breaks)
                else:
                    await self.transport.send_break()
        except TimeoutError:
            raise self._late("the endpoint takes no BREAK") from None

    async def send_secret(self, secret: Secret, enter: str = "\r") -> None:
        """Send `secret` and Enter. Until the next newline, what comes back is kept nowhere."""
        data = f"{secret.reveal()}{enter}".encode()
        self._refuse_taken(data, "the password holds what")
        self._masking, self._masked = True, b""
        self._hush.add(secret)
        if self._transcript is not None:
            self._transcript.input("(a secret)\r")
        await self._write(data)

    async def type_line(self, text: str, *, tries: int = 3, fresh: str = "", needed: bool = True) -> bool:
        """Type `text` without Enter, and see it stand behind the prompt as it was typed.

        A line that comes back otherwise is erased, and typed again; slower, where it happens again.

        Args:
            text: printable ASCII.
            tries: how often.
            fresh: keys that bring up the same prompt on a new line, where ^U alone is not seen to erase; if they
                begin with ^U, always, since a line editor may have drawn what cannot be read.
            needed: raise if it never came back as typed; else it is enough that a fresh prompt stands.

        Returns:
            Whether it stands there. If not, the prompt does; `echo` is what came back.

        Raises:
            ConsoleStateUnknown: what is there now cannot be told.
        """
        before, right = self.open_line, self._right()
        for attempt in range(tries):
            self._typed = bytearray()
            try:
                await self.send(text)
                same = await self._echoed(before, text)
                self.echo = bytes(self._typed)
                if same and right is not None and self._right() not in (None, right):
                    # What stands behind the cursor moved on: somebody's text, not a right prompt.
                    await self.send("\x15")
                    await self.quiet(0.2, 2.0)
                    break
                if same:
                    if right is None and len(self._text.open_line) >= len(before + text) + _WIDTHS[0]:
                        # A longer line that was erased left rows of blanks; what Enter brings would stand in them.
                        self._text.restart(before + text)
                    return True
                if not await self._emptied(before, fresh):
                    break  # what is typed now would stand behind it
                if attempt + 1 == tries and not needed:
                    return False
                self.note_damage()
            finally:
                self._typed = None
        raise ConsoleStateUnknown(
            "what is typed does not come back as it was typed; Enter was not pressed",
            state=self.state,
            tail=self.tail(),
            hint=self.damage() or "The line may lose characters (lower its speed), or this is no shell that echoes.",
        )

    async def _emptied(self, prompt: str, fresh: str) -> bool:
        """Erase what was typed, and see that nothing stands behind the prompt."""
        if not fresh.startswith("\x15"):
            await self.send("\x15")
            await self.quiet(0.2, 2.0)
            if self.open_line.rstrip() == prompt.rstrip():
                return True
        # What a line editor has drawn, or a bad line shown, cannot be read: only a new line is sure to be empty.
        for attempt in range(len(_FRESH) if fresh else 0):
            await self.send(_FRESH[attempt] + (fresh if attempt < 2 else "\r"))
            if await self._fresh_prompt(prompt):
                return True
        return False

    async def _fresh_prompt(self, prompt: str) -> bool:
        """Wait until `prompt` stands alone on a new line; False if it does not come."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _FRESH_SECONDS
        while True:
            shown = [Text(width) for width in _WIDTHS[:2]]
            for text in shown:
                # Some pad the line to the terminal's width first, to see whether they stand at its begin.
                text.feed(bytes(self._typed or b"").rpartition(b"\n")[2])
            fresh = next((text.prompt for text in shown if text.prompt.rstrip() == prompt.rstrip()), None)
            if fresh is not None and await self.quiet(0.05, 0.5):
                self._text.restart(fresh)
                return True
            if await self.receive(max(until - loop.time(), 0)) is None:
                return False

    def _right(self) -> tuple[int, str] | None:
        """The column and the text of what stands behind the cursor; None if nothing does."""
        text = self._text.right
        column = len(self._text.open_line) - len(text.lstrip())
        return (column, text.strip()) if text.strip() else None

    async def _echoed(self, before: str, text: str) -> bool:
        loop = asyncio.get_running_loop()
        until = loop.time() + _ECHO_SECONDS
        while loop.time() < until:
            if await self.hear(_ECHO_PAUSE if self._typed else _ECHO_SECONDS) is None:
                break
            assert self._typed is not None
            if _shows(bytes(self._typed), before, text, _WIDTHS[:2]):
                return True
        # A terminal of another width wraps elsewhere: read it at every width before giving up.
        return _shows(bytes(self._typed or b""), before, text, _WIDTHS)

    def _refuse_taken(self, data: bytes, what: str) -> None:
        taken = self.endpoint.takes(data)
        if taken:
            raise EndpointRefused(
                f"{what or f'{taken} is what'} {self.endpoint.dialect.title} would take for itself; it was not sent",
                state=self.state,
                tail=self.tail(),
                hint="Do by hand what needs that, or come by another way to this console.",
            )

    async def _write(self, data: bytes) -> None:
        if self.endpoint.at_its_prompt():
            self.endpoint.fell_back = True
        if self.endpoint.fell_back:
            raise self._fallen()
        self._refuse_taken(data, "")
        self.endpoint.sent(data)
        self.bytes_sent += len(data)
        if data.endswith(b"\r"):
            self.exchanges += 1
        await self._portions(data, self.pace)

    async def _portions(self, data: bytes, pace: int) -> None:
        left = self.time_left()
        if left is not None and left <= 0:
            raise self._late(f"the deadline of {self._seconds:.0f} s passed")
        loop = asyncio.get_running_loop()
        burst, pause = _PACES[pace]
        try:
            async with asyncio.timeout(left):
                for at in range(0, len(data), burst):
                    if pause:
                        await asyncio.sleep(pause - (loop.time() - self._wrote))
                    await self.transport.write(data[at : at + burst])
                    self._wrote = loop.time()
        except TimeoutError:
            raise self._late("the endpoint takes no more bytes") from None
        except EndpointLost as error:
            raise EndpointLost(error.message, state=self.state, tail=self.tail()) from None

    def note_damage(self, *, typed: bool = True) -> None:
        """Something did not arrive as it was. Where that goes on with what is typed, type slower from now on."""
        self._damages += typed
        self._damaged_replies += not typed
        pace = sum(self._damages >= least for least in _DAMAGES)
        if pace > self.pace:
            self.pace = pace
            burst, pause = _PACES[pace]
            self.tell(
                Event("detail", f"what is typed is damaged on its way: now {burst} bytes at a time, {pause} s apart")
            )

    def damage(self) -> str:
        """What was measured of the line, as a sentence and what to do about it; empty if nothing was damaged."""
        count, size = self._damages + self._damaged_replies, self.bytes_sent + self.bytes_received
        if not count:
            return ""
        times = "once" if count == 1 else f"{count} times"
        return (
            f"The line damaged what passed {times} in {size:,} bytes, 1 byte in {size // count:,} or more. "
            "Lower its speed, or see to its flow control; then run again."
        )

    def _late(self, message: str) -> DeadlineExceeded:
        return DeadlineExceeded(message, state=self.state, tail=self.tail(), hint=self.damage() or None)


def _shows(raw: bytes, before: str, text: str, widths: Sequence[int]) -> bool:
    """Tell whether `raw`, received behind `before`, leaves exactly `text` there, at one of the widths.

    Shells that know their terminal's width break the line themselves, so lines are joined. What
    stands to the right of the cursor was not typed: fish suggests there how the line might go on.
    """
    raw = _DOWN_AND_UP.sub(b"\r", raw)
    for width in widths:
        screen = Text(width, before)
        shown = "".join([*screen.feed(raw), screen.before_cursor])
        if shown == before + text:
            return True
    return False
