"""Proof that it works: a login over normal SSH, its host key checked against the one read on the console."""

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
        outcome: ``works``; ``unreachable`` (no route, refused, no answer); ``closed`` (before there was a login);
            ``host-key-differs`` (somebody else may be answering); ``key-refused``; ``no-shell`` (the key was taken,
            and what runs behind it is no shell); ``not-tried`` (there is nothing to log in with, or nowhere).
        said: what was seen, in a sentence.
        command: of ssh(1), that does the same.
        here: whether the reason lies on this side, so that the machine cannot know it.
    """

    outcome: Outcome
    said: str
    command: str
    here: bool = False


class _Client(asyncssh.SSHClient):
    """Tells whether an SSH server answered at all; a TCP connection alone may be a forwarder's."""

    _connection: asyncssh.SSHClientConnection | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    @property
    def answered(self) -> bool:
        return self._connection is not None and bool(self._connection.get_extra_info("server_version"))


async def log_in_by_ssh(
    target: SshTarget, signer: Signer, *, host_keys: Sequence[PublicKey], usual_port: int = 22, ask: Ask | None = None
) -> Attempt:
    """Log in once, run one harmless command, and tell what came of it.

    Args:
        target: the machine's sshd as the user reaches it, by way of ssh_config (HostName, Port, ProxyJump).
        signer: the one key that is offered.
        host_keys: those that the machine showed on its console; no other one is trusted.
        usual_port: where neither `target` nor ssh_config names one.
        ask: asks what a jump host wants to know.

    When cancelled, no connection stays.
    """
    hops: list[asyncssh.SSHClientConnection] = []
    client, pair, command = _Client(), Pair(signer.key, signer.signs), f"ssh {target}"
    try:
        config = configuration(target)
        port = target.port or config.port or usual_port
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
        return Attempt("not-tried", f"on the way there: {error.message}", command, here=True)
    except (OSError, asyncssh.Error) as error:
        here = isinstance(error, socket.gaierror)
        return Attempt(*_told(error, pair, answered=client.answered), command, here)
    except ValueError:  # such as of a name that DNS cannot hold
        return Attempt("not-tried", "that is no name or address of a host", command, here=True)
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
    """Whether a shell is behind the login: whoever shows the command back shows its quotes, too."""
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
        return "no-shell", f"the key is taken, and no command ends within {_COMMAND_SECONDS:.0f} s"
    except asyncssh.ChannelOpenError as error:
        return "no-shell", f"the key is taken, and no session is opened: {printable(error.reason)}"
    return "no-shell", (
        "the key is taken, and a command does not run: something stands in front of the shell "
        "(command=, ForceCommand), or there is none"
    )


def _told(error: Exception, pair: Pair, *, answered: bool) -> tuple[Outcome, str]:
    if isinstance(error, TimeoutError):
        if answered:
            return "closed", f"an SSH server answers, and nothing comes of it within {_LOGIN_SECONDS:.0f} s"
        return "unreachable", f"nothing answers within {_LOGIN_SECONDS:.0f} s: a firewall may drop it on the way"
    if isinstance(error, asyncssh.HostKeyNotVerifiable) or (
        isinstance(error, asyncssh.KeyExchangeFailed) and "host key" in error.reason
    ):
        return "host-key-differs", "the host key there is not one that the machine showed on its console"
    if isinstance(error, asyncssh.PermissionDenied):
        if pair.failed is not None:
            return "not-tried", f"sshd knows the key, and nobody logged in: {pair.failed}"
        if pair.wanted:
            return "key-refused", "sshd knows the key, and refuses the login"
        return "key-refused", f"sshd does not take the key: {printable(error.reason)}"
    if isinstance(error, asyncssh.Error):
        return "closed", f"the connection was closed before a login: {printable(error.reason)}"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "closed", "the connection was cut before a login"
    if isinstance(error, socket.gaierror):
        return "unreachable", f"the name is not known here: {printable(str(error.strerror))}"
    number = error.errno if isinstance(error, OSError) else None
    return "unreachable", os.strerror(number) if number else printable(str(error))


def _trusted(host_keys: Sequence[PublicKey]) -> list[asyncssh.SSHKey]:
    trusted = []
    for key in host_keys:
        try:
            trusted.append(asyncssh.import_public_key(f"{key.type} {key.base64}"))
        except ValueError:  # of a type that asyncssh does not speak, and so will not be offered either
            continue
    return trusted
