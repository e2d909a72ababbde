"""After an add: try a login over SSH, and if it fails, ask the machine for the cause."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..authorized_keys.inspection import examine, inspect
from ..authorized_keys.key_file import KeyFile
from ..authorized_keys.sshd_rules import login_obstacles
from ..console.events import Event
from ..endpoint.target import HostKeyPolicy, SshTarget
from ..errors import UsageError
from ..keys import PublicKey
from ..keys.known_hosts import address_of
from ..paths import as_path, as_paths
from ..printable import printable
from ..shell.programs import Expanded, program
from ..shell.shell import Shell
from ..transports import Ask
from ..transports.ssh_config import configuration
from .host_keys import HostKeys, parse_host_keys
from .login_causes import causes, last_logged, logged_since
from .reach import connection_to
from .signers import Signer, signers
from .verify_ssh import Attempt, log_in_by_ssh

__all__ = ["Verification", "Verify", "VerifyLogin", "login_verifier"]

_LOG_LINES = 40
_TOTAL_SECONDS = 60.0
_SECONDS_FOR_CAUSES = 20.0  # of the job's deadline, reserved to ask the machine


@dataclass(frozen=True)
class Verify:
    """How to verify a login over SSH.

    Fields:
        address: the address at which the user reaches the machine, or a Host in ssh_config; empty for the machine's
            own name.
        port: the port of its sshd; if None, from ssh_config or else from the machine's configuration.
        private: files that may contain private keys of the added keys; others are ignored.
        agent: whether to look for private keys in the agent, too.
        ssh_config, known_hosts, host_key: settings of the connection, see `SshTarget`.

    A path may be passed as a string, and a single private key without a tuple.
    """

    address: str = ""
    port: int | None = None
    private: tuple[Path, ...] = ()
    agent: bool = True
    ssh_config: Path | None = None
    known_hosts: Path | None = None
    host_key: HostKeyPolicy = "strict"

    def __post_init__(self) -> None:
        """Convert paths that were passed as strings."""
        object.__setattr__(self, "private", as_paths(self.private))
        object.__setattr__(self, "ssh_config", as_path(self.ssh_config))
        object.__setattr__(self, "known_hosts", as_path(self.known_hosts))

    def target(self, user: str) -> SshTarget:
        """Return the target to log in to."""
        return SshTarget(
            self.address,
            user,
            self.port,
            ssh_config=self.ssh_config,
            known_hosts=self.known_hosts,
            host_key=self.host_key,
        )

    def agent_path(self) -> str | None:
        """Return the socket of the agent in ssh_config; empty for the default one, None to use no agent."""
        return configuration(self.target("")).agent if self.agent else None


@dataclass(frozen=True)
class Verification:
    """The result of a login over SSH.

    Fields:
        outcome: see `Attempt`.
        command: the ssh(1) command that does the same.
        message: what happened, in a sentence.
        causes: sentences about why it failed; those from the machine come first.
    """

    outcome: str
    command: str
    message: str
    causes: tuple[str, ...] = field(default=())


#: Logs in over SSH. Takes the shell on the machine, the file of keys, and the machine's own name.
VerifyLogin = Callable[[Shell, KeyFile, str], Awaitable[Verification]]


@asynccontextmanager
async def login_verifier(verify: Verify, keys: Sequence[PublicKey], ask: Ask | None) -> AsyncIterator[VerifyLogin]:
    """Find the private keys of `keys` before anything is done, and return a function that logs in with them later.

    Args:
        verify: where and how to log in.
        keys: the keys that will be added.
        ask: asks the user for passphrases, and the questions of jump hosts.

    Raises:
        UsageError: a private key or ssh_config cannot be used.
    """
    async with signers(keys, verify.private, agent=verify.agent_path(), ask=ask) as offered:

        async def verify_login(shell: Shell, file: KeyFile, hostname: str) -> Verification:
            return await _verify(shell, file, offered, hostname, verify, ask)

        yield verify_login


async def _verify(
    shell: Shell, file: KeyFile, offered: Sequence[Signer], hostname: str, verify: Verify, ask: Ask | None
) -> Verification:
    """Log in over SSH while the console is open; if that fails, ask the machine for the cause."""
    emit = shell.console.emit
    if not verify.address:
        verify = replace(verify, address=_as_address(hostname))
    if not verify.address:
        message = f"the machine's own name, {printable(hostname, 80)!r}, is not an address: set one with --verify-as"
        return Verification("not-tried", "ssh", message)
    target = verify.target(file.user)
    emit(Event("start", "read the machine's host keys"))
    lines = (await shell.run(program("host_keys", "sshd_log", lines=Expanded(1)))).lines
    known = parse_host_keys(lines)
    emit(Event("start", f"log in over SSH as {target}"))
    remaining = shell.console.time_left()
    seconds = _TOTAL_SECONDS if remaining is None else min(_TOTAL_SECONDS, remaining - _SECONDS_FOR_CAUSES)
    attempt = await _log_in(target, offered, known, ask, seconds)
    emit(Event("done", f"{attempt.command}: {attempt.outcome}"))
    if attempt.outcome == "works" or attempt.local:
        return Verification(attempt.outcome, attempt.command, attempt.message)
    emit(Event("start", "ask the machine for the cause"))
    values = {"lines": Expanded(_LOG_LINES), "port": Expanded(known.port)}
    reply = await shell.run(program("sshd_log", "login_obstacles", **values))
    keys = [one.key for one in offered]
    report, file = await inspect(shell, file, keys, await asyncio.to_thread(connection_to, verify.address))
    report = await examine(shell, file, report, keys)
    emit(Event("done", "asked the machine for the cause"))
    new_lines = logged_since(last_logged(lines), reply.lines)
    sentences = (*causes(attempt, new_lines, file.user, known), *login_obstacles(report, file.user, file.path, keys))
    return Verification(attempt.outcome, attempt.command, attempt.message, tuple(dict.fromkeys(sentences)))


async def _log_in(
    target: SshTarget, offered: Sequence[Signer], known: HostKeys, ask: Ask | None, seconds: float
) -> Attempt:
    """Log in with each key that has a private half, until one fails; if no key has one, offer the first key."""
    signing = [one for one in offered if one.signs is not None]
    command = f"ssh {target}"
    if not known.keys:
        message = "the machine shows no host key on its console to compare with"
        return Attempt("not-tried", message, command)
    if not offered:
        message = "the keys belong to authorities: only their certificates can log in"
        return Attempt("not-tried", message, command, local=True)
    tried = 0
    success: Attempt | None = None
    try:
        async with asyncio.timeout(seconds):
            for one in signing or offered[:1]:
                attempt = await log_in_by_ssh(target, one, host_keys=known.keys, default_port=known.port, ask=ask)
                if attempt.outcome != "works":
                    prefix = f"{one.key.fingerprint}: " if len(offered) > 1 else ""
                    return replace(attempt, message=prefix + attempt.message)
                success = attempt
                tried += 1
    except TimeoutError:
        if success is None:
            return Attempt("unreachable", f"no login within {max(seconds, 0):.0f} s", command)
    assert success is not None  # a failure has returned already
    if tried == len(offered):
        return success
    untried = f"{len(offered) - tried} of {len(offered)} keys were not tried (no private key here, or no time)"
    return replace(success, message=f"{success.message}; {untried}")


def _as_address(hostname: str) -> str:
    """Return the machine's own name if it may be its address, otherwise an empty text."""
    try:
        name = address_of(hostname)[0]
    except UsageError:
        return ""
    return "" if name.lower().partition(".")[0] == "localhost" or re.match(r"127\.|::1$|0\.", name) else name
