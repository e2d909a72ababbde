"""The contents of a recording of a console (asciicast v2, written by `--transcript`). No I/O."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Item", "Marker", "Printed", "PrivateProgram", "Program", "Recording", "ShellEnded", "ShellStarted", "Typed"]


@dataclass
class Printed:
    """Text that the console printed."""

    text: str


@dataclass
class Typed:
    """Text that was typed.

    Fields:
        text: as recorded, which is without control characters.
        by_login: whether a login or a job typed it, and not a step.
    """

    text: str
    by_login: bool = False


@dataclass
class PrivateProgram:
    """A program with a secret. Neither the program nor its output is in the recording."""


@dataclass
class ShellStarted:
    """A verified shell was started.

    Fields:
        login: the user that logged in; None if a shell was open already.
    """

    login: str | None = None


@dataclass
class ShellEnded:
    """The verified shell was ended."""


@dataclass
class Program:
    """A program that was sent to the verified shell.

    Fields:
        text: the text of the program.
        number: its number in the shell, from 0.
        status: its exit status; None if the recording ends before the reply.
        output: its output, as far as a recording keeps it.
    """

    text: str
    number: int
    status: int | None = None
    output: bytes = b""


@dataclass
class Marker:
    """A step started or failed.

    Fields:
        number, title: identify the step that started; empty if a step failed.
        failed: the error code of the step that failed; empty if a step started.
    """

    number: str = ""
    title: str = ""
    failed: str = ""


Item = Printed | Typed | PrivateProgram | ShellStarted | ShellEnded | Program | Marker


@dataclass(frozen=True)
class Recording:
    """The contents of a recording.

    Fields:
        title: the title of the recording.
        items: in the order in which they happened.
    """

    title: str
    items: tuple[Item, ...]
