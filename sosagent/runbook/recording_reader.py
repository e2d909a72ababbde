"""Read a recording of the console (asciicast v2, written by `console.transcript`). No I/O."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from ..errors import UsageError
from ..printable import printable
from ..secrets.marks import ECHO_TEST, NOT_RECORDED, REDACTED
from ..shell.frame import Reply, ReplyReader, cksum
from .recording import Item, Marker, Printed, PrivateProgram, Program, Recording, ShellEnded, ShellStarted, Typed
from .sent import without_time_limit

__all__ = ["read_recording"]

_REQUEST = re.compile(r"\](\d{1,9}) (\d{1,10} \d{1,10})")
#: Requests that ask the receiver for its progress, and that end it; see `shell.frame`.
_PROGRESS_REQUEST = re.compile(r"\r*\]?\r")
_END_REQUEST = re.compile(r"\r*\]Z\r")
_START_LINE = re.compile(r"""env "-i" "HOME=\$HOME" "/bin/sh" "-c" '|;echo S\\O\w+;while read l;""")
#: Texts that are typed while logging out.
_LOGOUT = ("exit\r", "fg\r")
_NUMBER = re.compile(r"(?:(?:on_failure |finally )?\d++\.?)+ ")
_HEADER_EXPECTED = "the header of a recording (asciicast v2), an object with version 2"
_EVENT_EXPECTED = "an event, [seconds, kind, text]"


def read_recording(text: str, name: str) -> Recording:
    """Parse a recording.

    Args:
        text: the contents of the file.
        name: the name of the file, for messages.

    Raises:
        UsageError: it is not a recording; with the line, and what was expected there.
    """
    lines = text.split("\n")
    if not text.endswith("\n") and text:
        lines.append("")  # the last line may still be complete: parse it like any other
    header = _json(lines[0], name, 1, _HEADER_EXPECTED)
    if not isinstance(header, dict) or header.get("version") != 2:
        raise _invalid(name, 1, f"expected {_HEADER_EXPECTED}")
    reader = _Reader()
    for at, line in enumerate(lines[1:-1], 2):
        kind, data = _event(line, name, at)
        reader.feed(kind, data)
    items = tuple(reader.items)
    _mark_logins(items)
    return Recording(printable(str(header.get("title", "")), 200), items)


def _event(line: str, name: str, at: int) -> tuple[str, str]:
    event = _json(line, name, at, _EVENT_EXPECTED)
    is_valid = (
        isinstance(event, list)
        and len(event) == 3
        and isinstance(event[0], int | float)
        and isinstance(event[1], str)
        and isinstance(event[2], str)
    )
    if not is_valid:
        raise _invalid(name, at, f"expected {_EVENT_EXPECTED}")
    return event[1], event[2]


def _json(line: str, name: str, at: int, expected: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise _invalid(name, at, f"expected {expected}, but found {printable(line[:60])!r}") from None


def _invalid(name: str, line: int, message: str) -> UsageError:
    return UsageError(
        f"{printable(name, 200)}:{line}: {message}",
        hint="--transcript writes recordings. One that was cut off can be read without its last line.",
    )


@dataclass
class _Reader:
    """Combines events into items: a program and its reply are spread over several events."""

    items: list[Item] = field(default_factory=list)
    running: Program | None = None
    output: list[str] = field(default_factory=list)  # since the running program was sent
    replies: ReplyReader = field(default_factory=ReplyReader)

    def feed(self, kind: str, text: str) -> None:
        """Add an event: its kind is ``m`` (marker), ``o`` (output) or ``i`` (input); others are ignored."""
        if kind == "m":
            self.items.append(_marker(text))
        elif kind == "o":
            self._add_output(text)
        elif kind == "i":
            self._add_input(text)

    def _add_output(self, text: str) -> None:
        self.items.append(Printed(text))
        running = self.running
        if running is None:
            return
        self.output.append(text)
        for event in self.replies.feed(text.encode("utf-8", "replace")):
            if isinstance(event, Reply) and event.number == running.number + 1 and event.status is not None:
                running.status = event.status
                running.output = self._recorded_output(event) if event.output is None else event.output
                self.running = None
                return

    def _recorded_output(self, reply: Reply) -> bytes:
        """Return the output of a reply whose checksum covers characters that a recording drops."""
        lines = "".join(self.output).replace("\r", "").split("\n")
        start = next((at for at, line in enumerate(lines) if line.startswith(":")), 0)
        trailer = f"={reply.number} {reply.status} "
        end = next((at for at, line in enumerate(lines) if line.startswith(trailer)), len(lines))
        return "\n".join(lines[start:end]).removeprefix(":").rstrip("\n").encode("utf-8", "replace")

    def _add_input(self, text: str) -> None:
        if text == NOT_RECORDED:
            if not (self.items and isinstance(self.items[-1], PrivateProgram)):  # otherwise it was sent again
                self.items.append(PrivateProgram())
            self.running = None
        elif _START_LINE.search(text):
            self.items.append(ShellStarted())
            self.running = None
        elif _END_REQUEST.fullmatch(text):
            self.items.append(ShellEnded())
            self.running = None
        elif _PROGRESS_REQUEST.fullmatch(text) and ("]" in text or self.running is not None):
            pass
        elif (program := _program(text)) is not None:
            if self.running is None or (self.running.text, self.running.number) != (program.text, program.number):
                self.items.append(program)
                self.running, self.output, self.replies = program, [], ReplyReader()
        elif text.startswith((")", "\r\r)")):
            pass  # part of a request, or the receiver's own program
        else:
            self.items.append(Typed(text))


def _program(text: str) -> Program | None:
    """Return the program of a request, if its checksum is correct."""
    collected = ""
    program = None
    for line in text.split("\r"):
        request = _REQUEST.fullmatch(line)
        if line.startswith(")"):
            collected += line[1:]
            continue
        if request and cksum(f"{request[1]}{collected}".encode("utf-8", "replace")) == request[2]:
            program = Program(without_time_limit(collected), int(request[1]))
        collected = ""
    return program


def _marker(label: str) -> Marker:
    if label.startswith("failed "):
        number, _, code = label.removeprefix("failed ").partition(": ")
        return Marker(failed=code or number)
    match = _NUMBER.match(label)
    return Marker(match[0].strip(), label[match.end() :]) if match else Marker()


def _mark_logins(items: tuple[Item, ...]) -> None:
    """Mark what a login or a job typed, as opposed to a step, and set who logged in."""
    is_run = any(isinstance(item, Marker) for item in items)  # otherwise another job was recorded
    typed: list[Typed] = []  # since the last marker
    ended = False
    for item in items:
        if isinstance(item, Typed):
            typed.append(item)
            item.by_login = not is_run or not item.text.strip() or (ended and item.text in _LOGOUT)
        elif isinstance(item, Marker):
            typed, ended = [], False
        elif isinstance(item, ShellEnded):
            ended = True
        elif isinstance(item, ShellStarted):
            for one in typed:
                one.by_login = True
            words = [one.text.strip() for one in typed if one.text.strip() not in ("", ECHO_TEST)]
            if REDACTED in words and words.index(REDACTED):
                item.login = words[words.index(REDACTED) - 1]
            typed, ended = [], False
