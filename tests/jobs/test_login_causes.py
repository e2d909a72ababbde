"""jobs/login_causes.py: lines of real logs, and settings of sshd, as causes of a failed login."""

from __future__ import annotations

import subprocess

import pytest

from sosagent.jobs.host_keys import parse_host_keys
from sosagent.jobs.login_causes import causes, logged_since
from sosagent.jobs.verify_ssh import Attempt, Outcome
from sosagent.shell.programs import Expanded, program

#: Lines of real logs, and words of their causes.
LOGGED = {
    "ROOT LOGIN REFUSED FROM 10.0.2.2 port 50420": "PermitRootLogin",
    "Authentication refused: bad ownership or modes for directory /root": "write to /root",
    "pam_unix(sshd:account): expired password for user bob (root enforced)": "PAM: expired password",
    "drop connection #3 from [10.0.2.2]:1 on [10.0.2.15]:22 past PerSourceMaxStartups": "(PerSourceMaxStartups)",
    "User root from 10.0.2.2 not allowed because not listed in AllowUsers": "the user is not listed in AllowUsers",
    "User bob not allowed because account is locked": "account is locked",
    "User bob not allowed because shell /bin/none does not exist": "shell /bin/none does not exist",
    "refusing RSA key: Invalid key length [preauth]": "RequiredRSASize",
    "userauth_pubkey: signature algorithm ssh-rsa not in PubkeyAcceptedAlgorithms [preauth]": "disabled",
    "drop connection #1 from [10.0.2.2]:50480 on [10.0.2.15]:22 past MaxStartups": "MaxStartups",
    "drop connection #0 from [10.0.2.2]:1 on [10.0.2.15]:22 penalty: failed authentication": "PerSourcePenalties",
    "drop connection #0 from [10.0.2.2]:1 on [10.0.2.15]:22 too many penalised addresses": "addresses is full",
    "error: beginning MaxStartups throttling": "MaxStartups",
    "/x/authorized_keys:3: Authentication tried for root with correct key but not from a permitted host": "from=",
    "fatal: Access denied for user bob by PAM account configuration [preauth]": "PAM",
    "error: Refused by key options": "options in front of the key",
    "refused connect from 10.0.2.2 (10.0.2.2)": "hosts.deny",
}


#: The user of the lines that are not about root.
USER_OF = {line: "bob" for line in LOGGED if "bob" in line}
KNOWN = parse_host_keys(["t vm 22"])
#: Log lines that any host on the network can cause.
FORGED = [
    "Invalid user ROOT LOGIN REFUSED from 203.0.113.9 port 4711",
    "Invalid user revoked from 203.0.113.9 port 4711",
    "Invalid user nologin from 203.0.113.9 port 4711",
    "Invalid user sshd[1]: ROOT LOGIN REFUSED from 203.0.113.9 port 4711",
    "User admin from 203.0.113.9 not allowed because not listed in AllowUsers",
    "Connection closed by invalid user not allowed because 203.0.113.9 port 4711 [preauth]",
    "pam_unix(sshd:account): expired password for user bob (password aged)",
]


@pytest.mark.parametrize("line", FORGED)
def test_forged_log_lines_are_not_causes(line: str) -> None:
    assert causes(Attempt("key-refused", "", ""), [f"l Nov 22 23:10:04 vm sshd[812]: {line}"], "root", KNOWN) == []


@pytest.mark.parametrize("line", LOGGED)
def test_log_lines_are_causes(line: str) -> None:
    printed = [f"l Nov 22 23:10:04 vm sshd[812]: {line}", "n 00000000:0016", "u active"]
    found = causes(Attempt("key-refused", "", ""), printed, USER_OF.get(line, "root"), KNOWN)
    assert [LOGGED[line] in cause for cause in found] == [True]


@pytest.mark.parametrize(
    ("outcome", "lines", "words"),
    [
        ("unreachable", ["n", "u inactive inactive"], "does not listen on the machine (its services: inactive"),
        ("closed", ["n", "u", "t /etc/ssh/sshd_config line 3: Bad configuration option: X"], "line 3"),
        ("unreachable", ["n 00000000:0016", "w -A INPUT -p tcp --dport 22 -j DROP"], "blocks it: -A INPUT"),
        ("unreachable", ["n 00000000:0016", "w -P FORWARD DROP"], "may block it: -P FORWARD DROP"),
        ("unreachable", ["n 00000000:0016", "w -A INPUT --dport 2222 -j DROP"], "may block it"),
        ("unreachable", ["n 0100007F:0016 00000000000000000000000001000000:0016"], "loopback address only"),
        ("unreachable", ["n 0100007F:0016 00000000:0016"], "network in between"),
    ],
)
def test_state_of_sshd_and_firewall_is_a_cause(outcome: Outcome, lines: list[str], words: str) -> None:
    assert words in " ".join(causes(Attempt(outcome, "", ""), lines, "root", KNOWN))


def test_folder_that_systemd_creates_is_not_a_cause() -> None:
    missing = "t Missing privilege separation directory: /run/sshd\r"
    found = causes(Attempt("closed", "", ""), ["n", "u inactive", missing], "root", KNOWN)
    assert (len(found), "does not listen" in found[0]) == (1, True)
    assert "bad" in causes(Attempt("closed", "", ""), ["n", "u", "t bad"], "root", KNOWN)[1]


def test_programs_run_in_every_shell(sh: list[str]) -> None:
    text = program("host_keys", "sshd_log", "login_obstacles", lines=Expanded(1), port=Expanded(22))
    done = subprocess.run([*sh, "-c", text], capture_output=True, text=True, check=False)
    assert {line[:1] for line in done.stdout.splitlines()} >= {"t", "l", "n", "u"}
    assert done.stderr == ""


def test_only_lines_logged_since_count() -> None:
    old, new = "l Nov 22 sshd[1]: ROOT LOGIN REFUSED", "l Nov 22 sshd[2]: account is locked"
    assert logged_since(old, [old, new, "n 1"]) == [new, "n 1"]
    assert logged_since(None, [old, "n 1"]) == [old, "n 1"]
    assert logged_since("l gone since", [old, new]) == [old, new]
    full = "l Nov 22 sshd[1]: beginning MaxStartups throttling"
    assert logged_since(old, [full, old, "n 1"]) == [full, "n 1"]
    over = "l Nov 22 sshd[1]: exited MaxStartups throttling after 00:00:01, 3 connections dropped"
    assert logged_since(old, [full, over, old, "n 1"]) == ["n 1"]
