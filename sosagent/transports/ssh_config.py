"""The settings of ssh_config(5) for a connection, as far as sosagent supports them.

User, port, identities, agent, ProxyJump and ProxyCommand apply. Settings that would weaken or change the session
do not: host key checks stay on for every hop, nothing is forwarded, and no RemoteCommand, SendEnv or SetEnv
reaches the endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncssh

from ..endpoint.target import SshTarget
from ..errors import UsageError
from ..paths import expanded
from ..printable import printable
from .host_keys import HostKeys
from .ssh_settings import readable_by_asyncssh

__all__ = [
    "Configuration",
    "config_files",
    "configuration",
    "connection_arguments",
    "connection_options",
    "host_key_arguments",
    "host_keys",
    "route",
]

_MAX_HOPS = 8
_USER_FILES = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_GLOBAL_FILES = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")


@dataclass(frozen=True)
class Configuration:
    """The settings of ssh_config for a target.

    Fields:
        files: the files that were read.
        port: None if no file sets it.
        agent: the path of the agent's socket; empty if no file sets it.
    """

    files: list[str]
    port: int | None
    agent: str


def configuration(target: SshTarget) -> Configuration:
    """Read ssh_config for `target`.

    Raises:
        UsageError: a file cannot be used.
    """
    # Without the target's own port, which would override the one in the files.
    target = replace(target, port=None)
    with config_files(target) as files:
        config: Any = connection_options(target, None, files).config
    return Configuration(_files(target), config.get("Port"), config.get("IdentityAgent", ""))


def route(target: SshTarget) -> list[SshTarget]:
    """Return all hops to `target`, which is the last: its ProxyJump, and the ProxyJump of the first jump host.

    Raises:
        UsageError: a file cannot be used, or ProxyJump forms a loop.
    """
    hops = [target]
    while True:
        with config_files(hops[0]) as files:
            options = connection_options(hops[0], None, files)
        jumps = (hops[0] is target and target.jump) or options.tunnel
        if not isinstance(jumps, str) or not jumps:
            return hops
        if len(hops) > _MAX_HOPS:
            raise UsageError(f"ProxyJump of {printable(hops[0].host)} forms a loop")
        hops[:0] = [_jump_host(text.strip(), target) for text in jumps.split(",")]


def _jump_host(text: str, target: SshTarget) -> SshTarget:
    user, _, place = text.removeprefix("ssh://").rpartition("@")
    host, port = place, None
    if place.startswith("["):
        host, _, rest = place[1:].partition("]")
        port = rest.removeprefix(":")
    elif place.count(":") == 1:
        host, _, port = place.partition(":")
    return SshTarget(
        host,
        user or None,
        int(port) if port and port.isdigit() else None,
        ssh_config=target.ssh_config,
        known_hosts=target.known_hosts,
        host_key=target.host_key,
    )


def _files(target: SshTarget) -> list[str]:
    if target.ssh_config is not None:
        path = target.ssh_config
        if not path.exists() or path.is_dir():  # /dev/null exists and is not a folder
            raise UsageError(f"the ssh_config file {printable(str(path))} does not exist")
        return [str(path)]
    default = Path.home() / ".ssh" / "config"
    return [str(default)] if default.is_file() else []


@contextmanager
def config_files(target: SshTarget) -> Iterator[Sequence[str]]:
    """Yield the files from which asyncssh gets the settings of ssh_config for `target`; they exist in the context.

    Raises:
        UsageError: a file cannot be used.
    """
    with readable_by_asyncssh(_files(target), target.host, target.user, target.port) as files:
        yield files


def connection_arguments(target: SshTarget, keys: Sequence[Any] | None, files: Sequence[str]) -> dict[str, Any]:
    """Return asyncssh's arguments for `target`; `keys` and `files` as for `connection_options`."""
    arguments: dict[str, Any] = {"config": list(files)}
    if target.user is not None:
        arguments["username"] = target.user
    if target.port is not None:
        arguments["port"] = target.port
    if keys is None:
        arguments["client_keys"] = None
    elif keys:
        arguments["client_keys"] = list(keys)
    return arguments


def connection_options(
    target: SshTarget, keys: Sequence[Any] | None, files: Sequence[str]
) -> asyncssh.SSHClientConnectionOptions:
    """Return asyncssh's options for `target`, with ssh_config applied.

    Args:
        target: the host to connect to.
        keys: the private keys to offer. Those of ssh_config if empty; none at all if None.
        files: from `config_files`.

    Raises:
        UsageError: ssh_config or an identity cannot be used.
    """
    try:
        return asyncssh.SSHClientConnectionOptions(host=target.host, **connection_arguments(target, keys, files))
    except OSError as error:
        name = printable(str(error.filename or ""))
        raise UsageError(f"cannot read {name}: {error.strerror}", hint="Check -i and -F.") from None
    except asyncssh.KeyEncryptionError:
        raise UsageError(
            "an identity is encrypted", hint="Add it to your agent (ssh-add FILE) and run again."
        ) from None
    except (asyncssh.KeyImportError, ValueError) as error:
        raise UsageError(f"ssh_config or an identity cannot be used: {printable(str(error))}") from None


def host_keys(target: SshTarget, options: asyncssh.SSHClientConnectionOptions) -> HostKeys:
    """Return the host key policy of a hop on the route to `target`."""
    alias = options.host_key_alias
    if target.known_hosts is not None:
        return HostKeys((target.known_hosts,), target.host_key, target.known_hosts, alias)
    config: Any = options.config
    # Users write none or /dev/null to switch the check off. It stays on.
    users = _files_named(config.get("UserKnownHostsFile")) or _files_named(_USER_FILES)
    shared = _files_named(config.get("GlobalKnownHostsFile")) or _files_named(_GLOBAL_FILES)
    return HostKeys((*users, *shared), target.host_key, users[0], alias)


def host_key_arguments(
    options: asyncssh.SSHClientConnectionOptions, keys: HostKeys, *, old: bool = False
) -> dict[str, Any]:
    """Return asyncssh's arguments for checking the host key of a hop.

    Args:
        options: the hop's options.
        keys: the policy.
        old: also allow DSA keys.
    """
    config: Any = options.config
    name = (options.host_key_alias or options.host).lower()
    arguments: dict[str, Any] = {}
    if options.host_key_alias is not None or config.get("CanonicalizeHostname", False) is False:
        arguments["host_key_alias"] = name  # a certificate has to contain it; ssh compares it in lower case
    if old or not keys.certificates or config.get("HostKeyAlgorithms") is None:
        port = None if options.port == 22 else options.port
        arguments["server_host_key_algs"] = [*keys.algorithms(name, port), *(["ssh-dss"] if old else [])]
    return arguments


def _files_named(names: Sequence[str] | None) -> tuple[Path, ...]:
    """Return the files of `names`, without those that stand for no file."""
    return tuple(expanded(name) for name in names or () if name not in ("none", "/dev/null"))
