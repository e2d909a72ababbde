"""Get back to the initial state: end our login, and undo the changes that led to it."""

from __future__ import annotations

from ..console.console import QUIET_SECONDS
from ..console.events import Event
from ..errors import ConsoleStateUnknown
from ..terminal.states import UNKNOWN, Action, Observation
from .attempt import Attempt, Stage, Undo
from .observe import LOGIN_SECONDS, LOGOUT_SECONDS, SUSPEND_SECONDS, WAKE_SECONDS, observe, press, settle, submit
from .probe import ask
from .redraw import erase

__all__ = [
    "close_root_shell",
    "end_becoming",
    "end_login",
    "leave_maintenance",
    "log_out",
    "restore_insert_mode",
    "restore_mounts",
    "resume_program",
    "wait_for_prompt",
]


async def end_login(attempt: Attempt, ended: bool) -> None:
    """Get from any stage of our own login back to the login prompt.

    Args:
        attempt: a login whose stage is not OUTSIDE.
        ended: its shell has ended already.

    Raises:
        ConsoleStateUnknown: the login prompt did not come back.
    """
    console = attempt.console
    if attempt.stage is Stage.PASSWORD_SENT:
        observed = await settle(console, LOGIN_SECONDS, until=(Action.LOG_IN, Action.PROBE, Action.ENTER, Action.STOP))
        attempt.password_resolved(inside=observed.state.action is Action.PROBE)
    if attempt.becoming:
        observed = await end_becoming(attempt)
    elif attempt.logged_in:
        observed = await (_login_prompt(attempt) if ended else log_out(attempt))
    else:
        observed = await _end_dialogue(attempt)
        if observed.state.action is Action.PROBE:  # it asked for no password
            observed = await log_out(attempt)
    if observed.state.action is not Action.LOG_IN:
        # Some consoles show a prompt only after Enter.
        await console.send("\r")
        observed = await _login_prompt(attempt)
    if observed.state.action is not Action.LOG_IN:
        raise console.error(
            ConsoleStateUnknown,
            "the login prompt did not come back",
            hint="Check the console: a shell may be open there.",
        )
    attempt.shell_closed()


async def _login_prompt(attempt: Attempt) -> Observation:
    return await settle(attempt.console, LOGOUT_SECONDS, until=(Action.LOG_IN,), at_once=True)


async def log_out(attempt: Attempt) -> Observation:
    """Type `exit`, again where a shell has jobs; return the state that it leads to."""
    await erase(attempt.console)
    observed = Observation(UNKNOWN)
    for _ in range(3):
        observed = await submit(attempt.console, "exit", LOGOUT_SECONDS, (Action.LOG_IN, Action.PROBE))
        if observed.state.action is Action.LOG_IN:
            break
    return observed


async def _end_dialogue(attempt: Attempt) -> Observation:
    """At a prompt of the login's dialogue: an empty answer ends it; at most three are needed."""
    observed = await settle(attempt.console, WAKE_SECONDS)
    for _ in range(3):
        if observed.state.action in (Action.LOG_IN, Action.PROBE):
            break
        observed = await press(attempt.console, "\r", LOGIN_SECONDS / 3)
    return observed


async def end_becoming(attempt: Attempt) -> Observation:
    """Interrupt the password prompt of sudo or su with ^C, or end its shell with `exit`.

    Raises:
        ConsoleStateUnknown: the existing shell's prompt did not come back.
    """
    console = attempt.console
    until = (Action.LOG_IN, Action.PROBE, Action.MAINTAIN)
    observed = await settle(console, SUSPEND_SECONDS, until=until)
    for keys in ("\x03", "\r", "\r"):
        if observed.state.action in until:
            break
        observed = await press(console, keys, LOGOUT_SECONDS, until)
    attempt.stopped_becoming()
    if observed.state.action is not Action.PROBE:
        return observed
    if attempt.logged_in:
        return await log_out(attempt)
    if console.open_line != attempt.prompt:
        observed = await submit(console, "exit", LOGOUT_SECONDS, (Action.PROBE,))
    if console.open_line != attempt.prompt:
        raise console.error(
            ConsoleStateUnknown,
            "the prompt of the existing shell did not come back",
            hint=f"Check the console: a root shell, opened by {attempt.settings.become}, may be open there.",
        )
    return observed


async def close_root_shell(attempt: Attempt, ended: bool) -> None:
    """End root's shell on top of a user's existing shell, unless it has `ended` already."""
    if not ended:
        await end_becoming(attempt)


async def restore_mounts(attempt: Attempt, _ended: bool) -> None:
    """In an initramfs: restore the mounts, and continue the boot if requested."""
    for command in reversed(attempt.mount_undo):
        await ask(attempt, command)
    if attempt.settings.continue_boot and Undo.MAINTENANCE not in attempt.undo:
        await _continue_boot(attempt)


async def leave_maintenance(attempt: Attempt, _ended: bool) -> None:
    """Leave the maintenance shell open at its prompt, or end it if the boot is to continue."""
    if attempt.settings.continue_boot:
        await _continue_boot(attempt)
    else:
        message = "the maintenance shell stays open, since ending it would continue the boot"
        attempt.console.emit(Event("note", message))


async def _continue_boot(attempt: Attempt) -> None:
    await attempt.console.send("exit\r")
    await attempt.console.quiet(QUIET_SECONDS, 1.0)
    attempt.console.emit(Event("note", "ended that shell; the boot continues"))


async def resume_program(attempt: Attempt, _ended: bool) -> None:
    """Bring the suspended program back to the foreground with `fg`.

    Raises:
        ConsoleStateUnknown: the shell showed its prompt instead.
    """
    console = attempt.console
    observed = await settle(console, SUSPEND_SECONDS, mark=console.mark_before_open_line(), until=(Action.PROBE,))
    if observed.state.action is not Action.PROBE:
        return  # it was not suspended, and is still in the foreground
    observed = await submit(console, " fg", 1.0, (Action.PROBE,))
    if observed.state.action is Action.PROBE and console.open_line == attempt.prompt:
        raise console.error(
            ConsoleStateUnknown,
            "the suspended program did not come back to the foreground",
            hint="Check the console: `fg` there brings it back.",
        )


async def restore_insert_mode(attempt: Attempt, _ended: bool) -> None:
    """Return an editor to insert mode, at the same position."""
    console = attempt.console
    if observe(console, console.mark_before_open_line()).state.action is not Action.PROBE:
        await console.send("gi")
        await console.quiet(0.2, 2.0)


async def wait_for_prompt(attempt: Attempt) -> None:
    """Wait until the existing shell shows its prompt again."""
    await settle(attempt.console, WAKE_SECONDS, until=(Action.PROBE, Action.INTERRUPT))
