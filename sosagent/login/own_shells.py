"""End what an interrupted run of sosagent left on the console: its receiver, or the plain shell that it started."""

from __future__ import annotations

import re

from ..console.console import Console, Mark
from ..console.events import Event
from ..errors import ConsoleOccupied
from ..secrets.secret import Secret
from ..terminal.expect import TIMEOUT
from ..terminal.kernel import is_kernel_line
from ..terminal.own_text import PLAIN_SHELL_LOOP, PLAIN_SHELL_READY
from ..terminal.states import ECHOING, PLAIN_SHELL, READING, RUNNING, SILENT, Action, Observation
from .attempt import Attempt, Undo
from .detect import find_state
from .listen import refuse_other_run
from .observe import LOGOUT_SECONDS, SUSPEND_SECONDS, WAKE_SECONDS, conclude, is_decided, settle, submit
from .redraw import erase, redraw
from .wake import wake

__all__ = ["STOPPED", "end_own_shell", "recognise_plain_shell"]

_END_KEYS = "]Z\r"
_NOTE = "ending the shell of an interrupted run of sosagent"

#: A shell's message about a job that was suspended; dash prints it behind the terminal's echo. bash, dash, ash, mksh:
#: the number of the job, a plus for the last one, and a word in any language; zsh; tcsh; fish.
STOPPED = re.compile(
    r"^(?:\^Z)?(?:\[\d+\] ?\+ {1,20}[^\W\d]|\[\d+\] {1,20}(?:Stopped|Suspended)|(?:zsh: )?suspended\b|Suspended$"
    r"|fish: \S{1,20} \d+, )"
)


def recognise_plain_shell(attempt: Attempt, observed: Observation, since: Mark | None = None) -> Observation:
    """Return `PLAIN_SHELL` if that is what an interrupted run left here, and what `observed` shows; else `observed`.

    It reads lines, and its last line is the one that it prints before each; or a shell has just reported it as
    suspended. Anybody's program may print the same, so it counts only with a record of an interrupted run.

    Args:
        attempt: the login.
        observed: the console's state.
        since: lines from before this mark do not count; by default, those of the endpoint.
    """
    if attempt.record.seconds() is None:
        return observed
    console = attempt.console
    lines = [line for line in console.since(since or console.machine_start)[0] if line.strip()]
    if observed.state in (READING, RUNNING, SILENT):
        last = next((line for line in reversed(lines) if not is_kernel_line(line)), "")
        ours = last == PLAIN_SHELL_READY
    else:
        ours = any(STOPPED.search(line) and PLAIN_SHELL_LOOP in line for line in lines)
    return conclude(console, PLAIN_SHELL) if ours else observed


async def end_own_shell(attempt: Attempt, observed: Observation, _password: Secret) -> Observation:
    """End the shell that an interrupted run of sosagent left.

    Raises:
        EndpointBusy: its run is still active.
        ConsoleOccupied: it does not end.
    """
    ended = await (_end_plain_shell(attempt) if observed.state is PLAIN_SHELL else _end_receiver(attempt.console))
    return ended if is_decided(ended) else await find_state(attempt.console)


async def _end_plain_shell(attempt: Attempt) -> Observation:
    """End the plain shell. It runs in place of the login shell, or ends that as well."""
    console = attempt.console
    attempt.started_in(Observation(PLAIN_SHELL))
    if Undo.SUSPENSION in attempt.undo:
        attempt.need_not_undo(Undo.SUSPENSION)
        await submit(console, " fg", SUSPEND_SECONDS)
    console.emit(Event("note", _NOTE))
    await erase(console)
    return await submit(console, "exit", LOGOUT_SECONDS)


async def _end_receiver(console: Console) -> Observation:
    """Tell the receiver to restore the terminal and end (shell/remote/receiver.sh)."""
    await refuse_other_run(console)
    keys = _END_KEYS
    if not console.received.follows_enter:
        # Anybody may have printed its mark. The receiver does not answer ^L, and then Enter ends that line.
        answer = await redraw(console)
        if answer.state is not SILENT:
            return await wake(console) if answer.state is ECHOING else answer
        keys = f"\r{keys}"
    console.emit(Event("note", _NOTE))
    console.skip()
    mark = console.mark()
    for line in (keys, f"\r{_END_KEYS}"):  # keys typed before may be in front of the first one
        await console.send(line)
        ended = await console.expect([r"=Z\n", TIMEOUT], LOGOUT_SECONDS)
        if not ended.index:
            return await settle(console, LOGOUT_SECONDS, mark=console.mark())
    observed = await settle(console, WAKE_SECONDS, mark=mark)
    if is_decided(observed) and observed.state.action is not Action.END_OURS:
        return observed  # it ended by keys of the interrupted run, which arrived late
    raise console.error(
        ConsoleOccupied,
        "the shell of an interrupted run of sosagent does not end",
        hint="Its dead-man's switch ends it 30 s after that run's time limit. Run again then.",
    )
