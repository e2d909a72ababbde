"""What is told of a console that a person works at: how it goes, and what they leave there."""

from __future__ import annotations

import re
from pathlib import Path

from ..console.console import Console
from ..endpoint.target import ExecTarget, SerialTarget, SshTarget, TcpTarget, UnixTarget
from ..login.watch import Watch
from ..printable import printable
from ..session.machine import Access
from ..terminal.states import SILENT, UNKNOWN, Observation, Way

__all__ = ["status", "what_is_left"]

_UNTOLD = "it cannot be told whether a shell is open on the console"
_AT = re.compile(r"[\w.-]+@(?P<host>[\w.-]+)")
_ROOT = re.compile(r"# ?$")
#: Ways out of states in which nobody is logged in.
_NOBODY = (Way.LOG_IN, Way.MAINTAIN, Way.ENTER, Way.PRESS, Way.REFUSED, Way.CLOSED, Way.BUSY, Way.RECONNECT)
#: And of those behind which a shell may be.
_ABOVE_A_SHELL = (Way.SUSPEND, Way.LEAVE_INSERT, Way.INTERRUPT, Way.STOP)
_BELOW_SHELLS = ("grub", "uefi-shell", "boot-prompt", "firmware", "panic", "disk-passphrase", "boot-menu")
_TRANSPORTS: tuple[tuple[type, str], ...] = (
    (SshTarget, "SSH"),
    (SerialTarget, "a serial device"),
    (UnixTarget, "a socket of this computer"),
    (ExecTarget, "a program on a pty"),
)


def _seen(console: Console) -> Observation:
    return Watch(console).observe(console.entered)


def what_is_left(console: Console) -> str:
    """Whether a shell is open on the console, as far as what stands there tells."""
    seen, line = _seen(console), console.open_line.strip()
    state = seen.state
    if state is SILENT or state is UNKNOWN:
        return _UNTOLD
    if state.way is Way.LOG_IN:
        return "the console is at the login prompt; nobody is logged in"
    if state.way is Way.PROBE:
        found = _AT.search(line)
        where = f" at {printable(found['host'], 60)}" if found else ""
        whose = "root's shell" if _ROOT.search(line) else "a shell"
        return f"{whose}{where} is still logged in: {printable(line, 80)}"
    if state.way in _ABOVE_A_SHELL and state.name not in _BELOW_SHELLS:
        return f"on the console is {state.title}; a shell may be open beneath"
    if state.way in _NOBODY or state.name in _BELOW_SHELLS:
        return f"on the console is {state.title}; no shell is open"
    return f"on the console is {state.title}; {_UNTOLD}"


def status(console: Console, access: Access, *, seconds: float, recording: Path | None, pace: int) -> str:
    """One line: what it is connected to, what the console shows, what went over the line."""
    target = access.target
    kind = next((words for one, words in _TRANSPORTS if isinstance(target, one)), "a connection")
    if isinstance(target, TcpTarget):
        kind = target.protocol
    speed = "" if console.transport.baud is None else f" at {console.transport.baud} baud"
    parts = [
        f"{console.transport.name}, {console.endpoint.dialect.title}, over {kind}{speed}",
        f"on it: {_seen(console).state.title}",
        f"{console.bytes_received} bytes in, {console.bytes_sent} out, {seconds:.0f} s",
        "no recording" if recording is None else f"recording to {recording}",
        f"pastes at pace {pace}",
    ]
    return "; ".join(parts)
