"""Deal with what other people left on the console: shells, programs and password prompts."""

from __future__ import annotations

from ..console.console import Console
from ..console.events import Event
from ..deadline import Deadline
from ..errors import ConsoleOccupied, WrongMachine
from ..printable import printable
from ..secrets.secret import Secret
from ..terminal.states import BY_NAME, PLAIN_SHELL, READING, RUNNING, SILENT, UNKNOWN, Action, Observation, classify
from .attempt import Attempt, Undo
from .confirm import ask_again
from .detect import find_state
from .failures import state_error
from .history import forget_lines
from .initramfs import find_initramfs, open_root
from .leftover import is_leftover
from .logout import log_out
from .observe import (
    SUSPEND_SECONDS,
    WAKE_SECONDS,
    is_decided,
    observe,
    press,
    settle,
)
from .own_shells import STOPPED, recognise_plain_shell
from .probe import probe, wait_for_prompt
from .redraw import erase, line_editor_redrew, redraw
from .wake import wake

__all__ = ["discard", "end_password_prompt", "interrupt", "suspend", "use_existing_shell"]

_PATIENCE_SECONDS = 20.0
_UNLOCKED_SECONDS = 2.0
_DRAWN_SECONDS = 5.0  # watch and top draw their screens again within 3 s, unless another time is chosen
_UNLOCK_SECONDS = 30.0  # clevis asks its servers as soon as the network is up

_SHELL_PROMPTS = (Action.PROBE, Action.INTERRUPT)
_SHELL, _MULTIPLEXER, _BOOTING, _FULL_SCREEN = (
    BY_NAME[name] for name in ("shell", "multiplexer", "booting", "full-screen")
)


async def use_existing_shell(attempt: Attempt, observed: Observation, _password: Secret) -> Observation | None:
    """Ask an existing shell for its user. Use it if it is root's; otherwise log it out, if allowed.

    No password is typed there: the shell's `sudo` may be any program.

    Raises:
        WrongMachine: the machine is not the expected one.
        ConsoleOccupied: the shell is another user's.
    """
    console, settings = attempt.console, attempt.settings
    if attempt.record.seconds() is None:
        await erase(console)
    else:
        # An interrupted run may have typed a part of a long line, which takes long to erase on a slow line.
        await _discard_line(console)
    await wait_for_prompt(console)
    attempt.prompt_seen()
    shell = await probe(attempt)
    try:
        if settings.expect_host:
            attempt.check_host(shell.hostname)
    except WrongMachine:
        await forget_lines(attempt)
        raise
    # An initramfs may have no `id`, and its only user is root.
    by_prompt = observed.state.name == "initramfs"
    initramfs = await find_initramfs(attempt, by_prompt=by_prompt) if shell.uid in (0, None) else None
    if shell.uid == 0 or initramfs is not None:
        attempt.root_confirmed()
        if initramfs is not None:
            await open_root(attempt, initramfs)
        return None
    if await is_leftover(attempt):
        attempt.forget_undo()
        return await log_out(attempt)
    user = printable(shell.name or "an unknown user")
    await forget_lines(attempt)
    if settings.take_over:
        console.emit(Event("note", f"logging out the existing shell of {user}"))
        attempt.forget_undo()
        observed = await log_out(attempt)
        if observed.state.action is Action.PROBE:
            raise console.error(
                ConsoleOccupied,
                f"a shell of {user} is on the console again after it was logged out",
                hint="The console logs that user in by itself (such as agetty --autologin), or the shell does not end. "
                "Change the getty of this console, or use another console of the machine.",
            )
        return observed
    never = f"no password is typed there for {settings.become}, and " if settings.become is not None else ""
    raise console.error(
        ConsoleOccupied,
        f"the console shows a shell of {user}, who is not root; {never}it is left as it is",
        hint="Log it out yourself, or use --take-over, which logs it out.",
    )


