"""Put an SSH key back on a machine you cannot log in to, through its out-of-band serial console.

    result = await sosagent.add_key("user@sos.example.net", open("id_ed25519.pub").read(), password=...)

    async with sosagent.root_shell("user@sos.example.net", password=...) as shell:
        print((await shell.run("uname -r")).lines)

``__all__`` lists the public interface; `sosagent.blocking` offers the same without asyncio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import (
    ConfigInvalid,
    ConsoleError,
    ConsoleOccupied,
    ConsoleSilent,
    ConsoleStateUnknown,
    DeadlineExceeded,
    EditRefused,
    EndpointBusy,
    EndpointLost,
    EndpointReadOnly,
    EndpointRefused,
    EndpointUnreachable,
    HostKeyChanged,
    HostKeyUnknown,
    KeyInvalid,
    LineDamaged,
    LoginRefused,
    MachineRestarted,
    NotConfirmed,
    NotVerified,
    PasswordMissing,
    SosError,
    StepFailed,
    TargetInvalid,
    UsageError,
    WrongMachine,
)

if TYPE_CHECKING:
    from .access import AccessOptions, ConnectOptions
    from .api import host_keys, list_keys, remove_key, root_shell
    from .authorized_keys.outcome import KeyOutcome
    from .config.file import load_machines
    from .config.machine import Machine
    from .config.machines import Machines
    from .console import Event
    from .endpoint.parse import parse_target
    from .endpoint.target import (
        ExecTarget,
        ProviderReference,
        SerialTarget,
        SshTarget,
        Target,
        TcpTarget,
        UnixTarget,
    )
    from .file_change import FileChange
    from .jobs.add_key import AddKeyResult, add_key
    from .jobs.execute import ExecResult, exec
    from .jobs.host_keys import HostKeys
    from .jobs.keys import KeyListing, KeysRemoved, ListedKey
    from .jobs.state import ConsoleState, console_state
    from .jobs.verify import Verification, Verify
    from .keys import PublicKey, parse_public_keys
    from .runbook.api import run_runbook
    from .runbook.load import load_runbook
    from .runbook.record import RunRecord, StepRecord
    from .secrets.secret import Secret
    from .secrets.sources import find_password
    from .session.connect import connect
    from .session.console import Console
    from .session.shell import Shell
    from .shell.shell import Result
    from .shell.transfer import Transfer
    from .terminal.expect import EOF, TIMEOUT, Match

__version__ = "0.1.0"

__all__ = [
    "EOF",
    "TIMEOUT",
    "AccessOptions",
    "AddKeyResult",
    "ConfigInvalid",
    "ConnectOptions",
    "Console",
    "ConsoleError",
    "ConsoleOccupied",
    "ConsoleSilent",
    "ConsoleState",
    "ConsoleStateUnknown",
    "DeadlineExceeded",
    "EditRefused",
    "EndpointBusy",
    "EndpointLost",
    "EndpointReadOnly",
    "EndpointRefused",
    "EndpointUnreachable",
    "Event",
    "ExecResult",
    "ExecTarget",
    "FileChange",
    "HostKeyChanged",
    "HostKeyUnknown",
    "HostKeys",
    "KeyInvalid",
    "KeyListing",
    "KeyOutcome",
    "KeysRemoved",
    "LineDamaged",
    "ListedKey",
    "LoginRefused",
    "Machine",
    "MachineRestarted",
    "Machines",
    "Match",
    "NotConfirmed",
    "NotVerified",
    "PasswordMissing",
    "ProviderReference",
    "PublicKey",
    "Result",
    "RunRecord",
    "Secret",
    "SerialTarget",
    "Shell",
    "SosError",
    "SshTarget",
    "StepFailed",
    "StepRecord",
    "Target",
    "TargetInvalid",
    "TcpTarget",
    "Transfer",
    "UnixTarget",
    "UsageError",
    "Verification",
    "Verify",
    "WrongMachine",
    "add_key",
    "connect",
    "console_state",
    "exec",
    "find_password",
    "host_keys",
    "list_keys",
    "load_machines",
    "load_runbook",
    "parse_public_keys",
    "parse_target",
    "remove_key",
    "root_shell",
    "run_runbook",
]

#: Public name -> the module that defines it. Each is imported when it is first used (PEP 562): a program that only
#: prints its help needs none of them.
_LAZY = {
    "AccessOptions": "access",
    "AddKeyResult": "jobs.add_key",
    "ConnectOptions": "access",
    "Console": "session.console",
    "ConsoleState": "jobs.state",
    "EOF": "terminal.expect",
    "Event": "console",
    "ExecResult": "jobs.execute",
    "ExecTarget": "endpoint.target",
    "FileChange": "file_change",
    "HostKeys": "jobs.host_keys",
    "KeyListing": "jobs.keys",
    "KeyOutcome": "authorized_keys.outcome",
    "KeysRemoved": "jobs.keys",
    "ListedKey": "jobs.keys",
    "Machine": "config.machine",
    "Machines": "config.machines",
    "Match": "terminal.expect",
    "ProviderReference": "endpoint.target",
    "PublicKey": "keys",
    "Result": "shell.shell",
    "RunRecord": "runbook.record",
    "Secret": "secrets.secret",
    "SerialTarget": "endpoint.target",
    "Shell": "session.shell",
    "SshTarget": "endpoint.target",
    "StepRecord": "runbook.record",
    "TIMEOUT": "terminal.expect",
    "Target": "endpoint.target",
    "TcpTarget": "endpoint.target",
    "Transfer": "shell.transfer",
    "UnixTarget": "endpoint.target",
    "Verification": "jobs.verify",
    "Verify": "jobs.verify",
    "add_key": "jobs.add_key",
    "connect": "session.connect",
    "console_state": "jobs.state",
    "exec": "jobs.execute",
    "find_password": "secrets.sources",
    "host_keys": "api",
    "list_keys": "api",
    "load_machines": "config.file",
    "load_runbook": "runbook.load",
    "parse_public_keys": "keys",
    "parse_target": "endpoint.parse",
    "remove_key": "api",
    "root_shell": "api",
    "run_runbook": "runbook.api",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_LAZY[name]}", __name__), name)
    globals()[name] = value
    return value
