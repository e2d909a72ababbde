"""Connect to one SSH server, an endpoint or a jump host: host key, authentication, and errors with hints."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import asyncssh

from ..endpoint.host_name import check_host_name
from ..endpoint.target import SshTarget, dialect_of
from ..errors import ConsoleError, EndpointRefused, EndpointUnreachable
from ..printable import printable
from .base import Ask
from .host_keys import HostKeys
from .ssh_config import connection_arguments, connection_options, host_key_arguments, host_keys, route

__all__ = ["CONNECT_SECONDS", "connect_hop", "open_jumps"]

CONNECT_SECONDS = 20.0
_LOGIN_SECONDS = 40.0
_KEEPALIVE_SECONDS = 15
_KEEPALIVE_COUNT = 3
_MAX_QUESTIONS = 3

#: Algorithms that old endpoints need and asyncssh does not offer by default.
_LEGACY: dict[str, Any] = {
    "kex_algs": "+diffie-hellman-group-exchange-sha1,diffie-hellman-group1-sha1",
    "encryption_algs": "+aes256-cbc,aes128-cbc,3des-cbc",
    "mac_algs": "+hmac-md5",
}

# Without a handler, asyncssh's log would go to standard error.
logging.getLogger("asyncssh").addHandler(logging.NullHandler())


class _Client(asyncssh.SSHClient):
    """Answers the questions of one hop's authentication; never with the machine's password."""

    def __init__(self, name: str, keys: HostKeys, ask: Ask | None) -> None:
        self._name = name
        self._keys = keys
        self._ask = ask
        self._questions = 0

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return self._keys.accept(key)

    async def password_auth_requested(self) -> str | None:
        if self._ask is None or self._questions >= _MAX_QUESTIONS:
            return None
        self._questions += 1
        return await self._ask(self._name, "Password:", False)

    async def kbdint_auth_requested(self) -> str | None:
        return None if self._ask is None or self._questions >= _MAX_QUESTIONS else ""

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> Sequence[str] | None:
        answers: list[str] = []
        for prompt, echo in prompts:
            assert self._ask is not None
            self._questions += 1
            answer = await self._ask(self._name, printable(prompt.strip()), echo)
            if answer is None:
                return None
            answers.append(answer)
        return answers


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
    options = connection_options(place, client_keys)
    name = str(place)
    keys = host_keys(target, options)
    legacy: dict[str, Any] = {}
    while True:
        arguments = connection_arguments(place, client_keys) | host_key_arguments(options, keys, old=bool(legacy))
        try:
            connection = await _connect(place, arguments | legacy, tunnel, keys, partial(_Client, name, keys, ask))
            break
        except UnicodeError:  # a name that cannot be looked up, from HOST or ssh_config
            check_host_name(str(options.host))
            raise
        except (OSError, asyncssh.Error) as error:
            if keys.refused_certificate(error):
                keys = keys.without_certificates()  # as ssh does, compare the server's plain key
            elif isinstance(error, asyncssh.KeyExchangeFailed) and not legacy and _may_be_old(place, target):
                legacy = _LEGACY
            else:
                raise _console_error(error, name, options, keys) from None
    if note is not None and legacy:
        note(f"{place} supports only old SSH algorithms that are considered broken; they were allowed for it alone")
    fingerprint = keys.remember()
    if fingerprint is not None and note is not None:
        note(f"the host key of {name} was unknown and has been added to known_hosts: {fingerprint}")
    return connection


async def _connect(
    place: SshTarget,
    arguments: dict[str, Any],
    tunnel: asyncssh.SSHClientConnection | None,
    keys: HostKeys,
    client: Callable[[], _Client],
) -> asyncssh.SSHClientConnection:
    connection, _ = await asyncssh.create_connection(
        client,
        place.host,
        **arguments,
        tunnel=tunnel,
        known_hosts=keys,
        agent_forwarding=False,
        x509_trusted_certs=None,
        keepalive_interval=_KEEPALIVE_SECONDS,
        keepalive_count_max=_KEEPALIVE_COUNT,
        connect_timeout=CONNECT_SECONDS,
        login_timeout=_LOGIN_SECONDS,
    )
    return connection


def _may_be_old(place: SshTarget, target: SshTarget) -> bool:
    return place is target and dialect_of(target).legacy


def _console_error(
    error: Exception, name: str, options: asyncssh.SSHClientConnectionOptions, keys: HostKeys
) -> ConsoleError:
    """Return our error, with a hint, for an error of asyncssh or the network."""
    text = printable(str(error))
    match error:
        case asyncssh.HostKeyNotVerifiable():
            return keys.refusal(name, error)
        case asyncssh.KeyExchangeFailed() if str(error).startswith(("No matching", "Unable to find")):
            offered = printable(str(error).rpartition(" and received ")[2], 200)
            return EndpointRefused(
                f"{name} and sosagent have no SSH algorithm in common; it offers {offered}",
                hint="If it is an old management controller, add its dialect to HOST: ssh://...?dialect=ilo.",
            )
        case asyncssh.PermissionDenied():
            return EndpointRefused(
                f"{name} refused the login of {printable(options.username)!r}: {text}",
                hint="Check the user name and the key (-i) for the endpoint.",
            )
        case asyncssh.ChannelOpenError():
            return EndpointUnreachable(
                f"the jump host cannot reach {name}: {text}", hint="Check the name and port as the jump host sees them."
            )
        case asyncssh.ConnectionLost():
            return EndpointUnreachable(
                f"{name} closed the connection before SSH was set up: {text}",
                hint="The port is reached. Does an SSH server listen there, and does it accept this address?",
            )
        case asyncssh.Error():
            return EndpointRefused(f"no SSH session with {name}: {text}", hint="Is this an SSH port?")
        case socket.gaierror():
            return EndpointUnreachable(
                f"the name {printable(options.host)} is not known: {text}",
                unknown_host=options.host,
                hint="Check the name and your DNS.",
            )
        case ConnectionRefusedError():
            return EndpointUnreachable(
                f"nothing listens on {name}, port {options.port}: connection refused",
                hint="The address is reached. Check the port, and that the endpoint's SSH server runs.",
            )
        case TimeoutError():
            return EndpointUnreachable(
                f"{name} does not answer on port {options.port}",
                hint="Check the address, the port and the route to it; a firewall may drop the packets.",
            )
        case _:
            return EndpointUnreachable(f"{name} cannot be reached: {text}", hint="Check the route to it.")
