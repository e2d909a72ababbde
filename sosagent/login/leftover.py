"""Recognise an existing shell that an interrupted run of sosagent left open: by its age, and if nothing runs in it."""

from __future__ import annotations

import asyncio
import re

from ..console.events import Event
from .attempt import Attempt, Undo
from .probe import ask

__all__ = ["is_leftover"]

#: Prints the seconds since boot, now and when the shell that runs it started, and how many children that shell has.
_AGE = (
    "sh -c 'read u x </proc/uptime;read -r l </proc/$PPID/stat;set -- ${l##*) };echo ${u%.*} $((${20}/100));"
    "read -r c </proc/$PPID/task/$PPID/children;set -- $c;echo $#'"
)
_TIMES = re.compile(r"(\d{1,11}) (\d{1,11})")


async def is_leftover(attempt: Attempt) -> bool:
    """At the prompt of an existing shell: return whether an interrupted run of ours left it. If not, forget that run.

    Raises:
        ConsoleError: the connection is lost, or the deadline has passed.
        ConsoleStateUnknown: no shell answers.
    """
    if attempt.record.seconds() is None:
        return False
    loop = asyncio.get_running_loop()
    asked = loop.time()
    answers = await ask(attempt, _AGE)
    times = _TIMES.fullmatch(answers[-2]) if len(answers) > 1 else None
    # One child is the program that asks; a kernel may not list them.
    if times is not None and answers[-1] in ("0", "1") and Undo.SUSPENSION not in attempt.undo:
        age = int(times[1]) - int(times[2])
        if attempt.record.is_it(age, asked=loop.time() - asked):
            attempt.console.emit(Event("note", "an interrupted run of sosagent left this shell open; logging it out"))
            return True
    attempt.record.forget()
    return False
