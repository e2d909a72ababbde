"""The states in which the lab's console can be found (`sosagent lab --state`)."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from ..errors import UsageError
from ..printable import printable
from ..suggest import did_you_mean
from .machine_files import USER

__all__ = ["STATES", "ConsoleState", "checked_state"]


@dataclass(frozen=True)
class ConsoleState:
    """A state.

    Fields:
        text: what is on the console.
        typed: what somebody has typed into the shell that they left open; None if no shell is open.
        user: whose shell it is.
        program: the program that runs instead of a login shell, with its arguments.
        needs: a program that this computer must have.
        own_system: whether the machine must have a system of its own.
    """

    text: str
    typed: str | None = None
    user: str = "root"
    program: tuple[str, ...] = ()
    needs: str = ""
    own_system: bool = False


def _left(program: str, text: str, typed: str) -> ConsoleState:
    return ConsoleState(text, typed=typed, needs=program)


_FILE = "/etc/services"
STATES: dict[str, ConsoleState] = {
    "login": ConsoleState("the login prompt"),
    "password": ConsoleState("a password prompt: somebody has typed a name"),
    "root-shell": ConsoleState("an open root shell", typed=""),
    "user-shell": ConsoleState("an open shell of another user", typed="", user=USER, own_system=True),
    "plain-shell": ConsoleState(
        "an open root shell without a line editor", program=("/bin/sh",), needs="dash", own_system=True
    ),
    "unfinished": ConsoleState("a root shell with an unfinished command", typed="rm -r /srv/old"),
    "vim": _left("vim", "vim", f"vim -R {_FILE}\r"),
    "vim-insert": _left("vim", "vim in insert mode, with a text that is not saved", "vim notes\ri"),
    "nano": _left("nano", "nano", "nano notes\r"),
    "less": _left("less", "less", f"less {_FILE}\r"),
    "more": _left("more", "more", f"more {_FILE}\r"),
    "man": _left("man", "a manual page", "man sh\r"),
    "top": _left("top", "top", "top\r"),
    "tmux": _left("tmux", "tmux", "tmux\r"),
    "screen": _left("screen", "screen", "screen\r\r"),
    "python": _left("python3", "Python's prompt", "python3 -S\r"),
    "cat": _left("cat", "a program that reads lines", "cat >notes\r"),
    "question": ConsoleState(
        "a question of a script", typed="printf 'Delete all backups? [y/N] '; read answer; echo $answer\r"
    ),
    "busy": _left("sleep", "a program that reads nothing", "sleep 1d\r"),
    "locked": _left("vlock", "a locked screen", "vlock\r"),
    "maintenance": ConsoleState(
        "the maintenance prompt", program=("/sbin/sulogin",), needs="sulogin", own_system=True
    ),
    "boot-loader": ConsoleState("the prompt of a boot loader"),
    "silent": ConsoleState("nothing: the machine is off, or no program uses its serial port"),
}  # fmt: skip
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def checked_state(name: str) -> ConsoleState:
    """Return a state.

    Raises:
        UsageError: there is no such state, or its program is not installed.
    """
    if name not in STATES:
        raise UsageError(
            f"the lab's console cannot be in the state {printable(name, 40)!r}{did_you_mean(name, STATES)}",
            hint=f"It has: {', '.join(STATES)}.",
        )
    state = STATES[name]
    if state.needs and not shutil.which(state.needs, path=_SYSTEM_PATH):
        raise UsageError(f"the state {name} needs {state.needs}, which is not installed")
    return state
