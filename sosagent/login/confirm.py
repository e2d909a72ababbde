"""Make sure that a prompt is real before anything that matters is typed there: Enter, or a password.

Anybody who can print on the console can print a prompt. So a prompt that was there before we pressed Enter is asked for
again, and a password is typed only where what is typed is not shown: shells, editors, gettys and programs that read
lines all answer a character.
"""

from __future__ import annotations

import re

from ..console.console import Console
from ..secrets.marks import ECHO_TEST
from ..terminal.kernel import is_kernel_line
from ..terminal.states import READING, RUNNING, SILENT, UNKNOWN, Action, Observation
from ..terminal.translations import message_meaning
from .observe import LOGIN_SECONDS, WAKE_SECONDS, conclude, is_decided, settle
from .redraw import line_editor_redrew, redraw

__all__ = ["ask_again", "ask_for_maintenance", "input_is_hidden", "kernel_line_ends"]

#: What a sudo with pwfeedback shows for each character.
_FEEDBACK = (b"*",)
_ERASE = "\x15"
_LEAST_SECONDS = 0.2
_MOST_SECONDS = 3.0
_UNKNOWN_SECONDS = 1.0  # a distant endpoint may take this long to answer
_ECHO_FACTOR = 4  # an echo takes at most this many times as long as that of the last line
_KERNEL_LINE_SECONDS = 5.0
_ASK_TRIES = 3
#: What sulogin prints between an empty answer and its next prompt.
_SULOGIN_LINE = re.compile(
    r"(?i)\s*+(?:(?:(?:sulogin: )?login incorrect\.?|(?:give|enter) root password for \S++(?: \S*+)?"
    r"|press enter for (?:system )?maintenance:?)\s*+)?"
)

#: The prompt of BusyBox's sulogin. Before version 1.20, an empty answer continues the boot (its loginutils/sulogin.c).
_EMPTY_CONTINUES = re.compile(r"(?i)for normal startup")


async def ask_again(
    console: Console, until: tuple[Action, ...] = (), *, of_login: bool = False, wrong: str = ""
) -> Observation:
    """Find out whether a prompt that we did not ask for still waits for an answer; press Enter if it seems so.

    ^L comes first, because shells, editors and other programs show something then. ^U erases what may be typed there.

    Args:
        console: a console that shows a prompt for a name or a password.
        until: see `settle`.
        of_login: it is a login prompt, which may echo what is typed, as other programs that read lines do.
        wrong: a wrong answer to type in front of Enter, where an empty one has a meaning of its own.

    Returns:
        The state that follows.
    """
    answer = await redraw(console)
    if line_editor_redrew(console) and answer.state.action is not Action.PROBE:
        return conclude(console, UNKNOWN)  # the prompt of a shell that is open looks like that of a login
    if answer.state is UNKNOWN or (is_decided(answer) and not (of_login and answer.state is READING)):
        return answer
    mark = console.mark()
    await console.send(f"{_ERASE}{wrong}\r")
    observed = await settle(console, LOGIN_SECONDS if not of_login else WAKE_SECONDS, mark=mark, until=until)
    if of_login and observed.state is SILENT:
        return conclude(console, RUNNING)  # Enter was echoed, but no login prompt follows
    return observed


async def ask_for_maintenance(console: Console) -> Observation:
    """At a maintenance prompt: ask for it again, and check that nothing but sulogin answers.

    Returns:
        The state that follows; UNKNOWN if other text comes with the prompt each time.
    """
    for _ in range(_ASK_TRIES):
        mark = console.mark()
        wrong = ECHO_TEST if _EMPTY_CONTINUES.search(mark.open_line) else ""
        observed = await ask_again(console, wrong=wrong)
        others = (line for line in console.since(mark)[0] if line.rstrip() != mark.open_line.rstrip())
        if observed.state.action is not Action.MAINTAIN or all(map(_is_from_sulogin, others)):
            return observed
    return Observation(UNKNOWN)


def _is_from_sulogin(line: str) -> bool:
    if is_kernel_line(line) or _SULOGIN_LINE.fullmatch(line) is not None:
        return True
    return message_meaning(line, "maintenance", "maintenance-enter", "refused") is not None


async def input_is_hidden(console: Console) -> bool:
    """Type a character and erase it. Return whether the console did not answer it, as at a password prompt."""
    mark, measured = console.mark(), console.typer.echo_seconds
    seconds = min(max(_LEAST_SECONDS, _ECHO_FACTOR * measured), _MOST_SECONDS) if measured else _UNKNOWN_SECONDS
    seconds += 2 * console.line.byte_seconds  # for the character and its echo
    await console.send(ECHO_TEST)  # a character that kernel lines hardly contain
    answer = await console.receive(seconds, ignore_kernel=True)
    # The echo may be in the middle of what looks like a kernel line; or that is another text, which ends the prompt.
    whole = await kernel_line_ends(console)
    inside = ECHO_TEST in "".join(console.since(mark)[0])
    unchanged = console.open_line == mark.open_line
    await console.send(_ERASE)
    if answer is None and whole and unchanged and not inside:
        return True
    await console.quiet(_LEAST_SECONDS, _KERNEL_LINE_SECONDS)
    if console.open_line.rstrip() == mark.open_line.rstrip():
        console.received.restore_open_line(mark)  # without the blank that erasing leaves
    return answer in _FEEDBACK


async def kernel_line_ends(console: Console) -> bool:
    """Wait for the end of what may be a kernel line; return whether it came."""
    deadline = console.line.wait(_KERNEL_LINE_SECONDS)
    while console.kernel_line_pending and not deadline.passed:
        await console.receive(console.line.quiet_seconds)
    return not console.kernel_line_pending
