"""The replies of the receiver on a console, and how long a reply takes on its line."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..console.console import Console
from ..deadline import Deadline
from .checksums import CHECKSUMS, Checksum
from .frame import Ended, Reply, ReplyReader, Shown, Up

__all__ = ["ANSWER_SECONDS", "LineSpeed", "Replies"]

ANSWER_SECONDS = 1.0  # how long a machine may take to answer, besides the time on the line
_DRAIN_SECONDS = 0.1
_LONG_REQUEST = 1024  # bytes; the time of a longer request is the time on the line


class LineSpeed:
    """The speed of the line, measured on the traffic so far.

    Attributes:
        byte_seconds: upper bound of the seconds that a byte takes on the line.
    """

    def __init__(self) -> None:
        self.byte_seconds = 0.0
        self._fastest_exchange = ANSWER_SECONDS

    def measure_echo(self, size: int, seconds: float) -> None:
        """Note how long the echo of `size` bytes took."""
        self.byte_seconds = seconds / size

    def measure_exchange(self, size: int, seconds: float) -> None:
        """Note how long it took to send a request of `size` bytes and receive its reply.

        A long request measures the line better than the echo of the start line.
        """
        self._fastest_exchange = min(self._fastest_exchange, seconds)
        if size >= _LONG_REQUEST:
            self.byte_seconds = min(self.byte_seconds, seconds / size)

    def answer_seconds(self, sent: bytes) -> float:
        """Return how long to wait for an answer to `sent` before asking for it."""
        return ANSWER_SECONDS + 2 * len(sent) * self.byte_seconds

    def drain_seconds(self) -> float:
        """Return how long the line is silent once no reply is on its way any more."""
        return min(max(2 * self._fastest_exchange, _DRAIN_SECONDS), ANSWER_SECONDS)


class Replies:
    """Reads the receiver's answers from a console.

    Args:
        console: where the receiver runs.
        speed: the speed of its line.
        patience: seconds that one program may run on the machine.

    Attributes:
        tool: the name of the receiver's checksum, as it reported; a key of `CHECKSUMS`.
    """

    def __init__(self, console: Console, speed: LineSpeed, patience: int) -> None:
        self._console = console
        self._speed = speed
        self._patience = patience
        self.tool = ""
        self._reader = ReplyReader()
        self._events: deque[Up | Ended | Reply | Shown] = deque()
        self._questions = 0  # sent; the receiver sends one reply for each, in the same order
        self._replies = 0  # received

    def note_question(self) -> int:
        """Note that something was sent to which the receiver replies, and return the number of that reply.

        A machine that is busy with a program replies to all questions about it once the program ends. These replies
        arrive late, when the next request is under way, and do not show that it was damaged.
        """
        self._questions += 1
        return self._questions

    def is_late(self, number: int) -> bool:
        """Return whether the last reply belongs to a question before `number`, if no reply was lost."""
        return self._replies < number

    def note_answered(self, number: int) -> None:
        """Note that the last reply is known to belong to question `number` or a later one: earlier ones were lost."""
        self._replies = max(self._replies, number)

    @property
    def checksum(self) -> Checksum:
        """The receiver's checksum."""
        return CHECKSUMS[self.tool]

    @property
    def arriving(self) -> bool:
        """Whether the start of a reply has arrived, but not its end."""
        return self._reader.in_reply

    def expect(self, text: str) -> None:
        """Wait for `text` as the collector prints it; see `Shown`."""
        self._reader.expect(text)

    def discard(self) -> None:
        """Discard the answers received so far, so that none is taken for the answer to the next request."""
        while self._events:
            self._take()

    async def drain(self) -> None:
        """Discard the late replies, or those that come before the line is silent."""
        while self.is_late(self._questions):
            if await self.next(Reply, seconds=self._speed.drain_seconds()) is None:
                self.note_answered(self._questions)

    def _take(self) -> Up | Ended | Reply | Shown:
        event = self._events.popleft()
        if isinstance(event, Reply):
            self._replies = min(self._replies + 1, self._questions)
        elif isinstance(event, Up) and event.tool in CHECKSUMS:
            self.tool = event.tool
            self._reader.use(self.checksum)
        return event

    async def next(
        self,
        *kinds: type[Up | Ended | Reply | Shown],
        seconds: float,
        failed: Callable[[], bool] | None = None,
    ) -> Up | Ended | Reply | Shown | None:
        """Return the next event of one of `kinds`, and discard those before it; None after `seconds`, or if `failed()`.

        While a reply is arriving the wait is extended, because a long one takes time on a slow line.

        Raises:
            DeadlineExceeded, EndpointLost: see `Console.receive`.
        """
        wait, limit = Deadline(seconds), Deadline(seconds + self._patience)
        while True:
            while self._events:
                event = self._take()
                if isinstance(event, kinds):
                    return event
            data = await self._console.receive(wait.remaining)
            if data is None:
                return None
            self._events.extend(self._reader.feed(data))
            if not self._events and failed is not None and failed():
                return None
            if self._reader.in_reply and not self._console.received_only_kernel:
                wait = Deadline(max(wait.remaining, limit.within(ANSWER_SECONDS)))