async def _discard_line(console: Console) -> None:
    """Press ^C at a shell's prompt, and wait for the next prompt, which is on another line."""
    mark = console.mark()
    await console.send("\x03")
    deadline = console.line.wait(WAKE_SECONDS)
    while not console.received.count_lines_since(mark) and not deadline.passed:
        await console.receive(deadline.remaining)
    await settle(console, WAKE_SECONDS, mark=mark, until=(Action.PROBE,))


async def interrupt(attempt: Attempt, _observed: Observation, _password: Secret) -> Observation:
    """Press ^C, which discards a shell's unfinished command; in a program, only if `take_over` allows it."""
    observed = await press(attempt.console, "\x03", WAKE_SECONDS)
    if observed.state.action is Action.INTERRUPT:
        # It is a prompt that looks like that of an unfinished command.
        return Observation(_SHELL)
    return observed


async def suspend(attempt: Attempt, observed: Observation, password: Secret) -> Observation:
    """Press ^Z to suspend a program, which is resumed at the end.

    Raises:
        ConsoleOccupied: it cannot be suspended.
    """
    console = attempt.console
    if (own := recognise_plain_shell(attempt, observed)).state is PLAIN_SHELL:
        return own
    if observed.state.action is Action.LEAVE_INSERT:
        await console.send("\x1b")
        await console.quiet(0.3, 2.0)
        attempt.will_undo(Undo.INSERT_MODE)
    after = await _press_suspend(attempt)
    if after.state is observed.state and observed.state is _FULL_SCREEN and await _drew_by_itself(console):
        after = await _press_suspend(attempt)
    if after.state is PLAIN_SHELL:
        return after
    if after.state.action in _SHELL_PROMPTS:
        if observed.state is READING:
            attempt.started_in(Observation(RUNNING))
        console.emit(Event("detail", f"suspended {observed.state.title}"))
        return Observation(_SHELL)
    if observed.state is READING and (attempt.settings.take_over or attempt.record.explains_reading):
        # A plain shell ignores ^Z, and has discarded its unfinished input. It may also be a question, which Enter would
        # answer: it is pressed only if that is allowed, or if an earlier run left its shell here.
        await erase(console)
        observed = recognise_plain_shell(attempt, await wake(console))
        attempt.started_in(observed)
        if observed.state is not RUNNING:
            return observed
    elif observed.state is READING:
        # A shell, or the program of the endpoint, that was slow to start may have begun to read keys.
        again = await redraw(console)
        if again.state is UNKNOWN and line_editor_redrew(console):
            await erase(console)  # an unfinished command
            again = observe(console, console.mark_before_open_line())
        if again.state is not READING and is_decided(again):
            attempt.started_in(again)
            return again
    if observed.state in (RUNNING, READING):
        # A machine that boots without messages echoes, too, before anything runs there.
        later = await settle(console, _PATIENCE_SECONDS, mark=console.mark())
        if later.state.action is Action.WAIT or (is_decided(later) and later.state is not observed.state):
            later = later if is_decided(later) else await wake(console)
            attempt.started_in(later)
            return later
    if is_decided(after) and after.state.action not in (Action.SUSPEND, Action.LEAVE_INSERT):
        # The screen was not complete yet, as that of firmware which still starts; or the program ended meanwhile.
        attempt.started_in(after)
        return after
    return await _cannot_suspend(attempt, observed, password)


async def _drew_by_itself(console: Console) -> bool:
    """Wait until the program has drawn, and return whether it has.

    Curses ignores ^Z while it draws (ncurses, doupdate), so one that came then was lost. Right after that, another one
    is not. A program that draws only after a key may take ^Z as a command, and gets no second one.
    """
    mark = console.mark()
    drew = await console.receive(_DRAWN_SECONDS, ignore_kernel=True)
    if drew is None or not console.received.jumped_since(mark):
        return False
    await console.quiet(console.line.quiet_seconds, WAKE_SECONDS)
    return True


