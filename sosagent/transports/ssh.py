"""A console over SSH (asyncssh): the endpoint's host key first, then a pty and its bytes.

ssh_config applies (user, port, identities, agent, ProxyJump, ProxyCommand), but what would weaken
or change the session does not: host key checks stay on for every hop, nothing is forwarded, and
no RemoteCommand, SendEnv or SetEnv reaches the endpoint.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh

from ..endpoint.target import SshTarget, dialect_of
from ..errors import (
    ConsoleError,
    EndpointBusy,
    EndpointLost,
    EndpointRefused,
    EndpointUnreachable,
    UsageError,
)
from ..printable import printable
from .base import Ask, Transport
from .host_keys import HostKeys
from .identity import unlocked
from .incoming import Incoming

__all__ = ["Ask", "Configuration", "SshTransport", "configuration", "open_jumps", "open_ssh"]

_CONNECT_SECONDS = 20.0
_LOGIN_SECONDS = 40.0
_KEEPALIVE_SECONDS = 15
_KEEPALIVE_COUNT = 3
_MOST_HOPS = 8
_BREAK_MILLISECONDS = 300
#: What endpoints say when their one console is taken (facts: OCI, AWS, metal-stack, SOS).
_BUSY_WORDS = ("limited to one connection", "session limit", "already", "in use", "busy")

#: What old endpoints need, that asyncssh leaves out by default.
_LEGACY: dict[str, Any] = {
    "kex_algs": "+diffie-hellman-group-exchange-sha1,diffie-hellman-group1-sha1",
    "encryption_algs": "+aes256-cbc,aes128-cbc,3des-cbc",
    "server_host_key_algs": "+ssh-dss",
    "mac_algs": "+hmac-md5",
}

# asyncssh's log is for -v; without a handler it would write to standard error.
logging.getLogger("asyncssh").addHandler(logging.NullHandler())


class SshTransport(Transport):
    """The console session of one SSH connection."""

    def __init__(self, name: str, session: _Session, connections: Sequence[asyncssh.SSHClientConnection]) -> None:
        self.name = name
        self.logged_in = True
        self._session = session
        self._connections = list(connections)

    async def read(self) -> bytes:
        """See `Transport.read`."""
        return await self._session.read()

    async def write(self, data: bytes) -> None:
        """See `Transport.write`."""
        await self._session.write(data)

    async def send_break(self) -> None:
        """See `Transport.send_break` (RFC 4335)."""
        self._session.send_break()

    def resize(self, columns: int, rows: int) -> None:
        """See `Transport.resize` (RFC 4254, 6.7)."""
        self._session.resize(columns, rows)

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        self._session.close()
        while self._connections:
            connection = self._connections.pop()
            connection.close()
            try:
                async with asyncio.timeout(2):
                    await connection.wait_closed()
            except (TimeoutError, OSError, asyncssh.Error):
                connection.abort()


class _Session(asyncssh.SSHClientSession[bytes]):
    """Holds what came until it is read; stops the endpoint when too much is waiting."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._incoming = Incoming(self._pause, self._resume)
        self._may_write = asyncio.Event()
        self._may_write.set()

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._incoming.feed(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._incoming.end()
        self._may_write.set()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    async def read(self) -> bytes:
        return await self._incoming.read()

    async def write(self, data: bytes) -> None:
        self._send(lambda channel: channel.write(data))
        await self._may_write.wait()

    def send_break(self) -> None:
        self._send(lambda channel: channel.send_break(_BREAK_MILLISECONDS))

    def resize(self, columns: int, rows: int) -> None:
        self._send(lambda channel: channel.change_terminal_size(columns, rows))

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()

    def _send(self, do: Callable[[asyncssh.SSHClientChannel[bytes]], object]) -> None:
        try:
            if not self._incoming.ended and self._channel is not None:
                do(self._channel)
                return
        except (OSError, asyncssh.Error):
            pass  # it ended just now
        raise EndpointLost(f"the connection to {self._name} is closed") from None

    def _pause(self) -> None:
        if self._channel is not None:
            self._channel.pause_reading()

    def _resume(self) -> None:
        if self._channel is not None:
            self._channel.resume_reading()


class _Client(asyncssh.SSHClient):
    """Answers the questions of one hop's authentication; never with the machine's password."""

    def __init__(self, name: str, keys: HostKeys, ask: Ask | None) -> None:
        self._name = name
        self._keys = keys
        self._ask = ask
        self._asked = 0

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return self._keys.accept(key)

    async def password_auth_requested(self) -> str | None:
        if self._ask is None or self._asked >= 3:
            return None
        self._asked += 1
        return await self._ask(self._name, "Password:", False)

    async def kbdint_auth_requested(self) -> str | None:
        return None if self._ask is None or self._asked >= 3 else ""

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> Sequence[str] | None:
        answers: list[str] = []
        for prompt, echo in prompts:
            assert self._ask is not None
            self._asked += 1
            answer = await self._ask(self._name, printable(prompt.strip()), echo)
            if answer is None:
                return None
            answers.append(answer)
        return answers


async def open_ssh(
    target: SshTarget, *, ask: Ask | None = None, note: Callable[[str], None] | None = None
) -> SshTransport:
    """Connect to the endpoint of `target` and open its console.

    Args:
        target: where to, and whom to trust.
        ask: asks the user what an endpoint wants to know to let us in; None where nobody is there.
        note: is told of a host key that was accepted as new.

    Returns:
        The console's transport. When cancelled, no connection stays.

    Raises:
        EndpointUnreachable, EndpointRefused, EndpointBusy, HostKeyUnknown, HostKeyChanged,
        UsageError: each with what to do; nothing was sent on the console.
    """
    hops: list[asyncssh.SSHClientConnection] = []
    keys = [await unlocked(path, ask) for path in target.identities]
    try:
        await open_jumps(target, hops, ask, note)
        hops.append(await _connect(target, target, keys, hops[-1] if hops else None, ask, note))
        session = await _open_console(str(target), hops[-1])
    except BaseException:
        for connection in reversed(hops):
            connection.abort()
        raise
    return SshTransport(str(target), session, hops)


async def open_jumps(
    target: SshTarget,
    hops: list[asyncssh.SSHClientConnection],
    ask: Ask | None,
    note: Callable[[str], None] | None = None,
) -> None:
    """Connect to the jump hosts on the way to `target`, and add each to `hops`, which the caller closes."""
    for place in _route(target)[:-1]:
        hops.append(await _connect(place, target, [], hops[-1] if hops else None, ask, note))


@dataclass(frozen=True)
class Configuration:
    """What ssh_config says of a target.

    Fields:
        files: the files that were read.
        port: None where they name none.
        agent: the path of the agent's socket, empty where none is named.
    """

    files: list[str]
    port: int | None
    agent: str


def configuration(target: SshTarget) -> Configuration:
    """Read ssh_config for `target`.

    Raises:
        UsageError: it cannot be used.
    """
    # A port of our own would stand in what asyncssh makes of the files.
    config: Any = _options(replace(target, port=None), None).config
    return Configuration(_config(target), config.get("Port"), config.get("IdentityAgent", ""))


def _route(target: SshTarget) -> list[SshTarget]:
    """The hops to `target`, itself last: ProxyJump of ssh_config, and that of its first jump host."""
    route = [target]
    while True:
        options = _options(route[0], None)
        jumps = (route[0] is target and target.jump) or options.tunnel
        if not isinstance(jumps, str) or not jumps:
            return route
        if len(route) > _MOST_HOPS:
            raise UsageError(f"ProxyJump of {printable(route[0].host)} goes round in circles")
        route[:0] = [_jump(text.strip(), target) for text in jumps.split(",")]


def _jump(text: str, target: SshTarget) -> SshTarget:
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
        (),
        target.ssh_config,
        target.known_hosts,
        target.host_key,
    )


