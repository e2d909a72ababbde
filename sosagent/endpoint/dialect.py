"""A dialect describes how one kind of endpoint behaves before, during and after the console. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Dialect", "spell_keys"]


@dataclass(frozen=True)
class Dialect:
    """How one kind of endpoint is entered, left and shared. Patterns are regular expressions.

    Fields:
        name: as in ``?dialect=NAME``.
        title: the endpoint's name in messages.
        prompt: matches the endpoint's own prompt, the whole open line. The machine's password is never typed there.
        distinct: whether no shell has a prompt like that.
        banner: matches the endpoint's banner, if its prompt alone does not identify it.
        enter: commands that open the console, as lines to type at the prompt one after the other; the next commands
            are tried if the prompt returns. ``{console}`` stands for the machine's name on the endpoint.
        confirm: matches a question that the endpoint asks meanwhile, and that is answered with ``y``.
        ready: matches the message that the console is open.
        busy: matches the message that another user has the console.
        free: how the user can free the console; completes the sentence "How to free it: ...".
        kick: lines to type at the prompt that end another user's session; only with ``--kick``.
        leave: keys that close the console at any position in a line; empty if closing the connection does.
        close: a line to type at the prompt afterwards, or an empty string.
        breaks: keys that make the endpoint send a BREAK; empty if the connection itself can send one, or none can.
        forbidden: key sequences that the endpoint interprets itself, so they are never sent to the machine.
        pace: the initial typing pace of the console; 0 is the fastest.
        shared: whether several users may have the console at the same time, and see and type the same.
        legacy: whether its SSH server may be so old that it needs algorithms which are off by default.
        programs: the programs of ``exec:`` that have this dialect.
        end_session: a word in such a program's command line, and the word that replaces it in a second run, which ends
            the session.
        take_over: an option that makes such a program take over the console.
        no_take_over: an option that keeps such a program from taking over the console.
        options: words that are always added to such a program's command line.
        hosts: matches host names that have this dialect.
        port: the default port.
        user: a pattern that matches the user names of the endpoint, and an example of one.
        note: what the user has to do first.
    """

    name: str
    title: str
    prompt: str = ""
    distinct: bool = True
    banner: str = ""
    enter: tuple[tuple[str, ...], ...] = ()
    confirm: str = ""
    ready: str = ""
    busy: str = ""
    free: str = ""
    kick: tuple[str, ...] = ()
    leave: bytes = b""
    close: str = ""
    breaks: bytes = b""
    forbidden: tuple[bytes, ...] = ()
    pace: int = 0
    shared: bool = False
    legacy: bool = False
    programs: tuple[str, ...] = ()
    end_session: tuple[str, str] | None = None
    take_over: str = ""
    no_take_over: str = ""
    options: tuple[str, ...] = ()
    hosts: str = ""
    port: int | None = None
    user: tuple[str, str] | None = None
    note: str = ""

    @property
    def has_dialogue(self) -> bool:
        """Whether the endpoint shows output of its own before the console opens."""
        return bool(self.enter or self.ready or self.busy)

    @property
    def has_own_login(self) -> bool:
        """Whether a login prompt before the console can only be the endpoint's own."""
        return bool(self.enter or self.ready)

    @property
    def can_kick(self) -> bool:
        """Whether sosagent can end another user's session."""
        return bool(self.kick or self.end_session or self.take_over or self.no_take_over)

    def is_prompt(self, open_line: str) -> bool:
        """Whether the open line is the endpoint's prompt."""
        return bool(self.prompt) and re.fullmatch(rf"(?:{self.prompt})\s*", open_line, re.IGNORECASE) is not None

    def contains_prompt(self, line: str) -> bool:
        """Whether a line contains the endpoint's prompt, possibly with other text before or after it.

        A program or the kernel may have left its line unfinished, and typed characters are echoed. A prompt that a
        shell might have counts only if it is alone, or after another prompt: ``Password: system>``.
        """
        if not self.prompt:
            return False
        line = line.rstrip()
        if self.distinct:
            return re.search(rf"(?:{self.prompt})\s*\S{{0,40}}$", line, re.IGNORECASE) is not None
        return re.search(rf"(?:^|[:#$%>]\s+)(?:{self.prompt})$", line, re.IGNORECASE) is not None

    def is_ready(self, lines: Iterable[str]) -> bool:
        """Whether the lines contain the message that the console is open."""
        return bool(self.ready) and any(re.search(self.ready, line) for line in lines)

    def is_busy(self, lines: Iterable[str]) -> bool:
        """Whether the lines contain the message that another user has the console."""
        return bool(self.busy) and any(re.search(self.busy, line) for line in lines)

    def forbidden_in(self, sent: bytes, data: bytes) -> bytes | None:
        """Return the first forbidden sequence that `data` would complete after the bytes `sent`; None if none."""
        for sequence in self.forbidden:
            if sequence in sent[max(len(sent) - len(sequence) + 1, 0) :] + data:
                return sequence
        return None


_KEY_NAMES = {0x0D: "Enter", 0x0A: "Ctrl-J", 0x1B: "Esc"}


def spell_keys(keys: bytes) -> str:
    """Return keys in readable form, such as ``^E c .`` or ``Enter ~``."""
    return " ".join(_KEY_NAMES.get(byte) or (f"^{chr(byte + 0x40)}" if byte < 0x20 else chr(byte)) for byte in keys)
