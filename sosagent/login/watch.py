"""Watching a console until its state is known, and the errors that say what was seen."""

from __future__ import annotations

import asyncio

from ..console.console import QUIET, Console, Mark
from ..errors import (
    ConsoleError,
    ConsoleOccupied,
    ConsoleSilent,
    ConsoleStateUnknown,
    EndpointBusy,
    EndpointReadOnly,
    EndpointRefused,
    LoginRefused,
)
from ..terminal.states import GARBLED, SILENT, UNKNOWN, Observation, Way, classify, looks_garbled

__all__ = [
    "LOGIN_SECONDS",
    "LOGOUT_SECONDS",
    "PROBE_SECONDS",
    "SUSPEND_SECONDS",
    "WAKE_SECONDS",
    "Watch",
]

#: How long things may take: a prompt that Enter asks for, a login (PAM waits, names are looked up), its end,
#: a program that is suspended or comes back, a shell's answer to a question.
WAKE_SECONDS = 5.0
LOGIN_SECONDS = 60.0
LOGOUT_SECONDS = 15.0
SUSPEND_SECONDS = 3.0
PROBE_SECONDS = 10.0
_BY_HAND = "Bring the console to a login prompt by hand, then run again."
_BUSY = "endpoint-busy"
_ONE_AT_A_TIME = "QEMU and others let in one at a time. `ss -xp` shows who has it: end that first."
_SPEEDS = (115200, 9600, 57600, 38400, 19200)
_UNKNOWN_SECONDS = 1.0  # an unknown prompt gets so long to become a known one


class Watch:
    """Tells what state a console is in.

    Args:
        console: what is watched. It types only what it is told to (`submit`, `press`).
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    def observe(self, mark: Mark, *, connecting: bool = False) -> Observation:
        """The state, by what has come since `mark`; see `classify` for `connecting`."""
        console = self.console
        lines, open_line = console.since(mark)
        drawn = console.drawn_since(mark)
        seen = classify(lines, open_line, screen=drawn and console.drawing, connecting=connecting)
        if drawn and seen.state in (UNKNOWN, SILENT):
            # It wrote last, and did not put the cursor; a prompt would stand there if it had ended.
            seen = classify(lines, open_line, screen=True)
        console.state = seen.state.name
        return seen

    async def settle(
        self, seconds: float, *, mark: Mark | None = None, until: tuple[Way, ...] = (), at_once: bool = False
    ) -> Observation:
        """Wait until a state is recognised and the line is quiet; at the end of `seconds`, what there is.

        Args:
            seconds: how long at most.
            mark: what stood there then does not count.
            until: only these ways count; any but waiting, if empty.
            at_once: do not wait for quiet; where nothing will be typed.
        """
        console = self.console
        if mark is None:
            mark = console.mark_of_lines()
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        unknown_since: float | None = None
        while True:
            data = await console.hear(QUIET)
            if data is None or at_once:
                seen = self.observe(mark)
                known = seen.state not in (UNKNOWN, SILENT) and seen.state.way is not Way.WAIT
                if known and (not until or seen.state.way in until):
                    return seen
                if seen.state is UNKNOWN and not until:
                    unknown_since = unknown_since or loop.time()
                    if loop.time() - unknown_since > _UNKNOWN_SECONDS:
                        return seen
            else:
                unknown_since = None
            if loop.time() > end:
                return self.observe(mark)

    async def submit(self, line: str, seconds: float, until: tuple[Way, ...] = ()) -> Observation:
        """Type `line` at a shell's prompt, see its echo, press Enter, and settle."""
        await self.console.type_line(line)
        return await self.press("\r", seconds, until)

    async def press(self, keys: str, seconds: float, until: tuple[Way, ...] = ()) -> Observation:
        """Send `keys`, and settle on what comes of them."""
        mark = self.console.mark()
        await self.console.send(keys)
        return await self.settle(seconds, mark=mark, until=until)

    # -- failing ------------------------------------------------------------------------------

    def failed(self, kind: type[ConsoleError], message: str, hint: str | None = None) -> ConsoleError:
        """An error of `kind` that shows the console."""
        return kind(message, state=self.console.state, tail=self.console.tail(), hint=hint)

    def busy(self) -> ConsoleError:
        """The error for a console that somebody else has, and how to free it."""
        dialect = self.console.endpoint.dialect
        self.console.state = _BUSY
        hint = "Wait until the other session ends, or end it at the endpoint."
        if dialect.free:
            hint = f"What frees it: {dialect.free}."
            if dialect.can_kick and not self.console.endpoint.kick:
                hint += " --kick does that."
        return self.failed(EndpointBusy, f"somebody else has the console of {self.console.transport.name}", hint)

    def silent(self, message: str) -> ConsoleError:
        """The error for a console that does not answer: it may be garbled, or somebody else's."""
        console = self.console
        if looks_garbled(bytes(console.output)):
            return self.stopped(Observation(GARBLED))
        others = console.transport.others()
        if others and not console.bytes_received:
            return self.failed(EndpointBusy, f"{console.transport.name} says nothing, and {others}", _ONE_AT_A_TIME)
        return self.failed(ConsoleSilent, message)

    def _other_speed(self) -> str:
        baud = self.console.transport.baud
        if baud is None:
            return GARBLED.hint
        others = ", ".join(str(speed) for speed in _SPEEDS if speed != baud)
        return (
            f"This end of the line is at {baud} baud, the machine's is not. Behind HOST, ?baud= sets it: try {others}."
        )

    def stopped(self, seen: Observation) -> ConsoleError:
        """The error for a state that nothing leads out of."""
        state = seen.state
        if state.way is Way.BUSY:
            return self.busy()
        self.console.state = state.name
        if state is GARBLED:
            return self.failed(ConsoleOccupied, f"on the console are {state.title}", self._other_speed())
        if state is UNKNOWN:
            return self.failed(
                ConsoleStateUnknown,
                "the console shows something that sosagent does not know; no command was typed into it",
                None if self.console.transport.baud is None else f"If these are no words: {self._other_speed()}",
            )
        if state is SILENT:
            return self.silent("the console fell silent")
        return self.failed(
            _ERRORS.get(state.way, ConsoleOccupied), f"on the console is {state.title}", hint=state.hint or _BY_HAND
        )


_ERRORS: dict[Way, type[ConsoleError]] = {
    Way.CLOSED: EndpointRefused,
    Way.RECONNECT: EndpointReadOnly,
    Way.REFUSED: LoginRefused,
}
