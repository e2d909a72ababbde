"""A recording of the console (asciicast v2 of ours, `console.transcript`) -> what was run, typed and shown. No I/O."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from ..errors import UsageError
from ..printable import printable
from ..shell.frame import Reply, ReplyReader, cksum
from .sent import bare_program

__all__ = ["Item", "Left", "Marker", "Printed", "Private", "Program", "Recording", "Started", "Typed", "read_recording"]

_REQUEST = re.compile(r"\](\d{1,9}) (\d{1,10} \d{1,10})")
#: Asks where the receiver stands, and ends it; see `shell.frame`.
_ASKS = re.compile(r"\r*\]?\r")
_ENDS = re.compile(r"\r*\]Z\r")
_STARTS = re.compile(r"""env "-i" "HOME=\$HOME" "/bin/sh" "-c" '""")
_PRIVATE = "(not recorded)"
#: What is typed on the way out.
_LEAVING = ("exit\r", "fg\r")
_NUMBER = re.compile(r"(?:(?:on_failure |finally )?\d+\.?)+ ")


@dataclass
class Printed:
    """Text that came."""

    text: str


@dataclass
class Typed:
    """Text that was typed.

    Fields:
        text: as it was recorded, which is without control keys.
        own: whether it was a login's, not a step's.
    """

    text: str
    own: bool = False


@dataclass
class Private:
    """A program that was not recorded, nor what came of it."""


@dataclass
class Started:
    """A shell of ours was started.

    Fields:
        login: who logged in; None where nobody had to.
    """

    login: str | None = None


@dataclass
class Left:
    """It was ended."""


@dataclass
class Program:
    """A program that was sent to the shell.

    Fields:
        text: of it.
        number: in its session, from 0.
        status: its exit status; None where no reply is in the recording.
        output: what it printed, as far as a recording keeps it.
    """

    text: str
    number: int
    status: int | None = None
    output: bytes = b""


@dataclass
class Marker:
    """A step began, or failed.

    Fields:
        number, words: of the step that began; empty of one that failed.
        failed: what was said when it failed.
    """

    number: str = ""
    words: str = ""
    failed: str = ""


Item = Printed | Typed | Private | Started | Left | Program | Marker


@dataclass(frozen=True)
class Recording:
    """What a recording holds.

    Fields:
        title: of the recording.
        items: in order.
    """

    title: str
    items: tuple[Item, ...]


def read_recording(text: str, name: str) -> Recording:
    """Read a recording.

    Args:
        text: of the file.
        name: what it is called in messages.

    Raises:
        UsageError: it is none; with the line, and what was expected there.
    """
    lines = text.split("\n")
    if not text.endswith("\n") and text:
        lines.append("")  # the last line may be whole: it is read as any other
    header = _json(lines[0], name, 1, "the header of a recording (asciicast v2), an object with version 2")
    if not isinstance(header, dict) or header.get("version") != 2:
        raise _wrong(name, 1, "the header of a recording (asciicast v2), an object with version 2, was expected")
    reading = _Reading()
    for at, line in enumerate(lines[1:-1], 2):
        kind, told = _event(line, name, at)
        reading.take(kind, told)
    items = tuple(reading.items)
    _mark_own(items)
    return Recording(printable(str(header.get("title", "")), 200), items)


def _event(line: str, name: str, at: int) -> tuple[str, str]:
    expected = "an event, [seconds, kind, text]"
    event = _json(line, name, at, expected)
    right = (
        isinstance(event, list)
        and len(event) == 3
        and isinstance(event[0], int | float)
        and isinstance(event[1], str)
        and isinstance(event[2], str)
    )
    if not right:
        raise _wrong(name, at, f"{expected}, was expected")
    return event[1], event[2]


