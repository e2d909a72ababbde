"""The options of every command that connects to a console endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from ..endpoint.target import HostKeyPolicy, SshSettings
from ..errors import EndpointUnreachable, PasswordMissing, UsageError
from ..printable import printable
from ..secrets.sources import find_password, parse_source
from ..user_terminal import has_terminal
from .ask import answer_from, ask_on_terminal, run_in_thread
from .exits import prefix_errors
from .help.groups import CONNECTION, OBSTACLES, SAFETY
from .output_options import OutputOptions

if TYPE_CHECKING:
    from ..access import ConnectOptions
    from ..config.machine import Machine
    from ..endpoint.located import Located
    from ..secrets.secret import Secret
    from ..secrets.sources import PasswordSource
    from ..session.locate import Lookup
    from ..transports.base import Ask
    from .show import Progress

__all__ = [
    "HOST_HELP",
    "ConfigOption",
    "EndpointOptions",
    "PokeOption",
    "TimeoutOption",
    "checked_policy",
]

HOST_HELP = (
    "A machine in machines.toml, or the console's endpoint: user@host[:port] or a Host in ~/.ssh/config; "
    "serial:///dev/ttyUSB0, unix:///path, socket://host:port, rfc2217://host:port, telnet://host, exec:COMMAND."
)
HostArgument = Annotated[str, typer.Argument(metavar="HOST", help=HOST_HELP, show_default=False)]
IdentityOption = Annotated[
    list[Path] | None,
    typer.Option(
        "-i",
        "--identity",
        metavar="FILE",
        help="Private key for the endpoint.",
        show_default=False,
        rich_help_panel=CONNECTION,
    ),
]
SshConfigOption = Annotated[
    Path | None,
    typer.Option(
        "-F",
        "--ssh-config",
        metavar="FILE",
        help="Read FILE instead of ~/.ssh/config.",
        show_default=False,
        rich_help_panel=CONNECTION,
    ),
]
KnownHostsOption = Annotated[
    Path | None,
    typer.Option(
        "--known-hosts",
        metavar="FILE",
        help="Trust only the host keys in FILE.",
        show_default=False,
        rich_help_panel=CONNECTION,
    ),
]
HostKeyOption = Annotated[
    str,
    typer.Option(
        "--host-key",
        metavar="strict|accept-new",
        help="Refuse or accept an endpoint with an unknown host key. A changed key is always refused.",
        rich_help_panel=CONNECTION,
    ),
]
KickOption = Annotated[
    bool,
    typer.Option(
        "--kick", help="End another user's session on the endpoint, where supported.", rich_help_panel=OBSTACLES
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The machines file; overrides SOSAGENT_CONFIG and machines.toml in your config folder.",
        show_default=False,
        rich_help_panel=CONNECTION,
    ),
]
TimeoutOption = Annotated[
    str,
    typer.Option(
        "--timeout",
        metavar="TIME",
        help="Time limit for the job; logging out may take 10 s more.",
        rich_help_panel=SAFETY,
    ),
]
PokeOption = Annotated[
    bool,
    typer.Option("--poke", help="Type what a job would (^L, then ^U and Enter) if the line is silent."),
]


@dataclass(frozen=True)
class EndpointOptions(OutputOptions):
    """Options that select the endpoint, and how to connect to it."""

    host: HostArgument
    identity: IdentityOption = None
    ssh_config: SshConfigOption = None
    known_hosts: KnownHostsOption = None
    host_key: HostKeyOption = "strict"
    config: ConfigOption = None
    kick: KickOption = False

    @property
    def ssh(self) -> SshSettings:
        """The user's own settings for SSH.

        Raises:
            UsageError: --host-key is not a policy.
        """
        return SshSettings(
            identities=tuple(self.identity or ()),
            ssh_config=self.ssh_config,
            known_hosts=self.known_hosts,
            host_key=checked_policy(self.host_key),
        )

    @cached_property
    def lookup(self) -> Lookup:
        """The target that HOST refers to.

        Raises:
            UsageError: HOST or machines.toml cannot be parsed.
        """
        from ..session.locate import look_up

        return look_up(self.host, ssh=self.ssh, config=self.config)

    @property
    def entry(self) -> Machine | None:
        """The machine's entry in machines.toml; None if HOST is not the name of one.

        Raises:
            UsageError: as for `lookup`.
        """
        return self.lookup.machine

    @property
    def suggestion(self) -> str:
        """Which machine HOST may mean; empty if it resembles none, or is a name in ssh_config."""
        if not self.lookup.suggestion:
            return ""
        from ..completion.ssh_hosts import names_host

        config = None if self.ssh_config is None else str(self.ssh_config)
        try:
            home: Path | None = Path.home()
        except RuntimeError:
            home = None
        known = names_host(self.host.rpartition("@")[2], config, home)
        return "" if known else self.lookup.suggestion

    async def locate(self, progress: Progress, timeout: float) -> Located:
        """Find the console endpoint; see `session.locate.locate`.

        Raises:
            SosError: from the provider, or because the endpoint's password cannot be read.
        """
        from ..session.locate import locate

        async def read_secret(source: PasswordSource, field: str) -> Secret:
            with progress.paused(), prefix_errors(field):
                return await run_in_thread(lambda: find_password(source=source))

        return await locate(self.lookup, timeout=timeout, on_event=progress, read_secret=read_secret)

    def asking(self, progress: Progress) -> Ask | None:
        """Return a function that answers the endpoint's questions; None if no user can.

        Raises:
            UsageError: as for `lookup`.
        """
        ask = ask_on_terminal(progress) if has_terminal() else None
        if self.entry is None or self.entry.endpoint_password is None:
            return ask
        source = parse_source(self.entry.endpoint_password)
        return answer_from(source, str(self.lookup.target), ask, self.lookup.field("endpoint_password"))

    def connecting(self, progress: Progress, transcript: Path | None = None) -> ConnectOptions:
        """Return how to connect, as keyword arguments.

        Raises:
            UsageError: as for `lookup`.
        """
        return {
            "transcript": transcript,
            "on_event": progress,
            "on_traffic": progress.traffic if progress.wants_traffic else None,
            "ask": self.asking(progress),
            "kick": self.kick,
        }

    @contextmanager
    def suggesting(self) -> Iterator[None]:
        """Add similar names of machines to an error that may come from a mistyped HOST."""
        try:
            yield
        except EndpointUnreachable as error:
            if error.unknown_host == self.host:
                error.hint = f"{error.hint} {self.suggestion}".rstrip()
            raise
        except PasswordMissing as error:
            if self.host:  # `sosagent run` has no HOST with --against lab
                error.hint = f"{error.hint} {self.suggestion}".rstrip()
            raise


def checked_policy(text: str) -> HostKeyPolicy:
    """Return `text` as a policy.

    Raises:
        UsageError: there is no such policy.
    """
    for policy in get_args(HostKeyPolicy):
        if text == policy:
            return cast(HostKeyPolicy, policy)
    raise UsageError(f"--host-key must be strict or accept-new, not {printable(text, 60)!r}")
