"""Get back to the initial state: end our login, and undo the changes that led to it."""

from __future__ import annotations

from ..console.events import Event
from ..console.line_clock import QUIET_SECONDS
from ..errors import ConsoleStateUnknown
from ..terminal.states import UNKNOWN, Action, Observation
from .attempt import Attempt, Stage
from .logout import end_at_login_prompt, log_out, may_be_program
from .observe import LOGIN_SECONDS, LOGOUT_SECONDS, SUSPEND_SECONDS, WAKE_SECONDS, observe, press, settle, submit
from .password import LATER_PROMPTS
from .probe import ask, probe
from .refusals import refusal_reason

__all__ = [
    "continue_boot",
    "end_login",
    "restore_insert_mode",
    "restore_mounts",
    "resume_program",
    "wait_for_prompt",
]

_OUTCOME_SECONDS = 6.0  # how long a login may take after its password


async def end_login(attempt: Attempt, ended: bool) -> None:
    """Get from any stage of our own login back to the login prompt.

    Args:
        attempt: a login whose stage is not OUTSIDE.
        ended: its shell has ended already.

    Raises:
        ConsoleStateUnknown: the login prompt did not come back.
    """
    console = attempt.console
    outcome = await _resolve_password(attempt) if attempt.stage is Stage.PASSWORD_SENT else None
    if outcome is not None and outcome.state.action is Action.LOG_IN:
        attempt.login_refused()
        return
    if attempt.becoming and not attempt.program:
        observed = await _end_becoming(attempt)
    elif attempt.logged_in:
        observed = await (_after_shell(attempt) if ended else _end_own_shell(attempt, outcome))
    else:
        observed = await _end_dialogue(attempt)
        if observed.state.action is Action.PROBE:  # it asked for no password
            if (await probe(attempt)).name not in (None, attempt.settings.login):
                attempt.gave_up()  # it was no login, but an existing shell
                return
            attempt.line_entered()
            observed = await log_out(attempt)
        elif observed.state.action is not Action.LOG_IN:
            observed = await log_out(attempt, Observation(UNKNOWN))  # it may be a prompt of our shell
    if observed.state.action is not Action.LOG_IN and not (attempt.program or may_be_program(outcome)):
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


async def _resolve_password(attempt: Attempt) -> Observation:
    """Find out where our password led to, and return that state. Silence and unknown text may be a shell."""
    console, mark = attempt.console, attempt.password_mark
    until = (Action.LOG_IN, Action.PROBE, Action.ENTER, Action.STOP)
    left = console.time_left()
    seconds = _OUTCOME_SECONDS if left is None else min(_OUTCOME_SECONDS, left / 3)
    observed = await settle(console, seconds, mark=mark, until=until)
    if observed.state.action is Action.LOG_IN:
        refused = bool(refusal_reason(console, mark, "password")[0])
        # Without a refusal, it may be the prompt of a shell.
        observed = observed if refused else await end_at_login_prompt(attempt)
    dialogue = (Action.LOG_IN, Action.ENTER)
    inside = observed.state.action not in dialogue and observed.state.name not in LATER_PROMPTS
    attempt.password_resolved(inside=inside)
    return observed


async def _after_shell(attempt: Attempt) -> Observation:
    """Wait for the login prompt. If the login shell had started another one, whose place we took, end it."""
    until = (Action.LOG_IN, Action.PROBE)
    observed = await settle(attempt.console, LOGOUT_SECONDS, mark=attempt.shell_mark, until=until)
    return await log_out(attempt) if observed.state.action is Action.PROBE else observed


async def _end_own_shell(attempt: Attempt, outcome: Observation | None) -> Observation:
    return await (end_at_login_prompt(attempt) if attempt.like_login else log_out(attempt, outcome))


async def _login_prompt(attempt: Attempt) -> Observation:
    return await settle(attempt.console, LOGOUT_SECONDS, until=(Action.LOG_IN,), at_once=True)


async def _end_dialogue(attempt: Attempt) -> Observation:
    """At a prompt of the login's dialogue: an empty answer ends it; at most three are needed."""
    observed = await settle(attempt.console, WAKE_SECONDS)
    for _ in range(3):
        if observed.state.action in (Action.LOG_IN, Action.PROBE):
            break
        observed = await press(attempt.console, "\r", LOGIN_SECONDS / 3)
    return observed


async def _end_becoming(attempt: Attempt) -> Observation:
    """Interrupt the password prompt of sudo or su with ^C, or end its shell with `exit`."""
    console = attempt.console
    until = (Action.LOG_IN, Action.PROBE, Action.MAINTAIN)
    observed = await settle(console, SUSPEND_SECONDS, until=until)
    for keys in ("\x03", "\r", "\r"):
        if observed.state.action in until:
            break
        observed = await press(console, keys, LOGOUT_SECONDS, until)
    attempt.stopped_becoming()
    if observed.state.action is Action.LOG_IN:
        return await end_at_login_prompt(attempt)  # it may be the prompt of the new shell
    return await log_out(attempt) if observed.state.action is Action.PROBE else observed


async def restore_mounts(attempt: Attempt, _ended: bool) -> None:
    """In an initramfs: restore the mounts, and continue the boot if requested."""
    for command in reversed(attempt.mount_undo):
        await ask(attempt, command)
    if attempt.settings.continue_boot and not attempt.in_maintenance:
        await continue_boot(attempt)


async def continue_boot(attempt: Attempt, keys: str = "exit\r") -> None:
    """Type `keys`, which end the shell or its prompt, so that the boot continues."""
    await attempt.console.send(keys)
    await attempt.console.quiet(QUIET_SECONDS, 1.0)
    attempt.console.emit(Event("note", "ended that shell; the boot continues"))


async def resume_program(attempt: Attempt, _ended: bool) -> None:
    """Bring the suspended program back to the foreground with `fg`.

    Raises:
        ConsoleStateUnknown: the shell showed its prompt instead.
    """
    console = attempt.console
    observed = await settle(console, SUSPEND_SECONDS, mark=console.mark_before_open_line(), until=(Action.PROBE,))
    at_prompt = bool(attempt.prompt.strip()) and console.open_line == attempt.prompt
    if observed.state.action is not Action.PROBE and not at_prompt:
        return  # it was not suspended, and is still in the foreground
    observed = await submit(console, attempt.resume_line, 1.0, (Action.PROBE,))
    if console.open_line == attempt.prompt and (observed.state.action is Action.PROBE or attempt.prompt.strip()):
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
    """Wait until the existing shell shows its prompt again, or sulogin has taken its place."""
    until = (Action.PROBE, Action.INTERRUPT, Action.MAINTAIN, Action.PRESS, Action.ACTIVATE)
    await settle(attempt.console, WAKE_SECONDS, until=until)
