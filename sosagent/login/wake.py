"""Ask a silent line for a prompt with ^U and Enter; wait for a boot to end first."""

from __future__ import annotations

from dataclasses import replace

from ..console.console import Console, Mark
from ..console.events import Event
from ..deadline import Deadline
from ..terminal.kernel import is_kernel_banner, looks_like_kernel_line
from ..terminal.states import ECHOING, READING, RUNNING, SILENT, UNKNOWN, Action, Observation, classify, nearly_login
from .failures import silent_error
from .listen import after_reply
from .observe import WAKE_SECONDS, conclude, is_decided, observe, settle
from .redraw import erase, redraw

__all__ = ["wake"]

_TRIES = 3
_TRIES_IN_BOOT = 12
_BOOT_QUIET_SECONDS = 2.0
_COLLECTOR_SECONDS = 27.0  # our collector on the machine ends after 25.5 s of silence (shell/start_line.py)
_INTERRUPTED_SECONDS = 60.0  # a collector of a run that logged in so long ago has ended
_KERNEL_SECONDS = 10.0
_STUCK_SECONDS = 10.0


async def wake(console: Console, observed: Observation | None = None, interrupted: float | None = None) -> Observation:
    """Press ^U and Enter until the console shows something.

    ^U comes first, so that an unfinished command that is not visible is erased and not run.

    Args:
        console: the console.
        observed: the state so far; observed now by default. After a boot state, the end of the boot is awaited.
        interrupted: see `detect.find_state`.

    Raises:
        ConsoleSilent: nothing answers.
    """
    most, tries, retried = _TRIES, 0, 0
    collector_open = interrupted is not None and interrupted < _INTERRUPTED_SECONDS
    observed = observed or observe(console, console.machine_start)
    while tries < most:
        if observed.state.action is Action.WAIT:
            most = _TRIES_IN_BOOT
            observed = await _boot_ends(console, observed)
            if is_decided(observed) or observed.state is UNKNOWN:
                return observed
        mark = console.mark()
        await console.send("\x15\r")
        observed = await settle(console, WAKE_SECONDS, mark=mark)
        damaged = observed.state is UNKNOWN and nearly_login(console.open_line)
        if observed.state.action is Action.LOG_IN and console.received.interrupted and retried < _TRIES - 1:
            retried += 1  # it may be a finished line; while the kernel is busy, every prompt looks like that
            continue
        if observed.state is UNKNOWN and interrupted is not None:
            observed, _ = await after_reply(console, mark)
        if is_decided(observed) or (observed.state is UNKNOWN and not damaged):
            return observed
        tries += damaged
        if observed.state is SILENT:
            tries += 1
            if console.received.count_lines_since(mark) and most == _TRIES:
                return await _enter_was_echoed(console, mark)
            if collector_open:
                observed = await settle(console, _COLLECTOR_SECONDS, mark=mark)
                collector_open = False
                if observed.state is not SILENT:
                    return observed
    if console.received.line_count == 0 and not console.open_line:
        raise silent_error(console, "the console is connected, but nothing answers on it")
    raise silent_error(console, "no prompt appeared after Enter")


async def _enter_was_echoed(console: Console, mark: Mark) -> Observation:
    """Observe a console that echoed Enter without a prompt: a program is running, or a login is slow to refuse."""
    observed = await settle(console, WAKE_SECONDS / 2, mark=mark)
    return observed if observed.state is not SILENT else conclude(console, RUNNING)


async def _boot_ends(console: Console, observed: Observation) -> Observation:
    """Wait until a boot is quiet for a while or shows a state to act on; report its last line meanwhile."""
    stuck_on = ""
    kernel, stuck = Deadline(_KERNEL_SECONDS), Deadline(_STUCK_SECONDS)
    if _only_kernel_lines(console) or console.received.interrupted:
        # Either the machine boots or it has been running for long. During a boot nothing answers ^L.
        answer = await redraw(console)
        if answer.state is ECHOING or (is_decided(answer) and answer.state is not READING):
            return answer
        await erase(console)  # so that our ^L is not part of the answer to a later question
    while True:
        console.emit(Event("start", f"{observed.state.title}: {(console.tail(1) or ('',))[0]}"))
        mark = replace(console.mark(), open_line="")
        again = await settle(console, _BOOT_QUIET_SECONDS, mark=mark)
        if again.state is SILENT and console.received.interrupted:
            # Text between kernel lines may be a question, which Enter would answer.
            between = classify([], console.open_line)
            again = between if between.state is UNKNOWN else again
        if again.state is SILENT and console.received.line_count == mark.lines and observed.state.name != "boot-menu":
            return observed
        if is_decided(again):
            return again
        if again.state is not UNKNOWN or console.open_line != stuck_on:
            stuck_on, stuck = console.open_line, Deadline(_STUCK_SECONDS)
        elif stuck.passed:
            return again
        if kernel.passed and _only_kernel_lines(console):
            return observed
        observed = again if again.state.action is Action.WAIT else observed


def _only_kernel_lines(console: Console) -> bool:
    """Return whether the console shows only kernel lines, and not those of the kernel's start.

    A login prompt between them does not count: it may be a finished line, and is asked for again.
    """
    return all(_is_kernel_noise(line) or classify([], line).state.action is Action.LOG_IN for line in console.tail())


def _is_kernel_noise(line: str) -> bool:
    return looks_like_kernel_line(line) and not is_kernel_banner(line)
