"""HOST -> the console endpoint. The only module that uses machines.toml, providers and Redfish.

    text -> look_up() -> Lookup -> locate() -> Located -> connect() -> Console

`look_up` reads files only; the command line calls it first, to report a mistake before it asks anything. `locate`
asks a provider or a management controller over the network.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..console.events import Event, EventSink
from ..endpoint.located import Locatable, Located
from ..endpoint.parse import parse_target
from ..endpoint.target import ProviderReference, SshSettings, SshTarget, Target
from ..errors import ConsoleError, UsageError
from ..printable import printable
from ..secrets.secret import Secret
from ..secrets.sources import PasswordSource, find_password, parse_source

if TYPE_CHECKING:
    from ..config.machine import Machine
    from ..config.machines import Machines

__all__ = ["Lookup", "ReadSecret", "locate", "look_up"]

#: Reads a password: ``await read_secret(source, field)``, where `field` names the source in messages.
ReadSecret: TypeAlias = Callable[[PasswordSource, str], Awaitable[Secret]]


@dataclass(frozen=True)
class Lookup:
    """The target that HOST refers to, before any request over the network.

    Fields:
        host: HOST as the user wrote it.
        target: the endpoint, or the machine that a provider has to look up.
        machine: the entry of machines.toml with that name, or None.
        machines: machines.toml; None if it was not read.
    """

    host: str
    target: Target | ProviderReference
    machine: Machine | None = None
    machines: Machines | None = None

    @property
    def suggestion(self) -> str:
        """``machines.toml has no 'wbe1'; did you mean 'web1'?``; empty if HOST resembles no name in the file."""
        if self.machine is not None or _is_endpoint(self.host) or self.machines is None or self.machines.file is None:
            return ""
        near = self.machines.near(self.host)
        if not near:
            return ""
        names = " or ".join(map(repr, near))
        return f"{printable(self.machines.file.name)} has no {printable(self.host)!r}; did you mean {names}?"

    def field(self, name: str) -> str:
        """The name that messages use for a field of the machine's entry in machines.toml."""
        return f"[machines.{self.host}] {name}"


def look_up(host: str, *, ssh: SshSettings | None = None, config: Path | None = None) -> Lookup:
    """Find HOST in machines.toml, or else parse it.

    Args:
        host: a machine's name, or an endpoint.
        ssh: the user's own settings; they override those of the file.
        config: machines.toml; None for the usual place.

    Raises:
        TargetInvalid: HOST is neither.
        UsageError: the file cannot be read.
        ConfigInvalid: the file is not valid.
    """
    ssh = ssh or SshSettings()
    machines = _load(host, config)
    machine = None if machines is None else machines.named(host)
    if machine is None:
        return Lookup(host, parse_target(host, **ssh.options()), None, machines)
    from ..config.machines import target_of

    return Lookup(host, target_of(machine, ssh), machine, machines)


async def locate(
    where: Locatable | Lookup,
    *,
    timeout: float | None = None,
    on_event: EventSink | None = None,
    read_secret: ReadSecret | None = None,
) -> Located:
    """Find the console endpoint of a machine.

    Args:
        where: HOST as text (which is not looked up in machines.toml), a target, or the result of `look_up`. A located
            machine is returned as it is.
        timeout: seconds that a provider may take; a minute at most.
        on_event: is called with notes for the user.
        read_secret: reads the endpoint's password for Redfish; by default `find_password` in a thread.

    Raises:
        TargetInvalid: HOST has no form of a target.
        SosError: from the provider; see `sosagent.providers`.
        UsageError, PasswordMissing: the endpoint's password cannot be read.
    """
    tell = on_event or (lambda _event: None)
    if isinstance(where, Located):
        return where
    if isinstance(where, str):
        where = parse_target(where)
    target = where.target if isinstance(where, Lookup) else where
    if isinstance(target, ProviderReference):
        from ..providers import ask_provider

        located = await ask_provider(target, timeout)
        tell(Event("note", f"{target} is at {located.target}"))
        if located.note:
            tell(Event("note", located.note))
        return located
    if isinstance(where, Lookup) and where.machine is not None and where.machine.redfish is not None:
        target = await _by_redfish(where, target, where.machine, tell, read_secret or _read_secret)
    return Located(target)


def _load(host: str, config: Path | None) -> Machines | None:
    from ..config.file import has_machines, load_machines

    # A broken machines.toml must not stop a user who names an endpoint instead.
    if (config is None and _is_endpoint(host)) or not has_machines(config):
        return None
    try:
        return load_machines(config)
    except UsageError as error:
        if config is None:
            error.hint = f"{error.hint}\nHOST as user@HOST does not use the machines file.".lstrip()
        raise


def _is_endpoint(host: str) -> bool:
    """Whether HOST cannot be the name of a machine in machines.toml."""
    return re.search("[@:/]", host) is not None


async def _by_redfish(
    lookup: Lookup, target: Target, machine: Machine, tell: EventSink, read_secret: ReadSecret
) -> Target:
    """Return `target` with the console settings that the machine's management controller reports."""
    assert machine.redfish is not None
    user = target.user if isinstance(target, SshTarget) else None
    if user is None or machine.endpoint_password is None:
        tell(Event("note", "Redfish is not used: it needs a user@ in console, and endpoint_password"))
        return target
    password = await read_secret(parse_source(machine.endpoint_password), lookup.field("endpoint_password"))
    from ..endpoint.redfish import apply_redfish, serial_console

    ca = None if machine.redfish_ca is None else Path(machine.redfish_ca)
    try:
        return apply_redfish(await serial_console(machine.redfish, user, password, ca=ca), target)
    except ConsoleError as error:
        tell(Event("note", f"{error.message}; continuing without Redfish"))
        return target


async def _read_secret(source: PasswordSource, _field: str) -> Secret:
    return await asyncio.to_thread(find_password, source=source)