def _config(target: SshTarget) -> list[str]:
    if target.ssh_config is not None:
        path = target.ssh_config
        if not path.exists() or path.is_dir():  # /dev/null is one
            raise UsageError(f"there is no ssh_config file {printable(str(path))}")
        return [str(path)]
    default = Path.home() / ".ssh" / "config"
    return [str(default)] if default.is_file() else []


def _arguments(target: SshTarget, keys: Sequence[Any] | None) -> dict[str, Any]:
    given: dict[str, Any] = {"config": _config(target)}
    if target.user is not None:
        given["username"] = target.user
    if target.port is not None:
        given["port"] = target.port
    if keys is None:
        given["client_keys"] = None
    elif keys:
        given["client_keys"] = list(keys)
    return given


def _options(target: SshTarget, keys: Sequence[Any] | None) -> asyncssh.SSHClientConnectionOptions:
    """What asyncssh makes of it; `keys`: those to offer, ssh_config's if empty, None for none."""
    try:
        return asyncssh.SSHClientConnectionOptions(host=target.host, **_arguments(target, keys))
    except OSError as error:
        name = printable(str(error.filename or ""))
        raise UsageError(f"cannot read {name}: {error.strerror}", hint="Check -i and -F.") from None
    except asyncssh.KeyEncryptionError:
        raise UsageError(
            "an identity is encrypted", hint="Add it to your agent (ssh-add FILE) and run again."
        ) from None
    except (asyncssh.KeyImportError, ValueError) as error:
        raise UsageError(f"ssh_config or an identity cannot be used: {printable(str(error))}") from None


