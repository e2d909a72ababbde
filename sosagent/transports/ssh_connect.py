"""Connect to one SSH server, an endpoint or a jump host: host key, authentication, and errors with hints."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any

import asyncssh

from ..endpoint.host_name import check_host_name
from ..endpoint.target import SshTarget, dialect_of
from ..errors import ConsoleError, EndpointRefused, EndpointUnreachable, SosError
from ..printable import printable
from .base import Ask
from .host_keys import HostKeys
from .ssh_client import CONNECT_SECONDS, LOGIN_SECONDS, Client, Phase
from .ssh_config import config_files, connection_arguments, connection_options, host_key_arguments, host_keys, route

__all__ = ["CONNECT_SECONDS", "connect_hop", "open_jumps"]

_KEEPALIVE_SECONDS = 15
_KEEPALIVE_COUNT = 3

_REASON_CHARACTERS = 300
_WHAT_LISTENS = "The port is reached. Does an SSH server listen there, and does it accept this address?"
_ITS_LOG = "An SSH server answers there. Its own log may say more; try ssh, too."

#: Algorithms that old endpoints need and asyncssh does not offer by default.
_LEGACY: dict[str, Any] = {
    "kex_algs": "+diffie-hellman-group-exchange-sha1,diffie-hellman-group1-sha1",
    "encryption_algs": "+aes256-cbc,aes128-cbc,3des-cbc",
    "mac_algs": "+hmac-md5",
}

# Without a handler, asyncssh's log would go to standard error.
logging.getLogger("asyncssh").addHandler(logging.NullHandler())


async def open_jumps(
    target: SshTarget,
    hops: list[asyncssh.SSHClientConnection],
    ask: Ask | None,
    note: Callable[[str], None] | None = None,
) -> None:
    """Connect to the jump hosts before `target`, and append each connection to `hops`, which the caller closes."""
    for place in route(target)[:-1]:
        hops.append(await connect_hop(place, target, [], hops[-1] if hops else None, ask, note))


async def connect_hop(
    place: SshTarget,
    target: SshTarget,
    client_keys: Sequence[Any],
    tunnel: asyncssh.SSHClientConnection | None,
    ask: Ask | None,
    note: Callable[[str], None] | None,
) -> asyncssh.SSHClientConnection:
    """Connect to `place`, one hop on the route to `target`.

    Args:
        place: the server to connect to; `target` itself for the last hop.
        target: decides on known_hosts files and the host key policy of all hops.
        client_keys: the private keys to offer; those of ssh_config if empty.
        tunnel: the connection to the previous hop.
        ask: asks the user the server's questions; None if no user is present.
        note: called with remarks for the user.

    Raises:
        EndpointUnreachable, EndpointRefused, HostKeyUnknown, HostKeyChanged, UsageError: the connection
            failed; the hint says what to do.
    """
    name = str(place)
    with config_files(place) as files:
        connection, keys, legacy = await _agreed(place, target, client_keys, files, tunnel, ask)
    if note is not None and legacy:
        note(f"{place} supports only old SSH algorithms that are considered broken; they were allowed for it alone")
    try:
        fingerprint = keys.remember()
    except BaseException:
        connection.abort()
        raise
    if fingerprint is not None and note is not None:
        note(f"the host key of {name} was unknown and has been added to known_hosts: {fingerprint}")
    return connection


async def _agreed(
    place: SshTarget,
    target: SshTarget,
    client_keys: Sequence[Any],
    files: Sequence[str],
    tunnel: asyncssh.SSHClientConnection | None,
    ask: Ask | None,
) -> tuple[asyncssh.SSHClientConnection, HostKeys, bool]:
    """Connect again as long as another host key or other algorithms may help.

    Returns:
        The connection, the host key policy with what it has learned, and whether old algorithms were allowed.
    """
    options = connection_options(place, client_keys, files)
    name = str(place)
    keys = host_keys(target, options)
    legacy: dict[str, Any] = {}
    while True:
        arguments = connection_arguments(place, client_keys, files)
        arguments |= host_key_arguments(options, keys, old=bool(legacy))
        client = Client(name, keys, ask)
        try:
            return await _connect(place, arguments | legacy, tunnel, keys, client), keys, bool(legacy)
        except Exception as error:
            if error is client.failure:
                raise
            if keys.refused_certificate(error):
                keys = keys.without_certificates()  # as ssh does, compare the server's plain key
            elif isinstance(error, asyncssh.KeyExchangeFailed) and not legacy and _may_be_old(place, target):
                legacy = _LEGACY
            else:
                raise _error_of(error, name, options, keys, client) from None


async def _connect(
    place: SshTarget,
    arguments: dict[str, Any],
    tunnel: asyncssh.SSHClientConnection | None,
    keys: HostKeys,
    client: Client,
) -> asyncssh.SSHClientConnection:
    async with client.limit():
        connection, _ = await asyncssh.create_connection(
            lambda: client,
            place.host,
            **arguments,
            tunnel=tunnel,
            known_hosts=keys,
            agent_forwarding=False,
            compression_algs=None,  # a few received bytes could become many
            x509_trusted_certs=None,
            keepalive_interval=_KEEPALIVE_SECONDS,
            keepalive_count_max=_KEEPALIVE_COUNT,
            connect_timeout=None,  # these two would count the user's time, too
            login_timeout=0,
        )
    return connection


def _may_be_old(place: SshTarget, target: SshTarget) -> bool:
    return place is target and dialect_of(target).legacy


def _error_of(
    error: Exception, name: str, options: asyncssh.SSHClientConnectionOptions, keys: HostKeys, client: Client
) -> SosError:
    """Return our error, with a hint, for an error that ended a connection before it could be used.

    What the server sends can make asyncssh raise any exception, so none is passed on.
    """
    if isinstance(error, SosError):  # from the host key policy
        return error
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return keys.refusal(name, error)
    if isinstance(error, UnicodeError) and client.phase is Phase.NOTHING:
        try:
            check_host_name(str(options.host))  # a name that cannot be looked up, from HOST or ssh_config
        except SosError as wrong_name:
            return wrong_name
    if client.phase is Phase.NOTHING:
        return _not_connected(error, name, options)
    if isinstance(error, asyncssh.PermissionDenied):
        proof = "the password and the key (-i)" if client.questions else "the key (-i)"
        return EndpointRefused(
            f"{name} refused the login of {printable(options.username)!r}: {_reason(error)}",
            hint=f"Check the user name and {proof} for the endpoint.",
        )
    return _failed(error, name, options, client)


def _failed(error: Exception, name: str, options: asyncssh.SSHClientConnectionOptions, client: Client) -> ConsoleError:
    """Return our error for an error of asyncssh after the server was reached."""
    text = _reason(error)
    if isinstance(error, asyncssh.KeyExchangeFailed) and str(error).startswith(("No matching", "Unable to find")):
        offered = printable(str(error).rpartition(" and received ")[2], 200)
        return EndpointRefused(
            f"{name} and sosagent have no SSH algorithm in common; it offers {offered}",
            hint="If it is an old management controller, add its dialect to HOST: ssh://...?dialect=ilo.",
        )
    if isinstance(error, TimeoutError):
        step = "set up SSH" if client.phase is Phase.CONNECTED else "complete the SSH login"
        seconds = CONNECT_SECONDS if client.phase is Phase.CONNECTED else LOGIN_SECONDS
        return EndpointUnreachable(
            f"{name} is reached, but did not {step} within {seconds:.0f} s",
            hint="Try ssh to see where it stops; its own log may say more.",
        )
    if client.phase is Phase.LOGIN:
        login = f"the login of {printable(options.username)!r}"
        if isinstance(error, asyncssh.ConnectionLost | OSError):
            return EndpointUnreachable(f"{name} closed the connection during {login}: {text}", hint=_ITS_LOG)
        return EndpointRefused(f"{name} ended {login}: {text}", hint=_ITS_LOG)
    if isinstance(error, asyncssh.ConnectionLost | OSError):
        return EndpointUnreachable(
            f"{name} closed the connection before SSH was set up: {text}",
            hint=_ITS_LOG if client.speaks_ssh else _WHAT_LISTENS,
        )
    return EndpointRefused(
        f"no SSH session with {name}: {text}", hint=_ITS_LOG if client.speaks_ssh else "Is this an SSH port?"
    )


def _not_connected(error: Exception, name: str, options: asyncssh.SSHClientConnectionOptions) -> ConsoleError:
    """Return our error for an error that prevented the connection."""
    text = _reason(error)
    place = name if name.endswith(f":{options.port}") else f"{name}, port {options.port}"
    match error:
        case asyncssh.ChannelOpenError():
            return EndpointUnreachable(
                f"the jump host cannot reach {name}: {text}", hint="Check the name and port as the jump host sees them."
            )
        case socket.gaierror():
            return EndpointUnreachable(
                f"the name {printable(options.host)} is not known: {text}",
                unknown_host=options.host,
                hint="Check the name and your DNS.",
            )
        case ConnectionRefusedError():
            return EndpointUnreachable(
                f"nothing listens on {place}: connection refused",
                hint="The address is reached. Check the port, and that the endpoint's SSH server runs.",
            )
        case TimeoutError():
            return EndpointUnreachable(
                f"{place} does not answer",
                hint="Check the address, the port and the route to it; a firewall may drop the packets.",
            )
        case _:
            return EndpointUnreachable(f"{name} cannot be reached: {text}", hint="Check the route to it.")


def _reason(error: Exception) -> str:
    """Return the text of an error, which may be the server's."""
    text = str(error)[:_REASON_CHARACTERS]
    if isinstance(error, OSError | asyncssh.Error):
        return printable(text)
    return f"it sent data that is not valid SSH ({type(error).__name__}: {printable(text)})"
