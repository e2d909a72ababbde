"""One login while it lasts: how far it got, and what has to be undone."""

from __future__ import annotations

import enum
from dataclasses import replace

from ..access import LoginSettings
from ..console.console import Console
from ..console.events import Event
from ..errors import WrongMachine
from ..printable import printable
from ..terminal.states import Observation
from .record import OpenLogin

__all__ = ["MAINTENANCE", "Attempt", "Stage", "Undo"]


class Stage(enum.IntEnum):
    """The progress of our login."""

    OUTSIDE = 0
    NAME_ENTERED = 1
    PASSWORD_SENT = 2  # the outcome is unknown
    INSIDE = 3  # at the prompt of a shell that we logged in to


class Undo(enum.Enum):
    """A change between the initial state and our shell, which logging out undoes (`transitions.UNDO_STEPS`)."""

    SUSPENSION = "a program was suspended"
    INSERT_MODE = "an editor left its insert mode"
    MAINTENANCE = "a maintenance shell was opened with root's password"
    OPEN_MAINTENANCE = "a maintenance shell was opened with Enter"
    ACTIVATION = "a shell was started with Enter"
    INITRAMFS = "mounts in an initramfs were changed"


#: The changes that opened a shell without a login.
MAINTENANCE = (Undo.MAINTENANCE, Undo.OPEN_MAINTENANCE, Undo.ACTIVATION)


