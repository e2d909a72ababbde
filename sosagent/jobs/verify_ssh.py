"""Proof that it works: a login over normal SSH, its host key checked against the one read on the console."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import asyncssh

from ..errors import SosError
from ..keys import PublicKey
from ..printable import printable
from ..target import Target
from ..transports import Ask
from ..transports.ssh import configuration, open_jumps
from .signers import Offer, Signer

__all__ = ["Attempt", "Outcome", "log_in_by_ssh"]

Outcome = Literal["works", "unreachable", "closed", "host-key-differs", "key-refused", "no-shell", "not-tried"]

_LOGIN_SECONDS = 20.0
_COMMAND_SECONDS = 15.0


@dataclass(frozen=True)
class Attempt:
    """One login over SSH.

    Fields:
        outcome: ``works``; ``unreachable`` (no route, refused, no answer); ``closed`` (before there was a login);
            ``host-key-differs`` (somebody else may be answering); ``key-refused``; ``no-shell`` (the key was taken,
            and what runs behind it is no shell); ``not-tried`` (there is nothing to log in with).
        said: what was seen, in a sentence.
        command: of ssh(1), that does the same.
    """

    outcome: Outcome
    said: str
    command: str


async def log_in_by_ssh(
    target: Target, signer: Signer, *, host_keys: Sequence[PublicKey], usual_port: int = 22, ask: Ask | None = None
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
    command = f"ssh {target}"
    hops: list[asyncssh.SSHClientConnection] = []
    try:
        config = configuration(target)
        port = target.port or config.port or usual_port
        command = f"ssh {'' if port == (config.port or 22) else f'-p {port} '}{replace(target, port=None)}"
        await open_jumps(target, hops, ask)
        async with asyncio.timeout(_LOGIN_SECONDS):
            connection = await asyncssh.connect(
                target.host,
                port,
                username=target.user,
                client_keys=[signer.pair],
                agent_path=None,
                known_hosts=(_trusted(host_keys), [], []),
                config=config.files,
                tunnel=hops[-1] if hops else None,
                preferred_auth="publickey",
                connect_timeout=_LOGIN_SECONDS,
            )
        hops.append(connection)
        return Attempt(*await _command(connection), command)
    except SosError as error:
        return Attempt("unreachable", f"on the way there: {error.message}", command)
    except (OSError, asyncssh.Error) as error:
        return Attempt(*_told(error, signer), command)
    finally:
        for hop in reversed(hops):
            hop.abort()


async def _command(connection: asyncssh.SSHClientConnection) -> tuple[Outcome, str]:
    """Whether a shell is behind the login."""
    mark = f"sosagent-{secrets.token_hex(4)}"
    try:
        async with asyncio.timeout(_COMMAND_SECONDS):
            done = await connection.run(f"echo {mark}", check=False, stdin=asyncssh.DEVNULL, encoding=None)
    except TimeoutError:
        return "no-shell", f"the key is taken, and no command ends within {_COMMAND_SECONDS:.0f} s"
    except asyncssh.ChannelOpenError as error:
        return "no-shell", f"the key is taken, and no session is opened: {printable(error.reason)}"
    if mark.encode() in bytes(done.stdout or b""):  # type: ignore[arg-type]
        return "works", "logged in, and a command ran"
    return "no-shell", (
        "the key is taken, and a command does not run: something stands in front of the shell "
        "(command=, ForceCommand), or there is none"
    )


def _told(error: Exception, signer: Signer) -> tuple[Outcome, str]:
    if isinstance(error, TimeoutError):
        return "unreachable", f"nothing answers within {_LOGIN_SECONDS:.0f} s: a firewall may drop it on the way"
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return "host-key-differs", "the host key there is not the one that the machine showed on its console"
    if isinstance(error, asyncssh.PermissionDenied):
        if isinstance(signer.pair, Offer) and signer.pair.wanted:
            return "not-tried", "sshd knows the key; nobody logged in, for its private half is not here"
        return "key-refused", f"sshd does not take the key: {printable(error.reason)}"
    if isinstance(error, asyncssh.ConnectionLost | asyncssh.ProtocolError):
        return "closed", f"the connection was closed before a login: {printable(error.reason)}"
    if isinstance(error, asyncssh.Error):
        return "closed", f"no login: {printable(error.reason)}"
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
        except asyncssh.KeyImportError:
            continue  # of a type that asyncssh does not speak: it will not be offered that one either
    return trusted