def _json(line: str, name: str, at: int, expected: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise _wrong(name, at, f"{expected}, was expected; this is {printable(line[:60])!r}") from None


def _wrong(name: str, line: int, words: str) -> UsageError:
    return UsageError(
        f"{printable(name, 200)}, line {line}: {words}",
        hint="A recording is what --transcript writes. One that was cut off is read without its last line.",
    )


@dataclass
class _Reading:
    """Puts events together: a program and its reply are spread over several."""

    items: list[Item] = field(default_factory=list)
    running: Program | None = None
    shown: list[str] = field(default_factory=list)  # since the running program was sent
    reader: ReplyReader = field(default_factory=ReplyReader)

    def take(self, kind: str, text: str) -> None:
        if kind == "m":
            self.items.append(_marker(text))
        elif kind == "o":
            self._print(text)
        elif kind == "i":
            self._type(text)

    def _print(self, text: str) -> None:
        self.items.append(Printed(text))
        running = self.running
        if running is None:
            return
        self.shown.append(text)
        for event in self.reader.feed(text.encode("utf-8", "replace")):
            if isinstance(event, Reply) and event.number == running.number + 1 and event.status is not None:
                running.status = event.status
                running.output = self._kept(running, event) if event.output is None else event.output
                self.running = None
                return

    def _kept(self, running: Program, reply: Reply) -> bytes:
        """The output of a reply whose checksum is that of more than a recording keeps."""
        lines = "".join(self.shown).replace("\r", "").split("\n")
        begin = next((at for at, line in enumerate(lines) if line.startswith(":")), 0)
        trailer = f"={reply.number} {reply.status} "
        end = next((at for at, line in enumerate(lines) if line.startswith(trailer)), len(lines))
        return "\n".join(lines[begin:end]).removeprefix(":").rstrip("\n").encode("utf-8", "replace")

    def _type(self, text: str) -> None:
        if text == _PRIVATE:
            if not (self.items and isinstance(self.items[-1], Private)):  # else it was sent again
                self.items.append(Private())
            self.running = None
        elif _STARTS.search(text):
            self.items.append(Started())
            self.running = None
        elif _ENDS.fullmatch(text):
            self.items.append(Left())
            self.running = None
        elif _ASKS.fullmatch(text) and ("]" in text or self.running is not None):
            pass  # it waits
        elif (found := _program(text)) is not None:
            if self.running is None or (self.running.text, self.running.number) != (found.text, found.number):
                self.items.append(found)
                self.running, self.shown, self.reader = found, [], ReplyReader()
        elif text.startswith((")", "\r\r)")):
            pass  # the receiver again
        else:
            self.items.append(Typed(text))


def _program(text: str) -> Program | None:
    """The program of a request whose checksum is right."""
    collected = ""
    found = None
    for line in text.split("\r"):
        request = _REQUEST.fullmatch(line)
        if line.startswith(")"):
            collected += line[1:]
            continue
        if request and cksum(f"{request[1]}{collected}".encode("utf-8", "replace")) == request[2]:
            found = Program(bare_program(collected), int(request[1]))
        collected = ""
    return found


def _marker(label: str) -> Marker:
    if label.startswith("failed "):
        number, _, said = label.removeprefix("failed ").partition(": ")
        return Marker(failed=said or number)
    found = _NUMBER.match(label)
    return Marker(found[0].strip(), label[found.end() :]) if found else Marker()


def _mark_own(items: tuple[Item, ...]) -> None:
    """Tell what a login or a job typed from what steps did, and see who logged in."""
    marked = any(isinstance(item, Marker) for item in items)  # else no runbook did it
    before: list[Typed] = []  # since the last marker
    left = False
    for item in items:
        if isinstance(item, Typed):
            before.append(item)
            item.own = not marked or not item.text.strip() or (left and item.text in _LEAVING)
        elif isinstance(item, Marker):
            before, left = [], False
        elif isinstance(item, Left):
            left = True
        elif isinstance(item, Started):
            for typed in before:
                typed.own = True
            words = [typed.text.strip() for typed in before if typed.text.strip()]
            if "(a secret)" in words and words.index("(a secret)"):
                item.login = words[words.index("(a secret)") - 1]
            before, left = [], False
