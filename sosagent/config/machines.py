"""The machines of machines.toml, and the console endpoint of each. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..endpoint.parse import parse_target
from ..endpoint.target import ProviderReference, SerialTarget, SshSettings, SshTarget, Target, TcpTarget, dialect_of
from ..errors import ConfigInvalid
from ..suggest import close_matches
from .machine import Machine

__all__ = ["BAUD_NOT_USED", "Machine", "Machines", "has_baud", "has_own_login", "target_of"]

BAUD_NOT_USED = "baud is only for serial: and rfc2217: consoles; sosagent cannot set the speed of this one"


@dataclass(frozen=True)
class Machines:
    """The contents of machines.toml.

    Fields:
        machines: the machines by name, with the values of ``[defaults]`` filled in.
        file: the file; None if the text did not come from a file.
    """

    machines: dict[str, Machine]
    file: Path | None = None

    def named(self, name: str) -> Machine | None:
        """Return the machine with that name, or None."""
        return self.machines.get(name)

    def near(self, name: str) -> list[str]:
        """Return the names of machines that resemble `name`."""
        return close_matches(name, self.machines)

    def of_group(self, group: str) -> list[str]:
        """Return the names of the machines in a group."""
        return [name for name, machine in self.machines.items() if group in machine.groups]

    @property
    def groups(self) -> list[str]:
        """All groups, sorted."""
        return sorted({group for machine in self.machines.values() for group in machine.groups})


def target_of(machine: Machine, ssh: SshSettings | None = None) -> Target | ProviderReference:
    """Return the machine's console endpoint.

    Args:
        machine: its `dialect` and `baud` apply unless `console` contains them.
        ssh: the user's own settings. If they have no identities, the machine's identity is used.

    Raises:
        ConfigInvalid: the machine has no console, or a baud although the speed of its line cannot be set.
        TargetInvalid: the console cannot be parsed.
    """
    if machine.console is None:
        raise ConfigInvalid("the machine has no console")
    ssh = ssh or SshSettings()
    if not ssh.identities and machine.identity is not None:
        ssh = replace(ssh, identities=(Path(machine.identity),))
    target = parse_target(machine.console, **ssh.options())
    changes: dict[str, Any] = {}
    if machine.dialect is not None and target.dialect is None:
        changes["dialect"] = machine.dialect
    if machine.baud is not None:
        if not has_baud(target):
            raise ConfigInvalid(BAUD_NOT_USED)
        if re.search(r"[?&]baud=", machine.console) is None:
            changes["baud"] = machine.baud
    return replace(target, **changes)


def has_baud(target: Target | ProviderReference) -> bool:
    """Whether the speed of the endpoint's line can be set."""
    return isinstance(target, SerialTarget) or (isinstance(target, TcpTarget) and target.protocol == "rfc2217")


def has_own_login(target: Target | ProviderReference) -> bool:
    """Whether a login prompt before the console is certainly the endpoint's own, not the machine's."""
    return isinstance(target, SshTarget) or dialect_of(target).has_own_login