class Attempt:
    """The state of one login, which its steps share.

    Args:
        console: the console; the login is its only user.
        settings: how to log in.

    Attributes:
        console, settings: the arguments.
        record: the file by which the next run recognises our login if it stays open.
        initial: the state to return to at the end; None until it is detected.
        stage: how far our login has got.
        undo: changes to undo, in the order in which they were made.
        becoming: whether sudo or su was entered and its outcome is unknown.
        is_root: whether the shell is a root shell, according to a probe or the login's name.
        sulogin: the command that puts sulogin in place of the maintenance shell, or an empty string.
        chroot: where an initramfs mounted the machine's root file system; empty elsewhere.
        mount_undo: commands that undo the changed mounts of an initramfs, in the order of the changes.
        prompt: the prompt of the existing shell, to recognise it at the end.
        resume_line: the command that resumes a suspended program.
        password_mark: the position on the console before the password was sent.
        shell_mark: the position on the console when the shell that we logged in to showed its prompt.
        like_login: whether the prompt of our shell is like a login prompt.
        has_lines: whether lines of ours may be in the history of our shell, which writes it if it ends by itself.
        name_again: whether the name was entered a second time.
        program: whether a program other than a shell may be on the console, so that no letter and no Enter is typed.
    """

    def __init__(self, console: Console, settings: LoginSettings) -> None:
        self.console = console
        self.settings = settings
        self.record = OpenLogin(console.transport.place or console.transport.name)
        self.initial: Observation | None = None
        self.stage = Stage.OUTSIDE
        self.undo: tuple[Undo, ...] = ()
        self.becoming = False
        self.is_root = settings.login == "root"
        self.sulogin = ""
        self.chroot = ""
        self.mount_undo: tuple[str, ...] = ()
        self.prompt = ""
        self.resume_line = " fg"
        self.password_mark = console.mark()
        self.shell_mark = self.password_mark
        self.like_login = False
        self.has_lines = False
        self.name_again = False
        self.program = False

    @property
    def logged_in(self) -> bool:
        """Whether we logged in to the current shell."""
        return self.stage is Stage.INSIDE

    @property
    def in_maintenance(self) -> bool:
        """Whether we opened, or are about to open, a maintenance shell."""
        return any(undo in MAINTENANCE for undo in self.undo)

    def check_host(self, hostname: str | None) -> None:
        """Compare the machine's host name with the expected one, before a password is typed.

        Raises:
            WrongMachine: they differ, or the console shows no host name.
        """
        expected = self.settings.expect_host
        if not expected:
            return
        if hostname is None:
            raise self.console.error(
                WrongMachine,
                f"the console shows no host name to compare with {printable(expected)}",
                hint="Leave out --expect-host if you are sure of the endpoint.",
            )
        if hostname.split(".")[0].lower() != expected.split(".")[0].lower():
            message = f"the machine is {printable(hostname)}, not {printable(expected)}"
            raise self.console.error(WrongMachine, message)

    # -- the initial state --------------------------------------------------------------------

    def started_in(self, observed: Observation) -> None:
        """`observed` is the state to return to at the end."""
        self.initial = observed

    def prompt_seen(self) -> None:
        """The open line is the existing shell's prompt."""
        self.prompt = self.console.open_line

    def resume_after(self, line: str) -> None:
        """Run `line` in front of the command that resumes a suspended program."""
        self.resume_line = f"{line};fg"

    def keep_boot_stopped(self) -> None:
        """Stay in maintenance mode, whatever `LoginSettings.continue_boot` says."""
        self.settings = replace(self.settings, continue_boot=False)

    # -- our own login ------------------------------------------------------------------------

    def name_entered(self) -> None:
        """Our name is entered and no password was sent."""
        self.stage = Stage.NAME_ENTERED

    def may_enter_name_again(self) -> bool:
        """Return whether the name was entered only once so far, and note that it is entered again."""
        first, self.name_again = not self.name_again, True
        return first

    def password_sent(self) -> None:
        """The password is being sent, so our shell may open at any time."""
        self.stage = Stage.PASSWORD_SENT
        self.password_mark = self.console.mark()
        self._record(is_open=False)

    def password_resolved(self, *, inside: bool) -> None:
        """The password led to a shell, or back to a prompt of the login."""
        self.stage = Stage.INSIDE if inside else Stage.NAME_ENTERED

    def program_found(self) -> None:
        """Our login led to a program other than a shell; a shell may follow it."""
        self.stage = Stage.INSIDE
        self.program = True

    def line_entered(self) -> None:
        """A line of ours was entered in the shell that our login opened."""
        self.has_lines = True

    def shell_answered(self, *, like_login: bool) -> None:
        """A shell answered a probe after our password; `like_login` tells whether its prompt is like a login's."""
        self.stage = Stage.INSIDE
        self.program = False
        self.like_login = like_login

    def shell_opened(self) -> None:
        """We are logged in."""
        self.stage = Stage.INSIDE
        self.program = False
        self.shell_mark = self.console.mark()
        self._record(is_open=True)

    def _record(self, *, is_open: bool) -> None:
        trouble = self.record.remember(is_open=is_open)
        if trouble and not is_open:
            self.console.emit(
                Event("note", f"cannot record this login, so a later run could not recognise its shell: {trouble}")
            )

    def shell_closed(self) -> None:
        """We are logged out."""
        self.stage = Stage.OUTSIDE
        self.record.forget()

    def login_refused(self) -> None:
        """The machine refused our password and asks for the next name."""
        self.stage = Stage.OUTSIDE
        self.record.note_refused()

    def shell_adopted(self) -> None:
        """An earlier run of sosagent opened the existing shell, so we log it out."""
        self.stage = Stage.INSIDE
        self.undo = ()

    def gave_up(self) -> None:
        """Our login cannot be ended from here. Its record stays for the next run."""
        self.stage = Stage.OUTSIDE

    # -- root ---------------------------------------------------------------------------------

    def root_confirmed(self) -> None:
        """Note that the shell is a root shell."""
        self.is_root = True

    def becoming_root(self) -> None:
        """Note that sudo or su was typed."""
        self.becoming = True

    def became_root(self) -> None:
        """Note that sudo or su led to a root shell, as a probe showed."""
        self.becoming = False
        self.is_root = True

    def stopped_becoming(self) -> None:
        """Note that neither sudo nor su runs any more."""
        self.becoming = False

    # -- changes to undo ----------------------------------------------------------------------

    def will_undo(self, change: Undo) -> None:
        """Note a change that is about to be made."""
        self.undo = (*self.undo, change)

    def need_not_undo(self, change: Undo) -> None:
        """Drop a noted change that was not made."""
        self.undo = tuple(one for one in self.undo if one is not change)

    def forget_undo(self) -> None:
        """Drop all noted changes: there is nothing to undo any more."""
        self.undo = ()

    def sulogin_found(self, command: str) -> None:
        """`command` puts sulogin in place of the maintenance shell; without sulogin, it is an empty string."""
        self.sulogin = command

    def use_chroot(self, root: str) -> None:
        """We are in an initramfs that mounted the machine's root file system at `root`."""
        self.chroot = root
        self.will_undo(Undo.INITRAMFS)

    def will_undo_mount(self, command: str) -> None:
        """A mount is about to be changed; `command` undoes that."""
        self.mount_undo = (*self.mount_undo, command)
