"""jobs/verify.py: what sshd logs, as causes; and one real login at a time against a real sshd on loopback."""

from __future__ import annotations

import getpass
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

import sosagent
from sosagent.jobs.host_keys import parse_host_keys
from sosagent.jobs.signers import signers
from sosagent.jobs.verify import _own_name, causes, since
from sosagent.jobs.verify_ssh import Attempt, Outcome, log_in_by_ssh
from sosagent.keys.known_hosts import address_of
from sosagent.shell.programs import Expanded, program

from ..conftest import SHELLS, installed
from ..support.ports import free_port
from ..support.sshd import running_sshd

#: Lines of real logs, and what they mean.
LOGGED = {
    "ROOT LOGIN REFUSED FROM 10.0.2.2 port 50420": "PermitRootLogin",
    "Authentication refused: bad ownership or modes for directory /root": "write to /root",
    "pam_unix(sshd:account): expired password for user bob (root enforced)": "PAM: expired password",
    "drop connection #3 from [10.0.2.2]:1 on [10.0.2.15]:22 past PerSourceMaxStartups": "(PerSourceMaxStartups)",
    "User root from 10.0.2.2 not allowed because not listed in AllowUsers": "the user is not listed in AllowUsers",
    "User bob not allowed because account is locked": "account is locked",
    "User bob not allowed because shell /bin/none does not exist": "shell /bin/none does not exist",
    "refusing RSA key: Invalid key length [preauth]": "RequiredRSASize",
    "userauth_pubkey: signature algorithm ssh-rsa not in PubkeyAcceptedAlgorithms [preauth]": "switched off",
    "drop connection #1 from [10.0.2.2]:50480 on [10.0.2.15]:22 past MaxStartups": "MaxStartups",
    "drop connection #0 from [10.0.2.2]:1 on [10.0.2.15]:22 penalty: failed authentication": "PerSourcePenalties",
    "drop connection #0 from [10.0.2.2]:1 on [10.0.2.15]:22 too many penalised addresses": "addresses is full",
    "error: beginning MaxStartups throttling": "MaxStartups",
    "/x/authorized_keys:3: Authentication tried for root with correct key but not from a permitted host": "from=",
    "fatal: Access denied for user bob by PAM account configuration [preauth]": "PAM",
    "error: Refused by key options": "options of the key's line",
    "refused connect from 10.0.2.2 (10.0.2.2)": "hosts.deny",
}


#: Whose logins those are about that are not about root's.
LOGGED_BY = {line: "bob" for line in LOGGED if "bob" in line}
KNOWN = parse_host_keys(["t vm 22"])
#: What strangers can have logged: never a cause.
STRANGERS = [
    "Invalid user ROOT LOGIN REFUSED from 203.0.113.9 port 4711",
    "Invalid user revoked from 203.0.113.9 port 4711",
    "Invalid user nologin from 203.0.113.9 port 4711",
    "Invalid user sshd[1]: ROOT LOGIN REFUSED from 203.0.113.9 port 4711",
    "User admin from 203.0.113.9 not allowed because not listed in AllowUsers",
    "Connection closed by invalid user not allowed because 203.0.113.9 port 4711 [preauth]",
    "pam_unix(sshd:account): expired password for user bob (password aged)",
]


@pytest.mark.parametrize("line", STRANGERS)
def test_what_strangers_may_write_into_the_log_is_none(line: str) -> None:
    assert causes(Attempt("key-refused", "", ""), [f"l Nov 22 23:10:04 vm sshd[812]: {line}"], "root", KNOWN) == []


@pytest.mark.parametrize("line", LOGGED)
def test_what_sshd_logged_is_a_cause(line: str) -> None:
    printed = [f"l Nov 22 23:10:04 vm sshd[812]: {line}", "n 00000000:0016", "u active"]
    found = causes(Attempt("key-refused", "", ""), printed, LOGGED_BY.get(line, "root"), KNOWN)
    assert [LOGGED[line] in cause for cause in found] == [True]


