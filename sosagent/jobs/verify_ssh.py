"""Log in over SSH to verify a key; the host key is compared with the one read on the console."""

from __future__ import annotations

import asyncio
import os
import secrets
import shlex
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import asyncssh

from ..endpoint.target import SshTarget
from ..errors import SosError
from ..keys import PublicKey
from ..printable import printable
from ..transports import Ask
from ..transports.ssh_config import Configuration, configuration
from ..transports.ssh_connect import open_jumps
from .signers import Pair, Signer

__all__ = ["Attempt", "Outcome", "log_in_by_ssh"]

Outcome = Literal["works", "unreachable", "closed", "host-key-differs", "key-refused", "no-shell", "not-tried"]

_LOGIN_SECONDS = 20.0
_COMMAND_SECONDS = 15.0
_MOST_OUTPUT = 1 << 16


@dataclass(frozen=True)
class Attempt:
    """One login over SSH.

    Fields:
        outcome: ``works``; ``unreachable`` (no route, refused, no answer); ``closed`` (before a login);
            ``host-key-differs`` (another machine may be answering); ``key-refused``; ``no-shell`` (the key was
            accepted, but runs no shell); ``not-tried`` (no key or no address to log in with).
        message: what happened, in a sentence.
        command: the ssh(1) command that does the same.
        local: whether the cause is on this computer, so that the machine cannot know it.
    """

    outcome: Outcome
    message: str
    command: str
    local: bool = False


class _Client(asyncssh.SSHClient):
    """Notes whether an SSH server answered; a TCP connection alone may end at a forwarder."""

    _connection: asyncssh.SSHClientConnection | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    @property
    def answered(self) -> bool:
        return self._connection is not None and bool(self._connection.get_extra_info("server_version"))


async def log_in_by_ssh(
    target: SshTarget, signer: Signer, *, host_keys: Sequence[PublicKey], default_port: int = 22, ask: Ask | None = None
) -> Attempt:
    """Log in once, run one harmless command, and return what happened.

    Args:
        target: the machine's sshd as the user reaches it, through ssh_config (HostName, Port, ProxyJump).
        signer: the only key to offer.
        host_keys: the keys that the machine showed on its console; no other one is trusted.
        default_port: used if neither `target` nor ssh_config has a port.
        ask: asks the user the questions of jump hosts.

    If it is cancelled, it closes all connections.
    """
    hops: list[asyncssh.SSHClientConnection] = []
    client, pair, command = _Client(), Pair(signer.key, signer.signs), f"ssh {target}"
    try:
        config = configuration(target)
        port = target.port or config.port or default_port
        command = _command(target, port, config, signer)
        await open_jumps(target, hops, ask)
        async with asyncio.timeout(_LOGIN_SECONDS):
            connection = await asyncssh.connect(
                target.host,
                port,
                client_factory=lambda: client,
                config=config.files,
                username=target.user,
                tunnel=hops[-1] if hops else None,
                known_hosts=(_trusted(host_keys), [], []),
                client_keys=[pair],
                client_certs=[],
                pkcs11_provider=None,
                agent_path=os.devnull,  # None would find Pageant
                preferred_auth="publickey",
                disable_trivial_auth=True,
                x509_trusted_certs=None,
                agent_forwarding=False,
                send_env=None,
                env=None,
            )
        hops.append(connection)
        return Attempt(*await _run(connection), command)
    except SosError as error:
        return Attempt("not-tried", f"cannot connect through ssh_config: {error.message}", command, local=True)
    except (OSError, asyncssh.Error) as error:
        local = isinstance(error, socket.gaierror)
        return Attempt(*_outcome_of(error, pair, answered=client.answered), command, local)
    except ValueError:  # for example a name that is invalid in DNS
        return Attempt("not-tried", "invalid host name or address", command, local=True)
    finally:
        for hop in reversed(hops):
            hop.abort()


def _command(target: SshTarget, port: int, config: Configuration, signer: Signer) -> str:
    words = ["ssh"]
    if target.ssh_config is not None:
        words += ["-F", str(target.ssh_config)]
    if port != (config.port or 22):
        words += ["-p", str(port)]
    if signer.file is not None and signer.file.parent != Path.home() / ".ssh":
        words += ["-i", str(signer.file)]
    return shlex.join([*words, str(replace(target, port=None))])


async def _run(connection: asyncssh.SSHClientConnection) -> tuple[Outcome, str]:
    """Check that the login runs a shell. A program that merely echoes the command echoes its quotes, too."""
    mark = secrets.token_hex(8)
    output = b""
    try:
        async with asyncio.timeout(_COMMAND_SECONDS):
            process = await connection.create_process(
                f"echo {mark[:8]}''{mark[8:]}", stdin=asyncssh.DEVNULL, stderr=asyncssh.DEVNULL, encoding=None
            )
            while (more := await process.stdout.read(4096)) and len(output) < _MOST_OUTPUT:
                output += more
                if mark.encode() in output.split(b"\n"):
                    return "works", "logged in, and a command ran"
    except TimeoutError:
        return "no-shell", f"the key is accepted, but no command ends within {_COMMAND_SECONDS:.0f} s"
    except asyncssh.ChannelOpenError as error:
        return "no-shell", f"the key is accepted, but no session is opened: {printable(error.reason)}"
    return "no-shell", (
        "the key is accepted, but a command does not run: something runs instead of the shell "
        "(command=, ForceCommand), or there is no shell"
    )


def _outcome_of(error: Exception, pair: Pair, *, answered: bool) -> tuple[Outcome, str]:
    if isinstance(error, TimeoutError):
        if answered:
            return "closed", f"an SSH server answers, but there is no login within {_LOGIN_SECONDS:.0f} s"
        return "unreachable", f"no answer within {_LOGIN_SECONDS:.0f} s: a firewall may drop the packets"
    if isinstance(error, asyncssh.HostKeyNotVerifiable) or (
        isinstance(error, asyncssh.KeyExchangeFailed) and "host key" in error.reason
    ):
        return "host-key-differs", "the host key differs from those that the machine showed on its console"
    if isinstance(error, asyncssh.PermissionDenied):
        if pair.failure is not None:
            return "not-tried", f"sshd accepts the key, but there was no login: {pair.failure}"
        if pair.signature_requested:
            return "key-refused", "sshd accepts the key, but refuses the login"
        return "key-refused", f"sshd refuses the key: {printable(error.reason)}"
    if isinstance(error, asyncssh.Error):
        return "closed", f"the connection was closed before a login: {printable(error.reason)}"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "closed", "the connection was cut before a login"
    if isinstance(error, socket.gaierror):
        return "unreachable", f"this computer cannot resolve the name: {printable(str(error.strerror))}"
    number = error.errno if isinstance(error, OSError) else None
    return "unreachable", os.strerror(number) if number else printable(str(error))


def _trusted(host_keys: Sequence[PublicKey]) -> list[asyncssh.SSHKey]:
    trusted = []
    for key in host_keys:
        try:
            trusted.append(asyncssh.import_public_key(f"{key.type} {key.base64}"))
        except ValueError:  # asyncssh does not support the type, so it cannot be negotiated either
            continue
    return trusted
