"""Find the program in a command line that starts with programs which run another one, such as ``sudo -n``. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

__all__ = ["program_at"]


@dataclass(frozen=True)
class _Wrapper:
    """A program that runs the program named in its arguments.

    Fields:
        letters: its options of one letter that take a value.
        words: its long options that take a value, which may be the next argument.
        operands: how many arguments of its own come before the program.
        variables: whether ``NAME=VALUE`` may come before the program.
    """

    letters: str = ""
    words: tuple[str, ...] = ()
    operands: int = 0
    variables: bool = False


_WRAPPERS = {
    "chronic": _Wrapper(),
    "doas": _Wrapper("aCu"),
    "env": _Wrapper("aCu", ("--argv0", "--chdir", "--unset"), variables=True),
    "flock": _Wrapper("Ew", ("--conflict-exit-code", "--timeout", "--wait"), operands=1),
    "ionice": _Wrapper("cn", ("--class", "--classdata")),
    "ip": _Wrapper(operands=3),  # ip netns exec NAME, ip vrf exec NAME
    "nice": _Wrapper("n", ("--adjustment",)),
    "nohup": _Wrapper(),
    "setsid": _Wrapper(),
    "sshpass": _Wrapper("dfPp"),
    "stdbuf": _Wrapper("eio", ("--error", "--input", "--output")),
    "sudo": _Wrapper(
        "aCcDghpRrTtUu",
        (
            "--auth-type", "--chdir", "--chroot", "--close-from", "--command-timeout", "--group", "--host",
            "--login-class", "--other-user", "--prompt", "--role", "--type", "--user",
        ),
        variables=True,
    ),
    "time": _Wrapper("fo", ("--format", "--output")),
    "timeout": _Wrapper("ks", ("--kill-after", "--signal"), operands=1),
}  # fmt: skip
_VARIABLE = re.compile(r"[A-Za-z_]\w*=", re.ASCII)


def program_at(argv: Sequence[str]) -> int:
    """Return the index of the program that shows the console, behind the programs that run it.

    Args:
        argv: the whole command line.

    Returns:
        The index in `argv`; its length if no program follows.
    """
    at = 0
    while at < len(argv) and (wrapper := _WRAPPERS.get(PurePath(argv[at]).name)) is not None:
        at = _behind(wrapper, argv, at + 1)
    return at


def _behind(wrapper: _Wrapper, argv: Sequence[str], at: int) -> int:
    """Return the index behind the arguments of `wrapper`, which start at `at`."""
    while at < len(argv) and argv[at].startswith("-"):
        word = argv[at]
        at += 1
        if word == "--":
            break
        at += word in wrapper.words or _value_follows(word, wrapper.letters)
    while wrapper.variables and at < len(argv) and _VARIABLE.match(argv[at]):
        at += 1
    return min(at + wrapper.operands, len(argv))


def _value_follows(word: str, letters: str) -> bool:
    """Return whether the next argument is the value of the last option in `word`, such as ``-nu``."""
    if word.startswith("--"):
        return False
    first = next((at for at, letter in enumerate(word) if at and letter in letters), None)
    return first == len(word) - 1
