"""Find the cause of a failed login over SSH in the machine's logs and settings. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..printable import printable
from .host_keys import HostKeys
from .verify_ssh import Attempt

__all__ = ["causes", "last_logged", "logged_since"]

#: 127.0.0.1 and ::1 in /proc/net/tcp and tcp6 (proc(5); little-endian machines).
_LOOPBACK = {"0100007F", "00000000000000000000000001000000"}
_MESSAGE = re.compile(r".*?\b(?:sshd|sshd-session|sshd-auth|dropbear)(?:\[\d+\])?: (?:error: |fatal: |/\S+:\d+: )*(.*)")
#: A firewall rule about a port.
_RULE_FOR_PORT = r"dport[^;]*\b{port}\b"

#: Starts of sshd's messages, and what they mean (auth.c, auth2-pubkey*.c, misc.c, srclimit.c, platform.c, PAM). Only
#: the start of a message is compared: text that any host on the network can send, such as a user name, follows it.
_LOGGED = (
    (r"ROOT LOGIN REFUSED", "PermitRootLogin does not allow root"),
    (
        r"Authentication refused: bad ownership or modes for (?:file|directory) (\S+)",
        "StrictModes: other users may write to {}, or own it",
    ),
    (r"User {user} from \S+ not allowed because (.+)", "sshd: the user is {}"),
    (r"User {user} not allowed because (.+)", "sshd: the user is {}"),
    (r"refusing RSA key|.*Invalid key length", "sshd: the RSA key is too short (RequiredRSASize)"),
    (
        r"userauth_pubkey: (?:signature algorithm|key type) \S+ not in",
        "sshd: keys of this type are disabled",
    ),
    (r"Could not open user '{user}' authorized keys '?(\S+?)'?: ", "sshd cannot open {}"),
    (
        r"Authentication tried for {user} with correct key but not from a permitted host",
        "the option from= does not allow this address",
    ),
    (
        r"Authentication key \S+ \S+ revoked|.*error checking.* revoked",
        "RevokedKeys contains the key, or cannot be read",
    ),
    (r"Refused by key options", "the options in front of the key refuse it"),
    (
        r"drop connection .* too many penalised addresses",
        "sshd temporarily refuses all connections: its list of penalised addresses is full (PerSourcePenalties, "
        "overflow:deny-all)",
    ),
    (r"drop connection .* penalty: (.+)", "sshd temporarily refuses this address (PerSourcePenalties): {}"),
    (
        r"drop connection .* PerSourceMaxStartups",
        "sshd refuses connections: too many clients from this address are waiting to log in (PerSourceMaxStartups)",
    ),
    (
        r"(?:beginning |drop connection .* past )MaxStartups",
        "sshd refuses connections: too many clients are waiting to log in (MaxStartups)",
    ),
    (r"System is booting up|.*pam_nologin\(sshd", "logins are disabled (nologin)"),
    (r"Access denied for user {user} by PAM", "PAM refuses the user"),
    (r"pam_unix\(sshd:account\): .*(expired .*) for user {user}", "PAM: {}"),
    (r"pam_(?:access|listfile|time)\(sshd:account\): ", "PAM refuses the user"),
    (r"refused connect from", "hosts.deny (libwrap) refuses this address"),
)


def last_logged(lines: Sequence[str]) -> str | None:
    """Return the last log line in the output of `sshd_log.sh`."""
    return next((line for line in reversed(lines) if line.startswith("l ")), None)


def logged_since(last: str | None, lines: Sequence[str]) -> list[str]:
    """Return the output of `sshd_log.sh` and `login_obstacles.sh` without log lines up to `last`.

    A line that reports the start of throttling is kept until another line reports its end.
    """
    logged = [line for line in lines if line.startswith("l ")]
    earlier = logged[: logged.index(last) + 1] if last in logged else []
    throttling = [line for line in earlier if "MaxStartups throttling" in line]
    ongoing = [line for line in throttling[-1:] if "beginning" in line]
    return [*ongoing, *logged[len(earlier) :], *(line for line in lines if not line.startswith("l "))]


def causes(attempt: Attempt, lines: Sequence[str], user: str, known: HostKeys) -> list[str]:
    """Return sentences about the causes of a failed login.

    Args:
        attempt: the login.
        lines: output of `sshd_log.sh` and `login_obstacles.sh`.
        user: the user who tried to log in.
        known: the machine's host keys and the port of its sshd.
    """
    answers = {letter: [line[2:] for line in lines if f"{line} ".startswith(f"{letter} ")] for letter in "ltnuw"}
    sentences = _network_causes(attempt, answers, known) if attempt.outcome in ("unreachable", "closed") else []
    for line in answers["l"]:
        if (message := _MESSAGE.match(line)) is None:
            continue
        for pattern, sentence in _LOGGED:
            if (match := re.match(pattern.replace("{user}", re.escape(user)), message[1])) is not None:
                sentences.append(sentence.format(*(printable(group, 200) for group in match.groups())))
                break
    return sentences


def _network_causes(attempt: Attempt, answers: dict[str, list[str]], known: HostKeys) -> list[str]:
    """Return why sshd does not answer, or why connections to it end before a login."""
    addresses = [socket.partition(":")[0] for line in answers["n"] for socket in line.split()]
    if answers["n"] and not addresses:
        return _not_listening(answers, known)
    if addresses and set(addresses) <= _LOOPBACK:
        return ["sshd listens on the machine's loopback address only (ListenAddress)"]
    rules = [rule.strip() for rule in answers["w"]]
    for_port = [rule for rule in rules if re.search(_RULE_FOR_PORT.format(port=known.port), rule)]
    if for_port:
        return ["a firewall on the machine blocks it: " + printable("; ".join(for_port), 300)]
    sentences = []
    if rules:
        sentences.append("a firewall on the machine may block it: " + printable("; ".join(rules), 300))
    if attempt.outcome == "unreachable" and addresses:
        sentences.append(
            "sshd listens on the machine: the network in between may block it, or the address belongs to another one"
        )
    return sentences


def _not_listening(answers: dict[str, list[str]], known: HostKeys) -> list[str]:
    state = printable(" ".join(answers["u"]), 80)
    sentence = f"sshd does not listen on the machine{f' (its services: {state})' if state else ''}"
    # systemd creates that folder when it starts sshd, and only root can read the host keys.
    harmless = "no hostkeys available" if known.keys else "privilege separation directory"
    complaints = [
        line
        for line in answers["t"]
        if harmless not in line and not (state and "privilege separation directory" in line)
    ]
    return [sentence, *(f"its configuration has an error: {printable(line.strip(), 200)}" for line in complaints[:3])]
