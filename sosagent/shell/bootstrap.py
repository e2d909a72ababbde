"""Get the receiver to the shell that collects it: with a checksum, or printed by the machine and compared here."""

from __future__ import annotations

from functools import partial

from ..console.console import Console
from ..console.events import Event
from . import failures
from .checksums import ALPHABET, known_answers
from .frame import RUN, SHOW, Shown, Up, checked, portions
from .programs import Expanded, program
from .replies import LineSpeed, Replies

__all__ = ["Receiver"]

_TRIES = 8
_TRIES_WITHOUT_DAMAGE = 3
_CLEAR = b"\r\r"  # the first Enter ends a partial line; at the second the collector discards what it has


class Receiver:
    """The texts of the receiver, and how they get to the machine.

    Args:
        console: where the shell collects.
        replies: its answers.
        speed: the speed of its line.
        modes, seconds, patience: see `remote/receiver.sh`.

    Attributes:
        adapts: whether the receiver that adapts to a machine without usual tools is used (`remote/adapt.sh`).
    """

    def __init__(
        self, console: Console, replies: Replies, speed: LineSpeed, *, modes: str, seconds: int, patience: int
    ) -> None:
        self.adapts = False
        self._console = console
        self._replies = replies
        self._speed = speed
        self._program = partial(program, modes=Expanded(modes), seconds=Expanded(seconds), patience=Expanded(patience))
        self._plain = self._program("sum_with_cksum", "receiver")

    @property
    def plain(self) -> bytes:
        """What makes the collector run the plain receiver."""
        return checked(self._plain)

    def lacks_cksum(self) -> bool:
        """Whether the machine reported that it has no cksum."""
        return failures.lacks_cksum(self._console)

    async def adapt(self, *, with_cksum: bool) -> bool:
        """Start the receiver that adapts to the machine.

        Args:
            with_cksum: whether the machine may have cksum. If it has none, it prints the text, which is compared here.

        Returns:
            Whether the receiver answered.
        """
        self.adapts = True
        if with_cksum and await self._send_checked():
            return True
        self._console.emit(Event("detail", "this machine has no cksum: comparing the receiver here"))
        return await self._send_compared()

    async def _send_checked(self) -> bool:
        text = checked(self._adapting(""))
        for _ in range(_TRIES):
            await self._console.send(_CLEAR + text)
            seconds = self._speed.answer_seconds(text)
            if await self._replies.next(Up, seconds=seconds, failed=self.lacks_cksum) is not None:
                return True
            if self.lacks_cksum():
                return False
            self._console.pacer.note_damage(seen=False)
        return False

    async def _send_compared(self) -> bool:
        """Let the machine print the text that it collected, and run it if that is ours."""
        text = self._adapting(program("crc"))
        request = portions(text) + SHOW
        for _ in range(_TRIES):
            self._replies.expect(text)
            await self._console.send(_CLEAR + request)
            if await self._replies.next(Shown, seconds=2 * self._speed.answer_seconds(request)) is not None:
                await self._console.send(RUN)
                if await self._replies.next(Up, seconds=2 * self._speed.answer_seconds(RUN)) is not None:
                    return True
            self._console.pacer.note_damage(seen=False)
        return False

    def _adapting(self, crc: str) -> str:
        """Return the text of the receiver that adapts.

        Args:
            crc: the program that defines cksum, if the machine may lack it.
        """
        values = {"known": Expanded(known_answers("a\n")), "crc": crc, "alphabet": ALPHABET if crc else ""}
        return self._program("adapt", "receiver", **values)