@pytest.mark.parametrize(
    ("outcome", "lines", "words"),
    [
        ("unreachable", ["n", "u inactive inactive"], "does not listen on the machine (its services: inactive"),
        ("closed", ["n", "u", "t /etc/ssh/sshd_config line 3: Bad configuration option: X"], "line 3"),
        ("unreachable", ["n 00000000:0016", "w -A INPUT -p tcp --dport 22 -j DROP"], "turns it away: -A INPUT"),
        ("unreachable", ["n 00000000:0016", "w -P FORWARD DROP"], "may turn it away: -P FORWARD DROP"),
        ("unreachable", ["n 00000000:0016", "w -A INPUT --dport 2222 -j DROP"], "may turn it away"),
        ("unreachable", ["n 0100007F:0016 00000000000000000000000001000000:0016"], "loopback only"),
        ("unreachable", ["n 0100007F:0016 00000000:0016"], "what is in between"),
    ],
)
def test_what_the_machine_says_of_its_sshd(outcome: Outcome, lines: list[str], words: str) -> None:
    assert words in " ".join(causes(Attempt(outcome, "", ""), lines, "root", KNOWN))


def test_a_folder_that_systemd_makes_is_not_missed() -> None:
    missing = "t Missing privilege separation directory: /run/sshd\r"
    found = causes(Attempt("closed", "", ""), ["n", "u inactive", missing], "root", KNOWN)
    assert (len(found), "does not listen" in found[0]) == (1, True)
    assert "bad" in causes(Attempt("closed", "", ""), ["n", "u", "t bad"], "root", KNOWN)[1]


@pytest.mark.parametrize("name", SHELLS)
def test_what_is_asked_runs_under_every_shell(name: str) -> None:
    text = program("host_keys", "sshd_log", "login_obstacles", lines=Expanded(1), port=Expanded(22))
    done = subprocess.run([*installed(SHELLS[name]), "-c", text], capture_output=True, text=True, check=False)
    assert {line[:1] for line in done.stdout.splitlines()} >= {"t", "l", "n", "u"}
    assert done.stderr == ""


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    path = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[tuple[int, Path, sosagent.PublicKey]]:
    with running_sshd(tmp_path) as (port, keys):
        host_key = sosagent.parse_public_keys((tmp_path / "host.pub").read_bytes())[0]
        yield port, keys, host_key


def public(pair: Path) -> sosagent.PublicKey:
    return sosagent.parse_public_keys(Path(f"{pair}.pub").read_bytes())[0]


async def attempt(port: int, pair: Path, *host_keys: sosagent.PublicKey, address: str = "127.0.0.1") -> Attempt:
    nobodys = pair.with_name("no_config")
    nobodys.touch()
    target = sosagent.SshTarget(address, getpass.getuser(), port, ssh_config=nobodys)
    async with signers([public(pair)], [pair], agent=None, ask=None) as (signer,):
        return await log_in_by_ssh(target, signer, host_keys=host_keys)


async def test_a_login(sshd: tuple[int, Path, sosagent.PublicKey], pair: Path) -> None:
    port, keys, host_key = sshd
    line = Path(f"{pair}.pub").read_text()
    keys.write_text(line)
    assert (await attempt(port, pair, host_key)).outcome == "works"
    assert (await attempt(port, pair, public(pair))).outcome == "host-key-differs"
    assert (await attempt(port, pair)).outcome == "host-key-differs"
    keys.write_text(f'command="echo no" {line}')
    assert (await attempt(port, pair, host_key)).outcome == "no-shell"
    keys.write_text("")
    assert (await attempt(port, pair, host_key)).outcome == "key-refused"


async def test_a_key_whose_private_half_is_elsewhere(sshd: tuple[int, Path, sosagent.PublicKey], pair: Path) -> None:
    port, keys, host_key = sshd
    pair.unlink()
    keys.write_text("")
    assert (await attempt(port, pair, host_key)).outcome == "key-refused"
    keys.write_text(Path(f"{pair}.pub").read_text())
    seen = await attempt(port, pair, host_key)
    assert (seen.outcome, "private half is not here" in seen.said) == ("not-tried", True)


