"""Messages about a console in an interactive session: its status, and who is logged in there."""

from __future__ import annotations

import re
from pathlib import Path

from ..access import Access
from ..console.console import Console
from ..endpoint.located import Located
from ..endpoint.target import ExecTarget, SerialTarget, SshTarget, TcpTarget, UnixTarget
from ..login.observe import observe
from ..printable import printable
from ..terminal.states import SILENT, UNKNOWN, Action, Observation

__all__ = ["describe_login", "describe_status"]

_UNCERTAIN = "sosagent cannot determine whether a shell is open on the console"
_USER_AT_HOST = re.compile(r"(?<![\w.-])[\w.-]+@(?P<host>[\w.-]+)")
_ROOT_PROMPT = re.compile(r"# ?$")
#: Actions of the states in which no user is logged in.
_LOGGED_OUT = (
    Action.LOG_IN,
    Action.MAINTAIN,
    Action.ENTER,
    Action.PRESS,
    Action.ACTIVATE,
    Action.REFUSED,
    Action.CLOSED,
    Action.BUSY,
    Action.RECONNECT,
)
#: Actions of the states of a program that may have been started from a shell.
_IN_A_PROGRAM = (Action.SUSPEND, Action.LEAVE_INSERT, Action.INTERRUPT, Action.STOP)
#: States with such an action that occur before the operating system runs, so no shell exists.
_BEFORE_THE_SYSTEM = ("grub", "uefi-shell", "boot-prompt", "firmware", "panic", "disk-passphrase", "boot-menu")
_TRANSPORTS: tuple[tuple[type, str], ...] = (
    (SshTarget, "SSH"),
    (SerialTarget, "a serial device"),
    (UnixTarget, "a Unix socket"),
    (ExecTarget, "a program on a pty"),
)


def _observed(console: Console) -> Observation:
    return observe(console, console.machine_start)


def describe_login(console: Console) -> str:
    """Describe in one sentence whether a shell is open on the console, as far as its last output shows."""
    observation, line = _observed(console), console.open_line.strip()
    state = observation.state
    if state is SILENT or state is UNKNOWN:
        return _UNCERTAIN
    if state.action is Action.LOG_IN:
        return "the console is at the login prompt; nobody is logged in"
    if state.action is Action.PROBE:
        match = _USER_AT_HOST.search(line)
        host = f" at {printable(match['host'], 60)}" if match else ""
        shell = "root's shell" if _ROOT_PROMPT.search(line) else "a shell"
        return f"{shell}{host} is still logged in: {printable(line, 80)}"
    if state.action in _IN_A_PROGRAM and state.name not in _BEFORE_THE_SYSTEM:
        return f"the console shows {state.title}; a shell may be open behind it"
    if state.action in _LOGGED_OUT or state.name in _BEFORE_THE_SYSTEM:
        return f"the console shows {state.title}; no shell is open"
    return f"the console shows {state.title}; {_UNCERTAIN}"


def describe_status(console: Console, access: Access, *, seconds: float, recording: Path | None, pace: int) -> str:
    """Describe the connection, the console's state and the traffic in one line.

    Args:
        console: the console of the session.
        access: how it was reached.
        seconds: time since the session started.
        recording: the file of the recording, if one is running.
        pace: the pace of pastes.
    """
    target = access.target.target if isinstance(access.target, Located) else access.target
    kind = next((words for cls, words in _TRANSPORTS if isinstance(target, cls)), "a connection")
    if isinstance(target, TcpTarget):
        kind = target.protocol
    speed = "" if console.transport.baud is None else f" at {console.transport.baud} baud"
    parts = [
        f"{console.transport.name}, {console.endpoint.dialect.title}, over {kind}{speed}",
        f"the console shows {_observed(console).state.title}",
        f"{console.bytes_received} bytes received, {console.bytes_sent} sent, {seconds:.0f} s",
        "no recording" if recording is None else f"recording to {recording}",
        f"pastes at pace {pace}",
    ]
    return "; ".join(parts)
