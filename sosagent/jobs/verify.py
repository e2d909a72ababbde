"""After an add: does a login over SSH work, and if not, why, as far as the machine tells."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..authorized_keys.append import look_at
from ..authorized_keys.programs import Work
from ..authorized_keys.report import obstacles
from ..console.events import Event
from ..endpoint.target import HostKeyPolicy, SshTarget
from ..errors import UsageError
from ..keys import PublicKey
from ..keys.known_hosts import address_of
from ..printable import printable
from ..shell.programs import Expanded, program
from ..shell.shell import Shell
from ..transports import Ask
from ..transports.ssh_config import configuration
from .host_keys import HostKeys, parse_host_keys
from .signers import Signer, signers
from .verify_ssh import Attempt, log_in_by_ssh

__all__ = ["Prove", "Verification", "Verify", "causes", "proof", "since"]

_LOG_LINES = 40
_TOTAL_SECONDS = 60.0
_SECONDS_TO_ASK_WHY = 20.0  # of the job's deadline, kept for that
#: 127.0.0.1 and ::1 as /proc/net/tcp and tcp6 write them (proc(5); little-endian machines).
_LOOPBACK = {"0100007F", "00000000000000000000000001000000"}
_MESSAGE = re.compile(r".*?\b(?:sshd|sshd-session|sshd-auth|dropbear)(?:\[\d+\])?: (?:error: |fatal: |/\S+:\d+: )*(.*)")
#: A firewall's rule that is about a port.
_OF_PORT = r"dport[^;]*\b{port}\b"

#: How messages of sshd begin, and what they mean (auth.c, auth2-pubkey*.c, misc.c, srclimit.c, platform.c, PAM). What
#: anybody on the net may send, such as a user's name, stands behind the beginning, never in it.
_LOGGED = (
    (r"ROOT LOGIN REFUSED", "PermitRootLogin does not let root in"),
    (
        r"Authentication refused: bad ownership or modes for (?:file|directory) (\S+)",
        "StrictModes: others may write to {}, or own it",
    ),
    (r"User {user} from \S+ not allowed because (.+)", "sshd: the user is {}"),
    (r"User {user} not allowed because (.+)", "sshd: the user is {}"),
    (r"refusing RSA key|.*Invalid key length", "sshd: the RSA key is too short (RequiredRSASize)"),
    (
        r"userauth_pubkey: (?:signature algorithm|key type) \S+ not in",
        "sshd: keys of this type are switched off",
    ),
    (r"Could not open user '{user}' authorized keys '?(\S+?)'?: ", "sshd cannot open {}"),
    (
        r"Authentication tried for {user} with correct key but not from a permitted host",
        "from= does not let this address in",
    ),
    (
        r"Authentication key \S+ \S+ revoked|.*error checking.* revoked",
        "RevokedKeys holds the key, or cannot be read",
    ),
    (r"Refused by key options", "the options of the key's line refuse it"),
    (
        r"drop connection .* too many penalised addresses",
        "sshd turns everybody away for a while: its list of penalised addresses is full (PerSourcePenalties, "
        "overflow:deny-all)",
    ),
    (r"drop connection .* penalty: (.+)", "sshd turns this address away for a while (PerSourcePenalties): {}"),
    (
        r"drop connection .* PerSourceMaxStartups",
        "sshd turns connections away: too many of this address wait (PerSourceMaxStartups)",
    ),
    (
        r"(?:beginning |drop connection .* past )MaxStartups",
        "sshd turns connections away: too many wait for their login already (MaxStartups)",
    ),
    (r"System is booting up|.*pam_nologin\(sshd", "logins are switched off (nologin)"),
    (r"Access denied for user {user} by PAM", "PAM refuses the user"),
    (r"pam_unix\(sshd:account\): .*(expired .*) for user {user}", "PAM: {}"),
    (r"pam_(?:access|listfile|time)\(sshd:account\): ", "PAM refuses the user"),
    (r"refused connect from", "hosts.deny (libwrap) refuses this address"),
)


@dataclass(frozen=True)
class Verify:
    """How to try.

    Fields:
        address: as the user reaches the machine, or a Host of ssh_config; the machine's own name, if empty.
        port: of its sshd; what ssh_config says, if None, then what the machine's configuration says.
        private: where a private half of the keys may be; files that hold another one are passed over.
        agent: look for it in the agent, too.
        ssh_config, known_hosts, host_key: for the way there, see `SshTarget`.
    """

    address: str = ""
    port: int | None = None
    private: tuple[Path, ...] = ()
    agent: bool = True
    ssh_config: Path | None = None
    known_hosts: Path | None = None
    host_key: HostKeyPolicy = "strict"

    def target(self, user: str) -> SshTarget:
        """Where to log in."""
        return SshTarget(
            self.address,
            user,
            self.port,
            ssh_config=self.ssh_config,
            known_hosts=self.known_hosts,
            host_key=self.host_key,
        )

    def agent_path(self) -> str | None:
        """The socket of the agent that ssh_config names; empty for the usual one, None if it is not to be asked."""
        return configuration(self.target("")).agent if self.agent else None


@dataclass(frozen=True)
class Verification:
    """What came of it.

    Fields:
        outcome: see `Attempt`.
        command: of ssh(1), that does the same.
        said: what was seen, in a sentence.
        causes: why it did not work, in sentences; what the machine itself says comes first.
    """

    outcome: str
    command: str
    said: str
    causes: tuple[str, ...] = field(default=())


Prove = Callable[[Shell, Work, str], Awaitable[Verification]]


@asynccontextmanager
async def proof(how: Verify, keys: Sequence[PublicKey], ask: Ask | None) -> AsyncIterator[Prove]:
    """Find what can log in by `keys`, before anything is done; gives what does so later.

    Args:
        how: where to, and by what.
        keys: those that will be added.
        ask: asks the user for passphrases, and for what a jump host wants to know.

    Raises:
        UsageError: a private key cannot be used, or ssh_config.
    """
    async with signers(keys, how.private, agent=how.agent_path(), ask=ask) as offered:

        async def prove(shell: Shell, work: Work, hostname: str) -> Verification:
            return await _verify(shell, work, offered, hostname, how, ask)

        yield prove


async def _verify(
    shell: Shell, work: Work, offered: Sequence[Signer], hostname: str, how: Verify, ask: Ask | None
) -> Verification:
    """Log in over SSH while the console is open still; if that fails, ask the machine why."""
    emit = shell.console.emit
    if not how.address:
        how = replace(how, address=_own_name(hostname))
    if not how.address:
        said = (
            f"the machine calls itself {printable(hostname, 80)!r}, which leads nowhere: name an address (--verify-as)"
        )
        return Verification("not-tried", "ssh", said)
    target = how.target(work.user)
    emit(Event("start", "read the machine's host keys"))
    read = (await shell.run(program("host_keys", "sshd_log", lines=Expanded(1)))).lines
    known = parse_host_keys(read)
    emit(Event("start", f"log in by SSH as {target}"))
    left = shell.console.time_left()
    seconds = _TOTAL_SECONDS if left is None else min(_TOTAL_SECONDS, left - _SECONDS_TO_ASK_WHY)
    attempt = await _attempts(target, offered, known, ask, seconds)
    emit(Event("done", f"{attempt.command}: {attempt.outcome}"))
    if attempt.outcome == "works" or attempt.here:
        return Verification(attempt.outcome, attempt.command, attempt.said)
    emit(Event("start", "ask the machine why"))
    asked = await shell.run(
        program("sshd_log", "login_obstacles", lines=Expanded(_LOG_LINES), port=Expanded(known.port))
    )
    looked, work = await look_at(shell, work, [one.key for one in offered])
    emit(Event("done", "asked the machine why"))
    printed = since(_last(read), asked.lines)
    found = (*causes(attempt, printed, work.user, known), *obstacles(looked, work.user, work.path))
    return Verification(attempt.outcome, attempt.command, attempt.said, tuple(dict.fromkeys(found)))


async def _attempts(
    target: SshTarget, offered: Sequence[Signer], known: HostKeys, ask: Ask | None, seconds: float
) -> Attempt:
    """One login for each key whose private half is here, up to the first that fails; else one offer."""
    signing = [one for one in offered if one.signs is not None]
    command = f"ssh {target}"
    if not known.keys:
        said = "the machine shows no host key on its console to check an answer against"
        return Attempt("not-tried", said, command)
    if not offered:
        return Attempt("not-tried", "they are keys of authorities: a certificate would log in", command, here=True)
    tried = 0
    worked: Attempt | None = None
    try:
        async with asyncio.timeout(seconds):
            for one in signing or offered[:1]:
                attempt = await log_in_by_ssh(target, one, host_keys=known.keys, usual_port=known.port, ask=ask)
                if attempt.outcome != "works":
                    named = f"{one.key.fingerprint}: " if len(offered) > 1 else ""
                    return replace(attempt, said=named + attempt.said)
                worked = attempt
                tried += 1
    except TimeoutError:
        if worked is None:
            return Attempt("unreachable", f"no login within {max(seconds, 0):.0f} s", command)
    assert worked is not None  # each attempt is one that works, or was given already
    if tried == len(offered):
        return worked
    left = f"{len(offered) - tried} of {len(offered)} keys were not tried (no private half here, or no time)"
    return replace(worked, said=f"{worked.said}; {left}")


def _own_name(hostname: str) -> str:
    """What the machine calls itself, if that can be the address of it; else nothing."""
    try:
        name = address_of(hostname)[0]
    except UsageError:
        return ""
    return "" if name.lower().partition(".")[0] == "localhost" or re.match(r"127\.|::1$|0\.", name) else name


def _last(lines: Sequence[str]) -> str | None:
    return next((line for line in reversed(lines) if line.startswith("l ")), None)


def since(last: str | None, lines: Sequence[str]) -> list[str]:
    """Of what `sshd_log.sh` and `login_obstacles.sh` printed, what was logged after the line `last`; no I/O.

    A line that tells that connections are turned away from now on counts until one tells the end of it.
    """
    logged = [line for line in lines if line.startswith("l ")]
    earlier = logged[: logged.index(last) + 1] if last in logged else []
    throttled = [line for line in earlier if "MaxStartups throttling" in line]
    still = [line for line in throttled[-1:] if "beginning" in line]
    return [*still, *logged[len(earlier) :], *(line for line in lines if not line.startswith("l "))]


def causes(attempt: Attempt, lines: Sequence[str], user: str, known: HostKeys) -> list[str]:
    """What `sshd_log.sh` and `login_obstacles.sh` printed, as causes of what was seen; no I/O.

    Args:
        attempt: what was seen.
        lines: that they printed.
        user: who logged in.
        known: the machine's host keys and its sshd's port.
    """
    said = {letter: [line[2:] for line in lines if f"{line} ".startswith(f"{letter} ")] for letter in "ltnuw"}
    found = _of_the_way(attempt, said, known) if attempt.outcome in ("unreachable", "closed") else []
    for line in said["l"]:
        if (message := _MESSAGE.match(line)) is None:
            continue
        for pattern, words in _LOGGED:
            if (match := re.match(pattern.replace("{user}", re.escape(user)), message[1])) is not None:
                found.append(words.format(*(printable(group, 200) for group in match.groups())))
                break
    return found


def _of_the_way(attempt: Attempt, said: dict[str, list[str]], known: HostKeys) -> list[str]:
    """Why nobody answers, or nobody who lets in."""
    listens = [place.partition(":")[0] for line in said["n"] for place in line.split()]
    if said["n"] and not listens:
        state = printable(" ".join(said["u"]), 80)
        found = [f"sshd does not listen on the machine{f' (its services: {state})' if state else ''}"]
        # systemd makes that folder when it starts sshd; and who is not root cannot read host keys that are there.
        usual = "no hostkeys available" if known.keys else "privilege separation directory"
        broken = [
            line for line in said["t"] if usual not in line and not (state and "privilege separation directory" in line)
        ]
        return found + [f"its configuration is broken: {printable(line.strip(), 200)}" for line in broken[:3]]
    if listens and set(listens) <= _LOOPBACK:
        return ["sshd listens on the machine's loopback only (ListenAddress)"]
    rules = [rule.strip() for rule in said["w"]]
    sure = [rule for rule in rules if re.search(_OF_PORT.format(port=known.port), rule)]
    if sure:
        return ["a firewall on the machine turns it away: " + printable("; ".join(sure), 300)]
    found = []
    if rules:
        found.append("a firewall on the machine may turn it away: " + printable("; ".join(rules), 300))
    if attempt.outcome == "unreachable" and listens:
        found.append("sshd listens on the machine: it may be what is in between, or the address is another one's")
    return found
