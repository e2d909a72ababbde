"""What all commands that connect to a console say of its endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from ..errors import UsageError
from ..printable import printable
from ..target import HostKeyPolicy, Target, parse_target

__all__ = [
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
        help="The console's endpoint: user@host[:port] or a Host of ~/.ssh/config; serial:///dev/ttyUSB0, "
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
    kick: KickOption = False

    def target(self) -> Target:
        """Where it goes.

        Raises:
            UsageError: that is nowhere.
        """
        return parse_target(
            self.host,
            identities=tuple(self.identity or ()),
            ssh_config=self.ssh_config,
            known_hosts=self.known_hosts,
            host_key=checked_policy(self.host_key),
        )


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
