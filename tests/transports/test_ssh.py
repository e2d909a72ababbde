"""transports/ssh.py and hostkeys.py: the endpoint is who it says, on every hop, before anything is sent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

import sosagent
from sosagent.endpoint.target import HostKeyPolicy
from sosagent.lab import Lab
from sosagent.transports.opening import open_transport

from ..conftest import new_key


class Jump(asyncssh.SSHServer):
    """A jump host that forwards anywhere."""

    def begin_auth(self, username: str) -> bool:
        return False

    def connection_requested(self, *_: object) -> bool:
        return True


@pytest.fixture
async def jump() -> AsyncIterator[tuple[int, asyncssh.SSHKey]]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen("127.0.0.1", 0, server_host_keys=[key], server_factory=Jump)
    yield server.get_port(), key
    server.close()
    await server.wait_closed()


def target(lab: Lab, tmp_path: Path, policy: HostKeyPolicy = "strict", config: str = "", known: str | None = None):  # type: ignore[no-untyped-def]
    path = tmp_path / "config"
    path.write_text(config)
    file = tmp_path / "known"
    if known is not None:
        file.write_text(known)
    return sosagent.SshTarget(
        "127.0.0.1", "lab", port_of(lab), identities=(lab.identity,), ssh_config=path, known_hosts=file, host_key=policy
    )


def port_of(lab: Lab) -> int:
    return int(lab.host.rpartition(":")[2])


def listen(lab: Lab) -> list[bytes]:
    """Return a list that collects the data that arrives on the machine's line."""
    arrived: list[bytes] = []
    original = lab.machine.type

    def type_(data: bytes) -> None:
        arrived.append(data)
        original(data)

    lab.machine.type = type_  # type: ignore[method-assign]
    return arrived


async def add(where: sosagent.SshTarget, lab: Lab) -> sosagent.AddKeyResult:
    return await sosagent.add_key(where, [new_key()], password=lab.password, timeout=30)


def line_for(lab: Lab, key: asyncssh.SSHKey) -> str:
    return f"[127.0.0.1]:{port_of(lab)} " + key.export_public_key().decode()


async def refused(kind: type[sosagent.SosError], where: sosagent.SshTarget, lab: Lab) -> sosagent.SosError:
    arrived = listen(lab)
    with pytest.raises(kind) as caught:
        await add(where, lab)
    assert caught.value.exit_code == 3
    assert arrived == []
    assert not lab.authorized_keys.exists()
    return caught.value


async def test_an_unknown_key_is_shown_with_the_line_to_add(lab: Lab, tmp_path: Path) -> None:
    error = await refused(sosagent.HostKeyUnknown, target(lab, tmp_path), lab)
    right = lab.known_hosts.read_text().split()[:3]
    assert " ".join(right) in error.hint
    assert asyncssh.import_public_key(" ".join(right[1:])).get_fingerprint() in error.message
    assert not (tmp_path / "known").exists()
    (tmp_path / "known").write_text(error.hint.splitlines()[-1] + "\n")
    assert (await add(target(lab, tmp_path), lab)).status == "added"


async def test_accept_new_writes_it_down_and_says_so(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "known").write_text("# no newline at the end")
    notes: list[str] = []
    done = await sosagent.add_key(
        target(lab, tmp_path, "accept-new"), [new_key()], password=lab.password,
        on_event=lambda event: notes.append(event.text) if event.kind == "note" else None,
    )  # fmt: skip
    assert done.status == "added"
    assert "SHA256:" in notes[0]
    lines = (tmp_path / "known").read_text().splitlines()
    assert lines[0] == "# no newline at the end"
    assert lines[1].split() == lab.known_hosts.read_text().split()[:3]
    assert (await add(target(lab, tmp_path), lab)).status == "added"


