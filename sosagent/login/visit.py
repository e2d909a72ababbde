"""What is known of one visit to a console while it lasts: how to get in, how far in we are, what has to be undone."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Literal

from ..console.console import Console
from ..errors import ConsoleError, WrongMachine
from ..printable import printable
from ..secrets.secret import Secret
from ..terminal.states import Observation
from .record import OpenLogin
from .watch import Watch

__all__ = ["Entry", "Layer", "Stage", "Visit"]


@dataclass(frozen=True)
class Entry:
    """How to get in.

    Fields:
        login: the name to log in as.
        expect_host: the machine's name; compared with what the console shows before the password.
        become: how `login` becomes root, if it is to.
        become_password: what that asks for; the login's by default.
        take_over: discard what somebody left on the console, and log their shell out.
        continue_boot: leave a maintenance shell by its end, so that the boot goes on.
        remount: in an initramfs, make a root that is mounted read-only writable meanwhile.
    """

    login: str = "root"
    expect_host: str | None = None
    become: Literal["sudo", "su"] | None = None
    become_password: Secret | None = None
    take_over: bool = False
    continue_boot: bool = False
    remount: bool = False


class Stage(enum.IntEnum):
    """How far our own login is."""

    OUTSIDE = 0
    NAMED = 1  # our name was entered
    TRIED = 2  # the password was sent, what came of it is not known
    INSIDE = 3  # a shell that we logged in to


class Layer(enum.Enum):
    """What was put between the state found and our shell, and has to be undone."""

    RESUME = "a program that is suspended"
    INSERT = "its insert mode, which was left"
    MAINTENANCE = "a maintenance shell"
    INITRAMFS = "an initramfs, whose mounts were changed"
    BECOME = "root's shell, over a user's that was found"


@dataclass
class Visit:
    """One visit, shared by the steps in and out.

    Fields:
        console: its only user until it is left.
        entry: how to get in.
        watch: tells the console's state.
        record: what tells the next run that a login of ours was left open.
        found: the state that was found at the start; None before it was looked for.
        stage: how far our own login is.
        layers: what has to be undone, the last one first.
        becoming: sudo or su were entered, and what came of it is not known.
        root: whether the shell is root's, as far as a probe told or the name says.
        chroot: where the machine's own root is mounted, in an initramfs; else empty.
        put_back: commands that undo the mounts of an initramfs.
        prompt: of the shell that was found, to see it again.
    """

    console: Console
    entry: Entry
    watch: Watch
    record: OpenLogin
    root: bool
    found: Observation | None = None
    stage: Stage = Stage.OUTSIDE
    layers: list[Layer] = field(default_factory=list)
    becoming: bool = False
    chroot: str = ""
    put_back: list[str] = field(default_factory=list)
    prompt: str = ""

    @property
    def ours(self) -> bool:
        """Whether the shell beneath is one that we logged in to."""
        return self.stage is Stage.INSIDE

    def failed(self, kind: type[ConsoleError], message: str, hint: str | None = None) -> ConsoleError:
        """An error of `kind` that shows the console."""
        return self.watch.failed(kind, message, hint)

    def check_host(self, hostname: str | None) -> None:
        """Compare the machine's name with the one expected, before a password is typed.

        Raises:
            WrongMachine: it is another, or none is shown.
        """
        expected = self.entry.expect_host
        if expected is None:
            return
        if hostname is None:
            raise self.failed(
                WrongMachine,
                f"the console shows no host name to compare with {printable(expected)}",
                hint="Leave out --expect-host if you are sure of the endpoint.",
            )
        if hostname.split(".")[0].lower() != expected.split(".")[0].lower():
            raise self.failed(WrongMachine, f"this is {printable(hostname)}, not {printable(expected)}")
