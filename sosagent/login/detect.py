"""Detect the console's state with as few keys as possible.

1. Listen: no key is typed (listen.py).
2. On a silent line, ^L: shells, pagers and editors redraw, and nothing changes (redraw.py).
3. Where ^L is only echoed or ignored, ^U erases what is not visible, and Enter asks for a prompt (wake.py).
"""

from __future__ import annotations

from ..console.console import Console, Mark
from ..console.events import Event
from ..console.line_clock import QUIET_SECONDS
from ..endpoint.dialects import PLAIN, dialect_of_prompt
from ..errors import EndpointLost
from ..terminal.states import NOTHING, READING, RUNNING, SILENT, UNKNOWN, Action, Observation
from ..terminal.translations import is_end_of_prompt
from .entrance import enter_endpoint
from .failures import state_error
from .history import is_our_line
from .listen import (
    LISTEN_AT_MOST,
    LISTEN_SECONDS,
    after_reply,
    closing_error,
    listen_until_quiet,
    receiver_spoke,
    refuse_other_run,
    refuse_typing,
)
from .observe import WAKE_SECONDS, observe, press, settle, wait_for_rest
from .redraw import erase, line_editor_redrew, redraw
from .wake import wake

__all__ = ["find_state"]

_GREETING_LINES = 15
_LISTEN_SHARED_SECONDS = 1.0  # where others may use the console at the same time, let them speak first
_OUTPUT_SECONDS = 8.0
_ERASE_SECONDS = 1.0


async def find_state(console: Console, *, take_over: bool = False, interrupted: float | None = None) -> Observation:
    """Get through the endpoint's dialogue, and detect the console's state.

    Args:
        console: a console that was just connected.
        take_over: continue even if another user seems to be typing.
        interrupted: seconds since the login of an interrupted run, whose receiver may reply late, or be silent for a
            while before it ends; None if there was none.

    Raises:
        ConsoleSilent: nothing answers.
        ConsoleOccupied: another user types.
        ConsoleError: the endpoint provides no console.
    """
    await enter_endpoint(console)
    observed = await _detect(console, take_over, interrupted)
    if observed.state.action is Action.START:
        _change_dialect(console, observed)
        await enter_endpoint(console)
        observed = await _detect(console, take_over, interrupted)
    return observed


def _change_dialect(console: Console, observed: Observation) -> None:
    """The endpoint shows a prompt of its own: continue in the dialect of that prompt.

    A machine's prompt may look the same. So the prompt counts as the endpoint's only if it appeared before we typed
    anything, on an endpoint that has authenticated us itself.

    Raises:
        ConsoleOccupied: the prompt's dialect is unknown, or the prompt may be the machine's.
    """
    dialect = dialect_of_prompt(console.open_line, console.since(Mark(0))[0][-_GREETING_LINES:])
    known_before = console.endpoint.dialect is not PLAIN
    if dialect is None or console.bytes_sent or known_before or not console.transport.logged_in:
        raise state_error(console, observed)
    console.endpoint.switch_dialect(dialect)


async def _detect(console: Console, take_over: bool, interrupted: float | None) -> Observation:
    console.emit(Event("start", "look at the console"))
    try:
        observed = await _without_enter(console, take_over, interrupted)
        if observed.state in NOTHING or observed.state.action is Action.WAIT:
            observed = await wake(console, observed, interrupted)
    except EndpointLost as lost:
        raise closing_error(console, lost) from None
    if observed.state.action in (Action.SUSPEND, Action.LEAVE_INSERT) and not take_over:
        await refuse_typing(console)
    return observed


async def _without_enter(console: Console, take_over: bool, interrupted: float | None) -> Observation:
    """Listen, and then try ^L and ^U."""
    shared = console.endpoint.dialect.shared
    observed, quiet = await listen_until_quiet(console, _LISTEN_SHARED_SECONDS if shared else LISTEN_SECONDS)
    if interrupted is not None and (observed.state is UNKNOWN or not quiet or receiver_spoke(console)):
        observed, quiet = await after_reply(console, console.machine_start, connecting=True)
    if receiver_spoke(console):
        await refuse_other_run(console)
    if observed.state is SILENT and not quiet:
        observed = await _after_output(console)
    if observed.state is UNKNOWN:
        if not take_over:
            await refuse_typing(console)
        # The text may still be incomplete.
        observed = await settle(console, _OUTPUT_SECONDS, mark=console.machine_start)
    if observed.state.name == "full-screen":
        # It may be an editor in insert mode, which would take ^Z as text.
        redrawn = await redraw(console)
        observed = observed if redrawn.state in (*NOTHING, READING, UNKNOWN) else redrawn
    if observed.state is SILENT:
        observed = await redraw(console)
        if observed.state is UNKNOWN and interrupted is not None:
            observed, _ = await after_reply(console, console.machine_start)
    if observed.state is UNKNOWN:
        observed = await _erase_unfinished(console, take_over)
    # The rest of a line may come late: a machine stalls, or a slow line still shows what an interrupted run left there.
    late = observed.state is UNKNOWN and interrupted is not None
    observed = await wait_for_rest(console, observed, _OUTPUT_SECONDS, console.machine_start, expected=late)
    if observed.state is UNKNOWN and _is_end_of_prompt(console):
        return await _reader_of_prompt(console, take_over or interrupted is not None)
    return observed


def _is_end_of_prompt(console: Console) -> bool:
    """Return whether we may have connected while a prompt for a name or a password was printed."""
    return not console.since(console.machine_start)[0] and is_end_of_prompt(console.open_line)


async def _reader_of_prompt(console: Console, may_read_lines: bool) -> Observation:
    """The end of a prompt is shown: find out by ^L what reads there, as on a line that shows nothing.

    Args:
        console: the console.
        may_read_lines: whether it may be a program that reads lines; otherwise it may be anybody's question.
    """
    answer = await redraw(console)
    not_allowed = answer.state is READING and not may_read_lines
    # A shell with such a prompt draws it again.
    return Observation(UNKNOWN) if not_allowed or line_editor_redrew(console) else answer


async def _after_output(console: Console) -> Observation:
    """Unknown lines arrive by themselves: if that continues, a program prints them."""
    observed = await settle(console, _OUTPUT_SECONDS, mark=console.mark())
    if observed.state is SILENT and not await console.quiet(0.5, LISTEN_AT_MOST):
        return Observation(RUNNING)
    return observed


async def _erase_unfinished(console: Console, take_over: bool) -> Observation:
    """Unknown text is on the open line: if ^U leaves a prompt, the text was an unfinished command."""
    if not take_over:
        await refuse_typing(console)
    before = console.open_line
    if is_our_line(before):
        # ^U would make the line editor draw several rows, which takes long on a slow line.
        console.emit(Event("note", "discarded the line that an interrupted run of sosagent typed"))
        return await press(console, "\x03", WAKE_SECONDS)
    await erase(console)
    if console.open_line == before:  # a busy machine answers late
        await console.receive(_ERASE_SECONDS, ignore_kernel=True)
        await console.quiet(QUIET_SECONDS, LISTEN_AT_MOST)
    observed = observe(console, console.mark_before_open_line())
    prompt = console.open_line.rstrip()
    if observed.state in (SILENT, UNKNOWN) or not before.startswith(prompt):
        return Observation(UNKNOWN)
    console.emit(Event("note", "erased an unfinished command line"))
    return observed
