"""Programs that show a console, and how each is left: data. No I/O.

Their escapes are typed only here. Where one needs an Enter first, another way out is taken, for an Enter
would run what somebody typed half. (facts: console-endpoints, 8 and 9)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

__all__ = ["Program", "program_of"]


@dataclass(frozen=True)
class Program:
    """One such program.

    Fields:
        name: as it is called.
        leave: what ends it, typed at any place of a line; empty if nothing does.
        instead: words of its command line to replace, for a second run that ends the session of the first.
        send_break: what makes it send a BREAK; empty if nothing does.
    """

    name: str
    leave: bytes = b""
    instead: tuple[str, str] | None = None
    send_break: bytes = b""


_PROGRAMS = {
    one.name: one
    for one in (
        # A session that is not deactivated keeps the next client out. Its ~B counts at the start of a line only.
        Program("ipmitool", instead=("activate", "deactivate"), send_break=b"\r~B"),
        Program("ipmiconsole", leave=b"&.", send_break=b"&B"),
        Program("console", leave=b"\x05c.", send_break=b"\x05cl0"),
        Program("virsh", leave=b"\x1d"),
        Program("qm", leave=b"\x0f"),
        Program("virtctl", leave=b"\x1d"),
        Program("az", leave=b"\x1dq"),
        Program("telnet", leave=b"\x1dquit\r", send_break=b"\x1dsend brk\r"),
    )
}


def program_of(argv: tuple[str, ...]) -> Program:
    """What is known of the program that is called by `argv`."""
    return _PROGRAMS.get(PurePath(argv[0]).name, Program(argv[0]))
