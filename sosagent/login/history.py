"""Remove the lines that we typed in a bash that was open already from its history.

A leading blank keeps a line out of the history only if HISTCONTROL says so. So the last entries are removed as long as
they are ours, which their text shows; the line that does this removes itself. Lines of other people stay.
"""

from __future__ import annotations

import re
from contextlib import suppress

from ..errors import ConsoleStateUnknown
from ..terminal.own_text import is_start_line
from .attempt import Attempt, Undo
from .probe import ask, wait_for_prompt_again

__all__ = ["FORGET", "forget_lines", "is_our_line"]

#: Prints the path of the program that reads the line; every shell accepts it.
_WHICH_SHELL = "sh -c 'readlink /proc/$PPID/exe'"
#: The probes and the start line have the first text, the line that starts a plain shell the second.
_OURS = r"""*'echo S\O'*|*'do eval "$l";done'*"""
#: Removes our lines from the end of a bash's history, itself included.
FORGET = (
    f" for _ in 1 2 3 4 5 6 7 8 9;do case $(history 1) in {_OURS})"
    "history -d $(history 1|{ read n _;echo ${n%\\*};});;esac;done"
)

#: The end of a probe.
_PROBE_END = re.compile(r";echo S\\OS[0-9a-f]{0,4}$")


def is_our_line(line: str) -> bool:
    """Return whether an unfinished command on the open line is one that an interrupted run of sosagent typed."""
    line = line.rstrip()  # readline prints a blank behind a line that fills the last column
    return is_start_line(line) or _PROBE_END.search(line[-20:]) is not None


async def forget_lines(attempt: Attempt) -> None:
    """At the prompt of an existing shell: if it is bash, remove our lines from its history.

    If a program is suspended there, the line that resumes it does that.

    Raises:
        ConsoleError: the connection is lost, or the deadline has passed.
    """
    console, prompt = attempt.console, attempt.console.open_line
    with suppress(ConsoleStateUnknown):  # it stays as it is
        if not any(line.endswith("/bash") for line in await ask(attempt, _WHICH_SHELL)):
            return
        if Undo.SUSPENSION in attempt.undo:
            attempt.resume_after(FORGET)
            return
        await console.type_line(FORGET)
        await console.send("\r")
        await wait_for_prompt_again(console, prompt)