def _host_keys(target: SshTarget, options: asyncssh.SSHClientConnectionOptions) -> HostKeys:
    default = Path.home() / ".ssh" / "known_hosts"
    if target.known_hosts is not None:
        return HostKeys((target.known_hosts,), target.host_key, target.known_hosts)
    config: Any = options.config
    named = [Path(name).expanduser() for name in config.get("UserKnownHostsFile", ()) if name != "none"]
    # /dev/null is how people switch the check off; it stays on.
    users = tuple(path for path in named if str(path) != "/dev/null") or (default,)
    return HostKeys((*users, Path("/etc/ssh/ssh_known_hosts")), target.host_key, users[0])


async def _connect(
    place: SshTarget,
    target: SshTarget,
    client_keys: Sequence[Any],
    tunnel: asyncssh.SSHClientConnection | None,
    ask: Ask | None,
    note: Callable[[str], None] | None,
) -> asyncssh.SSHClientConnection:
    options = _options(place, client_keys)
    name = str(place)
    ways: list[dict[str, Any]] = [{}]
    if place is target and dialect_of(target).legacy:
        ways.append(_LEGACY)
    for algorithms in ways:
        keys = _host_keys(target, options)
        try:
            connection, _ = await asyncssh.create_connection(
                partial(_Client, name, keys, ask),
                place.host,
                **_arguments(place, client_keys),
                **algorithms,
                tunnel=tunnel,
                known_hosts=keys,
                agent_forwarding=False,
                x509_trusted_certs=None,
                keepalive_interval=_KEEPALIVE_SECONDS,
                keepalive_count_max=_KEEPALIVE_COUNT,
                connect_timeout=_CONNECT_SECONDS,
                login_timeout=_LOGIN_SECONDS,
            )
            break
        except (OSError, asyncssh.Error) as error:
            if not isinstance(error, asyncssh.KeyExchangeFailed) or algorithms is ways[-1]:
                raise _mapped(error, name, options, keys) from None
    if note is not None and algorithms:
        note(f"{place} speaks old SSH only: algorithms that are broken today were allowed for it, and only for it")
    fingerprint = keys.remember()
    if fingerprint is not None and note is not None:
        note(f"the host key of {name} was new and is now on file: {fingerprint}")
    return connection


async def _open_console(name: str, connection: asyncssh.SSHClientConnection) -> _Session:
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            session = _Session(name)
            await connection.create_session(
                lambda: session,
                command=None,
                subsystem=None,
                env=None,
                send_env=None,
                request_pty="force",
                term_type="vt100",
                term_size=(80, 24),
                x11_forwarding=False,
                encoding=None,
            )
    except TimeoutError:
        raise EndpointUnreachable(f"{name} let us in, but opened no console in {_CONNECT_SECONDS:.0f} s") from None
    except (OSError, asyncssh.Error) as error:
        text = printable(str(error))
        if any(word in text.lower() for word in _BUSY_WORDS):
            raise EndpointBusy(f"{name} gives no console: {text}") from None
        raise EndpointRefused(f"{name} let us in, but gives no console: {text}") from None
    return session


def _mapped(error: Exception, name: str, options: asyncssh.SSHClientConnectionOptions, keys: HostKeys) -> ConsoleError:
    """Turn what asyncssh and the network say into what the user does next."""
    text = printable(str(error))
    match error:
        case asyncssh.HostKeyNotVerifiable():
            return keys.refusal(name)
        case asyncssh.KeyExchangeFailed() if keys.known and "host key" in text:
            return keys.refusal(name)
        case asyncssh.KeyExchangeFailed() if str(error).startswith(("No matching", "Unable to find")):
            offered = printable(str(error).rpartition(" and received ")[2], 200)
            return EndpointRefused(
                f"{name} and sosagent have no SSH algorithm in common; it offers {offered}",
                hint="An old management controller? Say what it is behind HOST: ssh://...?dialect=ilo.",
            )
        case asyncssh.PermissionDenied():
            return EndpointRefused(f"{name} does not let {printable(options.username)!r} in: {text}")
        case asyncssh.ChannelOpenError():
            return EndpointUnreachable(f"the jump host cannot reach {name}: {text}")
        case asyncssh.ConnectionLost():
            return EndpointUnreachable(f"{name} closed the connection before it was set up: {text}")
        case asyncssh.Error():
            return EndpointRefused(f"no SSH session with {name}: {text}", hint="Is this an SSH port?")
        case socket.gaierror():
            return EndpointUnreachable(f"the name {printable(options.host)} is not known: {text}")
        case ConnectionRefusedError():
            return EndpointUnreachable(f"nothing listens on {name}, port {options.port}: connection refused")
        case TimeoutError():
            return EndpointUnreachable(f"{name} does not answer on port {options.port}")
        case _:
            return EndpointUnreachable(f"{name} cannot be reached: {text}")
