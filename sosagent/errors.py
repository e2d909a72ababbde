"""Every way a job can fail: one tree, a leaf for each thing that the operator does next.

`UsageError` is what the caller can mend before anything is touched; `ConsoleError` is how the
world turned out to be. Each carries the exit code of the command line (README, "Exit codes").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from .printable import printable

__all__ = [
    "ConfigInvalid",
    "ConsoleError",
    "ConsoleOccupied",
    "ConsoleSilent",
    "ConsoleStateUnknown",
    "DeadlineExceeded",
    "EditRefused",
    "EndpointBusy",
    "EndpointLost",
    "EndpointReadOnly",
    "EndpointRefused",
    "EndpointUnreachable",
    "HostKeyChanged",
    "HostKeyUnknown",
    "KeyInvalid",
    "LineDamaged",
    "LoginRefused",
    "MachineRestarted",
    "NotVerified",
    "PasswordMissing",
    "SosError",
    "StepFailed",
    "TargetInvalid",
    "UsageError",
    "WrongMachine",
]


class SosError(Exception):
    """The root of all errors that sosagent raises on purpose.

    Attributes:
        message: what happened, in one line, without secrets.
        hint: what to do next; may be empty.
        state: the console state it happened in (a name from `terminal.states`); may be empty.
        tail: the console's last lines, oldest first, made printable.
        code: a short stable name for programs.
        exit_code: what the command line exits with.
        record: of a runbook's run, what was done until then: a `RunRecord`, see `runbook.record.record_of`.
    """

    record: object | None = None
    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str | None = None, state: str = "", tail: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = self.default_hint if hint is None else hint
        self.state = state
        self.tail = tuple(printable(line) for line in tail)
        self._located = False

    def __str__(self) -> str:
        return self.message

    def at(self, place: str) -> None:
        """Put `place` in front of the message. Has no effect after the first call, which named the exact place."""
        if not self._located:
            self.message = f"{place}: {self.message}"
            self._located = True


class UsageError(SosError):
    """The caller can mend it: nothing was sent anywhere."""

    code = "usage"
    exit_code = 2


class ConfigInvalid(UsageError):
    """A file of settings says what cannot be.

    Attributes:
        mistakes: all of them, each with file and line, where there may be several.
    """

    mistakes: tuple[str, ...] = ()

    code = "config-invalid"


class TargetInvalid(UsageError):
    """HOST is not in a form that sosagent knows."""

    code = "target-invalid"


class KeyInvalid(UsageError):
    """A key file does not hold a usable public key."""

    code = "key-invalid"


class PasswordMissing(UsageError):
    """No source gave the machine's password."""

    code = "password-missing"
    default_hint = "Give --password-file, --password-command or the variable SOS_PASSWORD, or run it on a terminal."


class ConsoleError(SosError):
    """The world is so: endpoint, console or machine."""

    code = "console"
    exit_code = 4


class EndpointUnreachable(ConsoleError):
    """No connection to the endpoint: name, route or port.

    Attributes:
        unknown_host: the host name that could not be resolved; empty if there was another reason.
    """

    code = "endpoint-unreachable"
    exit_code = 3
    default_hint = "Check the endpoint's name, its port and the route to it."

    def __init__(self, message: str, *, unknown_host: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.unknown_host = unknown_host


class EndpointRefused(ConsoleError):
    """The endpoint did not let us in, or gave no console."""

    code = "endpoint-refused"
    exit_code = 3
    default_hint = "Check the user name and the key (-i) that the endpoint expects; -v shows what was tried."


class EndpointBusy(ConsoleError):
    """Somebody else holds the only connection that the endpoint allows."""

    code = "endpoint-busy"
    exit_code = 3
    default_hint = "Wait until the other session ends."


class EndpointReadOnly(EndpointBusy):
    """The endpoint shows the console and takes no input yet."""

    code = "endpoint-read-only"


class EndpointLost(ConsoleError):
    """The connection to the endpoint ended in mid-job.

    Attributes:
        shell_open: we had logged in, and no switch on the machine closes that shell by itself.
    """

    shell_open: bool = False

    code = "endpoint-lost"
    exit_code = 3
    default_hint = "Run the command again: it finds what the cut run left, and adds no key twice."


class HostKeyUnknown(ConsoleError):
    """The endpoint's host key is on no file that we were told to trust."""

    code = "host-key-unknown"
    exit_code = 3


class HostKeyChanged(ConsoleError):
    """The endpoint shows another host key than the one on file. Nothing is sent to it."""

    code = "host-key-changed"
    exit_code = 3
    default_hint = (
        "Somebody may be listening in between. Ask the operator of the endpoint for its fingerprint; only if "
        "it is the new one, remove the old line from the known_hosts file and run again."
    )


class ConsoleSilent(ConsoleError):
    """The endpoint is connected and nothing answers on the line."""

    code = "console-silent"
    default_hint = (
        "Check that the machine is switched on, that its kernel has console= on this serial port and a getty "
        "runs there (systemctl status 'serial-getty@*'), and that the speed is the same on both sides."
    )


class ConsoleStateUnknown(ConsoleError):
    """The console shows something that no row of the table knows; nothing is typed into that."""

    code = "console-state-unknown"
    default_hint = "Look at the console by hand and bring it to a login prompt, then run again."


class LineDamaged(ConsoleError):
    """Too much is damaged on its way: what was asked for did not arrive intact, so it was not done."""

    code = "line-damaged"
    default_hint = "Lower the line's speed, or see to its flow control; then run again."


class ConsoleOccupied(ConsoleError):
    """Something that is not ours is on the console, and is left as it is."""

    code = "console-occupied"


class MachineRestarted(ConsoleError):
    """The machine went away in mid-job: it boots, has crashed, or is back at its login prompt."""

    code = "machine-restarted"
    default_hint = "Wait until it has booted, then run again: it looks first, and adds no key twice."


class WrongMachine(ConsoleError):
    """The console names another machine than the one expected. No password was typed."""

    code = "wrong-machine"
    default_hint = "Check the endpoint's address, or --expect-host."


class LoginRefused(ConsoleError):
    """The machine did not log us in: wrong password, locked, expired, not allowed on this line."""

    code = "login-refused"
    exit_code = 5
    default_hint = "Check the password. It was tried once and is not tried again, so that nothing is locked."


class EditRefused(ConsoleError):
    """The machine could not make the change; everything that was there is still there."""

    code = "edit-refused"
    exit_code = 6


class NotVerified(ConsoleError):
    """The change was sent, and what was read back does not prove it."""

    code = "not-verified"
    exit_code = 7
    default_hint = "Run the command again: it looks first, and adds no key twice."


class DeadlineExceeded(ConsoleError):
    """A wait reached its end."""

    code = "deadline"
    exit_code = 8
    default_hint = "Give the job more time with --timeout SECONDS."


class StepFailed(ConsoleError):
    """A runbook's step did not come to what it says."""

    code = "step-failed"
    exit_code = 9
    default_hint = "See what the step printed; `--from STEP` begins again there."
