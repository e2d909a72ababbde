"""Answer a password prompt, and find out the outcome."""

from __future__ import annotations

from ..console.console import Console, Mark
from ..errors import ConsoleStateUnknown
from ..secrets.secret import Secret
from ..terminal.states import NOTHING, READING, SILENT, UNKNOWN, Action, Observation
from .confirm import input_is_hidden, kernel_line_ends
from .observe import LOGIN_SECONDS, WAKE_SECONDS, observe, settle
from .redraw import erase, line_editor_redrew, redraw

__all__ = [
    "LATER_PROMPTS",
    "PASSWORD_PROMPTS",
    "password_outcome",
    "type_password",
]

#: Prompts of a login that has accepted the password, and has not started a shell.
LATER_PROMPTS = ("password-expired", "second-factor")
PASSWORD_PROMPTS = ("password", "sudo-password")

#: A password has no echo to compare. Typed at once, it was echoed by BusyBox sulogin 4 times in 6.
_QUIET_SECONDS = 0.07  # besides the quiet after which the prompt was recognised
_REFUSAL_SECONDS = 1.5
#: How often a prompt that shows what is typed is tried again, for programs that turn the echo off late.
_HIDDEN_TRIES = 3
_PROFILE_SECONDS = 15.0


async def type_password(console: Console, password: Secret, mark: Mark, own_prompt: str | None = None) -> Mark | None:
    """Type the password once the line is quiet, its prompt is still there, and what is typed is not shown.

    Args:
        console: a console that shows a password prompt which we brought about.
        password: the answer.
        mark: the position before that prompt.
        own_prompt: the prompt that our sudo command sets.

    Returns:
        A mark from before the answer. None if the prompt went away; nothing was typed then.

    Raises:
        ConsoleStateUnknown: text follows the prompt, or the console shows what is typed.
    """
    for _ in range(_HIDDEN_TRIES):
        if not await _prompt_stays(console, mark, own_prompt):
            return None
        if not await kernel_line_ends(console):
            message = "text follows the password prompt; nothing was typed there"
            raise console.error(ConsoleStateUnknown, message)
        if await input_is_hidden(console):
            sent = console.mark()
            await console.send_secret(password)
            return sent
        if not _is_asked(observe(console, mark), console, own_prompt):
            return None
    raise console.error(
        ConsoleStateUnknown,
        "the console shows what is typed at its password prompt; the password was not typed",
        hint="Another program may print this prompt. Find out what runs on the console: sosagent screen HOST.",
    )


async def _prompt_stays(console: Console, mark: Mark, own_prompt: str | None) -> bool:
    """Wait until the line is quiet; return whether the prompt is still there."""
    # If the prompt timed out meanwhile, the next prompt would get the password as a name.
    while await console.receive(max(_QUIET_SECONDS, console.line.quiet_seconds), ignore_kernel=True) is not None:
        if not _is_asked(await settle(console, LOGIN_SECONDS, mark=mark), console, own_prompt):
            return False
    return True


def _is_asked(observed: Observation, console: Console, own_prompt: str | None) -> bool:
    """Return whether the console shows a password prompt."""
    asked = observed.state.action is Action.MAINTAIN or observed.state.name in PASSWORD_PROMPTS
    return asked or (own_prompt is not None and console.open_line == own_prompt)


async def password_outcome(console: Console, mark: Mark, patience: float = LOGIN_SECONDS) -> Observation:
    """Wait for the state that a password leads to, a slow login included.

    Args:
        console: a console on which the password was typed.
        mark: the position before the password.
        patience: how long to wait in silence.
    """
    observed = await settle(console, WAKE_SECONDS, mark=mark)
    if observed.state is SILENT and not console.received.count_lines_since(mark):
        await console.send("\r")  # the password's Enter may be lost
    if observed.state is SILENT or observed.state.action is Action.WAIT:
        observed = await settle(console, patience, mark=mark)
    while observed.state.action in (Action.LOG_IN, Action.ENTER):
        # A refusal; or the message of the day, part of which looks like a prompt for a moment.
        before = console.open_line
        if await console.receive(_REFUSAL_SECONDS, ignore_kernel=True) is None and console.open_line == before:
            break
        observed = await settle(console, LOGIN_SECONDS, mark=mark)
    if observed.state is UNKNOWN:
        # It may be a pager, which shows a file's name first.
        redrawn = await redraw(console)
        observed = observed if redrawn.state in NOTHING else redrawn
        if observed.state in (UNKNOWN, READING) and not line_editor_redrew(console):
            # No line editor is reading yet: the login's programs are still running. Our ^L must not stay on the line.
            await erase(console)
            until = (Action.PROBE, Action.LOG_IN, Action.MAINTAIN)
            observed = await settle(console, _PROFILE_SECONDS, mark=mark, until=until)
    return observed
