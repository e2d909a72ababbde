"""Run a program on the machine and get its exact result.

The protocol is told in `remote/receiver.sh`, its bytes made in `frame.py`, the line that begins
it in `start.py`. Here are the waits and the repeats.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_letters, digits

from ..console.console import QUIET, Console, Mark
from ..console.events import Event
from ..errors import (
    ConsoleError,
    ConsoleStateUnknown,
    DeadlineExceeded,
    EndpointBusy,
    LineDamaged,
    MachineRestarted,
    NotVerified,
)
from ..terminal.expect import TIMEOUT, Match, Pattern
from ..terminal.states import Way, classify
from .frame import CHECK, END, Ended, Reply, ReplyReader, Up, portions, request
from .programs import Expanded, program
from .start import MODES_FOUND, MODES_SANE, PLAIN_SHELL, Start, start_line

__all__ = ["Result", "VerifiedShell"]

_TRIES = 24  # at one byte in a thousand, every second request is damaged
_START_TRIES = 12
_LEAVE_TRIES = 8
_ANSWER_SECONDS = 1.0
_ENTER_SECONDS = 2.0
_ENTER_TRIES = 3
_REPLY_SECONDS = 5.0
_EXEC_SECONDS = 20.0  # a machine without memory left takes so long to start a program
_MOST_ECHO = 1.3
_DRAIN_SECONDS = 0.1
_MOST_STALE = 20
_LONG = 1024  # bytes of a request whose time is the line's

#: What only a machine prints that goes down or comes up.
_RESTARTED = re.compile(
    r"reboot: |Linux version \d|Kernel panic - not syncing|systemd-shutdown|^\[ *(?:OK|FAILED) *\] |GNU GRUB +version"
)


@dataclass(frozen=True)
class Result:
    """What a program did.

    Fields:
        status: its exit status.
        output: what it printed on standard output and error, without newlines at the end.
    """

    status: int
    output: bytes

    @property
    def lines(self) -> list[str]:
        """The output's lines, as UTF-8 with replacement."""
        return self.output.decode("utf-8", "replace").split("\n")


def _nonce() -> str:
    """Two characters: the start line has no room for more."""
    return "".join(secrets.choice(ascii_letters + digits) for _ in range(2))


