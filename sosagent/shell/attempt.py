"""One request to the receiver: how often it was sent, and how long to wait for its reply. No I/O."""

from __future__ import annotations

import asyncio

from ..console.console import Mark
from ..deadline import Deadline
from .checksums import Checksum
from .frame import request
from .replies import LineSpeed

__all__ = ["REPLY_SECONDS", "Attempt"]

REPLY_SECONDS = 5.0  # for a reply, besides the time that its program may run


class Attempt:
    """One request, until its reply arrives or its tries are used up.

    Args:
        number: how many programs ran before.
        text, tries, slower, work_seconds: see `VerifiedShell.run`.
        mark: the position on the console before the request is sent.

    Attributes:
        text: the program.
        framed: the bytes of the request, with its frame.
        question: the number of the reply to the request that was sent last; see `Replies.note_question`.
        wait: seconds to wait for the next answer.
        damaged_replies: how often the program has run and its reply arrived damaged.
    """

    def __init__(self, number: int, text: str, tries: int, slower: bool, work_seconds: float, mark: Mark) -> None:
        self.number = number
        self.text = text
        self.framed = b""
        self.question = 0
        self.slower = slower
        self.mark = mark
        self.wait = 0.0
        self.damaged_replies = 0
        self._tries = tries
        self._work_seconds = work_seconds
        self._failures = 0
        self._patience = 0.0
        self._started = 0.0
        self._deadline = Deadline(None)

    def frame(self, checksum: Checksum) -> None:
        """Frame the request with the checksum that the receiver uses."""
        self.framed = request(self.number, self.text, checksum)

    def note_sent(self, speed: LineSpeed, patience: int) -> None:
        """Note that the request was sent for the first time; the waits start now."""
        self._started = asyncio.get_running_loop().time()
        self.wait = speed.answer_seconds(self.framed) + self._work_seconds
        self._patience = patience + REPLY_SECONDS + self.wait
        self._deadline = Deadline(self._patience)

    @property
    def seconds(self) -> float:
        """Seconds since the request was sent for the first time."""
        return asyncio.get_running_loop().time() - self._started

    @property
    def exhausted(self) -> bool:
        """Whether no try is left."""
        return self._failures >= self._tries

    @property
    def may_continue(self) -> bool:
        """Whether to wait for an answer to what was sent last."""
        return not self.exhausted and not self._deadline.passed

    def note_lost(self) -> None:
        """Note that the program did not arrive intact; it is about to be sent again."""
        self._failures += 1
        self._deadline = Deadline(self._patience)

    def note_damaged_reply(self) -> None:
        """Note that the program ran and its reply arrived damaged."""
        self._failures += 1
        self.damaged_replies += 1

    def note_asked(self) -> None:
        """Note that the machine was asked for the reply, and wait longer before the next time."""
        self.wait = max(min(2 * self.wait, REPLY_SECONDS), self.wait if self._work_seconds else 0.0)
