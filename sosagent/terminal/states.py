"""The table of console states: how each looks, what leads out of it, what the user is told.

A prompt is looked for on the open line, then a message in the last lines. Rows are tried in their
order and the first that fits is the state, so the narrower stands above the wider. A prompt never
proves that a shell is there; that a probe does (console/login.py).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["SILENT", "STATES", "UNKNOWN", "Observation", "State", "Way", "classify"]

_MESSAGE_LINES = 6  # a message counts while it is among the last lines


class Way(enum.Enum):
    """What leads out of a state."""

    LOG_IN = "log in"
    PROBE = "probe for a shell"
    ENTER = "press Enter"
    WAIT = "wait"
    STOP = "stop and say so"
    BUSY = "stop: somebody else has the endpoint"


@dataclass(frozen=True)
class State:
    """A row of the table.

    Fields:
        name: short and stable; programs see it.
        title: in words, for people.
        way: what leads out of it.
        prompt: how the open line looks.
        message: how one of the last lines looks.
        hint: what the user does where `way` is to stop.
    """

    name: str
    title: str
    way: Way
    prompt: re.Pattern[str] | None = None
    message: re.Pattern[str] | None = None
    hint: str = ""


@dataclass(frozen=True)
class Observation:
    """A state that was seen.

    Fields:
        state: its row.
        hostname: the machine's name, where the prompt shows it.
    """

    state: State
    hostname: str | None = None


def _row(name: str, title: str, way: Way, *, prompt: str = "", message: str = "", hint: str = "") -> State:
    return State(
        name,
        title,
        way,
        re.compile(prompt) if prompt else None,
        re.compile(message) if message else None,
        hint,
    )


_BY_HAND = "Bring the console to a login prompt by hand, then run again."
_MAINTENANCE = "The machine stopped in its boot and waits for somebody. " + _BY_HAND

STATES: tuple[State, ...] = (
    _row(
        "endpoint-read-only", "the endpoint lets us only look", Way.BUSY,
        message=r"\[Read-only SOS Session\.",
        hint="The machine is still being provisioned. Wait half a minute after it is done and run again.",
    ),
    _row(
        "endpoint-busy", "somebody else has the console", Way.BUSY,
        message=r"(?i)limited to one connection|currently in use by another session|Active console session exists"
        r"|already active on another session|console is (?:busy|in use)|\[SOS Session Busy",
        hint="Wait until the other session ends, or end it at the endpoint.",
    ),
    _row(
        "bmc-prompt", "the prompt of a management controller, not of the machine", Way.STOP,
        prompt=r"^(?:racadm>>|</>hpiLO->|/admin1->|system>|->|/[\w/]*->)\s*$",
        hint="The endpoint fell back to its own command line. Start the console there by hand.",
    ),
    _row("windows-sac", "the Windows Special Administration Console", Way.STOP, prompt=r"^SAC>\s*$",
         hint="This machine runs Windows; sosagent works on systems with a POSIX shell."),
    _row("maintenance", "emergency or rescue mode, waiting for the root password", Way.STOP,
         prompt=r"(?i)^(?:give root password for (?:maintenance|login)|\(or (?:press|type) control-d to continue\))"
         r".*: ?$",
         hint=_MAINTENANCE),
    _row("maintenance-enter", "emergency mode with a locked root", Way.STOP,
         prompt=r"(?i)^press enter (?:for maintenance|to continue)", hint=_MAINTENANCE),
    _row("password-expired", "a password that must be changed", Way.STOP,
         prompt=r"(?i)^(?:\(current\) unix|current|old|new|enter new|retype new)(?: unix)? password: ?$",
         hint="The password has expired. Change it by hand on the console; sosagent never does."),
    _row("sudo-password", "somebody's sudo or su that asks for a password", Way.STOP,
         prompt=r"^\[sudo[^\]]*\] .*: ?$", hint=_BY_HAND),
    _row("password", "a password prompt that somebody else's attempt left", Way.ENTER,
         prompt=r"(?i)^(?:\S+'s )?(?:password|passwort|mot de passe|contraseña)(?: for \S+)? ?: ?$"),
    _row("grub", "the GRUB boot loader", Way.STOP, prompt=r"^grub(?: rescue)?> ?$", hint=_BY_HAND),
    _row("uefi-shell", "the UEFI shell", Way.STOP, prompt=r"^(?:Shell|FS\d+:\\.*)> ?$", hint=_BY_HAND),
    _row("initramfs", "the shell of an initramfs", Way.STOP, prompt=r"^\(initramfs\) $", hint=_MAINTENANCE),
    _row("question", "a question that waits for an answer", Way.STOP,
         prompt=r"(?i)\[y/n\](?:[?:])? ?$|\(y/n\)(?:[?:])? ?$|<y>\? ?$", hint=_BY_HAND),
    _row("pager", "a pager", Way.STOP, prompt=r"^--More--|^\(END\) ?$|^:$|^lines \d+-\d+", hint=_BY_HAND),
    _row("repl", "an interpreter", Way.STOP,
         prompt=r"^(?:>>>|\.\.\.|In \[\d+\]:|irb.*>|mysql>|\w+=#) $", hint=_BY_HAND),
    _row("continuation", "a shell in the middle of a command", Way.STOP,
         prompt=r"^(?:(?:d?quote|bquote|heredoc|cmdsubst|for|while|if|then|else|function|pipe|cursh|subsh)[\w ]*)?> ?$",
         hint=_BY_HAND),
    _row("login", "a login prompt", Way.LOG_IN, prompt=r"(?i)^(?!last )(?:(?P<host>[\w.-]+) )?login: ?$"),
    _row("shell", "a shell that was left open", Way.PROBE, prompt=r"[#$%>❯➜λ»] ?$"),
    _row("panic", "a kernel panic", Way.STOP, message=r"Kernel panic - not syncing",
         hint="The machine has crashed. It must be reset (power cycle) before anybody can log in."),
    _row("booting", "a machine that boots", Way.WAIT,
         message=r"^\[ *\d+\.\d+\] |^\[ *(?:OK|FAILED|DEPEND) *\] |^(?:Starting|Started|Stopping) .*|^\s*Booting "),
)  # fmt: skip

SILENT = State("silent", "nothing comes from the machine", Way.WAIT)
UNKNOWN = State("unknown", "something that no row of the table knows", Way.STOP)


def classify(lines: Sequence[str], open_line: str) -> Observation:
    """Name the state that a console is in.

    Args:
        lines: the last finished lines, oldest first.
        open_line: the line without a newline.
    """
    recent = [line for line in lines[-_MESSAGE_LINES * 2 :] if line.strip()][-_MESSAGE_LINES:]
    for state in STATES:
        if state.prompt is not None and (found := state.prompt.search(open_line)):
            return Observation(state, found.groupdict().get("host"))
    for state in STATES:
        if state.message is not None and any(map(state.message.search, [*recent, open_line])):
            return Observation(state)
    return Observation(UNKNOWN if open_line.strip() else SILENT)
