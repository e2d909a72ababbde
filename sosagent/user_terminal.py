"""The user's terminal, on which questions are asked: standard input if it is one, otherwise /dev/tty."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["ask_line", "discard_typed", "has_terminal", "in_foreground", "terminal_descriptor"]

_TTY = "/dev/tty"


def has_terminal() -> bool:
    """Return whether there is a terminal to ask on; standard input may be a file or a pipe."""
    with terminal_descriptor() as descriptor:
        return descriptor is not None


def in_foreground() -> bool:
    """Return whether this process may read from the terminal; a job that a shell runs with ``&`` would be stopped."""
    with terminal_descriptor() as descriptor:
        return descriptor is None or _in_foreground(descriptor)


def _in_foreground(descriptor: int) -> bool:
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except (OSError, AttributeError):  # a terminal that does not control this process; Windows
        return True


def discard_typed() -> None:
    """Discard what was typed on the terminal and not read yet."""
    try:
        import termios
    except ImportError:  # on Windows
        return
    with terminal_descriptor() as descriptor:
        if descriptor is not None and _in_foreground(descriptor):
            with suppress(termios.error):  # the terminal may be gone
                termios.tcflush(descriptor, termios.TCIFLUSH)


@contextmanager
def terminal_descriptor() -> Iterator[int | None]:
    """Yield a descriptor of the terminal, or None without a terminal."""
    if sys.stdin.isatty():
        yield sys.stdin.fileno()
        return
    try:
        descriptor = os.open(_TTY, os.O_RDWR | os.O_NOCTTY)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def ask_line(question: str) -> str:
    """Show `question` on the terminal, and return the line that the user types, without its end.

    Raises:
        EOFError: at end of input, or without a terminal.
    """
    with terminal_descriptor() as descriptor:
        if descriptor is None:
            raise EOFError
        if descriptor == sys.stdin.fileno():
            # Standard output may be JSON, and standard error a file.
            if sys.stderr.isatty() or not _write(descriptor, question):
                print(question, end="", file=sys.stderr, flush=True)
            line = sys.stdin.readline()
        else:
            _write(descriptor, question)
            with open(descriptor, encoding="utf-8", errors="replace", closefd=False) as terminal:
                line = terminal.readline()
    if not line:
        raise EOFError
    return line.removesuffix("\n")


def _write(descriptor: int, text: str) -> bool:
    """Write to the terminal; return whether that was possible, which it is not if it is open for reading only."""
    rest = memoryview(text.encode("utf-8", "replace"))
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        return False
    return True
