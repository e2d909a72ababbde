"""jobs/verify_ssh.py and signers.py: single logins to a real sshd on loopback."""

from __future__ import annotations

import getpass
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

import sosagent
from sosagent.jobs.signers import signers
from sosagent.jobs.verify import _as_address
from sosagent.jobs.verify_ssh import Attempt, log_in_by_ssh
from sosagent.keys.known_hosts import address_of

from ..support.ports import free_port
from ..support.sshd import running_sshd


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
    empty_config = pair.with_name("no_config")
    empty_config.touch()
    target = sosagent.SshTarget(address, getpass.getuser(), port, ssh_config=empty_config)
    async with signers([public(pair)], [pair], agent=None, ask=None) as (signer,):
        return await log_in_by_ssh(target, signer, host_keys=host_keys)


async def test_outcomes_of_a_login(sshd: tuple[int, Path, sosagent.PublicKey], pair: Path) -> None:
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


async def test_key_without_a_private_half_is_offered(sshd: tuple[int, Path, sosagent.PublicKey], pair: Path) -> None:
    port, keys, host_key = sshd
    pair.unlink()
    keys.write_text("")
    assert (await attempt(port, pair, host_key)).outcome == "key-refused"
    keys.write_text(Path(f"{pair}.pub").read_text())
    result = await attempt(port, pair, host_key)
    assert (result.outcome, "private half is not here" in result.message) == ("not-tried", True)


async def test_program_that_echoes_is_not_a_shell(sshd: tuple[int, Path, sosagent.PublicKey], pair: Path) -> None:
    port, keys, host_key = sshd
    keys.write_text(f'command="echo not allowed: $SSH_ORIGINAL_COMMAND" {Path(f"{pair}.pub").read_text()}')
    assert (await attempt(port, pair, host_key)).outcome == "no-shell"
    keys.write_text(f'command="cat /dev/zero" {Path(f"{pair}.pub").read_text()}')
    assert (await attempt(port, pair, host_key)).outcome == "no-shell"


async def test_certificate_beside_the_key_is_not_used(sshd: tuple[int, Path, sosagent.PublicKey], pair: Path) -> None:
    port, keys, host_key = sshd
    authority = pair.with_name("authority")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", authority], check=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-s", authority, "-I", "id", "-n", getpass.getuser(), f"{pair}.pub"], check=True
    )
    keys.write_text(f"cert-authority {Path(f'{authority}.pub').read_text()}")
    assert (await attempt(port, pair, host_key)).outcome == "key-refused"


async def test_server_that_accepts_everybody_is_not_a_proof(pair: Path) -> None:
    class Anybody(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

    own = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(Anybody, "127.0.0.1", 0, server_host_keys=[own])
    host_key = sosagent.parse_public_keys(own.export_public_key())[0]
    assert (await attempt(server.get_port(), pair, host_key)).outcome == "key-refused"
    server.close()


async def test_agent_that_does_not_sign(
    sshd: tuple[int, Path, sosagent.PublicKey], pair: Path, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, keys, host_key = sshd
    keys.write_text(Path(f"{pair}.pub").read_text())
    monkeypatch.setenv("SSH_AUTH_SOCK", agent)
    subprocess.run(["ssh-add", "-q", "-c", pair], check=True)  # it asks for a confirmation that never comes
    target = sosagent.SshTarget("127.0.0.1", getpass.getuser(), port)
    async with signers([public(pair)], [], agent=agent, ask=None) as (signer,):
        result = await log_in_by_ssh(target, signer, host_keys=[host_key])
    assert (result.outcome, "could not sign" in result.message) == ("not-tried", True)


async def test_host_key_of_another_type_differs(pair: Path) -> None:
    server = await asyncssh.create_server(
        asyncssh.SSHServer, "127.0.0.1", 0, server_host_keys=[asyncssh.generate_private_key("ssh-rsa", key_size=2048)]
    )
    assert (await attempt(server.get_port(), pair, public(pair))).outcome == "host-key-differs"
    server.close()


@pytest.mark.parametrize("name", ["a..b", "x" * 64, "xn--\udce9"])
async def test_invalid_dns_names(name: str, pair: Path) -> None:
    result = await attempt(22, pair, public(pair), address=name)
    assert (result.outcome in ("not-tried", "unreachable"), result.local) == (True, True)
    with pytest.raises(sosagent.UsageError):
        address_of(name)


def test_own_name_is_an_address_or_empty() -> None:
    for name in ("(none)", "my-", "web-1.", "localhost", "localhost.localdomain", "127.0.1.1", ""):
        assert _as_address(name) == "", name
    assert _as_address("web-1.example.net") == "web-1.example.net"


async def test_unreadable_host_keys_are_ignored(sshd: tuple[int, Path, sosagent.PublicKey], pair: Path) -> None:
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


async def test_login_through_a_jump_host(
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
        result = await log_in_by_ssh(target, signer, host_keys=[host_key])
        assert (result.outcome, result.command) == ("works", f"ssh -F {config} -i {pair} {getpass.getuser()}@web1")
        known.write_text("")
        result = await log_in_by_ssh(target, signer, host_keys=[host_key])
    assert result.outcome == "not-tried"
    assert "cannot connect through ssh_config: the host key of" in result.message


async def test_only_the_matching_key_of_the_agent_is_used(
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


async def test_passphrase_is_asked_for_the_matching_key_only(pair: Path) -> None:
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


async def test_no_answer_and_a_closed_connection(pair: Path) -> None:
    key = public(pair)
    assert (await attempt(free_port(), pair, key)).outcome == "unreachable"
    assert (await attempt(22, pair, key, address="no-such-host.invalid")).outcome == "unreachable"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        server.listen()

        def refuse() -> None:
            peer, _ = server.accept()
            peer.sendall(b"Not allowed at this time\r\n")
            peer.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        assert (await attempt(port, pair, key)).outcome == "closed"
        thread.join()
