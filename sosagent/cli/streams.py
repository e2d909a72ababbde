"""The standard streams of a command: closed, full and broken ones are reported in a sentence, with an exit status.

A closed stream's descriptor would be given to the next file or socket, which would then receive the output. So the
null device takes its place.
"""

from __future__ import annotations

import errno
import io
import os
import sys

from .colour import in_colour

__all__ = ["finish_output", "guard_streams", "keep_status"]

_OUTPUT_FAILED = 2


class _Checked(io.RawIOBase):
    """A standard stream that remembers its first failure, and takes all further output.

    Args:
        descriptor: where to write.
        closed: whether the stream was closed when the program started.
        pipe_breaks: whether a closed pipe raises `BrokenPipeError`, which ends the program.
    """

    def __init__(self, descriptor: int, *, closed: bool, pipe_breaks: bool) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._was_closed = closed
        self._pipe_breaks = pipe_breaks
        self.failure = ""

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        if self._was_closed:
            self._fail(errno.EBADF)
            return len(view)
        try:
            return os.write(self._descriptor, view)
        except BlockingIOError:
            raise
        except BrokenPipeError:
            if self._pipe_breaks:
                raise
        except OSError as error:
            self._fail(error.errno or errno.EIO)
        return len(view)

    def _fail(self, number: int) -> None:
        self.failure = self.failure or ("it is closed" if number == errno.EBADF else os.strerror(number))


class _State:
    """The guarded standard output, and whether its failure changes the exit status."""

    def __init__(self) -> None:
        self.output: _Checked | None = None
        self.keep_status = False

    def note_output(self, output: _Checked) -> None:
        self.output = output

    def note_status_kept(self) -> None:
        self.keep_status = True


_state = _State()


def guard_streams() -> None:
    """Open closed standard streams on the null device, and let no failure of the others raise an exception."""
    closed = _occupy()
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays open
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        checked = _Checked(descriptor, closed=descriptor in closed, pipe_breaks=descriptor == 1)
        before = getattr(sys, name)
        wrapped = io.TextIOWrapper(
            io.BufferedWriter(checked),
            encoding="utf-8" if before is None else before.encoding,
            errors="backslashreplace",  # for comments that the terminal's encoding cannot express
            line_buffering=descriptor == 2 or checked.isatty(),
        )
        setattr(sys, name, wrapped)
        if descriptor == 1:
            _state.note_output(checked)


def _occupy() -> set[int]:
    """Open the null device for each closed descriptor from 0 to 2, and return those."""
    closed = set()
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            closed.add(descriptor)
            os.open(os.devnull, os.O_RDWR)  # takes the lowest descriptor that is free, which is this one
            os.set_inheritable(descriptor, True)
    return closed


def keep_status() -> None:
    """Note that the exit status reports what a job did on the machine, whatever becomes of its output here."""
    _state.note_status_kept()


def finish_output(status: int) -> int:
    """Flush standard output, and report a failure of standard output. Return the exit status of the program.

    Args:
        status: the exit status so far.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = 141
    if _state.output is not None and _state.output.failure:
        name = in_colour("sosagent:", "error", sys.stderr)
        print(f"{name} cannot write to standard output: {_state.output.failure}", file=sys.stderr)
        if status == 0 and not _state.keep_status:
            status = _OUTPUT_FAILED
    return status
