"""Run a program on the machine and return its exact result.

`remote/receiver.sh` describes the protocol, `frame.py` makes its bytes, and `start.py` starts the
shell. This module sends requests, repeats them, and asks for replies that do not come.
"""

from __future__ import annotations

from ..console.console import Console, Mark
from ..console.events import Event
from ..deadline import Deadline
from ..errors import EndpointLost, LineDamaged, MachineRestarted, NotVerified
from . import failures, held_output, programs
from .attempt import REPLY_SECONDS, Attempt
from .bootstrap import Receiver
from .frame import END, SHOW, Ended, Reply, Up
from .replies import LineSpeed, Replies
from .result import Result
from .start import Starter
from .start_line import MODES_SANE, MODES_SAVED

__all__ = ["Result", "VerifiedShell"]

_TRIES = 24  # with one damaged byte in a thousand, every second request is damaged
_WHOLE_REPLIES = 4  # damaged ones, before the output is fetched in portions
_END_TRIES = 8
_COLLECTOR_TRIES = 3
_ASK = "\r]\r"  # ends a partially received line, and makes the receiver repeat its last reply


class VerifiedShell:
    """A plain /bin/sh on the machine that runs only what arrived intact.

    Args:
        console: a console at a shell's prompt.
        replace: exec over the shell at the prompt, which is ours.
        keep_modes: restore the current modes of the tty at the end; otherwise the next getty sets them.
        root: run in a chroot at this path; empty to run where the shell is.
        then: a command for the shell at the prompt when ours has ended, however it ends; not with `replace`.
        dead_man: seconds after which the machine closes the shell by itself.
        patience: seconds that one program may run.

    Cancelling `run` leaves the program to its watchdog. `close` may be called in any state.
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
        then: str = "",
    ) -> None:
        self.console = console
        modes = MODES_SAVED if keep_modes else MODES_SANE
        self._patience = patience
        self._speed = LineSpeed()
        self._replies = Replies(console, self._speed, patience)
        self._receiver = Receiver(console, self._replies, self._speed, modes=modes, seconds=dead_man, patience=patience)
        self._starter = Starter(
            console,
            replace=replace,
            keep_modes=keep_modes,
            root=root,
            speed=self._speed,
            then=then,
        )
        self._receiver_up = False  # it has answered
        self._request_pending = False  # the receiver may still be busy with the last request
        self._count = 0  # programs that have run on the machine

    @property
    def started(self) -> bool:
        """Whether the start line was entered, so that `close` has something to end."""
        return self._starter.entered

    @property
    def collecting(self) -> bool:
        """Whether the shell was seen to run, and silence or the dead-man's switch ends it from then on."""
        return self._starter.collecting and (self._starter.is_raw or self._receiver_up)

    @property
    def answers(self) -> bool:
        """Whether the receiver has answered, and was not seen to end."""
        return self._receiver_up

    @property
    def checksum_tool(self) -> str:
        """What computes the checksums on the machine; a key of `CHECKSUMS`."""
        return self._replies.tool

    @property
    def byte_seconds(self) -> float:
        """Seconds that a byte takes on the line, at most, measured on what was sent so far."""
        return self._speed.byte_seconds

    async def start(self) -> None:
        """Type the start line and wait until the shell runs; start a plain shell first where that is necessary.

        Raises:
            ConsoleStateUnknown: the shell did not answer.
        """
        await self._starter.start()
        if self._starter.must_adapt:
            # Without stty, only the receiver's dead-man's switch ends the shell.
            await self._adapt(with_cksum=True)

    async def _adapt(self, *, with_cksum: bool) -> None:
        """Start the receiver that adapts to a machine without usual tools."""
        if not await self._receiver.adapt(with_cksum=with_cksum):
            raise failures.no_receiver(self.console)
        self._receiver_up = True

    def adopt_collector(self) -> None:
        """Use a shell that collects the receiver already, because its start line was entered by other means."""
        self._starter.note_entered()

    async def run(self, text: str, *, tries: int = _TRIES, slower: bool = True, work_seconds: float = 0.0) -> Result:
        """Run the program `text` and return its exact result. It runs at most once.

        A reply that does not arrive intact is fetched in portions, unless `tries` are few.

        Args:
            text: POSIX sh in one line of printable ASCII. Its standard input is empty, ``$HOME`` is as
                the login set it, and its assignments are gone when it ends.
            tries: how often the program or its reply may be damaged; few if the caller would rather send
                a smaller program than the same one again.
            slower: type more slowly after damage.
            work_seconds: additional seconds to wait for the reply before asking for it, which makes the
                machine repeat a reply that is under way.

        Raises:
            UsageError: `text` is not such a line.
            NotVerified: the program may have run, but its reply did not arrive intact in several tries.
            LineDamaged: the program did not arrive intact, and did not run.
            DeadlineExceeded, EndpointLost: see `Console.receive`.
        """
        attempt = await self._request(text, tries, slower, work_seconds)
        while attempt.may_continue:
            if attempt.damaged_replies == _WHOLE_REPLIES and tries == _TRIES:
                return await self._fetch_in_portions(attempt)
            if (result := await self._next_result(attempt)) is not None:
                return result
        raise await self._failure(attempt)

    async def _run_few(self, text: str, tries: int) -> tuple[int, bytes]:
        """Run a program that fetches a portion."""
        attempt = await self._request(text, tries, slower=True, work_seconds=0.0)
        while attempt.may_continue:
            if (result := await self._next_result(attempt)) is not None:
                return result.status, result.output
        error = await self._failure(attempt)
        if attempt.damaged_replies:
            self._note_ran(attempt.number + 1)
        raise error

    async def _fetch_in_portions(self, attempt: Attempt) -> Result:
        """Fetch the reply of a program that has run, or raise `NotVerified`."""
        self._note_ran(attempt.number + 1)
        self.console.emit(Event("detail", "a reply does not arrive intact: fetching it in short portions"))
        try:
            fetched = await held_output.fetch(self._run_few, self._replies.checksum)
        except (NotVerified, LineDamaged):
            fetched = None
        if fetched is None:
            raise failures.unknown_result(self.console, "the reply of a program did not arrive intact")
        return Result(*fetched)

    async def _request(self, text: str, tries: int, slower: bool, work_seconds: float) -> Attempt:
        """Send the request for a program for the first time."""
        programs.require_one_line(text)
        if self._request_pending:
            await self._resynchronise()
        self._request_pending = True
        if tries < _TRIES:
            await self._replies.drain()
        self._replies.discard()
        attempt = Attempt(self._count, text, tries, slower, work_seconds, self.console.mark())
        # The first request follows the receiver directly, which saves an exchange.
        await self._send_request(attempt, b"" if self._receiver_up else self._receiver.plain)
        attempt.note_sent(self._speed, self._patience)
        return attempt

    async def _next_result(self, attempt: Attempt) -> Result | None:
        """Wait for the next answer, and return the result if that is the intact reply."""
        failed = None if self._receiver_up else self._receiver.lacks_cksum
        event = await self._replies.next(Up, Reply, seconds=attempt.wait, failed=failed)
        if isinstance(event, Reply):
            return await self._handle_reply(attempt, event)
        if isinstance(event, Up):
            self._receiver_up = True
        else:
            await self._handle_silence(attempt)
        return None

    async def _handle_reply(self, attempt: Attempt, reply: Reply) -> Result | None:
        """Return the result if `reply` is the intact reply; otherwise send again what was damaged."""
        self._receiver_up = True
        if reply.number != attempt.number + 1:
            if self._replies.is_late(attempt.question):
                return None
            # The program did not arrive intact.
            self.console.pacer.note_damage(typed=attempt.slower)
            attempt.note_lost()
            if not attempt.exhausted:
                await self._send_request(attempt)
            return None
        if reply.output is None or reply.status is None:  # it ran, but its reply is damaged
            self.console.pacer.note_damage(typed=False)
            attempt.note_damaged_reply()
            if attempt.exhausted:
                self._note_ran(reply.number)
                raise failures.unknown_result(self.console, "the reply of a program did not arrive intact")
            await self._ask("]\r")
            return None
        self._note_ran(reply.number)
        self._replies.note_answered(attempt.question)
        self._speed.measure_exchange(len(attempt.framed), attempt.seconds)
        return Result(reply.status, reply.output)

    async def _handle_silence(self, attempt: Attempt) -> None:
        """Ask for the reply, or send the receiver and the program again if the receiver has not answered yet."""
        if await self._seems_gone(attempt.mark):
            attempt.note_asked()  # a machine that boots gets no more keys
        elif self._receiver_up:
            # The program still runs, or the end of the request or the reply was lost.
            if self._replies.arriving:
                attempt.note_damaged_reply()
            await self._ask()
            attempt.note_asked()
        else:
            if self._receiver.lacks_cksum():
                await self._adapt(with_cksum=False)
                return await self._send_request(attempt)
            self.console.pacer.note_damage(typed=attempt.slower, seen=False)
            attempt.note_lost()
            await self._send_request(attempt, b"\r\r" + self._receiver.plain)

    async def _send_request(self, attempt: Attempt, before: bytes = b"") -> None:
        """Send the program, after `before`."""
        attempt.frame(self._replies.checksum)
        attempt.question = self._replies.note_question()
        await self.console.send(before + attempt.framed)

    async def _ask(self, keys: str = _ASK) -> None:
        """Ask the receiver to repeat its last reply."""
        self._replies.note_question()
        await self.console.send(keys)

    async def _failure(self, attempt: Attempt) -> Exception:
        """Return the error for an abandoned request. It says whether the program ran, as far as the machine knows."""
        if gone := failures.gone(self.console, attempt.mark):
            return gone
        if not self._receiver_up:
            return failures.no_receiver(self.console)
        # Only a reply that counts the programs run so far proves that this one did not run.
        await self._replies.drain()
        await self._ask()
        reply = await self._replies.next(Reply, seconds=attempt.wait)
        if isinstance(reply, Reply) and reply.number == attempt.number and reply.output is not None:
            self._request_pending = False
            return failures.not_run(self.console)
        return failures.unknown_result(self.console, "a program and its reply did not arrive intact")

    def _note_ran(self, count: int) -> None:
        self._count, self._request_pending = count, False

    async def _resynchronise(self) -> None:
        """After a cancelled `run`, wait until its program has run or was discarded, and find out how many ran."""
        deadline = Deadline(self._patience + REPLY_SECONDS)
        reply: object = None
        await self._replies.drain()
        while not isinstance(reply, Reply) or reply.output is None:  # the number in a damaged reply is unreliable
            await self._ask()
            reply = await self._replies.next(Reply, seconds=deadline.remaining)
            if reply is None:
                raise failures.unknown_result(self.console, "the cancelled program does not end")
        self._note_ran(reply.number)

    async def close(self) -> None:
        """Restore everything on the machine and end the receiver. Does nothing if no shell was started.

        Raises:
            ConsoleError: it did not confirm that it has ended; the dead-man's switch will end it.
        """
        if not self._starter.entered:
            await self._starter.end_plain_shell()
            return
        if self._request_pending:
            # The cancelled request may be partially sent, or its program may still run. Keys typed meanwhile would
            # stay in the tty for the next login. A receiver answers when the program has ended.
            seconds = self._speed.answer_seconds(END) + (REPLY_SECONDS if self._receiver_up else 0.0)
            # A reply that arrives is not asked for again, because a long one takes time on a slow line.
            arrived = self._replies.arriving and await self._replies.next(Reply, seconds=seconds) is not None
            if not arrived:
                await self._ask()
                arrived = await self._replies.next(Reply, seconds=seconds) is not None
            self._receiver_up = self._receiver_up or arrived
        if not self._receiver_up:
            if await self._end_collector():
                self._starter.note_ended()
                return
            if not self._receiver_up:
                await self._send_receiver()
        for _ in range(_END_TRIES):
            if await self._end():
                self._receiver_up = False
                self._starter.note_ended()
                return
        raise failures.not_ended(self.console)

    async def _end(self) -> bool:
        """Send the end of the protocol once; return whether the shell has ended."""
        mark, seconds = self.console.mark(), self._speed.answer_seconds(END)
        # Enter ends the part of a cancelled request that may have been sent.
        await self.console.send(b"\r" + END if self._request_pending else END)
        self._request_pending = True
        ended = await self._replies.next(Ended, seconds=seconds) is not None
        if not ended and not self._starter.at_prompt(mark):
            # A receiver answers Enter with its mark. "]Z" might reach a getty, so it is not typed again yet.
            await self.console.send("\r")
            ended = isinstance(await self._replies.next(Up, Ended, Reply, seconds=seconds), Ended)
        return ended or self._starter.at_prompt(mark)

    async def _end_collector(self) -> bool:
        """End the shell while it collects the receiver.

        Returns:
            Whether the prompt beneath it is back, or the connection has ended with it.
        """
        for _ in range(_COLLECTOR_TRIES):
            mark = self.console.mark()
            try:
                await self.console.send(b"\r" + END)  # Enter ends the part of a line that may have been sent
                event = await self._replies.next(Up, Ended, seconds=self._speed.answer_seconds(END))
                if isinstance(event, Up):  # a receiver, which answers the Enter first
                    self._receiver_up = True
                    event = await self._replies.next(Ended, seconds=self._speed.answer_seconds(END))
            except EndpointLost:
                return True  # leaving the console reports it; a collecting shell ends by itself if the line was cut
            if isinstance(event, Ended) or self._starter.at_prompt(mark):
                return True
            if self._receiver_up:
                return False
        return False

    async def _send_receiver(self) -> None:
        for _ in range(_TRIES):
            mark = self.console.mark()
            await self.console.send(b"\r\r" + self._receiver.plain)
            failed = self._receiver.lacks_cksum
            if await self._replies.next(Up, seconds=self._speed.answer_seconds(SHOW), failed=failed) is not None:
                self._receiver_up = True
                return
            if self._receiver.lacks_cksum():
                return await self._adapt(with_cksum=False)
            await self._seems_gone(mark)
            self.console.pacer.note_damage(seen=False)
        raise failures.no_receiver(self.console)

    async def _seems_gone(self, mark: Mark) -> bool:
        """Whether the output since `mark` shows a restart. Another program may have printed that, so Enter is pressed.

        Raises:
            EndpointBusy: another session has taken over the console.
            MachineRestarted: a login prompt answers Enter, or a boot waits for a key.
        """
        gone = failures.gone(self.console, mark)
        if gone is None:
            return False
        if not isinstance(gone, MachineRestarted) or self.console.state in failures.KEYS_STOP_THE_BOOT:
            raise gone
        before = self.console.mark()
        await self._ask("\r")
        if await self._replies.next(Up, Reply, seconds=self._speed.answer_seconds(END)) is not None:
            self._receiver_up = True
            return False
        if failures.at_login(self.console, before):
            gone.proved = True
            raise gone
        return True
