"""From a console to a verified shell and back, whatever happens in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from ..console.console import Console
from ..console.events import Event
from ..errors import ConsoleError, DeadlineExceeded, EndpointBusy, EndpointLost, MachineRestarted
from ..login.transitions import Entry, Login
from ..secrets.secret import Secret
from ..shell.programs import program
from ..shell.shell import Shell
from .finish import finish

__all__ = ["RootShell", "root_shell"]

_MARGIN_SECONDS = 30
_LOOK = "Look at the console whether a shell of ours is open there."
_LEAVE_SECONDS = 30.0


@dataclass
class RootShell:
    """A verified shell on the machine, and what is known of the way to it.

    Fields:
        shell: runs programs.
        state_found: the console's state at the start.
        ours: whether we logged in; else the shell beneath is somebody else's.
        root: whether it is root's.
        left: set after leaving: whether the state found was seen to be back.
        trouble: set after leaving, if it was not: what is known of the console.
    """

    shell: Shell
    state_found: str
    ours: bool
    root: bool
    left: bool = False
    trouble: str = ""


@asynccontextmanager
async def root_shell(
    console: Console,
    password: Secret,
    *,
    entry: Entry | None = None,
    dead_man: int | None = None,
    patience: int = 60,
) -> AsyncIterator[RootShell]:
    """Get from the console's state to a verified shell, and back at the end.

    On every way out, an error or a cancellation too, our shell is closed and the state found at
    the start is waited for; a second cancellation does not stop that. If the way back fails, that is
    no error of what was done: it is in `RootShell.trouble`, or added to the error as a note.

    Args:
        console: connected; the job's deadline is set on it.
        password: of `login`; typed once, at its password prompt.
        entry: how to get in; as root by default.
        dead_man: seconds after which the machine closes the shell by itself; the deadline and a
            margin by default.
        patience: seconds that one program may run there.

    Raises:
        ConsoleError: no shell, and why.
    """
    replaced = False
    way = Login(console, entry or Entry())
    shell: Shell | None = None
    session: RootShell | None = None
    failure: BaseException | None = None
    try:
        await way.enter(password)
        if dead_man is None:
            dead_man = int(console.time_left() or 600.0) + _MARGIN_SECONDS
        replaced = way.replaceable
        shell = Shell(
            console,
            replace=replaced,
            keep_modes=not way.ours,
            dead_man=dead_man,
            patience=patience,
            root=way.visit.chroot,
        )
        await shell.start()
        console.tell(Event("done", "shell ready"))
        if not way.ours:
            await _adopt_ours(way, shell)
        session = RootShell(shell, way.visit.found.state.name if way.visit.found else "", way.ours, way.visit.root)
        yield session
    except BaseException as error:
        failure = error
        raise
    finally:
        await finish(_leave(console, way, shell, session, failure, replaced))


async def _adopt_ours(way: Login, shell: Shell) -> None:
    """Tell a shell that a cut run of ours left from somebody else's, by its age."""
    if way.visit.record.seconds() is None:
        return
    words = (await shell.run(program("age"))).output.split()
    if (
        len(words) == 2
        and all(word.isdigit() and len(word) < 12 for word in words)
        and way.visit.record.is_it(int(words[0]) - int(words[1]))
    ):
        way.adopt()
        shell.console.tell(Event("note", "this shell was left open by a run that was cut; it will be logged out"))
    else:
        way.visit.record.forget()


async def _leave(
    console: Console,
    way: Login,
    shell: Shell | None,
    session: RootShell | None,
    failure: BaseException | None,
    replaced: bool,
) -> None:
    """Undo what was done, within a time of its own."""
    if isinstance(failure, MachineRestarted):
        way.visit.record.forget()
        return
    if isinstance(failure, EndpointBusy) and shell is not None:
        return  # what we type goes nowhere
    if isinstance(failure, EndpointLost):
        # Enter behind the start line may have been lost with the connection.
        ends_itself = shell is not None and shell.collecting
        failure.shell_open = way.may_be_inside and not ends_itself
        if way.may_be_left and not ends_itself and not failure.shell_open:
            failure.add_note(way.may_be_left)
        return
    if failure is not None:
        # The operator will want to go on by hand.
        way.visit.entry = replace(way.visit.entry, continue_boot=False)
    console.set_deadline(_LEAVE_SECONDS)
    try:
        ended = replaced and shell is not None and shell.started
        if shell is not None:
            console.tell(Event("start", "log out" if way.ours else "leave the shell"))
            await shell.close()
            if not replaced:
                await way.wait_for_prompt()
        await way.leave(ended=ended)
    except ConsoleError as error:
        hint = _LOOK if isinstance(error, DeadlineExceeded) else error.hint
        trouble = f"on the way back: {error.message}. {hint}"
        if failure is not None:
            failure.add_note(trouble)
        elif session is not None:
            session.trouble = trouble
            console.tell(Event("note", trouble))
    else:
        if session is not None:
            session.left = True
            console.tell(Event("done", "logged out" if session.ours else "left the shell as it was found"))
