"""Asking a shell, answering a password prompt, and what comes of it."""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import dataclass

from ..console.console import QUIET, Console, Mark
from ..errors import ConsoleError, ConsoleStateUnknown, DeadlineExceeded, LoginRefused
from ..printable import printable
from ..secrets.secret import Secret
from ..terminal.kernel import is_kernel_line
from ..terminal.states import NOTHING, READING, SILENT, UNKNOWN, Observation, Way
from .detect import erase, redraw
from .visit import Visit
from .watch import LOGIN_SECONDS, PROBE_SECONDS, WAKE_SECONDS

__all__ = ["PASSWORD_PROMPTS", "Probe", "answer", "ask", "drew_anew", "outcome", "probe", "refused"]

PASSWORD_PROMPTS = ("password", "sudo-password")

#: A password has no echo to compare, and typed at once it was echoed by BusyBox sulogin 4 times in 6.
_QUIET_BEFORE_PASSWORD = 0.1
_REFUSAL_SECONDS = 1.5
_KERNEL_SECONDS = 5.0
_PROFILE_SECONDS = 15.0

#: How line editors begin when they draw their prompt anew.
_CLEARED = re.compile(rb"\x1b\[H(?:\x1b\[[0-2]?J)+")
_REDRAWN_BYTES = 300

_REFUSALS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)password (?:has )?expired|required to change your password"), "the password has expired"),
    (re.compile(r"(?i)account (?:has )?expired"), "the account has expired"),
    (re.compile(r"(?i)account.* locked|locked due to"), "the account is locked"),
    (re.compile(r"(?i)maximum number of tries"), "the machine allows no more tries"),
    (re.compile(r"(?i)not currently available|currently not available|nologin"), "this account may not log in"),
    (re.compile(r"(?i)timed out"), "the login timed out"),
    (re.compile(r"(?i)not in the sudoers|may not run|not allowed to"), "this user may not become root"),
    (re.compile(r"(?i)incorrect|failure|denied|invalid|sorry"), "the machine refused the password"),
)  # fmt: skip


async def answer(visit: Visit, password: Secret, mark: Mark, asks: str | None = None) -> Mark | None:
    """Type the password when the line is quiet and its prompt still stands.

    Args:
        visit: on a console that shows a password prompt.
        password: what it asks for.
        mark: from before that prompt.
        asks: a prompt of our own making.

    Returns:
        A mark: what comes after it came of the password. None if the prompt went away, and nothing was typed.
    """
    console = visit.console
    # A prompt that timed out meanwhile would get it as a name.
    while await console.hear(_QUIET_BEFORE_PASSWORD - QUIET) is not None:
        seen = await visit.watch.settle(LOGIN_SECONDS, mark=mark)
        asked = seen.state.way is Way.MAINTAIN or seen.state.name in PASSWORD_PROMPTS
        if not asked and (asks is None or console.open_line != asks):
            return None
    if console.unfinished():
        # Something stands behind the prompt, and nobody knows yet whose it is.
        if await _finished(console):
            return await answer(visit, password, mark, asks)
        raise visit.failed(ConsoleStateUnknown, "something stands behind the password prompt; nothing was typed there")
    sent = console.mark()
    await console.send_secret(password)
    return sent


async def _finished(console: Console) -> bool:
    """Wait for the end of what may be a line of the kernel's."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _KERNEL_SECONDS
    while console.unfinished() and loop.time() < until:
        await console.receive(QUIET)
    return not console.unfinished()


async def outcome(visit: Visit, mark: Mark) -> Observation:
    """What came of the password. A login that takes its time is waited for."""
    console, watch = visit.console, visit.watch
    seen = await watch.settle(WAKE_SECONDS, mark=mark)
    if seen.state is SILENT and not console.spoken(mark):
        # Its Enter may have been lost.
        await console.send("\r")
    if seen.state is SILENT or seen.state.way is Way.WAIT:
        seen = await watch.settle(LOGIN_SECONDS, mark=mark)
    while seen.state.way in (Way.LOG_IN, Way.ENTER):
        # It refuses us, or a message of the day looks like that for a moment.
        before = console.open_line
        if await console.hear(_REFUSAL_SECONDS) is None and console.open_line == before:
            break
        seen = await watch.settle(LOGIN_SECONDS, mark=mark)
    if seen.state is UNKNOWN:
        # A pager shows a file's name first.
        redrawn = await redraw(watch)
        seen = seen if redrawn.state in NOTHING else redrawn
        if seen.state in (UNKNOWN, READING) and not drew_anew(console):
            # No line editor is there yet: the login's own programs are at work. What we asked must not stay typed.
            await erase(watch)
            seen = await watch.settle(_PROFILE_SECONDS, mark=mark, until=(Way.PROBE, Way.LOG_IN, Way.MAINTAIN))
    return seen


def drew_anew(console: Console) -> bool:
    """Whether a shell's line editor has answered ^L just now: it clears the screen, whatever its prompt looks like."""
    return _CLEARED.search(console.output[-_REDRAWN_BYTES:]) is not None


def _refusal(visit: Visit, mark: Mark) -> str:
    """What the machine said since `mark` that refuses us; empty if nothing."""
    lines, _ = visit.console.since(mark)
    for pattern, reason in _REFUSALS:
        for line in reversed(lines):
            if pattern.search(line):
                return f"{reason}: {printable(line.strip())}"
    return ""


def refused(visit: Visit, mark: Mark, otherwise: str = "") -> ConsoleError:
    """The error for a password that was refused, in the machine's own words if it said any since `mark`."""
    said = _refusal(visit, mark) or otherwise
    # A password has no echo to compare.
    damage = visit.console.damage()
    hint = f"{LoginRefused.default_hint} It may have been damaged on its way, too. {damage}" if damage else None
    return visit.failed(LoginRefused, said or "the machine did not log us in and went back to its login prompt", hint)


@dataclass(frozen=True)
class Probe:
    """What a shell says of itself.

    Fields:
        uid: whose it is; None if it does not know (an initramfs without `id`).
        name: the user's.
        hostname: the machine's, where it was asked for.
    """

    uid: int | None
    name: str | None
    hostname: str | None


async def probe(visit: Visit) -> Probe:
    """Ask what only a shell answers. Short, since a line that wraps cannot be compared in every shell."""
    where = visit.entry.expect_host is not None
    answers = await ask(visit, "id -u;id -un" + (";uname -n" if where else ""))
    hostname = answers.pop() if where and answers else None
    name = answers.pop() if answers else None
    uid = answers.pop() if answers else ""
    return Probe(int(uid) if re.fullmatch(r"\d{1,10}", uid) else None, name, hostname)


async def ask(visit: Visit, command: str) -> list[str]:
    """Run a short command at a shell's prompt; what it prints. The answer's mark differs from its echo."""
    console = visit.console
    prompt = console.open_line
    nonce = secrets.token_hex(2)
    await console.type_line(f" {command};echo S\\OS{nonce}")
    console.skip()
    await console.send("\r")
    try:
        found = await console.expect(f"SOS{nonce}", PROBE_SECONDS)
    except DeadlineExceeded:
        left = console.time_left()
        if left is not None and left <= 0:
            raise
        raise visit.failed(ConsoleStateUnknown, "what looks like a prompt did not answer as a shell does") from None
    await _wait_for_same_prompt(visit, prompt)
    return [line.strip() for line in found.before.split("\n")[:-1] if not is_kernel_line(line)]


async def _wait_for_same_prompt(visit: Visit, prompt: str) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + 1.0
    while visit.console.open_line != prompt and loop.time() < until:
        await visit.console.receive(QUIET)
