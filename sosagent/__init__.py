"""Put an SSH key back on a machine you cannot log in to, through its out-of-band serial console.

    result = await sosagent.add_key("user@sos.example.net", open("id_ed25519.pub").read(), password=...)

What stands in ``__all__`` is the public interface; `sosagent.blocking` has the same without asyncio.
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
    NotVerified,
    PasswordMissing,
    SosError,
    TargetInvalid,
    UsageError,
    WrongMachine,
)
from .keys import PublicKey, parse_public_keys
from .secret import Secret
from .target import ExecTarget, ProviderTarget, SerialTarget, SshTarget, Target, TcpTarget, UnixTarget, parse_target

if TYPE_CHECKING:
    from .config import load_machines
    from .console import Console, Event
    from .console.connect import connect
    from .jobs.add_key import AddKeyResult, add_key
    from .jobs.append import KeyOutcome
    from .jobs.state import ConsoleState, console_state
    from .jobs.verify import Verification, Verify
    from .machines import Machine, Machines
    from .terminal.expect import EOF, TIMEOUT, Match

__version__ = "0.1.0"

__all__ = [
    "EOF",
    "TIMEOUT",
    "AddKeyResult",
    "ConfigInvalid",
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
    "ExecTarget",
    "HostKeyChanged",
    "HostKeyUnknown",
    "KeyInvalid",
    "KeyOutcome",
    "LineDamaged",
    "LoginRefused",
    "Machine",
    "MachineRestarted",
    "Machines",
    "Match",
    "NotVerified",
    "PasswordMissing",
    "ProviderTarget",
    "PublicKey",
    "Secret",
    "SerialTarget",
    "SosError",
    "SshTarget",
    "Target",
    "TargetInvalid",
    "TcpTarget",
    "UnixTarget",
    "UsageError",
    "Verification",
    "Verify",
    "WrongMachine",
    "add_key",
    "connect",
    "console_state",
    "load_machines",
    "parse_public_keys",
    "parse_target",
]

#: Where the heavier names live; they are imported when they are first used (PEP 562).
_LAZY = {
    "AddKeyResult": "jobs.add_key",
    "Console": "console",
    "ConsoleState": "jobs.state",
    "EOF": "terminal.expect",
    "Event": "console",
    "KeyOutcome": "jobs.append",
    "Machine": "machines",
    "Machines": "machines",
    "Match": "terminal.expect",
    "TIMEOUT": "terminal.expect",
    "Verification": "jobs.verify",
    "Verify": "jobs.verify",
    "add_key": "jobs.add_key",
    "connect": "console.connect",
    "console_state": "jobs.state",
    "load_machines": "config",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_LAZY[name]}", __name__), name)
    globals()[name] = value
    return value
