"""What all commands that connect to a console say of its endpoint."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from ..endpoint.target import HostKeyPolicy, SshTarget, Target, parse_target
from ..errors import ConsoleError, EndpointUnreachable, PasswordMissing, UsageError
from ..printable import printable
from ..secrets.sources import find_password, parse_source
from .ask import answer_from, ask_on_terminal
from .exits import prefix_errors

if TYPE_CHECKING:
    from ..config.machines import Machine, Machines
    from ..transports.base import Ask
    from .show import Progress

__all__ = [
    "ConfigOption",
    "EndpointOptions",
    "JsonOption",
    "PokeOption",
    "TimeoutOption",
    "VerboseOption",
    "checked_policy",
    "checked_timeout",
]

_MOST_SECONDS = 24 * 3600

HostArgument = Annotated[
    str,
    typer.Argument(
        metavar="HOST",
        help="A machine of machines.toml, or the console's endpoint: user@host[:port] or a Host of ~/.ssh/config; "
        "serial:///dev/ttyUSB0, "
        "unix:///path, socket://host:port, rfc2217://host:port, telnet://host, exec:COMMAND.",
        show_default=False,
    ),
]
IdentityOption = Annotated[
    list[Path] | None,
    typer.Option("-i", "--identity", metavar="FILE", help="Private key for the endpoint.", show_default=False),
]
SshConfigOption = Annotated[
    Path | None,
    typer.Option("-F", "--ssh-config", metavar="FILE", help="Instead of ~/.ssh/config.", show_default=False),
]
KnownHostsOption = Annotated[
    Path | None,
    typer.Option("--known-hosts", metavar="FILE", help="The only file of trusted host keys.", show_default=False),
]
HostKeyOption = Annotated[
    str,
    typer.Option(
        "--host-key",
        metavar="strict|accept-new",
        help="What to do with an endpoint whose host key is not known. A changed one is always refused.",
    ),
]
KickOption = Annotated[
    bool, typer.Option("--kick", help="End somebody else's session at the endpoint, where that is known how to.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The file of machines, instead of SOSAGENT_CONFIG or machines.toml in your config folder.",
        show_default=False,
    ),
]
TimeoutOption = Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="For the whole job.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
PokeOption = Annotated[
    bool,
    typer.Option("--poke", help="Type what a job would (^L, then ^U and Enter) where the line shows nothing."),
]
VerboseOption = Annotated[bool, typer.Option("-v", "--verbose", help="More progress; a traceback on a bug.")]


@dataclass(frozen=True)
class EndpointOptions:
    """What a command was told of the console's endpoint."""

    host: HostArgument
    identity: IdentityOption = None
    ssh_config: SshConfigOption = None
    known_hosts: KnownHostsOption = None
    host_key: HostKeyOption = "strict"
    config: ConfigOption = None
    kick: KickOption = False

    def target(self) -> Target:
        """Where it goes.

        Raises:
            UsageError: that is nowhere.
        """
        told: dict[str, Any] = {
            "identities": tuple(self.identity or ()),
            "ssh_config": self.ssh_config,
            "known_hosts": self.known_hosts,
            "host_key": checked_policy(self.host_key),
        }
        if self.named is None:
            return parse_target(self.host, **told)
        from ..config.machines import target_of

        return target_of(self.named, **told)

    def reached(self, progress: Progress) -> Target:
        """The same, as its management controller says how it is entered, where the file of machines names one.

        Raises:
            UsageError, PasswordMissing: HOST is none, or the controller's password is not where it should be.
        """
        target, named = self.target(), self.named
        if named is None or named.redfish is None:
            return target
        user = target.user if isinstance(target, SshTarget) else None
        if user is None or named.endpoint_password is None:
            progress.note("Redfish is not asked: it takes the console's user@, and endpoint_password")
            return target
        from ..endpoint.redfish import serial_console, told_by

        with prefix_errors(self.where("endpoint_password")):
            password = find_password(source=parse_source(named.endpoint_password))
        ca = None if named.redfish_ca is None else Path(named.redfish_ca)
        try:
            return told_by(asyncio.run(serial_console(named.redfish, user, password, ca=ca)), target)
        except ConsoleError as error:
            progress.note(f"{error.message}; going on without")
            return target

    @cached_property
    def named(self) -> Machine | None:
        """What the file of machines says of HOST; None where it is not the name of one.

        Raises:
            UsageError: the file cannot be used.
        """
        return None if self._machines is None else self._machines.named(self.host)

    @cached_property
    def _machines(self) -> Machines | None:
        from ..config.file import has_machines, load_machines

        # A file that is in no order is in nobody's way who does not mean it.
        meant = self.config is not None or not re.search("[@:/]", self.host)
        try:
            return load_machines(self.config) if meant and has_machines(self.config) else None
        except UsageError as error:
            if self.config is None:
                error.hint = f"{error.hint}\nHOST as user@HOST goes round the file of machines.".lstrip()
            raise

    def asking(self, progress: Progress) -> Ask | None:
        """How the endpoint's own questions are answered; None where nobody can.

        Raises:
            UsageError: HOST is none.
        """
        ask = ask_on_terminal(progress) if sys.stdin.isatty() else None
        if self.named is None or self.named.endpoint_password is None:
            return ask
        source = parse_source(self.named.endpoint_password)
        return answer_from(source, str(self.target()), ask, self.where("endpoint_password"))

    def where(self, field: str) -> str:
        """What a field of the machine is called in messages."""
        return f"[machines.{self.host}] {field}"

    @property
    def near(self) -> str:
        """Which machines are called nearly as HOST is, in words; empty where none is, or where it is one itself."""
        machines = None if re.search("[@:/]", self.host) or self.named is not None else self._machines
        near = machines.near(self.host) if machines else []
        if not near or machines is None or machines.file is None:
            return ""
        return f"{printable(machines.file.name)} has no {printable(self.host)!r}; {' or '.join(near)} is meant?"

    @contextmanager
    def near_names(self) -> Iterator[None]:
        """Where nobody knows the name that HOST is, or its password, tell which machines are called nearly so."""
        try:
            yield
        except (EndpointUnreachable, PasswordMissing) as error:
            unknown = error.message.startswith(f"the name {printable(self.host)} is not known")
            if (unknown or isinstance(error, PasswordMissing)) and self.near:
                error.hint += f" {self.near}"
            raise


def checked_policy(text: str) -> HostKeyPolicy:
    """The policy that is called `text`.

    Raises:
        UsageError: none is.
    """
    for policy in get_args(HostKeyPolicy):
        if text == policy:
            return cast(HostKeyPolicy, policy)
    raise UsageError(f"--host-key is strict or accept-new, not {printable(text, 60)!r}")


def checked_timeout(seconds: float) -> float:
    """Give `seconds` back if a job may take so long.

    Raises:
        UsageError: it may not.
    """
    if not 0 < seconds <= _MOST_SECONDS:
        raise UsageError(f"--timeout must be between 0 and {_MOST_SECONDS} seconds")
    return seconds
