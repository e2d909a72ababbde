"""What stands on the console already: shells, programs, somebody's password prompt, what a run of ours left."""

from __future__ import annotations

import re

from ..console.events import Event
from ..errors import ConsoleOccupied
from ..printable import printable
from ..secrets.secret import Secret
from ..terminal.expect import TIMEOUT
from ..terminal.states import READING, RUNNING, SILENT, STATES, Observation, Way, classify
from .authenticate import become
from .detect import decided, erase, find_state, refuse_other_run, wake
from .dialogue import probe
from .initramfs import in_initramfs, open_root
from .unwind import log_out
from .visit import Layer, Visit
from .watch import LOGIN_SECONDS, LOGOUT_SECONDS, PROBE_SECONDS, SUSPEND_SECONDS, WAKE_SECONDS

__all__ = ["discard", "end_password_prompt", "end_receiver", "interrupt", "suspend", "use_found_shell"]

_PATIENCE_SECONDS = 20.0

#: What shells say of a job that was suspended: bash, dash, ash, mksh; zsh, tcsh; fish.
_STOPPED = re.compile(
    r"^\[\d+\] *[+-]? *(?:Stopped|Suspended)|^(?:zsh: )?suspended\b|^Suspended$|^fish: Job .* stopped"
)
_SHELL, _MULTIPLEXER = (next(state for state in STATES if state.name == name) for name in ("shell", "multiplexer"))


async def end_password_prompt(visit: Visit, _seen: Observation, _password: Secret) -> Observation:
    """Somebody typed a name and went: an empty password ends their attempt, ours never goes there."""
    seen = await visit.watch.press("\r", LOGIN_SECONDS, (Way.LOG_IN, Way.PROBE, Way.MAINTAIN, Way.SUSPEND))
    if seen.state is SILENT or seen.state.name == "password":
        raise visit.watch.stopped(seen)
    return seen


async def interrupt(visit: Visit, _seen: Observation, _password: Secret) -> Observation:
    """^C, which drops a shell's unfinished command; a program only where it may be discarded."""
    seen = await visit.watch.press("\x03", WAKE_SECONDS)
    if seen.state.way is Way.INTERRUPT:
        # There are prompts that look like PS2.
        return Observation(_SHELL)
    return seen


async def suspend(visit: Visit, seen: Observation, _password: Secret) -> Observation:
    """Send a program to the background; what comes back to the front at the end."""
    console = visit.console
    if seen.state.way is Way.LEAVE_INSERT:
        await console.send("\x1b")
        await console.quiet(0.3, 2.0)
        visit.layers.append(Layer.INSERT)
    mark = console.mark()
    visit.layers.append(Layer.RESUME)
    await console.send("\x1a")
    after = await visit.watch.settle(SUSPEND_SECONDS, mark=mark, until=(Way.PROBE, Way.INTERRUPT))
    if after.state.way not in (Way.PROBE, Way.INTERRUPT) and not any(map(_STOPPED.search, console.since(mark)[0])):
        visit.layers.remove(Layer.RESUME)
    if after.state.way in (Way.PROBE, Way.INTERRUPT):
        visit.found = Observation(RUNNING) if seen.state is READING else visit.found
        console.tell(Event("detail", f"suspended {seen.state.title}"))
        return Observation(_SHELL)
    if seen.state is READING:
        # A plain shell has no use for ^Z, and has thrown away what was typed half.
        await erase(visit.watch)
        visit.found = await wake(visit.watch)
        if visit.found.state is not RUNNING:
            return visit.found
        seen = visit.found
    if seen.state is RUNNING:
        # A machine that boots in silence echoes as well, before anything runs there.
        later = await visit.watch.settle(_PATIENCE_SECONDS, mark=console.mark())
        if later.state.way is Way.WAIT or (decided(later) and later.state is not seen.state):
            visit.found = later if decided(later) else await wake(visit.watch)
            return visit.found
    console.state = seen.state.name
    if classify([], console.open_line).state.way is Way.PROBE:
        # A shell's prompt on a screen that something else draws, and ^Z went to that shell.
        visit.found = Observation(_MULTIPLEXER)
        return visit.found
    if visit.entry.take_over:
        console.tell(Event("note", f"{seen.state.title} does not let itself be suspended, and is ended"))
        return await interrupt(visit, seen, _password)
    raise visit.failed(
        ConsoleOccupied,
        f"on the console is {seen.state.title}, and it does not let itself be suspended",
        hint="End it by hand, or with --take-over (which interrupts it).",
    )


async def end_receiver(visit: Visit, _seen: Observation, _password: Secret) -> Observation:
    """Let our own shell, which lost its run, put everything back and end (remote/receiver.sh)."""
    console = visit.console
    await refuse_other_run(visit.watch)
    console.tell(Event("note", "a shell of ours that a run which was cut had left is ended"))
    console.skip()
    await console.send("]Z\r")
    ended = await console.expect([r"=Z\n", TIMEOUT], PROBE_SECONDS)
    if ended.index:
        raise visit.failed(
            ConsoleOccupied,
            "a shell of ours that a run which was cut had left does not end",
            hint="Its dead-man's switch ends it, at the time limit of that run and 30 s. Run again then.",
        )
    seen = await visit.watch.settle(LOGOUT_SECONDS, mark=console.mark())
    return seen if decided(seen) else await find_state(visit.watch)


async def discard(visit: Visit, seen: Observation, _password: Secret) -> Observation:
    """What stands in the way is taken out of it, if we are told to."""
    if not visit.entry.take_over or not seen.state.force:
        raise visit.watch.stopped(seen)
    console = visit.console
    console.tell(Event("note", f"{seen.state.title} is discarded"))
    for keys in seen.state.force:
        after = await visit.watch.press(keys, SUSPEND_SECONDS)
        if after.state.way in (Way.PROBE, Way.LOG_IN):
            return after
    return await find_state(visit.watch, take_over=True)


async def use_found_shell(visit: Visit, seen: Observation, password: Secret) -> Observation | None:
    """Whose shell is it? Root's is used and stays; a user's is left, becomes root's, or is logged out."""
    console = visit.console
    await erase(visit.watch)
    visit.prompt = console.open_line
    probed = await probe(visit)
    if visit.entry.expect_host is not None:
        visit.check_host(probed.hostname)
    # An initramfs may have no `id`; there is nobody but root.
    initramfs = seen.state.name == "initramfs" or (probed.uid in (0, None) and await in_initramfs(visit))
    if probed.uid == 0 or initramfs:
        visit.root = True
        if initramfs:
            await open_root(visit)
        return None
    if visit.entry.become is not None and probed.name == visit.entry.login:
        await become(visit, password)
        return None
    if visit.entry.take_over:
        console.tell(Event("note", "somebody's shell is logged out"))
        visit.layers.clear()
        return await log_out(visit)
    raise visit.failed(
        ConsoleOccupied,
        f"a shell of {printable(probed.name or 'somebody')}, who is not root, was left open on the console; "
        "it stays as it is",
        hint="Log it out by hand, or with --take-over.",
    )