@pytest.mark.parametrize("policy", ["strict", "accept-new"])
@pytest.mark.parametrize("algorithm", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
async def test_a_changed_key_or_one_of_another_type(
    policy: HostKeyPolicy, algorithm: str, lab: Lab, tmp_path: Path
) -> None:
    other = asyncssh.generate_private_key(algorithm)
    where = target(lab, tmp_path, policy, known=line_for(lab, other))
    await refused(sosagent.HostKeyChanged, where, lab)
    assert (tmp_path / "known").read_text() == line_for(lab, other)


@pytest.mark.parametrize("entry", ["ssh-future AAAA", "ssh-dss AAAAB3NzaC1kc3MAAACBAA=="])
async def test_an_entry_that_cannot_be_read_is_an_entry(entry: str, lab: Lab, tmp_path: Path) -> None:
    where = target(lab, tmp_path, "accept-new", known=f"[127.0.0.1]:{port_of(lab)} {entry}\n")
    await refused(sosagent.HostKeyChanged, where, lab)


async def test_a_hashed_entry_and_a_pattern_count(lab: Lab, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    where = target(lab, tmp_path, "accept-new", known=f"[127.0.0.*]:* {other}")
    await refused(sosagent.HostKeyChanged, where, lab)


async def test_the_key_of_an_address_is_not_that_of_a_name(lab: Lab, tmp_path: Path) -> None:
    """A forged DNS answer may point to another host whose key is in known_hosts under its address."""
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    known = f"[localhost]:{port_of(lab)} {other}" + lab.known_hosts.read_text()
    where = target(lab, tmp_path, "accept-new", known=known)
    await refused(sosagent.HostKeyChanged, sosagent.SshTarget(**{**vars(where), "host": "localhost"}), lab)


async def test_a_revoked_key_is_refused(lab: Lab, tmp_path: Path) -> None:
    line = lab.known_hosts.read_text()
    where = target(lab, tmp_path, "accept-new", known=line + "@revoked " + line)
    await refused(sosagent.SosError, where, lab)


async def test_a_key_revoked_by_its_address_is_refused_under_the_name(lab: Lab, tmp_path: Path) -> None:
    place, _, key = lab.known_hosts.read_text().partition(" ")
    named = place.replace("127.0.0.1", "localhost")
    where = target(lab, tmp_path, known=f"{named} {key}@revoked {place} {key}")
    await refused(sosagent.SosError, sosagent.SshTarget(**{**vars(where), "host": "localhost"}), lab)


async def test_a_bad_line_in_the_file_does_not_hide_the_good_ones(lab: Lab, tmp_path: Path) -> None:
    where = target(lab, tmp_path, known="garbage\n@what is this\n" + lab.known_hosts.read_text())
    assert (await add(where, lab)).status == "added"


SWITCHES = "StrictHostKeyChecking no\nUserKnownHostsFile {}\nVerifyHostKeyDNS yes\n"


@pytest.mark.parametrize("file", ["none", "/dev/null"])
async def test_ssh_config_cannot_switch_the_check_off(file: str, lab: Lab, tmp_path: Path) -> None:
    where = target(lab, tmp_path, config=SWITCHES.format(file))
    await refused(sosagent.HostKeyUnknown, sosagent.SshTarget(**{**vars(where), "known_hosts": None}), lab)


async def test_nor_on_a_jump_host(lab: Lab, tmp_path: Path, jump: tuple[int, asyncssh.SSHKey]) -> None:
    port, key = jump
    config = (
        f"Host hop\n  Hostname 127.0.0.1\n  Port {port}\n  StrictHostKeyChecking no\n  UserKnownHostsFile none\n"
        f"Host end\n  Hostname 127.0.0.1\n  Port {port_of(lab)}\n  User lab\n  IdentityFile {lab.identity}\n"
        "  ProxyJump me@hop\n  ForwardAgent yes\n  RemoteCommand rm -rf /\n  SendEnv *\n  SetEnv A=b\n"
    )
    (tmp_path / "config").write_text(config)
    known = tmp_path / "known"
    known.write_text(lab.known_hosts.read_text())
    where = sosagent.SshTarget("end", ssh_config=tmp_path / "config", known_hosts=known)
    error = await refused(sosagent.HostKeyUnknown, where, lab)
    assert "hop" in error.message
    known.write_text(
        lab.known_hosts.read_text()
        + f"[127.0.0.1]:{port} "
        + asyncssh.generate_private_key("ssh-rsa").export_public_key().decode()
    )
    await refused(sosagent.HostKeyChanged, where, lab)
    known.write_text(lab.known_hosts.read_text() + f"[127.0.0.1]:{port} " + key.export_public_key().decode())
    assert (await add(where, lab)).status == "added"


async def test_proxyjump_in_a_circle_is_refused(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
    with pytest.raises(sosagent.UsageError, match="forms a loop"):
        await add(sosagent.SshTarget("a", ssh_config=tmp_path / "config"), lab)


async def test_each_refusal_has_its_own_message(lab: Lab, tmp_path: Path) -> None:
    known = lab.known_hosts.read_text()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    base = target(lab, tmp_path, known=known)
    port = await refused(sosagent.EndpointUnreachable, sosagent.SshTarget(**{**vars(base), "port": closed}), lab)
    name = await refused(
        sosagent.EndpointUnreachable, sosagent.SshTarget(**{**vars(base), "host": "no-such-host.invalid"}), lab
    )
    stranger = tmp_path / "stranger"
    stranger.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    stranger.chmod(0o600)
    key = await refused(sosagent.EndpointRefused, sosagent.SshTarget(**{**vars(base), "identities": (stranger,)}), lab)
    assert "nothing listens" in port.message and port.message.count(str(closed)) == 1
    assert "name" in name.message
    assert "refused the login of 'lab'" in key.message
    assert len({port.message, name.message, key.message}) == 3


async def test_something_that_is_no_ssh_server(lab: Lab, tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        base = target(lab, tmp_path, known="")
        await refused(sosagent.ConsoleError, sosagent.SshTarget(**{**vars(base), "port": port}), lab)


async def test_a_missing_identity_or_config(lab: Lab, tmp_path: Path) -> None:
    base = target(lab, tmp_path, known="")
    for change in ({"identities": (tmp_path / "none",)}, {"ssh_config": tmp_path / "none"}, {"ssh_config": tmp_path}):
        with pytest.raises(sosagent.UsageError, match=r"cannot read|does not exist"):
            await add(sosagent.SshTarget(**{**vars(base), **change}), lab)


async def test_the_endpoints_own_password_is_asked_for_as_the_endpoints(tmp_path: Path) -> None:
    class Server(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return password == "endpoint's own"

    async def handler(process: asyncssh.SSHServerProcess[bytes]) -> None:
        process.stdout.write(b"hello\r\n")
        await process.stdin.read(1)
        process.exit(0)

    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[key], server_factory=Server, process_factory=handler, encoding=None,
        line_editor=False,
    )  # fmt: skip
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{server.get_port()} " + key.export_public_key().decode())
    (tmp_path / "config").touch()
    where = sosagent.SshTarget("127.0.0.1", "x", server.get_port(), ssh_config=tmp_path / "config", known_hosts=known)
    asked: list[tuple[str, str, bool]] = []

    async def ask(endpoint: str, prompt: str, echo: bool) -> str | None:
        asked.append((endpoint, prompt, echo))
        return "endpoint's own"

    async with sosagent.connect(where, ask=ask, timeout=10) as console:
        await console.expect("hello")
    assert asked == [(str(where), "Password:", False)]
    with pytest.raises(sosagent.EndpointRefused):
        await sosagent.add_key(where, [new_key()], password="the machine's")
    server.close()
    await server.wait_closed()


@pytest.mark.filterwarnings("ignore:.*deprecated:cryptography.utils.CryptographyDeprecationWarning")
async def test_an_old_endpoint_is_allowed_by_dialect_and_noted(tmp_path: Path) -> None:
    """A server with obsolete algorithms only: a DSA host key, a small group, no counter mode."""
    key = asyncssh.generate_private_key("ssh-dss")
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[key],
        server_factory=Jump,
        process_factory=lambda process: process.exit(0),
        kex_algs=["diffie-hellman-group1-sha1"],
        encryption_algs=["3des-cbc"],
        mac_algs=["hmac-sha1"],
    )
    port = server.get_port()
    (tmp_path / "config").touch()
    (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {key.export_public_key().decode()}")
    where = sosagent.SshTarget("127.0.0.1", "x", port, ssh_config=tmp_path / "config", known_hosts=tmp_path / "known")
    notes: list[str] = []
    with pytest.raises(sosagent.EndpointRefused, match="no SSH algorithm in common") as caught:
        await open_transport(where, ask=None, note=notes.append)
    assert "?dialect=ilo" in caught.value.hint
    assert not notes
    transport = await open_transport(replace(where, dialect="ilo"), ask=None, note=notes.append)
    await transport.aclose()
    assert ["supports only old SSH algorithms" in note for note in notes] == [True]
    other = f"[127.0.0.1]:{port} {asyncssh.generate_private_key('ssh-dss').export_public_key().decode()}"
    (tmp_path / "known").write_text(other)
    with pytest.raises(sosagent.HostKeyChanged):  # it is old, not trusted
        await open_transport(replace(where, dialect="ilo"), ask=None, note=notes.append)
    server.close()
    await server.wait_closed()


INSTANCE = "ocid1.instance.oc1.eu-frankfurt-1.antheljrdef"


async def test_oracles_two_hops(lab: Lab, tmp_path: Path) -> None:
    """The gateway takes the connection's id as its user and knows the instance by its id alone."""
    users: list[str] = []

    class Gateway(Jump):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            self._connection = conn

        def begin_auth(self, username: str) -> bool:
            users.append(username)
            return False

        def connection_requested(self, *asked: object) -> Any:
            assert asked[:2] == (INSTANCE, 22)
            return self._connection.forward_connection("127.0.0.1", port_of(lab))

    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen("127.0.0.1", 0, server_host_keys=[key], server_factory=Gateway)
    where = target(lab, tmp_path, known="")
    known = lab.known_hosts.read_text().split(" ", 1)[1]
    (tmp_path / "known").write_text(
        f"[127.0.0.1]:{server.get_port()} {key.export_public_key().decode()}{INSTANCE} {known}"
    )
    connection = "ocid1.instanceconsoleconnection.oc1.eu-frankfurt-1.antheljrabc"
    where = replace(where, host=INSTANCE, port=None, jump=f"{connection}@127.0.0.1:{server.get_port()}")
    assert (await add(where, lab)).status == "added"
    assert users == [connection]
    server.close()
    await server.wait_closed()