async def _press_suspend(attempt: Attempt) -> Observation:
    """Press ^Z, and return the state that follows: that of a shell if the program was suspended."""
    console = attempt.console
    mark = console.mark()
    attempt.will_undo(Undo.SUSPENSION)
    observed = await press(console, "\x1a", SUSPEND_SECONDS, _SHELL_PROMPTS)
    if observed.state.action not in _SHELL_PROMPTS and any(map(STOPPED.search, console.since(mark)[0])):
        observed = Observation(_SHELL)  # whatever its prompt looks like
    if observed.state.action in _SHELL_PROMPTS:
        return recognise_plain_shell(attempt, observed, mark)
    attempt.need_not_undo(Undo.SUSPENSION)
    return observed


async def _cannot_suspend(attempt: Attempt, observed: Observation, password: Secret) -> Observation:
    console = attempt.console
    console.note_state(observed.state.name)
    if classify([], console.open_line).state.action is Action.PROBE:
        # A shell's prompt on a screen that another program draws: ^Z went to that shell.
        attempt.started_in(Observation(_MULTIPLEXER))
        return Observation(_MULTIPLEXER)
    if attempt.settings.take_over:
        console.emit(Event("note", f"interrupting {observed.state.title}, which cannot be suspended"))
        return await interrupt(attempt, observed, password)
    hint = "End it yourself, or use --take-over, which interrupts it."
    if observed.state is READING:
        hint = "Enter would answer a question, so it was not pressed. Press it yourself (sosagent console HOST) to see "
        hint += "what reads there, or use --take-over, which presses it."
    message = f"the console shows {observed.state.title}, which cannot be suspended"
    raise console.error(ConsoleOccupied, message, hint)


async def end_password_prompt(attempt: Attempt, _observed: Observation, _password: Secret) -> Observation:
    """Another user entered a name and left: an empty password ends that login. Our password is not typed.

    Raises:
        ConsoleOccupied: the prompt remains.
    """
    until = (Action.LOG_IN, Action.PROBE, Action.MAINTAIN, Action.SUSPEND)
    observed = await ask_again(attempt.console, until)
    if observed.state is SILENT or observed.state.name == "password":
        raise state_error(attempt.console, observed)
    return observed


async def discard(attempt: Attempt, observed: Observation, _password: Secret) -> Observation:
    """Discard a program or prompt by its keys, if that is allowed.

    Raises:
        ConsoleError: it is not allowed, or no keys discard this state.
    """
    console = attempt.console
    if observed.state.name == "disk-passphrase" and (later := await _unlocked(console)) is not None:
        attempt.started_in(later)
        return later
    if not attempt.settings.take_over or not observed.state.force:
        raise state_error(console, observed)
    console.emit(Event("note", f"discarding {observed.state.title}"))
    for keys in observed.state.force:
        after = await press(console, keys, SUSPEND_SECONDS)
        if after.state.action in (Action.PROBE, Action.LOG_IN):
            return after
    return await find_state(console, take_over=True)


async def _unlocked(console: Console) -> Observation | None:
    """At a prompt for a disk's passphrase: wait for clevis, or somebody else, to unlock the disk. Nothing is typed.

    Returns:
        The state after the rest of the boot; None if the prompt stays.
    """
    left, asked = console.time_left(), console.open_line.rstrip()
    deadline = Deadline(_UNLOCK_SECONDS if left is None else min(_UNLOCK_SECONDS, left / 3))
    console.emit(Event("start", "wait for the disk to be unlocked: clevis does that by itself"))
    while not deadline.passed:
        await console.receive(deadline.remaining, ignore_kernel=True)
        if console.open_line.rstrip() == asked:
            continue
        observed = await settle(console, _UNLOCKED_SECONDS)
        if observed.state.name != "disk-passphrase":
            return observed if is_decided(observed) else await wake(console, Observation(_BOOTING))
    return None