class VerifiedShell:
    """A plain /bin/sh on the machine that runs nothing that did not arrive intact.

    Args:
        console: at a shell's prompt.
        replace: exec over the shell at whose prompt we are, which is ours.
        keep_modes: put the tty's modes back as they were found; else the next getty sets them.
        root: run in a chroot there; empty for where the shell is.
        dead_man: after so many seconds the machine closes the shell by itself.
        patience: so many seconds one program may run.

    Attributes:
        plain: whether a plain shell was started over the one that was there; `close` ends it with ours.

    Cancelling `run` leaves the program to its watchdog; `close` is always right to call.
    """

    def __init__(
        self,
        console: Console,
        *,
        replace: bool,
        keep_modes: bool,
        dead_man: int,
        patience: int = 60,
        root: str = "",
    ) -> None:
        self.console = console
        modes = MODES_FOUND if keep_modes else MODES_SANE
        receiver = program("receiver", modes=Expanded(modes), seconds=Expanded(dead_man), patience=Expanded(patience))
        self._start: Start = start_line(receiver, _nonce(), replace=replace, modes=modes, root=root)
        #: The same over a plain shell of ours, should the one that is there not take it.
        self._again: Start = start_line(receiver, _nonce(), replace=True, modes=modes, plain=True)
        self._plain = f"chroot {root} {PLAIN_SHELL}" if root else PLAIN_SHELL
        self._replace = replace
        self._patience = patience
        self._reader = ReplyReader()
        self._entered = False  # the start line's Enter was pressed
        self._collecting = False  # its mark was seen
        self._up = False  # the receiver answered
        self.plain = False
        self._byte_seconds = 0.0  # of the line, by the start line's echo
        self._quickest = _ANSWER_SECONDS  # that a program was sent and answered
        self._unsure = False  # something was asked again, so a reply more than we took may come
        self._idle = True  # no request is under way
        self._count = 0  # programs that have run there
        self._events: deque[Up | Ended | Reply] = deque()

    @property
    def started(self) -> bool:
        """Whether the start line was entered, so that `close` has something to do."""
        return self._entered

    @property
    def collecting(self) -> bool:
        """Whether it was seen to be up: from then on, silence or the dead-man's switch ends it."""
        return self._collecting

    async def start(self) -> None:
        """Type the start line and wait until it collects; where the shell does not take it, over a plain one.

        Raises:
            ConsoleStateUnknown: it was not answered.
        """
        console = self.console
        console.tell(Event("start", "start the shell"))
        prompt = console.open_line
        loop = asyncio.get_running_loop()
        for _ in range(_START_TRIES):
            begun = loop.time()
            typed = await console.type_line(self._start.line, tries=1, fresh="\x15\x03", needed=False)
            if typed or not _damaged(console.echo, self._start.line):
                break
            console.note_damage()
        self._byte_seconds = (loop.time() - begun) / len(self._start.line)
        if typed and await self._collects(prompt):
            return
        console.tell(Event("detail", "its shell does not take the start line: a plain sh does"))
        await console.quiet(QUIET, 2.0)  # tcsh shows its prompt before it takes the tty over
        await console.type_line(f" {'exec ' if self._replace else ''}{self._plain}", fresh="\x15\x03")
        self.plain = True
        await self._enter([r"[#$%>] ?$", re.compile(rf"^{re.escape(prompt)}$")])
        await console.quiet(QUIET, 2.0)
        self._start, prompt = self._again, console.open_line
        await console.type_line(self._start.line, tries=_START_TRIES, fresh="\x15\x03")
        if not await self._collects(prompt):
            raise self._not_started()

    async def _collects(self, prompt: str) -> bool:
        """Press Enter behind the start line. False when the shell refused it: its prompt is back."""
        console = self.console
        self._entered = True
        # A shell that takes the line prints nothing before the mark; one that refuses it, its prompt again.
        answers: list[Pattern] = [self._start.ready, re.compile(rf"^{re.escape(prompt)}$"), r"[#$%>❯➜λ»] ?$"]
        try:
            found = await self._enter(answers)
        except DeadlineExceeded:
            left = console.time_left()
            if left is not None and left <= 0:
                raise
            self._entered = False
            raise self._not_started() from None
        if found.index:
            self._entered = False
            return False
        self._collecting = True
        console.state = "our shell"
        return True

    async def _enter(self, answers: Sequence[Pattern]) -> Match:
        """Press Enter until it is answered. One that comes twice is an empty line to a shell and to a collector."""
        console = self.console
        console.skip()
        for _ in range(_ENTER_TRIES):
            await console.send("\r")
            found = await console.expect([*answers, TIMEOUT], _ENTER_SECONDS)
            if found.index < len(answers):
                return found
        return await console.expect(answers, _EXEC_SECONDS)

    async def run(self, text: str, *, tries: int = _TRIES, slower: bool = True, answer: float = 0.0) -> Result:
        """Run the program `text` and give its exact result. It runs at most once.

        Args:
            text: POSIX sh in one line, printable ASCII. Its input is empty, ``$HOME`` is what the
                login set, and nothing it assigns stays.
            tries: how often it, or its reply, may be damaged; for what had better be sent smaller than again.
            slower: type slower where it is damaged.
            answer: so many seconds more it may work before it is asked how far it is; that repeats a reply.

        Raises:
            NotVerified: the program may have run, and its reply did not get through intact in several tries.
            LineDamaged: the program did not get through intact, and did not run.
            DeadlineExceeded, EndpointLost: see `Console.receive`.
        """
        if not self._idle:
            await self._resynchronise(self._patience + _REPLY_SECONDS)
        number, self._idle = self._count, False
        if self._unsure and tries < _TRIES:
            await self._drain()
        self._events.clear()  # none of them can be its answer
        self._unsure = True
        framed = request(number, text)
        mark = self.console.mark()
        # One exchange for both: the receiver, and the program right behind it.
        await self.console.send(framed if self._up else portions(self._start.receiver) + CHECK + framed)
        loop = asyncio.get_running_loop()
        begun = sent = loop.time()
        wait, lost, damaged, asked = self._wait(framed) + answer, 0, 0, False
        patience = self._patience + _REPLY_SECONDS + wait
        while lost + damaged < tries and loop.time() < sent + patience:
            event = await self._next(Up, Reply, seconds=wait)
            if isinstance(event, Up):
                self._up = True
            elif not isinstance(event, Reply):
                self._refuse_gone(mark)
                if self._up:
                    # Still at work, or the request's end or the reply was lost: ask where it stands.
                    await self.console.send("\r]\r")
                    asked = True
                    wait = max(min(2 * wait, _REPLY_SECONDS), wait if answer else 0.0)
                else:
                    lost, sent = self._count_lost(lost, slower), loop.time()
                    # The first Enter ends a half line; the second makes the collector forget what it has.
                    await self.console.send(b"\r\r" + portions(self._start.receiver) + CHECK + framed)
            elif event.number == number + 1 and event.output is not None and event.status is not None:
                self._up = True
                self._count += 1
                self._idle = True
                self._learn_speed(len(framed), loop.time() - begun)
                self._unsure = asked or lost + damaged > 0
                return Result(event.status, event.output)
            elif event.number == number + 1:  # it ran, and the reply is asked for again
                self._up = True
                damaged += 1
                self.console.note_damage(typed=False)
                if lost + damaged >= tries:
                    self._count, self._idle = number + 1, True
                    raise self._lost("a program's reply did not get through the line intact")
                await self.console.send("]\r")
            else:  # it did not arrive intact
                self._up = True
                lost, sent = self._count_lost(lost, slower), loop.time()
                if lost + damaged < tries:
                    await self.console.send(framed)
        if not self._up:
            raise self._no_receiver()
        # A reply that says so is the only proof that it did not run.
        await self.console.send("\r]\r")
        event = await self._next(Reply, seconds=wait)
        if isinstance(event, Reply) and event.number == number and event.output is not None:
            self._idle = True
            raise LineDamaged(
                "the line damages what passes through it: a program did not arrive intact, and was not run",
                state=self.console.state,
                tail=self.console.tail(),
                hint=self.console.damage(),
            )
        raise self._lost("a program and its reply did not get through the line intact")

    def _wait(self, sent: bytes) -> float:
        """How long an answer to `sent` may take before it is asked for: as slow as the start line's echo was."""
        return _ANSWER_SECONDS + 2 * len(sent) * self._byte_seconds

    def _learn_speed(self, count: int, seconds: float) -> None:
        """A long program that came through tells the line's speed better than the start line's echo did."""
        self._quickest = min(self._quickest, seconds)
        if count >= _LONG:
            self._byte_seconds = min(self._byte_seconds, seconds / count)

    async def _drain(self) -> None:
        """Let replies pass that nobody waits for any more: each would be taken for the answer to what is sent next."""
        for _ in range(_MOST_STALE):
            if await self._next(Reply, seconds=min(max(2 * self._quickest, _DRAIN_SECONDS), _ANSWER_SECONDS)) is None:
                return

    def _count_lost(self, lost: int, slower: bool = True) -> int:
        """One more that did not arrive."""
        self.console.note_damage(typed=slower)
        return lost + 1

    async def _resynchronise(self, seconds: float) -> None:
        """After a cancelled `run`: wait until what it sent has run, or was dropped; how many have run now?"""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        reply: Up | Ended | Reply | None = None
        while not isinstance(reply, Reply) or reply.output is None:  # a damaged number is none
            await self.console.send("\r]\r")
            reply = await self._next(Reply, seconds=max(until - loop.time(), 0))
            if reply is None:
                raise self._lost("the program that was cancelled does not end")
        self._count, self._idle = reply.number, True

    @property
    def byte_seconds(self) -> float:
        """How long a byte takes on the line, at most, by what was sent so far."""
        return self._byte_seconds

    async def close(self) -> None:
        """Put everything back on the machine and end the receiver. Does nothing if none was started.

        Raises:
            ConsoleError: it did not say that it has ended; the dead-man's switch will end it.
        """
        if not self._entered:
            if self.plain and not self._replace:
                await self.console.send("\x15exit\r")
            return
        if not self._idle:
            # What was cancelled may be sent half, or run still; what is typed meanwhile would stay in the line for
            # the next login. A receiver answers when the program has ended.
            await self.console.send("\r]\r")
            if await self._next(Reply, seconds=self._wait(END) + _REPLY_SECONDS) is not None:
                self._up = True
        if not self._up:
            # The collector would end by itself after some silence; its receiver ends at once.
            await self._send_receiver()
        for _ in range(_LEAVE_TRIES):
            mark = self.console.mark()
            # An Enter in front ends what a cancelled request may have left half sent.
            await self.console.send(END if self._idle else b"\r" + END)
            self._idle = False
            ended = await self._next(Ended, seconds=self._wait(END)) is not None
            if not ended and not self._is_back(mark):
                # Who is there now? A receiver answers Enter with its mark; "]Z" is not for a getty.
                await self.console.send("\r")
                ended = isinstance(await self._next(Up, Ended, Reply, seconds=self._wait(END)), Ended)
            if ended or self._is_back(mark):
                self._entered = self._up = False
                return
        raise ConsoleStateUnknown(
            "the shell on the machine did not say that it has ended",
            state=self.console.state,
            tail=self.console.tail(),
            hint="Its dead-man's switch closes it when the time set has passed.",
        )

    def _is_back(self, mark: Mark) -> bool:
        """Whether a prompt stands there: then it has ended, and only its word was lost."""
        lines, open_line = self.console.since(mark)
        return classify(lines, open_line).state.way in (Way.LOG_IN, Way.PROBE)

    async def _send_receiver(self) -> None:
        lost = 0
        while lost < _TRIES:
            mark = self.console.mark()
            await self.console.send(b"\r\r" + portions(self._start.receiver) + CHECK)
            if await self._next(Up, seconds=self._wait(CHECK)) is not None:
                self._up = True
                return
            self._refuse_gone(mark)
            lost = self._count_lost(lost)
        raise self._no_receiver()

    def _no_receiver(self) -> ConsoleError:
        if any("cksum" in line and "SOS" not in line for line in self.console.tail(4)):
            return ConsoleStateUnknown(
                "this machine has no cksum, without which nothing can be checked on its way",
                state=self.console.state,
                tail=self.console.tail(),
                hint="Nothing was changed. Install coreutils or a BusyBox with cksum there, by hand.",
            )
        return LineDamaged(
            "the line damages what passes through it: the shell could not be set up, and nothing was changed",
            state=self.console.state,
            tail=self.console.tail(),
            hint=self.console.damage(),
        )

    async def _next(self, *kinds: type[Up | Ended | Reply], seconds: float) -> Up | Ended | Reply | None:
        """The next event of one of `kinds`; what comes before it is passed over. None after `seconds`.

        A reply that has begun is waited for as long as more of it comes: a long one takes its time on a slow line.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        at_most = until + self._patience
        while True:
            while self._events:
                event = self._events.popleft()
                if isinstance(event, kinds):
                    return event
            data = await self.console.receive(max(until - loop.time(), 0))
            if data is None:
                return None
            self._events.extend(self._reader.feed(data))
            if self._reader.begun and self.console.spoke:
                until = max(until, min(loop.time() + _ANSWER_SECONDS, at_most))

    def _refuse_gone(self, mark: Mark) -> None:
        """Stop where this is no longer the machine that we logged in to, or no longer our console."""
        lines, open_line = self.console.since(mark)
        said = classify(lines, "", connecting=True).state
        if said.way in (Way.BUSY, Way.CLOSED):
            self.console.state = said.name
            raise EndpointBusy(
                f"somebody else has taken the console in mid-job: {self.console.tail(1)[0]}",
                state=said.name,
                tail=self.console.tail(),
                hint="What was open there is closed by its dead-man's switch, within the time limit and 30 s. "
                "Run again when the console is free.",
            )
        seen = classify(lines, open_line).state
        if seen.way in (Way.LOG_IN, Way.MAINTAIN, Way.PRESS) or any(map(_RESTARTED.search, lines)):
            self.console.state = seen.name
            raise MachineRestarted(
                f"the machine went away in mid-job; on the console is {seen.title}",
                state=seen.name,
                tail=self.console.tail(),
            )

    def _not_started(self) -> ConsoleStateUnknown:
        return ConsoleStateUnknown(
            "the shell did not start a /bin/sh",
            state=self.console.state,
            tail=self.console.tail(),
            hint="The lines above say why.",
        )

    def _lost(self, message: str) -> NotVerified:
        return NotVerified(
            message,
            state=self.console.state,
            tail=self.console.tail(),
            hint=self.console.damage() or "Run again: what is there already is not added twice.",
        )


def _damaged(echo: bytes, line: str) -> bool:
    """Whether what came back is the line with damage. Line editors that cannot be read draw much more than it."""
    return b"\x1b" not in echo and len(echo) < _MOST_ECHO * len(line)
