"""The way back: what the way in has put on the console is taken off again, the last one first."""

from __future__ import annotations

from ..console.console import QUIET
from ..console.events import Event
from ..errors import ConsoleStateUnknown
from ..terminal.states import UNKNOWN, Observation, Way
from .detect import erase
from .dialogue import ask
from .visit import Layer, Stage, Visit
from .watch import LOGIN_SECONDS, LOGOUT_SECONDS, SUSPEND_SECONDS, WAKE_SECONDS

__all__ = ["leave_login", "log_out", "stop_becoming", "undo", "wait_for_prompt"]


async def leave_login(visit: Visit, ended: bool) -> None:
    """From wherever our own login stands, back to the login prompt.

    Args:
        visit: with a login of ours.
        ended: its shell has ended already.

    Raises:
        ConsoleStateUnknown: the login prompt did not come back.
    """
    console = visit.console
    if visit.stage is Stage.TRIED:
        seen = await visit.watch.settle(LOGIN_SECONDS, until=(Way.LOG_IN, Way.PROBE, Way.ENTER, Way.STOP))
        visit.stage = Stage.INSIDE if seen.state.way is Way.PROBE else Stage.NAMED
    if visit.becoming:
        seen = await stop_becoming(visit)
    elif visit.stage is Stage.INSIDE:
        seen = await (_see_login(visit) if ended else log_out(visit))
    else:
        seen = await _back_to_login(visit)
        if seen.state.way is Way.PROBE:  # it asked for no password
            seen = await log_out(visit)
    if seen.state.way is not Way.LOG_IN:
        # Some consoles show a prompt only when they are asked.
        await console.send("\r")
        seen = await _see_login(visit)
    if seen.state.way is not Way.LOG_IN:
        raise visit.failed(
            ConsoleStateUnknown,
            "the login prompt did not come back",
            hint="Look whether a shell is left open there.",
        )
    visit.stage = Stage.OUTSIDE
    visit.record.forget()


async def _see_login(visit: Visit) -> Observation:
    return await visit.watch.settle(LOGOUT_SECONDS, until=(Way.LOG_IN,), at_once=True)


async def log_out(visit: Visit) -> Observation:
    """`exit`, and again where jobs are left; what comes then."""
    await erase(visit.watch)
    seen = Observation(UNKNOWN)
    for _ in range(3):
        seen = await visit.watch.submit("exit", LOGOUT_SECONDS, (Way.LOG_IN, Way.PROBE))
        if seen.state.way is Way.LOG_IN:
            break
    return seen


async def _back_to_login(visit: Visit) -> Observation:
    """From a prompt of the login dialogue: an empty answer ends it, at most three are needed."""
    seen = await visit.watch.settle(WAKE_SECONDS)
    for _ in range(3):
        if seen.state.way in (Way.LOG_IN, Way.PROBE):
            break
        seen = await visit.watch.press("\r", LOGIN_SECONDS / 3)
    return seen


async def stop_becoming(visit: Visit) -> Observation:
    """sudo or su were entered, and what came of it is not known: ^C ends their question, `exit` a shell."""
    console = visit.console
    ways = (Way.LOG_IN, Way.PROBE, Way.MAINTAIN)
    seen = await visit.watch.settle(SUSPEND_SECONDS, until=ways)
    for keys in ("\x03", "\r", "\r"):
        if seen.state.way in ways:
            break
        seen = await visit.watch.press(keys, LOGOUT_SECONDS, ways)
    visit.becoming = False
    if seen.state.way is not Way.PROBE:
        return seen
    if visit.ours:
        return await log_out(visit)
    if console.open_line != visit.prompt:
        seen = await visit.watch.submit("exit", LOGOUT_SECONDS, (Way.PROBE,))
    if console.open_line != visit.prompt:
        raise visit.failed(
            ConsoleStateUnknown,
            "the shell that was found did not come back",
            hint=f"Look at the console: a root shell, opened by {visit.entry.become}, may be open over it.",
        )
    return seen


async def undo(visit: Visit, layer: Layer, ended: bool) -> None:
    """Take off one layer; `ended` if the shell above it has ended already."""
    console = visit.console
    if layer is Layer.BECOME and not ended:
        await stop_becoming(visit)
    elif layer is Layer.INITRAMFS:
        for command in reversed(visit.put_back):
            await ask(visit, command)
        if visit.entry.continue_boot and Layer.MAINTENANCE not in visit.layers:
            await _continue_boot(visit)
    elif layer is Layer.MAINTENANCE:
        if visit.entry.continue_boot:
            await _continue_boot(visit)
        else:
            console.tell(Event("note", "the maintenance shell stays open: its end would continue the boot"))
    elif layer is Layer.RESUME:
        await _resume(visit)
    elif layer is Layer.INSERT and visit.watch.observe(console.mark_of_lines()).state.way is not Way.PROBE:
        await console.send("gi")
        await console.quiet(0.2, 2.0)


async def _continue_boot(visit: Visit) -> None:
    await visit.console.send("exit\r")
    await visit.console.quiet(QUIET, 1.0)
    visit.console.tell(Event("note", "that shell is ended, and the boot goes on"))


async def _resume(visit: Visit) -> None:
    """Bring the program back to the front, if it was suspended, and see that the shell let it."""
    console = visit.console
    seen = await visit.watch.settle(SUSPEND_SECONDS, mark=console.mark_of_lines(), until=(Way.PROBE,))
    if seen.state.way is not Way.PROBE:
        return  # it did not let itself be suspended, and is there
    seen = await visit.watch.submit(" fg", 1.0, (Way.PROBE,))
    if seen.state.way is Way.PROBE and console.open_line == visit.prompt:
        raise visit.failed(
            ConsoleStateUnknown,
            "the program that was suspended did not come back to the front",
            hint="Look at the console: `fg` there brings it back.",
        )


async def wait_for_prompt(visit: Visit) -> None:
    """Wait until the shell that was found open shows its prompt again."""
    await visit.watch.settle(WAKE_SECONDS, until=(Way.PROBE, Way.INTERRUPT))
