"""Log in at a maintenance prompt of sulogin, and put sulogin back at the end."""

from __future__ import annotations

import re

from ..console.events import Event
from ..errors import ConsoleOccupied, ConsoleStateUnknown
from ..printable import printable
from ..secrets.secret import Secret
from ..terminal.states import UNKNOWN, Action, Observation
from .attempt import Attempt, Undo
from .confirm import ask_for_maintenance
from .history import forget_lines
from .initramfs import find_initramfs, open_root
from .observe import LOGIN_SECONDS, LOGOUT_SECONDS, SUSPEND_SECONDS, WAKE_SECONDS, is_decided, settle, submit
from .password import password_outcome, type_password
from .probe import ask, probe
from .redraw import erase, redraw
from .refusals import refusal_error
from .unwind import continue_boot

__all__ = [
    "adopt_maintenance_shell",
    "close_maintenance_shell",
    "log_in_for_maintenance",
    "press_enter_for_maintenance",
]

_PROMPTS = (Action.MAINTAIN, Action.PRESS)
#: What prints where sulogin is, and which tty this is. BusyBox may have it without a link to it.
_FIND = "command -v sulogin;readlink -f `command -v sulogin`;tty;busybox --list|grep -x sulogin"
_TTY = re.compile(r"/dev/[\w/]{1,14}")
_MOST_PATH = 24  # characters; the start line contains it
_PATH = re.compile(r"/[\w./-]{1,80}/sulogin|sulogin")


async def log_in_for_maintenance(attempt: Attempt, _observed: Observation, password: Secret) -> Observation | None:
    """At a maintenance prompt: type root's password.

    Raises:
        ConsoleOccupied: the login is another user's, or the shell behind the prompt is.
        ConsoleStateUnknown: other text comes with the prompt, or it shows what is typed.
        LoginRefused: the machine refused the password.
    """
    console = attempt.console
    if attempt.settings.login != "root":
        raise console.error(
            ConsoleOccupied,
            "the machine is in emergency mode, where only root can log in",
            hint="Run again without --login, with root's password.",
        )
    attempt.check_host(None)
    console.emit(Event("start", "log in for maintenance"))
    mark = console.mark()
    asked = await ask_for_maintenance(console)
    if asked.state.action is not Action.MAINTAIN:
        return asked
    attempt.will_undo(Undo.MAINTENANCE)
    sent = await type_password(console, password, mark)
    if sent is None:
        attempt.forget_undo()
        return await settle(console, WAKE_SECONDS)
    observed = await password_outcome(console, sent)
    if observed.state.action is not Action.PROBE:
        attempt.forget_undo()
        raise refusal_error(console, sent, typed=True)
    await _use_maintenance_shell(attempt)
    return None


async def press_enter_for_maintenance(
    attempt: Attempt, _observed: Observation, _password: Secret
) -> Observation | None:
    """Press Enter in emergency mode, where root has no password."""
    attempt.check_host(None)
    console = attempt.console
    answer = await redraw(console)
    if is_decided(answer) or answer.state is UNKNOWN:
        return answer
    mark = console.mark()
    attempt.will_undo(Undo.OPEN_MAINTENANCE)
    await console.send("\x15\r")
    observed = await settle(console, LOGIN_SECONDS, mark=mark)
    if observed.state.action is not Action.PROBE:
        attempt.forget_undo()
        return observed
    await _use_maintenance_shell(attempt)
    return None


async def _use_maintenance_shell(attempt: Attempt) -> None:
    """Use the shell behind a maintenance prompt.

    Raises:
        ConsoleOccupied: it is not root's.
    """
    shell = await probe(attempt)
    # An initramfs may have no `id`, and its only user is root.
    initramfs = await find_initramfs(attempt) if shell.uid in (0, None) else None
    if shell.uid != 0 and initramfs is None:
        attempt.forget_undo()
        await forget_lines(attempt)
        user = printable(shell.name or "an unknown user")
        raise attempt.console.error(
            ConsoleOccupied, f"a shell of {user}, who is not root, follows the maintenance prompt; it is left as it is"
        )
    attempt.root_confirmed()
    attempt.prompt_seen()
    attempt.sulogin_found(await _find_sulogin(attempt))
    attempt.console.emit(Event("done", "logged in for maintenance"))
    if initramfs is not None:
        await open_root(attempt, initramfs)


async def adopt_maintenance_shell(attempt: Attempt) -> None:
    """Use the maintenance shell that an earlier connection opened, to close it."""
    await erase(attempt.console)
    attempt.sulogin_found(await _find_sulogin(attempt))
    attempt.keep_boot_stopped()


async def close_maintenance_shell(attempt: Attempt, _ended: bool) -> None:
    """Put sulogin back in place of the maintenance shell, unless that has happened; or let the boot continue.

    sulogin asks for root's password again, and the boot stays where it is: the end of sulogin would continue it, as the
    end of its shell would.

    Raises:
        ConsoleStateUnknown: the shell stays open.
    """
    console = attempt.console
    prompts = (*_PROMPTS, Action.PROBE)
    observed = await settle(console, SUSPEND_SECONDS, mark=console.mark_before_open_line(), until=prompts)
    if attempt.settings.continue_boot:
        await continue_boot(attempt, "\x04" if observed.state.action in _PROMPTS else "exit\r")
        return
    if observed.state.action not in _PROMPTS:
        if not attempt.sulogin:
            raise _still_open(attempt, "there is no sulogin to take its place")
        observed = await submit(console, f" {attempt.sulogin}", LOGOUT_SECONDS, prompts)
        if observed.state.action not in _PROMPTS:
            raise _still_open(attempt, "sulogin did not start in its place")
    console.emit(Event("done", "the console is at its maintenance prompt again"))


def _still_open(attempt: Attempt, reason: str) -> ConsoleStateUnknown:
    message = f"a root shell is open on the console, since {reason}"
    return attempt.console.error(ConsoleStateUnknown, message, "Use it or end it there. Its end continues the boot.")


async def _find_sulogin(attempt: Attempt) -> str:
    """Return the command that starts sulogin on this tty in place of the shell at the prompt, or an empty string.

    Each word with a character that one flipped bit turns into Enter is in quotes, for the start line.
    """
    lines = await ask(attempt, _FIND)
    paths = [line for line in lines if _PATH.fullmatch(line)]
    if not paths:
        return ""
    path = paths[0] if len(paths[0]) <= _MOST_PATH else "sulogin"  # which `command -v` found
    words = ["busybox", "sulogin"] if paths[0] == "sulogin" else [f'"{path}"']
    busybox = any(line.rpartition("/")[2].startswith("busybox") for line in lines)
    if Undo.OPEN_MAINTENANCE in attempt.undo and not busybox and paths[0] != "sulogin":
        words.append('"-e"')  # it was open to root without a password, perhaps since the account is locked
    tty = next((line for line in lines if _TTY.fullmatch(line) and line not in paths), "/dev/console")
    if tty != "/dev/console":  # there, sulogin finds the consoles itself
        words.append(f'"{tty}"')
    return f"exec {' '.join(words)}"
