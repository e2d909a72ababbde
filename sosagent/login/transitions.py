"""From any state of the console to a shell, and back.

The rules (design, section 5): listen first; ^U before Enter; the echo of the name is compared
before Enter; a password is typed once, at a password prompt that answers our own name (or the
maintenance prompt, or our own sudo or su), when the line is quiet; a prompt is taken for a shell
only when a probe was answered. A step leads from one state to the next (log_in.py, found.py); what
it changes leaves a `Layer`, and `leave` takes them off again (back.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..console.console import Console
from ..console.events import Event
from ..errors import ConsoleOccupied, ConsoleStateUnknown
from ..secrets.secret import Secret
from ..terminal.states import READING, Observation, Way
from .authenticate import log_in, maintain, press_enter
from .detect import find_state
from .existing import discard, end_password_prompt, end_receiver, interrupt, suspend, use_found_shell
from .record import OpenLogin
from .unwind import leave_login, stop_becoming, undo, wait_for_prompt
from .visit import Entry, Layer, Stage, Visit
from .watch import Watch

__all__ = ["Entry", "Login"]

_MOST_STEPS = 8
_OURS_SECONDS = 60.0  # a collector of ours that is silent ends before

_Step = Callable[[Visit, Observation, Secret], Awaitable[Observation | None]]
#: What is done about a state; it gives the state that this led to, or None at a shell's prompt.
_STEPS: dict[Way, _Step] = {
    Way.LOG_IN: log_in,
    Way.MAINTAIN: maintain,
    Way.ENTER: end_password_prompt,
    Way.PRESS: press_enter,
    Way.PROBE: use_found_shell,
    Way.INTERRUPT: interrupt,
    Way.SUSPEND: suspend,
    Way.LEAVE_INSERT: suspend,
    Way.END_OURS: end_receiver,
    Way.STOP: discard,
}


class Login:
    """The way into one console's shell, and back to what was found.

    Args:
        console: its only user until `leave` has ended.
        entry: how to get in.

    Attributes:
        visit: what is known of it.
    """

    def __init__(self, console: Console, entry: Entry) -> None:
        self.visit = Visit(
            console,
            entry,
            Watch(console),
            OpenLogin(console.transport.place or console.transport.name),
            root=entry.login == "root",
        )

    @property
    def ours(self) -> bool:
        """Whether the shell beneath is one that we logged in to."""
        return self.visit.ours

    @property
    def replaceable(self) -> bool:
        """Whether the shell at whose prompt we are is ours to replace."""
        return self.ours or Layer.BECOME in self.visit.layers

    @property
    def may_be_inside(self) -> bool:
        """Whether a shell that we logged in to may be open, or be about to open."""
        return self.visit.stage is not Stage.OUTSIDE

    @property
    def may_be_left(self) -> str:
        """What may stay on the console if the line is gone now, and cannot be closed from here; or nothing."""
        if self.visit.becoming or Layer.BECOME in self.visit.layers:
            return f"a root shell, opened by {self.visit.entry.become}, may be open on the console"
        if Layer.MAINTENANCE in self.visit.layers:
            return "the maintenance shell may be open on the console"
        if Layer.RESUME in self.visit.layers:
            return "the program that was found is suspended; `fg` on the console brings it back"
        return ""

    async def enter(self, password: Secret) -> None:
        """Get to a shell's prompt: one that we logged in to, or root's that was found and answered a probe.

        Raises:
            ConsoleError: what stands in the way; see the leaves of `errors`. On it, and when
                cancelled, call `leave`.
        """
        visit = self.visit
        seen: Observation | None = await find_state(
            visit.watch,
            take_over=visit.entry.take_over,
            ours_left=(visit.record.seconds() or _OURS_SECONDS) < _OURS_SECONDS,
        )
        assert seen is not None
        if seen.state.way in (Way.LOG_IN, Way.END_OURS):
            visit.record.forget()
        visit.found = seen
        visit.console.tell(Event("done", f"state found: {seen.state.title}"))
        for _ in range(_MOST_STEPS):
            step = _STEPS.get(seen.state.way)
            if step is None:
                raise visit.watch.stopped(seen)
            seen = await step(visit, seen, password)
            if seen is None:
                return
        raise visit.failed(ConsoleStateUnknown, "the console does not come to a shell, whatever is done")

    async def leave(self, *, ended: bool = False) -> None:
        """Go back to the state that was found, and see it.

        Args:
            ended: our shell has ended already, and was the one that `replaceable` told of; else the
                console is at the prompt that `enter` led to, or somewhere on the way there.

        Raises:
            ConsoleError: the state did not come back; its message says what is left.
        """
        visit = self.visit
        if visit.becoming and not visit.ours:
            await stop_becoming(visit)
        if visit.stage is not Stage.OUTSIDE:
            await leave_login(visit, ended)
        for layer in reversed(visit.layers):
            await undo(visit, layer, ended)
        visit.layers.clear()

    async def close_left_shell(self) -> None:
        """On a new connection: log out of the shell that an earlier one of ours had to leave open.

        Raises:
            ConsoleError: the login prompt did not come back.
        """
        seen = await find_state(self.visit.watch, ours_left=True)
        if seen.state.way is Way.END_OURS:
            seen = await end_receiver(self.visit, seen, Secret(""))
        if seen.state is READING:
            seen = await suspend(self.visit, seen, Secret(""))
        if Layer.RESUME in self.visit.layers:
            await self.leave()
            raise self.visit.failed(ConsoleOccupied, "somebody's program is on the console")
        if seen.state.way is Way.PROBE:
            self.adopt()
            await self.leave()

    def adopt(self) -> None:
        """The shell that was found is one that we logged in to earlier: it is ours to log out."""
        self.visit.stage = Stage.INSIDE
        self.visit.layers.clear()

    async def wait_for_prompt(self) -> None:
        """Wait until the shell that was found open shows its prompt again."""
        await wait_for_prompt(self.visit)
