"""Check the syntax of a program with the shell of this computer. Nothing of the program is run."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from ..printable import clean
from .words import excerpt

__all__ = ["SyntaxMistake", "parse_message", "syntax_mistake"]

#: Where a POSIX shell is.
_SHELLS = ("/bin/sh", "/usr/bin/sh", "/system/bin/sh")
_BASHES = ("/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash")
_NO_MESSAGE = "sh -n does not accept this program"
_STDIN = "/dev/stdin"
_SECONDS = 10.0
_MESSAGE = 200
#: The place of a mistake in the first line of a message: dash and zsh, bash and BusyBox, mksh, ksh.
_PLACES = tuple(
    re.compile(pattern)
    for pattern in (
        r"^[^:]*: (?P<line>\d+): (?:Syntax error: )?",
        r"^[^:]*: (?:-c: )?line (?P<line>\d+): (?:syntax error:? )?",
        r"^[^:]*: [^:\[]*\[(?P<line>\d+)\]: (?:syntax error: )?",
        r"^[^:]*: syntax error at line (?P<line>\d+): ",
    )
)


@dataclass(frozen=True)
class SyntaxMistake:
    """A mistake in a program.

    Fields:
        line: its line in the program, from 0.
        message: what the shell says about it, printable.
    """

    line: int
    message: str


@lru_cache(maxsize=256)
def syntax_mistake(program: str) -> SyntaxMistake | None:
    """Return the first mistake in a program for sh; None if it has no mistakes, or if this computer has no sh.

    Args:
        program: as it is run: without blanks at its start and end.
    """
    text = program.encode("utf-8", "replace").replace(b"\0", b"") + b"\n"
    message = _message(_SHELLS, text)
    if not message:
        return None
    mistake = parse_message(message)
    if _message(_BASHES, text) == "":
        mistake = replace(mistake, message=f"{mistake.message}; only bash accepts this")
    return mistake


def _message(shells: Sequence[str], text: bytes) -> str | None:
    """Return what the first of `shells` that exists says about a program.

    Returns:
        The message; an empty text if there is no mistake; None if there is no verdict.
    """
    shell = next((path for path in shells if Path(path).exists()), None)
    if shell is None:
        return None
    try:
        # Not with -c: some shells run that in spite of -n. BusyBox gives line numbers for files only.
        done = subprocess.run(
            [shell, "-n", *([_STDIN] if Path(_STDIN).exists() else [])],
            input=text,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_SECONDS,
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode < 0:  # the shell itself has crashed
        return None
    return done.stderr.decode("utf-8", "replace") or _NO_MESSAGE if done.returncode else ""


def parse_message(text: str) -> SyntaxMistake:
    """Return the mistake that a shell's message describes."""
    first = text.split("\n", 1)[0]
    for pattern in _PLACES:
        match = pattern.match(first)
        if match is not None:
            words = clean(first[match.end() :])
            return SyntaxMistake(max(int(match["line"][-9:]) - 1, 0), excerpt(words, _MESSAGE))
    return SyntaxMistake(0, excerpt(first, _MESSAGE) or _NO_MESSAGE)
