"""All errors of sosagent: one class for each action that the operator takes next.

A `UsageError` is raised before anything is sent, and the caller can correct it. A `ConsoleError` comes from the
endpoint, the console or the machine. Each has the exit status of the command line (docs/reference/errors.md).
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
    "NotConfirmed",
    "NotVerified",
    "PasswordMissing",
    "SosError",
    "StepFailed",
    "TargetInvalid",
    "UsageError",
    "WrongMachine",
]


class SosError(Exception):
    """The base class of all errors that sosagent raises on purpose.

    Attributes:
        message: what happened, in one line, without secrets.
        hint: what to do next; may be empty.
        state: the console state in which it happened (a name from `terminal.states`); may be empty.
        tail: the console's last lines, oldest first, printable.
        code: a short stable name for programs.
        exit_code: the exit status of the command line.
        default_hint: the hint of errors of this class that have no other.
        open_shell: a sentence that a shell of ours may be open on the machine, with which the message begins; may be
            empty.
        record: for a run of a runbook, what was done before the error: a `RunRecord`; see `runbook.record.record_of`.
    """

    record: object | None = None
    open_shell: str = ""
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

    def warn_of_shell(self, sentence: str) -> None:
        """Begin the message with `sentence`: a shell of ours may be open on the machine. Only the first call counts."""
        if sentence and not self.open_shell:
            self.open_shell = sentence
            self.message = f"{sentence}. Before that: {self.message}"


class UsageError(SosError):
    """The caller can correct this. Nothing was sent."""

    code = "usage"
    exit_code = 2


class ConfigInvalid(UsageError):
    """A configuration file is invalid.

    Attributes:
        mistakes: all mistakes, each with file and line, in files that are checked as a whole.
    """

    mistakes: tuple[str, ...] = ()

    code = "config-invalid"


class TargetInvalid(UsageError):
    """HOST has an unknown form."""

    code = "target-invalid"


class KeyInvalid(UsageError):
    """A key file does not contain a usable public key.

    Args:
        reason: what is wrong with the key.
        where: the file and line; empty if `reason` names the file.
        hint: what to do next.

    Attributes:
        reason: the reason that was passed, without the file and line.
    """

    code = "key-invalid"

    def __init__(self, reason: str, *, where: str = "", hint: str | None = None) -> None:
        super().__init__(f"{where}: {reason}" if where else reason, hint=hint)
        self.reason = reason


class PasswordMissing(UsageError):
    """No source provided the machine's password."""

    code = "password-missing"
    default_hint = "Use --password-file, --password-command or the variable SOS_PASSWORD, or run it on a terminal."


class NotConfirmed(UsageError):
    """The user was asked before a change, and did not answer yes. Nothing was changed."""

    code = "not-confirmed"


class ConsoleError(SosError):
    """The endpoint, the console or the machine prevented the job."""

    code = "console"
    exit_code = 4


class EndpointUnreachable(ConsoleError):
    """No connection to the endpoint was possible.

    Attributes:
        unknown_host: the host name that could not be resolved; empty if there was another reason.
    """

    code = "endpoint-unreachable"
    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        unknown_host: str = "",
        hint: str | None = None,
        state: str = "",
        tail: Sequence[str] = (),
    ) -> None:
        super().__init__(message, hint=hint, state=state, tail=tail)
        self.unknown_host = unknown_host


class EndpointRefused(ConsoleError):
    """The endpoint refused the login, or provides no console."""

    code = "endpoint-refused"
    exit_code = 3


class EndpointBusy(ConsoleError):
    """Another session uses the endpoint, which allows only one."""

    code = "endpoint-busy"
    exit_code = 3
    default_hint = "Wait until the other session ends."


class EndpointReadOnly(EndpointBusy):
    """The endpoint shows the console but does not accept input yet."""

    code = "endpoint-read-only"


class EndpointLost(ConsoleError):
    """The connection to the endpoint ended during the job.

    Attributes:
        shell_open: whether a shell may be open on the machine without a dead-man's switch.
        maintenance: if it is a maintenance shell, the name of what undoes its opening (`login.attempt.Undo`).
    """

    shell_open: bool = False
    maintenance: str = ""

    code = "endpoint-lost"
    exit_code = 3
    default_hint = "Run the command again: it handles what the interrupted run left, and adds no key twice."


class HostKeyUnknown(ConsoleError):
    """The endpoint's host key is in none of the known_hosts files."""

    code = "host-key-unknown"
    exit_code = 3


class HostKeyChanged(ConsoleError):
    """The endpoint's host key differs from the known one. Nothing was sent to it."""

    code = "host-key-changed"
    exit_code = 3
    default_hint = (
        "The connection may be intercepted. Ask the operator of the endpoint for its fingerprint. If the new key "
        "has it, remove the old line from the known_hosts file and run again."
    )


class ConsoleSilent(ConsoleError):
    """The endpoint is connected, and nothing answers on the line."""

    code = "console-silent"
    default_hint = (
        "Nothing came from the machine. Check that it is switched on, that its kernel uses this serial port "
        "(console=), that a getty runs there (systemctl status 'serial-getty@*'), and that both ends of the line have "
        "the same speed."
    )


class ConsoleStateUnknown(ConsoleError):
    """The console shows text that sosagent does not recognise."""

    code = "console-state-unknown"
    default_hint = "Bring the console to a login prompt by hand, then run again."


class LineDamaged(ConsoleError):
    """The line damages too much data: the request did not arrive intact and was not carried out."""

    code = "line-damaged"
    default_hint = "Lower the speed of the line or check its flow control, then run again."


class ConsoleOccupied(ConsoleError):
    """Another user's program or session is on the console. It was left as it is."""

    code = "console-occupied"


class MachineRestarted(ConsoleError):
    """The machine went away during the job: it boots, has crashed, or is back at its login prompt.

    Attributes:
        proved: whether a login prompt answered Enter; otherwise our shell may be open.
    """

    proved: bool = False

    code = "machine-restarted"
    default_hint = "Wait until it has booted, then run again. No key is added twice."


class WrongMachine(ConsoleError):
    """The console shows the name of another machine. No password was typed."""

    code = "wrong-machine"
    default_hint = "Check the endpoint's address and --expect-host."


class LoginRefused(ConsoleError):
    """The machine refused the login: wrong password, account locked or expired, or not allowed on this line."""

    code = "login-refused"
    exit_code = 5


class EditRefused(ConsoleError):
    """The machine could not make the change. All existing data is intact."""

    code = "edit-refused"
    exit_code = 6


class NotVerified(ConsoleError):
    """The change was sent, and reading it back did not prove it."""

    code = "not-verified"
    exit_code = 7
    default_hint = "Run the command again. No key is added twice."


class DeadlineExceeded(ConsoleError):
    """The time limit passed."""

    code = "deadline"
    exit_code = 8
    default_hint = "Allow more time, such as --timeout 5m."


class StepFailed(ConsoleError):
    """A step of a runbook failed."""

    code = "step-failed"
    exit_code = 9
    default_hint = "Look at the output of the step. `--from STEP` starts again at that step."