async def test_what_shows_the_command_back_is_no_shell(sshd: tuple[int, Path, sosagent.PublicKey], pair: Path) -> None:
    port, keys, host_key = sshd
    keys.write_text(f'command="echo not allowed: $SSH_ORIGINAL_COMMAND" {Path(f"{pair}.pub").read_text()}')
    assert (await attempt(port, pair, host_key)).outcome == "no-shell"
    keys.write_text(f'command="cat /dev/zero" {Path(f"{pair}.pub").read_text()}')
    assert (await attempt(port, pair, host_key)).outcome == "no-shell"


async def test_a_certificate_beside_the_key_does_not_count(
    sshd: tuple[int, Path, sosagent.PublicKey], pair: Path
) -> None:
    port, keys, host_key = sshd
    authority = pair.with_name("authority")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", authority], check=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-s", authority, "-I", "id", "-n", getpass.getuser(), f"{pair}.pub"], check=True
    )
    keys.write_text(f"cert-authority {Path(f'{authority}.pub').read_text()}")
    assert (await attempt(port, pair, host_key)).outcome == "key-refused"


async def test_who_lets_everybody_in_proves_nothing(pair: Path) -> None:
    class Anybody(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

    own = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(Anybody, "127.0.0.1", 0, server_host_keys=[own])
    host_key = sosagent.parse_public_keys(own.export_public_key())[0]
    assert (await attempt(server.get_port(), pair, host_key)).outcome == "key-refused"
    server.close()


async def test_an_agent_that_does_not_sign(
    sshd: tuple[int, Path, sosagent.PublicKey], pair: Path, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, keys, host_key = sshd
    keys.write_text(Path(f"{pair}.pub").read_text())
    monkeypatch.setenv("SSH_AUTH_SOCK", agent)
    subprocess.run(["ssh-add", "-q", "-c", pair], check=True)  # to be confirmed, and nobody is there
    target = sosagent.SshTarget("127.0.0.1", getpass.getuser(), port)
    async with signers([public(pair)], [], agent=agent, ask=None) as (signer,):
        seen = await log_in_by_ssh(target, signer, host_keys=[host_key])
    assert (seen.outcome, "could not sign" in seen.said) == ("not-tried", True)


async def test_another_machine_with_another_type_of_key(pair: Path) -> None:
    server = await asyncssh.create_server(
        asyncssh.SSHServer, "127.0.0.1", 0, server_host_keys=[asyncssh.generate_private_key("ssh-rsa", key_size=2048)]
    )
    assert (await attempt(server.get_port(), pair, public(pair))).outcome == "host-key-differs"
    server.close()


@pytest.mark.parametrize("name", ["a..b", "x" * 64, "xn--\udce9"])
async def test_names_that_dns_cannot_hold(name: str, pair: Path) -> None:
    seen = await attempt(22, pair, public(pair), address=name)
    assert (seen.outcome in ("not-tried", "unreachable"), seen.here) == (True, True)
    with pytest.raises(sosagent.UsageError):
        address_of(name)


def test_the_machines_own_name_is_an_address_or_nothing() -> None:
    for name in ("(none)", "my-", "web-1.", "localhost", "localhost.localdomain", "127.0.1.1", ""):
        assert _own_name(name) == "", name
    assert _own_name("web-1.example.net") == "web-1.example.net"


async def test_host_keys_that_asyncssh_cannot_read(sshd: tuple[int, Path, sosagent.PublicKey], pair: Path) -> None:
    port, keys, host_key = sshd
    keys.write_text(Path(f"{pair}.pub").read_text())
    odd = [
        sosagent.PublicKey(name, b"".join(struct.pack(">I", len(field)) + field for field in (name.encode(), *fields)))
        for name, *fields in (
            ("ssh-rsa", b"\x7f" * 300, b"\x7f" * 256),
            ("sk-ssh-ed25519@openssh.com", b"\0" * 32, b"\xff"),
        )
    ]
    assert (await attempt(port, pair, *odd, host_key)).outcome == "works"


async def test_a_login_through_a_jump_host(
    sshd: tuple[int, Path, sosagent.PublicKey], pair: Path, tmp_path: Path
) -> None:
    port, keys, host_key = sshd
    line = Path(f"{pair}.pub").read_text()
    keys.write_text(line)
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {host_key.type} {host_key.base64}\n")
    config = tmp_path / "ssh_config"
    config.write_text(
        f"Host web1\nHostName 127.0.0.1\nPort {port}\nProxyJump bastion\n"
        f"Host bastion\nHostName 127.0.0.1\nPort {port}\nUser {getpass.getuser()}\nIdentityFile {pair}\n"
        f"Host *\nUserKnownHostsFile {known}\n"
    )
    target = sosagent.SshTarget("web1", getpass.getuser(), ssh_config=config)
    async with signers([public(pair)], [pair], agent=None, ask=None) as (signer,):
        seen = await log_in_by_ssh(target, signer, host_keys=[host_key])
        assert (seen.outcome, seen.command) == ("works", f"ssh -F {config} -i {pair} {getpass.getuser()}@web1")
        known.write_text("")
        seen = await log_in_by_ssh(target, signer, host_keys=[host_key])
    assert seen.outcome == "not-tried"
    assert "on the way there: the host key of" in seen.said


async def test_the_agents_key_logs_in_and_no_other_one(
    sshd: tuple[int, Path, sosagent.PublicKey], pair: Path, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, keys, host_key = sshd
    monkeypatch.setenv("SSH_AUTH_SOCK", agent)
    other = pair.with_name("other")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    subprocess.run(["ssh-add", "-q", other, pair], check=True)
    keys.write_text(Path(f"{other}.pub").read_text())
    target = sosagent.SshTarget("127.0.0.1", getpass.getuser(), port)
    pair.unlink()
    async with signers([public(pair)], [pair], agent=agent, ask=None) as (signer,):
        assert signer.signs is not None
        assert (await log_in_by_ssh(target, signer, host_keys=[host_key])).outcome == "key-refused"
        keys.write_text(Path(f"{pair}.pub").read_text())
        assert (await log_in_by_ssh(target, signer, host_keys=[host_key])).outcome == "works"


async def test_a_passphrase_is_asked_for_just_for_the_key_that_fits(pair: Path) -> None:
    other = pair.with_name("other")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", other], check=True)
    asked: list[str] = []

    async def ask(endpoint: str, prompt: str, echo: bool) -> str | None:
        asked.append(prompt)
        return "secret"

    async with signers([public(pair)], [other, pair], agent=None, ask=ask) as (signer,):
        assert (signer.signs is not None, asked) == (True, [])
    async with signers([public(other)], [other, pair], agent=None, ask=ask) as (signer,):
        assert (signer.signs is not None, len(asked)) == (True, 1)
    with pytest.raises(sosagent.UsageError, match="is encrypted"):
        async with signers([public(other)], [other, pair], agent=None, ask=None):
            pass


def test_only_what_was_logged_since_counts() -> None:
    old, new = "l Nov 22 sshd[1]: ROOT LOGIN REFUSED", "l Nov 22 sshd[2]: account is locked"
    assert since(old, [old, new, "n 1"]) == [new, "n 1"]
    assert since(None, [old, "n 1"]) == [old, "n 1"]
    assert since("l gone since", [old, new]) == [old, new]
    full = "l Nov 22 sshd[1]: beginning MaxStartups throttling"
    assert since(old, [full, old, "n 1"]) == [full, "n 1"]
    over = "l Nov 22 sshd[1]: exited MaxStartups throttling after 00:00:01, 3 connections dropped"
    assert since(old, [full, over, old, "n 1"]) == ["n 1"]


async def test_nobody_there(pair: Path) -> None:
    key = public(pair)
    assert (await attempt(free_port(), pair, key)).outcome == "unreachable"
    assert (await attempt(22, pair, key, address="no-such-host.invalid")).outcome == "unreachable"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        server.listen()

        import threading

        def turn_away() -> None:
            peer, _ = server.accept()
            peer.sendall(b"Not allowed at this time\r\n")
            peer.close()

        thread = threading.Thread(target=turn_away)
        thread.start()
        assert (await attempt(port, pair, key)).outcome == "closed"
        thread.join()
