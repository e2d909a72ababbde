"""The transitions of a login: from any console state to a shell's prompt, and back to the initial state.

`STEPS` is the table. `Login.enter` detects the state, and takes the step of the state's action; the step leads to
the next state, until one leads to a shell's prompt or raises. A step that changes what is on the console notes an
`Undo` first; `Login.leave` ends our own login, and then undoes those changes in reverse order by `UNDO_STEPS`.

Rules that all steps keep (docs/design.md):

- Listen before typing. Type ^U before Enter. Compare the echo of a name or a command before Enter.
- Type the password once, and only at a password prompt that answers our own name, at a maintenance prompt that answers
  our own Enter, or at our own sudo or su; only when the line is quiet, and only where what is typed is not shown.
- Treat a prompt as a shell's only after it has answered a probe.
- Never run sudo or su in a shell that we did not open.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..access import LoginSettings
from ..console.console import Console
from ..console.events import Event
from ..errors import ConsoleOccupied, ConsoleStateUnknown
from ..secrets.secret import Secret
from ..terminal.states import READING, Action, Observation
from .activate import activate, close_activated_shell
from .attempt import MAINTENANCE, Attempt, Stage, Undo
from .authenticate import log_in
from .detect import find_state
from .existing import discard, end_password_prompt, interrupt, suspend, use_existing_shell
from .failures import state_error
from .history import forget_lines
from .maintenance import (
    adopt_maintenance_shell,
    close_maintenance_shell,
    log_in_for_maintenance,
    press_enter_for_maintenance,
)
from .observe import observe
from .own_shells import end_own_shell
from .unwind import (
    end_login,
    restore_insert_mode,
    restore_mounts,
    resume_program,
    wait_for_prompt,
)

__all__ = ["STEPS", "UNDO_STEPS", "Login"]

_MOST_STEPS = 8


async def stop(attempt: Attempt, observed: Observation, _password: Secret) -> None:
    """Raise the error for a state that has no transition."""
    raise state_error(attempt.console, observed)


#: Takes the attempt, the observed state and the password. Returns the next state; None at a shell's prompt.
Step = Callable[[Attempt, Observation, Secret], Awaitable[Observation | None]]

#: For each action of a console state (terminal/states.py), the step that takes it.
STEPS: dict[Action, Step] = {
    # -- leads to a shell's prompt
    Action.LOG_IN: log_in,  # at a login prompt
    Action.MAINTAIN: log_in_for_maintenance,  # at a maintenance prompt that asks for root's password
    Action.ACTIVATE: activate,  # at a console that asks for Enter
    Action.PRESS: press_enter_for_maintenance,  # at a maintenance prompt that asks for Enter
    Action.PROBE: use_existing_shell,  # at a shell's prompt
    # -- leads to another state
    Action.ENTER: end_password_prompt,  # at a password prompt for another user's name
    Action.INTERRUPT: interrupt,  # in the middle of a command in a shell
    Action.SUSPEND: suspend,  # in a program
    Action.LEAVE_INSERT: suspend,  # in an editor in insert mode
    Action.END_OURS: end_own_shell,  # at the receiver or the plain shell of an interrupted run
    Action.STOP: discard,  # at anything else: with --take-over only
    # -- ends the login with an error
    Action.START: stop,  # at the prompt of an endpoint
    Action.WAIT: stop,  # the machine still boots
    Action.RECONNECT: stop,  # the endpoint is read-only
    Action.REFUSED: stop,  # no user can log in
    Action.BUSY: stop,  # another session uses the endpoint
    Action.CLOSED: stop,  # the endpoint provides no console
}

#: Takes the attempt, and whether our shell has ended already.
UndoStep = Callable[[Attempt, bool], Awaitable[None]]

#: For each change that a step made, the step that undoes it.
UNDO_STEPS: dict[Undo, UndoStep] = {
    Undo.SUSPENSION: resume_program,
    Undo.INSERT_MODE: restore_insert_mode,
    Undo.MAINTENANCE: close_maintenance_shell,
    Undo.OPEN_MAINTENANCE: close_maintenance_shell,
    Undo.ACTIVATION: close_activated_shell,
    Undo.INITRAMFS: restore_mounts,
}


class Login:
    """A login on one console: to a shell's prompt, and back to the initial state.

    Args:
        console: the console; the login is its only user until `leave` has ended.
        settings: how to log in.
    """

    def __init__(self, console: Console, settings: LoginSettings) -> None:
        self._attempt = Attempt(console, settings)

    @property
    def initial_state(self) -> str:
        """The name of the state to return to at the end; empty until it is detected."""
        return "" if self._attempt.initial is None else self._attempt.initial.state.name

    @property
    def ours(self) -> bool:
        """Whether we logged in to the current shell."""
        return self._attempt.logged_in

    @property
    def is_root(self) -> bool:
        """Whether the shell is a root shell, according to a probe or the login's name."""
        return self._attempt.is_root

    @property
    def chroot(self) -> str:
        """The path where an initramfs mounted the machine's root file system; empty elsewhere."""
        return self._attempt.chroot

    @property
    def replaceable(self) -> bool:
        """Whether we opened the current shell, so that the verified shell may replace it."""
        return self.ours

    @property
    def opened(self) -> bool:
        """Whether we opened the current shell, by a login or at a maintenance prompt."""
        return self.ours or self._attempt.in_maintenance

    @property
    def afterwards(self) -> str:
        """The command that must take the place of the current shell when ours on top of it ends; empty if none."""
        return "" if self._attempt.chroot else self._attempt.sulogin  # in an initramfs, mounts are undone first

    @property
    def maintenance(self) -> str:
        """If we opened a maintenance shell, the name of the `Undo`; empty otherwise."""
        return next((undo.name for undo in self._attempt.undo if undo in MAINTENANCE), "")

    @property
    def may_be_open(self) -> bool:
        """Whether a shell that we opened is open, or may open at any time."""
        return self._attempt.stage is not Stage.OUTSIDE or self._attempt.in_maintenance

    @property
    def remains(self) -> str:
        """A description of what may remain on the console if the connection is lost now; empty if nothing remains."""
        attempt = self._attempt
        if attempt.in_maintenance:
            return "a root shell, the maintenance shell, may be open on the console"
        if Undo.SUSPENSION in attempt.undo:
            return "the program on the console is suspended; `fg` there brings it back"
        return ""

    async def enter(self, password: Secret) -> None:
        """Get to a shell's prompt: our own after logging in, or an existing root shell after it has answered a probe.

        Call `leave` afterwards, also after an error or a cancellation.

        Raises:
            ConsoleError: no shell; see the classes in `sosagent.errors`.
        """
        attempt = self._attempt
        observed: Observation | None = await find_state(
            attempt.console, take_over=attempt.settings.take_over, interrupted=attempt.record.seconds()
        )
        assert observed is not None
        if observed.state.action in (Action.LOG_IN, Action.END_OURS):
            attempt.record.forget()
        attempt.started_in(observed)
        attempt.console.emit(Event("done", f"console state: {observed.state.title}"))
        for _ in range(_MOST_STEPS):
            observed = await STEPS[observed.state.action](attempt, observed, password)
            if observed is None:
                return
        raise attempt.console.error(ConsoleStateUnknown, f"no shell prompt after {_MOST_STEPS} steps")

    async def leave(self, *, ended: bool = False) -> None:
        """Return to the initial state, and check that it is back.

        Args:
            ended: our shell was `replaceable` and has ended already. Otherwise the console is at the prompt that
                `enter` led to, or at any state on the path there.

        Raises:
            ConsoleError: the state did not come back; the message names what remains.
        """
        attempt = self._attempt
        if attempt.stage is not Stage.OUTSIDE:
            await end_login(attempt, ended)
        for change in reversed(attempt.undo):
            await UNDO_STEPS[change](attempt, ended)
        attempt.forget_undo()

    def note_line_entered(self) -> None:
        """A line was entered in the shell that our login opened, and the shell did not end."""
        self._attempt.line_entered()

    async def wait_for_prompt(self) -> None:
        """Wait until the existing shell shows its prompt again."""
        await wait_for_prompt(self._attempt)

    async def forget_lines(self) -> None:
        """At the prompt of the existing shell: remove our lines from its history; see `history.forget_lines`."""
        console = self._attempt.console
        shows = observe(console, console.mark_before_open_line())
        if self._attempt.prompt and shows.state.action is Action.PROBE:
            await forget_lines(self._attempt)

    def keep_boot_stopped(self) -> None:
        """Stay in maintenance mode, whatever `LoginSettings.continue_boot` says."""
        self._attempt.keep_boot_stopped()

    # -- logins of earlier runs ---------------------------------------------------------------

    async def close_open_shell(self, maintenance: str = "") -> None:
        """On a new connection: log out of the shell that an earlier connection left open.

        Args:
            maintenance: `Login.maintenance` of the earlier connection.

        Raises:
            ConsoleError: the login prompt, or the maintenance prompt, did not come back.
        """
        attempt, no_password = self._attempt, Secret("")
        observed = await find_state(attempt.console, interrupted=0.0)
        for _ in range(_MOST_STEPS):
            if observed.state is not READING and observed.state.action is not Action.END_OURS:
                break
            step = suspend if observed.state is READING else end_own_shell
            observed = await step(attempt, observed, no_password)
        if Undo.SUSPENSION in attempt.undo:
            await self.leave()
            raise attempt.console.error(ConsoleOccupied, "another user's program is on the console")
        if observed.state.action is Action.PROBE and maintenance:
            attempt.will_undo(Undo[maintenance])
            await adopt_maintenance_shell(attempt)
            await self.leave()
        elif observed.state.action is Action.PROBE:
            attempt.shell_adopted()
            await self.leave()

    @property
    def has_record(self) -> bool:
        """Whether an earlier run may have left its login open on this endpoint."""
        return self._attempt.record.seconds() is not None

    def adopt_if_ours(self, age: float, *, asked: float) -> bool:
        """Adopt the existing shell if an earlier run of sosagent opened it; no program of ours can be suspended there.

        Args:
            age: seconds since the shell started.
            asked: how many seconds ago the machine was asked for that.

        Returns:
            Whether it is; if not, the earlier run's record is forgotten.
        """
        if Undo.SUSPENSION not in self._attempt.undo and self._attempt.record.is_it(age, asked=asked):
            self._attempt.shell_adopted()
            return True
        self._attempt.record.forget()
        return False

    def forget_record(self) -> None:
        """Forget that our login is open: the machine has restarted, or the shell is not ours."""
        self._attempt.record.forget()
