"""Answer a password prompt, and find out the outcome."""

from __future__ import annotations

import re

from ..console.console import Console, Mark
from ..errors import ConsoleError, ConsoleStateUnknown, LoginRefused
from ..printable import printable
from ..secrets.secret import Secret
from ..terminal.states import NOTHING, READING, SILENT, UNKNOWN, Action, Observation
from ..terminal.translations import message_meaning
from .confirm import input_is_hidden, kernel_line_ends
from .observe import LOGIN_SECONDS, WAKE_SECONDS, observe, settle
from .redraw import erase, line_editor_redrew, redraw

__all__ = [
    "PASSWORD_CHANGES",
    "PASSWORD_PROMPTS",
    "password_outcome",
    "refusal_error",
    "refusal_reason",
    "type_password",
]

PASSWORD_CHANGES = ("password-expired",)
PASSWORD_PROMPTS = ("password", "sudo-password")

#: A password has no echo to compare. Typed at once, it was echoed by BusyBox sulogin 4 times in 6.
_QUIET_SECONDS = 0.07  # besides the quiet after which the prompt was recognised
_REFUSAL_SECONDS = 1.5
#: How often a prompt that shows what is typed is tried again, for programs that turn the echo off late.
_HIDDEN_TRIES = 3
_PROFILE_SECONDS = 15.0

_CHECK_PASSWORD = "Check the password. It was tried only once, so that no account is locked."
_OTHER_USER = "Log in as another user (--login), or let root correct it."
_NOT_TYPED = "The password was not typed."
#: The meanings of messages by which machines refuse a login (in other languages: terminal/translations.py), how they
#: read in English, what they mean, and what to do.
_REFUSALS: tuple[tuple[str, re.Pattern[str], str, str], ...] = (
    ("expired", re.compile(r"(?i)password (?:has )?expired|required to change your password"),
     "the password has expired", "Change it on the console; sosagent never changes one."),
    ("account-expired", re.compile(r"(?i)account (?:has )?expired"), "the account has expired", _OTHER_USER),
    ("locked", re.compile(r"(?i)account.{0,80} locked|locked due to"), "the account is locked", _OTHER_USER),
    ("too-many-logins", re.compile(r"(?i)too many logins"), "this user is logged in too often", _OTHER_USER),
    ("too-many-tries", re.compile(r"(?i)maximum number of tries"), "the machine allows no more attempts", ""),
    ("nologin", re.compile(r"(?i)not currently available|currently not available|nologin"),
     "this account may not log in", _OTHER_USER),
    ("timed-out", re.compile(r"(?i)timed out"), "the login timed out", ""),
    ("may-not", re.compile(r"(?i)not in the sudoers|may not run|not allowed to"), "this user may not become root",
     "Log in as root, or as a user who may."),
    ("refused", re.compile(r"(?i)incorrect|failure|denied|invalid|sorry"), "the machine refused the {}", ""),
)  # fmt: skip


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


def refusal_error(console: Console, mark: Mark, otherwise: str = "", *, typed: bool) -> ConsoleError:
    """Return the error for a refused login.

    Args:
        console: the console.
        mark: the position before the password, or before the prompt if none was typed.
        otherwise: the message if the machine gave no reason since `mark`.
        typed: whether the password was typed.
    """
    reason, hint = refusal_reason(console, mark, "password" if typed else "login")
    message = reason or otherwise or "the machine refused the login and is back at its login prompt"
    if typed and not hint:
        # The line may have damaged the password, whose echo cannot be compared.
        damage = console.damage_report()
        hint = f"{_CHECK_PASSWORD} The line may have damaged it, too. {damage}" if damage else _CHECK_PASSWORD
    return console.error(LoginRefused, message, hint if typed else f"{_NOT_TYPED} {hint}".rstrip())


def refusal_reason(console: Console, mark: Mark, refused: str) -> tuple[str, str]:
    """Return the machine's reason for a refusal, from the lines since `mark`, and what to do, or two empty strings.

    The password itself is the last to suspect: only if it was typed and no other reason is given.
    """
    lines, _ = console.since(mark)
    for meaning, pattern, reason, hint in _REFUSALS:
        for line in reversed(lines):
            if pattern.search(line) or _means(line, meaning):
                return f"{reason.format(refused)}: {printable(line.strip())}", hint
    return "", ""


def _means(line: str, meaning: str) -> bool:
    """Return whether a line says that in another language; su and sudo put their name in front."""
    return any(message_meaning(text, meaning) for text in (line, line.partition(": ")[2]))
