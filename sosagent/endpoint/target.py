"""The targets that HOST may name: a dataclass for each kind of endpoint, and one for a provider's machine. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import ClassVar, Literal, TypedDict, cast

from ..paths import as_path, as_paths
from ..printable import printable
from .dialect import Dialect
from .dialects import DIALECTS, PLAIN, dialect_of_host, dialect_of_program

__all__ = [
    "BAUD",
    "ExecTarget",
    "FlowControl",
    "HostKeyPolicy",
    "ProviderReference",
    "SerialTarget",
    "SshOptions",
    "SshSettings",
    "SshTarget",
    "Target",
    "TcpTarget",
    "UnixTarget",
    "dialect_of",
    "place_of",
]

HostKeyPolicy = Literal["strict", "accept-new"]
FlowControl = Literal["none", "rtscts", "xonxoff"]

BAUD = 115200


@dataclass(frozen=True, kw_only=True)
class SshSettings:
    """How to connect to an endpoint that speaks SSH.

    Fields:
        identities: private key files to offer; if empty, those of ssh_config and the agent.
        ssh_config: the configuration file; None for ~/.ssh/config, if it exists.
        known_hosts: the only file of trusted host keys; None for those of ssh_config.
        host_key: ``strict`` refuses an unknown host key, ``accept-new`` adds it to the file.

    A path may be passed as a string, and a single identity without a tuple.
    """

    identities: tuple[Path, ...] = ()
    ssh_config: Path | None = None
    known_hosts: Path | None = None
    host_key: HostKeyPolicy = "strict"

    def __post_init__(self) -> None:
        """Convert paths that were passed as strings."""
        object.__setattr__(self, "identities", as_paths(self.identities))
        object.__setattr__(self, "ssh_config", as_path(self.ssh_config))
        object.__setattr__(self, "known_hosts", as_path(self.known_hosts))

    def options(self) -> SshOptions:
        """Return these fields as keyword arguments."""
        return cast(SshOptions, {one.name: getattr(self, one.name) for one in fields(SshSettings)})


class SshOptions(TypedDict, total=False):
    """The fields of `SshSettings` as keyword arguments."""

    identities: tuple[Path, ...]
    ssh_config: Path | None
    known_hosts: Path | None
    host_key: HostKeyPolicy


@dataclass(frozen=True, kw_only=True)
class Target:
    """A console endpoint.

    Fields:
        dialect: the endpoint's dialect: a name from `DIALECTS`, or a `Dialect` of your own. None to detect it.
        console: the machine's name on the endpoint, where the endpoint shows a menu of several consoles.

    Attributes:
        in_clear: whether the connection is unencrypted, so that others on the network can read it.
    """

    dialect: str | Dialect | None = None
    console: str | None = None

    in_clear: ClassVar[bool] = False


@dataclass(frozen=True)
class SshTarget(SshSettings, Target):
    """An endpoint that speaks SSH.

    Fields:
        host: a name, an address or a Host alias of ssh_config.
        user: the user on the endpoint; None to use the one in ssh_config.
        port: the port; None to use the one in ssh_config, or 22.
        jump: the jump hosts, in the form of ProxyJump in ssh_config; None for those of ssh_config.
        identities, ssh_config, known_hosts, host_key: see `SshSettings`.
    """

    host: str
    user: str | None = None
    port: int | None = None
    jump: str | None = field(default=None, kw_only=True)

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        return printable(user + _host_and_port(self.host, self.port))


@dataclass(frozen=True)
class SerialTarget(Target):
    """A serial device of this computer.

    Fields:
        device: such as ``/dev/ttyUSB0`` or ``COM3``.
        baud: bits per second.
        flow: flow control.
    """

    device: str
    baud: int = BAUD
    flow: FlowControl = "none"

    def __str__(self) -> str:
        return printable(self.device)


@dataclass(frozen=True)
class TcpTarget(Target):
    """A serial line behind a TCP port: ser2net, a terminal server or a console server.

    Fields:
        protocol: ``rfc2217`` (telnet that also sets the line's speed), ``socket`` (raw bytes) or ``telnet``.
        host, port: the address.
        baud, flow: the line's speed and flow control, which only RFC 2217 can set; None leaves them unchanged.
    """

    protocol: Literal["rfc2217", "socket", "telnet"]
    host: str
    port: int
    baud: int | None = None
    flow: FlowControl | None = None

    in_clear: ClassVar[bool] = True

    def __str__(self) -> str:
        return printable(f"{self.protocol}://{_host_and_port(self.host, self.port)}")


@dataclass(frozen=True)
class UnixTarget(Target):
    """A socket in the file system, such as those of QEMU and libvirt.

    Fields:
        path: the socket.
    """

    path: Path

    def __post_init__(self) -> None:
        """Convert a path that was passed as a string."""
        object.__setattr__(self, "path", Path(self.path))

    def __str__(self) -> str:
        return printable(f"unix:{self.path}")


@dataclass(frozen=True)
class ExecTarget(Target):
    """A program on this computer that shows the console, run on a pty: ``ipmitool``, ``virsh``, ``console``.

    Fields:
        argv: the program and its arguments; they are not passed through a shell.
    """

    argv: tuple[str, ...]

    def __str__(self) -> str:
        # The arguments may hold a password.
        return printable(f"exec:{self.argv[0]}", 200)


@dataclass(frozen=True)
class ProviderReference(SshSettings):
    """A machine whose console a provider has to look up, such as ``packet:ID``; see `sosagent.providers`.

    Fields:
        scheme: the provider's scheme, such as ``packet``.
        name: what the provider calls the machine.
        dialect: the endpoint's dialect; overrides the one that the provider returns.
        identities, ssh_config, known_hosts, host_key: for the endpoint, if it speaks SSH; see `SshSettings`.
    """

    scheme: str
    name: str
    dialect: str | None = field(default=None, kw_only=True)

    def __str__(self) -> str:
        return printable(f"{self.scheme}:{self.name}")


#: Fields that say how to use an endpoint; the other fields say which one it is.
_NOT_IDENTIFYING = frozenset({one.name for one in fields(SshSettings)} | {"dialect", "baud", "flow"})


def place_of(target: Target) -> str:
    """Return a text that identifies the console of `target`, to name a lock or a record after it."""
    identifying = {one.name: getattr(target, one.name) for one in fields(target) if one.name not in _NOT_IDENTIFYING}
    if isinstance(target, SshTarget | TcpTarget):
        identifying["host"] = target.host.lower()  # names of hosts do not depend on case
    return f"{type(target).__name__} {identifying}"


def dialect_of(target: Target | ProviderReference) -> Dialect:
    """Return the endpoint's dialect, from `target` itself or its program or host name; `PLAIN` if it is unknown."""
    if isinstance(target.dialect, Dialect):
        return target.dialect
    if target.dialect is not None:
        return DIALECTS[target.dialect]
    if isinstance(target, ExecTarget):
        return dialect_of_program(target.argv)
    return dialect_of_host(target.host) if isinstance(target, SshTarget) else PLAIN


def _host_and_port(host: str, port: int | None) -> str:
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
