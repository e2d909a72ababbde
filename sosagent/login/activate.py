"""Start the shell, or the login, of a console that waits for Enter, and end the shell.

BusyBox's init shows such a prompt for the action ``askfirst`` (its init.c), as OpenWrt does by default: Enter starts a
root shell that asks for no password, and the prompt comes back when that shell has ended.
"""

from __future__ import annotations

from ..console.events import Event
from ..errors import ConsoleStateUnknown
from ..secrets.secret import Secret
from ..terminal.states import READING, UNKNOWN, Action, Observation
from .attempt import Attempt, Undo
from .observe import LOGIN_SECONDS, LOGOUT_SECONDS, SUSPEND_SECONDS, WAKE_SECONDS, is_decided, settle, submit
from .redraw import line_editor_redrew, redraw

__all__ = ["activate", "close_activated_shell"]

_INACTIVE = (Action.ACTIVATE, Action.LOG_IN)


async def activate(attempt: Attempt, _observed: Observation, _password: Secret) -> Observation:
    """Press Enter where the console asks for it, and return the state that follows.

    ^L comes first: anybody may have printed that text, and behind it an existing shell or editor answers ^L.
    """
    console = attempt.console
    mark = console.mark()
    answer = await redraw(console)
    started = console.received.count_lines_since(mark) > 0 and not line_editor_redrew(console)
    if started and answer.state.action is Action.PROBE:
        # agetty --login-pause takes any key for Enter.
        attempt.will_undo(Undo.ACTIVATION)
        return answer
    if answer.state is UNKNOWN or (is_decided(answer) and answer.state not in (READING, _observed.state)):
        return answer
    console.emit(Event("start", "activate the console"))
    mark = console.mark()
    attempt.will_undo(Undo.ACTIVATION)
    await console.send("\x15\r")
    # Our Enter ends the line that asked for it: that line does not ask for Enter again while the shell starts.
    deadline = console.line.wait(WAKE_SECONDS)
    while console.open_line == mark.open_line and not console.received.count_lines_since(mark) and not deadline.passed:
        await console.receive(deadline.remaining)
    observed = await settle(console, LOGIN_SECONDS, mark=console.mark_before_open_line())
    if observed.state.action is not Action.PROBE and is_decided(observed):  # any other text may be a shell's prompt
        attempt.need_not_undo(Undo.ACTIVATION)
    return observed


async def close_activated_shell(attempt: Attempt, _ended: bool) -> None:
    """End the shell that our Enter started, and wait until the console asks for Enter again.

    Raises:
        ConsoleStateUnknown: the shell stays open.
    """
    console = attempt.console
    until = (*_INACTIVE, Action.PROBE)
    observed = await settle(console, SUSPEND_SECONDS, mark=console.mark_before_open_line(), until=until)
    if observed.state.action not in _INACTIVE:
        observed = await submit(console, " exit", LOGOUT_SECONDS, _INACTIVE)
    if observed.state.action not in _INACTIVE:
        message = "the shell that Enter started on the console does not end"
        raise console.error(ConsoleStateUnknown, message, hint="A root shell is open on the console: end it there.")
    console.emit(Event("done", "the console waits for Enter again"))
