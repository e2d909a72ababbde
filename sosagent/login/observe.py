"""Observe a console: name the state that it shows, and wait until it settles in one."""

from __future__ import annotations

from ..console.console import Console, Mark
from ..console.line_clock import STALL_SECONDS
from ..deadline import Deadline
from ..terminal.states import NOTHING, SILENT, UNKNOWN, Action, Observation, State, classify

__all__ = [
    "LOGIN_SECONDS",
    "LOGOUT_SECONDS",
    "PROBE_SECONDS",
    "SUSPEND_SECONDS",
    "WAKE_SECONDS",
    "conclude",
    "is_decided",
    "observe",
    "press",
    "settle",
    "submit",
    "wait_for_rest",
]

#: Time limits: for a prompt after Enter; for a login, where PAM may wait and names are looked up; for a logout; for a
#: program that is suspended or resumed; for a shell's answer to a command.
WAKE_SECONDS = 5.0
LOGIN_SECONDS = 60.0
LOGOUT_SECONDS = 15.0
SUSPEND_SECONDS = 3.0
PROBE_SECONDS = 10.0
_UNKNOWN_SECONDS = 1.0  # unknown text may become a known prompt within this time


def observe(console: Console, mark: Mark, *, connecting: bool = False) -> Observation:
    """Name the state that the console shows now.

    Args:
        console: the console to observe.
        mark: text from before this mark is ignored.
        connecting: no key was typed yet; see `classify`.
    """
    lines, open_line = console.since(mark)
    drawn = console.received.jumped_since(mark)
    observed = classify(lines, open_line, screen=drawn and console.received.just_jumped, connecting=connecting)
    if drawn and observed.state in (UNKNOWN, SILENT):
        # A program drew the screen and then wrote text. If it had ended, a prompt would be on the open line.
        observed = classify(lines, open_line, screen=True)
    return conclude(console, observed.state, observed.hostname)


def conclude(console: Console, state: State, hostname: str | None = None) -> Observation:
    """Record `state` as the console's, and return it as an observation."""
    console.note_state(state.name)
    return Observation(state, hostname)


def is_decided(observed: Observation) -> bool:
    """Return whether the observation calls for a step: it is neither silence, unknown text nor a boot."""
    return observed.state not in (*NOTHING, UNKNOWN) and observed.state.action is not Action.WAIT


async def settle(
    console: Console, seconds: float, *, mark: Mark | None = None, until: tuple[Action, ...] = (), at_once: bool = False
) -> Observation:
    """Wait until the console shows a known state and the line is quiet.

    Args:
        console: the console to observe.
        seconds: time limit, besides the time that text takes on a slow line.
        mark: text from before this mark is ignored; by default, finished lines from before the call.
        until: actions whose states end the wait; by default, any action except waiting.
        at_once: do not wait for quiet. Use this only if no key is sent afterwards.

    Returns:
        The state, or the last observation at the time limit, or unknown text that lasts for a second.
    """
    mark = mark or console.mark_before_open_line()
    deadline = console.line.wait(seconds)
    unknown: Deadline | None = None
    while True:
        data = await console.receive(console.line.quiet_seconds, ignore_kernel=True)
        if data is None or at_once:
            observed = observe(console, mark)
            known = observed.state not in (UNKNOWN, SILENT) and observed.state.action is not Action.WAIT
            if known and (not until or observed.state.action in until):
                return observed
            if observed.state is UNKNOWN and not until:
                unknown = unknown or Deadline(_UNKNOWN_SECONDS)
                if unknown.passed:
                    return observed
        else:
            unknown = None
        if deadline.passed:
            return observe(console, mark)


async def wait_for_rest(
    console: Console, observed: Observation, seconds: float, mark: Mark, *, expected: bool = False
) -> Observation:
    """Wait for the rest of a line in which a machine has stalled; kernel messages are not the rest.

    Args:
        console: the console to observe.
        observed: the state so far.
        seconds, mark: see `settle`, for the state that follows the rest.
        expected: more is expected, whatever the text is. Otherwise it is waited for only if unknown text ends in the
            middle of a word.

    Returns:
        The state.
    """
    cut_off = observed.state is UNKNOWN and console.open_line[-1:].isalnum()
    if not (cut_off or expected):
        return observed
    if await console.receive(STALL_SECONDS, ignore_kernel=True) is None:
        return observe(console, mark)  # behind kernel messages, the text may be a finished line
    return await settle(console, seconds, mark=mark)


async def press(console: Console, keys: str, seconds: float, until: tuple[Action, ...] = ()) -> Observation:
    """Send `keys`, and wait for the state that they lead to; see `settle`."""
    mark = console.mark()
    await console.send(keys)
    return await settle(console, seconds, mark=mark, until=until)


async def submit(console: Console, line: str, seconds: float, until: tuple[Action, ...] = ()) -> Observation:
    """Type `line` at a shell's prompt, compare its echo, press Enter, and wait for the next state; see `settle`."""
    await console.type_line(line)
    return await press(console, "\r", seconds, until)
