"""Ask a shell by short commands: only a shell answers them."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from ..console.console import Console
from ..console.line_clock import QUIET_SECONDS
from ..errors import ConsoleOccupied, ConsoleStateUnknown
from ..terminal.expect import TIMEOUT
from ..terminal.kernel import is_kernel_line
from ..terminal.states import BY_NAME
from .attempt import Attempt
from .observe import PROBE_SECONDS, WAKE_SECONDS

__all__ = ["Probe", "ask", "probe", "wait_for_prompt", "wait_for_prompt_again"]

_SAME_PROMPT_SECONDS = 1.0
_OWNED_FOLDER = re.compile(r"d[-r][-w]\S{7,8} +\d{1,10} +(\d{1,10}) ")
_ARITHMETIC, _PRODUCT = "echo $((127*379))", "48133"
_LOADER = BY_NAME["boot-prompt"]


@dataclass(frozen=True)
class Probe:
    """A shell's answers about itself.

    Fields:
        uid: its numeric user ID; None if the shell cannot report it (an initramfs without `id`).
        name: its user name.
        hostname: the machine's host name, if it was asked for.
    """

    uid: int | None
    name: str | None
    hostname: str | None


async def probe(attempt: Attempt) -> Probe:
    """Ask the current shell for its user, and for the host name if one is expected.

    Raises:
        ConsoleStateUnknown: nothing answers.
        ConsoleOccupied: what answers is no Unix shell.
    """
    # The command is short, since not every shell shows a line that wraps so that it can be compared.
    with_hostname = bool(attempt.settings.expect_host)
    answers = await ask(attempt, "id -u;id -un" + (";uname -n" if with_hostname else ""))
    hostname = answers.pop() if with_hostname and answers else None
    name = answers.pop() if answers else None
    uid = answers.pop() if answers else ""
    if re.fullmatch(r"\d{1,10}", uid) is None:
        await _prove_shell(attempt)
        return Probe(await _owner_of_shell(attempt), None, hostname)
    return Probe(int(uid), name, hostname)


async def _owner_of_shell(attempt: Attempt) -> int | None:
    """Return the user ID of a shell without `id`; None if /proc does not show it."""
    owners = (_OWNED_FOLDER.match(line) for line in await ask(attempt, "ls -ldn /proc/$$"))
    return next((int(owner[1]) for owner in owners if owner), None)


async def _prove_shell(attempt: Attempt) -> None:
    """Make sure that a prompt without `id` is a shell's: boot loaders have an `echo` and variables, and no arithmetic.

    Raises:
        ConsoleOccupied: it is not.
    """
    console = attempt.console
    if _PRODUCT not in await ask(attempt, _ARITHMETIC):
        console.note_state(_LOADER.name)
        message = "a prompt answers that is no Unix shell's; it is probably a boot loader's, and is left as it is"
        raise console.error(ConsoleOccupied, message, hint=_LOADER.hint)


async def ask(attempt: Attempt, command: str) -> list[str]:
    """Run a short command at a shell's prompt, and return the lines that it prints.

    The end of its output is a mark that differs from the mark in the command's echo.

    Raises:
        ConsoleStateUnknown: no shell answers.
    """
    console = attempt.console
    await wait_for_prompt(console)
    prompt = console.open_line
    nonce = secrets.token_hex(2)
    await console.type_line(f" {command};echo S\\OS{nonce}")
    console.skip()
    await console.send("\r")
    match = await console.expect([f"SOS{nonce}", TIMEOUT], PROBE_SECONDS)
    if match.index:
        raise console.error(ConsoleStateUnknown, "the prompt did not answer as a shell would")
    await wait_for_prompt_again(console, prompt)
    return [line.strip() for line in match.before.split("\n")[:-1] if not is_kernel_line(line)]


async def wait_for_prompt_again(console: Console, prompt: str) -> None:
    """Wait for `prompt` on the open line, for a second at most."""
    deadline = console.line.wait(_SAME_PROMPT_SECONDS)
    while console.open_line != prompt and not deadline.passed:
        await console.receive(console.line.quiet_seconds)


async def wait_for_prompt(console: Console) -> None:
    """Wait for a prompt that a slow line editor draws again: it clears the screen first."""
    deadline = console.line.wait(WAKE_SECONDS)
    while not console.open_line and not deadline.passed:
        if await console.receive(deadline.remaining, ignore_kernel=True) is not None:
            await console.quiet(QUIET_SECONDS, deadline.remaining)
