"""After an add: does a login over SSH work, and if not, why, as far as the machine tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..console.events import Event
from ..errors import UsageError
from ..known_hosts import address_of
from ..printable import printable
from ..shell.programs import Expanded, program
from ..shell.shell import Shell
from ..target import Target
from ..transports import Ask
from .append import look_at
from .host_keys import HostKeys, parse_host_keys
from .look import obstacles
from .signers import Signer
from .verify_ssh import Attempt, log_in_by_ssh
from .work import Work

__all__ = ["Verification", "Verify", "causes", "since", "verify"]

_LOG_LINES = 20
#: 127.0.0.1 and ::1 as /proc/net/tcp and tcp6 write them (proc(5); little-endian machines).
_LOOPBACK = {"0100007F", "00000000000000000000000001000000"}

#: What sshd logs, and what it means (auth.c, auth2-pubkey*.c, misc.c, srclimit.c, platform.c, PAM).
_LOGGED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"ROOT LOGIN REFUSED", "PermitRootLogin does not let root in"),
        (r"bad ownership or modes for (?:file|directory) (\S+)", "StrictModes: others may write to {}, or own it"),
        (r"not allowed because (.+)", "sshd: the user is {}"),
        (r"refusing RSA key|Invalid key length", "sshd: the RSA key is too short (RequiredRSASize)"),
        (r"not in PubkeyAcceptedAlgorithms|key type \S+ not in", "sshd: keys of this type are switched off"),
        (r"shell (\S+) (?:does not exist|is not executable)", "the login shell {} cannot be run"),
        (r"account is locked", "the account is locked"),
        (r"account (?:has )?expired|password .*expired", "the account or its password has expired"),
        (r"Could not open (?:user '\S+' )?authorized keys '?(\S+?)'?:? (.+)", "sshd cannot open {}"),
        (
            r"Authentication tried for .* with correct key but not from a permitted host",
            "from= does not let this address in",
        ),
        (r"revoked", "RevokedKeys holds the key, or cannot be read"),
        (
            r"too many penalised addresses",
            "sshd turns everybody away for a while: its list of penalised addresses is full (PerSourcePenalties, "
            "overflow:deny-all)",
        ),
        (r"drop connection .* penalty: (.+)", "sshd turns this address away for a while (PerSourcePenalties): {}"),
        (r"MaxStartups", "sshd turns connections away: too many wait for their login already (MaxStartups)"),
        (r"PerSourceMaxStartups", "sshd turns connections away: too many of this address wait (PerSourceMaxStartups)"),
        (r"pam_nologin|System is booting up|nologin", "logins are switched off (nologin)"),
        (r"pam_access|pam_listfile|Access denied for user", "PAM refuses the user"),
        (r"refused connect from", "hosts.deny (libwrap) refuses this address"),
    )
)


@dataclass(frozen=True)
class Verify:
    """How to try.

    Fields:
        address: as the user reaches the machine, or a Host of ssh_config; the machine's own name, if empty.
        port: of its sshd; what ssh_config says, if None, then what the machine's configuration says.
        private: where a private half of the keys may be; files that hold another one are passed over.
        agent: look for it in the agent, too.
        ssh_config: a file instead of ~/.ssh/config.
    """

    address: str = ""
    port: int | None = None
    private: tuple[Path, ...] = ()
    agent: bool = True
    ssh_config: Path | None = None


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


async def verify(
    shell: Shell,
    work: Work,
    offered: Sequence[Signer],
    hostname: str,
    how: Verify,
    ask: Ask | None = None,
) -> Verification:
    """Log in over SSH while the console is open still; if that fails, ask the machine why.

    Args:
        shell: on the machine.
        work: whose file.
        offered: the keys that were added.
        hostname: the machine's own name.
        how: where to, and by which keys.
        ask: asks what a jump host wants to know.
    """
    tell = shell.console.tell
    tell(Event("start", "read the machine's host keys"))
    read = (await shell.run(program("hostkeys", "log", lines=Expanded(1)))).lines
    known = parse_host_keys(read)
    target = Target(how.address or _own_name(hostname), work.user, how.port, (), how.ssh_config)
    tell(Event("start", f"log in by SSH as {printable(str(target))}"))
    attempt = await _attempts(target, offered, known, ask)
    if attempt.outcome == "works":
        tell(Event("done", f"{attempt.command} works"))
        return Verification(attempt.outcome, attempt.command, attempt.said)
    tell(Event("done", f"{attempt.command}: {attempt.outcome}"))
    tell(Event("start", "ask the machine why"))
    asked = await shell.run(program("log", "why", lines=Expanded(_LOG_LINES), port=Expanded(known.port)))
    looked, work = await look_at(shell, work, [one.key for one in offered])
    said = since(_last(read), asked.lines)
    tell(Event("done", "asked the machine why"))
    found = (*causes(attempt, said), *obstacles(looked, work.user, work.path))
    return Verification(attempt.outcome, attempt.command, attempt.said, tuple(dict.fromkeys(found)))


async def _attempts(target: Target, offered: Sequence[Signer], known: HostKeys, ask: Ask | None) -> Attempt:
    """One login for each key whose private half is here, up to the first that fails; else one offer."""
    signing = [one for one in offered if one.signs]
    command = f"ssh {target}"
    if not known.keys:
        return Attempt("not-tried", "the machine shows no host key on its console to check an answer against", command)
    if not offered:
        return Attempt("not-tried", "they are keys of authorities: a certificate would log in", command)
    for one in signing or offered[:1]:
        attempt = await log_in_by_ssh(target, one, host_keys=known.keys, usual_port=known.port, ask=ask)
        if attempt.outcome != "works":
            return replace(attempt, said=f"{one.key.fingerprint}: {attempt.said}") if len(offered) > 1 else attempt
    left = len(offered) - len(signing)
    more = f"; {left} of the keys could not be tried: their private halves are not here" if left else ""
    return replace(attempt, said=attempt.said + more)


def _own_name(hostname: str) -> str:
    try:
        return address_of(hostname)[0]
    except UsageError:
        raise UsageError(
            f"the machine calls itself {printable(hostname, 80)!r}, which is no address",
            hint="Say where to log in: --verify-as ADDRESS.",
        ) from None


def _last(lines: Sequence[str]) -> str | None:
    return next((line for line in reversed(lines) if line.startswith("l ")), None)


def since(last: str | None, lines: Sequence[str]) -> list[str]:
    """Of what `log.sh` and `why.sh` printed, what was logged after the line `last`; no I/O.

    A line that tells that connections are turned away from now on counts until one tells the end of it.
    """
    logged = [line for line in lines if line.startswith("l ")]
    earlier = logged[: logged.index(last) + 1] if last in logged else []
    throttled = [line for line in earlier if "MaxStartups throttling" in line]
    still = [line for line in throttled[-1:] if "beginning" in line]
    return [*still, *logged[len(earlier) :], *(line for line in lines if not line.startswith("l "))]


def causes(attempt: Attempt, lines: Sequence[str]) -> list[str]:
    """What `why.sh` printed, as causes of what was seen; no I/O."""
    found: list[str] = []
    said = {letter: [line[2:] for line in lines if f"{line} ".startswith(f"{letter} ")] for letter in "ltnuw"}
    if attempt.outcome in ("unreachable", "closed"):
        listens = [place.partition(":")[0] for line in said["n"] for place in line.split()]
        if said["n"] and not listens:
            state = printable(" ".join(said["u"]), 80)
            found.append(f"sshd does not listen on the machine{f' (its services: {state})' if state else ''}")
            # systemd makes that folder when it starts sshd.
            broken = [line for line in said["t"] if not (state and "privilege separation directory" in line)]
            found += [f"its configuration is broken: {printable(line.strip(), 200)}" for line in broken[:3]]
        elif listens and set(listens) <= _LOOPBACK:
            found.append("sshd listens on the machine's loopback only (ListenAddress)")
        elif said["w"]:
            found.append("a firewall on the machine drops or rejects: " + printable("; ".join(said["w"]), 300))
        elif attempt.outcome == "unreachable" and listens:
            found.append("sshd listens on the machine: what is in between does not let you through")
    for line in said["l"]:
        for pattern, words in _LOGGED:
            if (match := pattern.search(line)) is not None:
                found.append(words.format(*(printable(group, 200) for group in match.groups())))
                break
    return found
