"""The host key policy against OpenSSH's: the same files and hosts, the same decisions, or a stricter one by intent."""

from __future__ import annotations

import asyncio
import os
import pwd
import random
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncssh
import pytest

import sosagent
from sosagent.endpoint.target import HostKeyPolicy, SshTarget
from sosagent.keys.host_patterns import matches
from sosagent.transports.host_keys import HostKeys
from sosagent.transports.opening import open_transport

from ..support.known_hosts import (
    FILES,
    HOSTS,
    RECORDED,
    Host,
    Keys,
    decided_by_ssh,
    hashed,
    make_keys,
    pairs,
    ssh_config,
    text_of,
)
from ..support.sshd import running_sshd

#: asyncssh drops the process of a ProxyCommand that it has killed.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <function Popen.__del__")

_LIVE = 40

#: Where sosagent refuses what OpenSSH accepts, and why.
STRICTER = {
    "revoked": "a revoked key is refused on every port",
    "revoked-name": "a revoked key is refused on every port",
    "revoked-port": "a revoked key is refused on every port",
    "revoked-upper": "a revoked key is refused on every port",
    "revoked-hashed": "a revoked key is refused on every port",
    "authority-name": "a host with a certificate authority is not new",
    "authority": "a host with a certificate authority is not new",
    "authority-right": "a host with a certificate authority is not new",
    "bad-key-alone": "an entry that cannot be read is an entry",
    "wrong-type-name": "an entry that cannot be read is an entry",
    "no-key": "an entry that cannot be read is an entry",
}
#: Decisions, from the most to the least permissive.
_ORDER = ("known", "new", "changed", "revoked")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Keys, Path]]:
    folder = tmp_path_factory.mktemp("sshd")
    with running_sshd(folder) as (port, _):
        yield port, make_keys(folder), folder


def recorded() -> dict[tuple[str, str], str]:
    lines = [line.split(" | ") for line in RECORDED.read_text().splitlines() if not line.startswith("#")]
    return {(name, host): decision for name, host, decision in lines}


def decided_by_policy(tmp_path: Path, text: str, host: Host, key: asyncssh.SSHKey) -> str:
    """What the policy decides, as asyncssh asks it."""
    file = tmp_path / "known"
    file.write_bytes(text.encode())
    policy = HostKeys((file,), "accept-new", file, host.alias or None)
    trusted, _, revoked, *_ = policy(host.alias or host.name, "", None if host.port == 22 else host.port)
    if key in revoked:
        return "revoked"
    if key in trusted:
        return "known"
    strict = HostKeys((file,), "strict", file, host.alias or None)
    strict(host.alias or host.name, "", None if host.port == 22 else host.port)
    if strict.accept(key):
        return "known"
    return "new" if policy.accept(key) else "changed"


def check(name: str, host: Host, ours: str, theirs: str) -> None:
    assert _ORDER.index(ours) >= _ORDER.index(theirs), f"{name}, {host}: {ours}, ssh: {theirs}"
    assert ours == theirs or name in STRICTER, f"{name}, {host}: {ours}, ssh: {theirs}"


def test_the_whole_table_decides_as_openssh_did(tmp_path: Path, server: tuple[int, Keys, Path]) -> None:
    _, keys, _ = server
    key = asyncssh.import_public_key(keys.right)
    decisions = recorded()
    assert len(decisions) == len(pairs()) >= 300
    for name, host in pairs():
        check(name, host, decided_by_policy(tmp_path, text_of(name, keys), host, key), decisions[name, str(host)])
    differing = {
        name
        for name, host in pairs()
        if decided_by_policy(tmp_path, text_of(name, keys), host, key) != decisions[name, str(host)]
    }
    assert differing == set(STRICTER)


def test_openssh_still_decides_as_recorded(tmp_path: Path, server: tuple[int, Keys, Path]) -> None:
    """Another part of the table in each run."""
    port, keys, _ = server

    def run(numbered: tuple[int, tuple[str, Host]]) -> str:
        number, (name, host) = numbered
        folder = tmp_path / str(number)
        folder.mkdir()
        return decided_by_ssh(folder, text_of(name, keys), host, port)

    sample = random.sample(pairs(), _LIVE)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(run, enumerate(sample)))
    decisions = recorded()
    assert found == [decisions[name, str(host)] for name, host in sample], sample


async def decided_by_connecting(
    tmp_path: Path, text: str, host: Host, port: int, policy: HostKeyPolicy = "strict"
) -> str:
    known = tmp_path / "known"
    known.write_bytes(text.encode())
    where = SshTarget(
        host.name, "x", host.port, ssh_config=ssh_config(tmp_path, host, port), known_hosts=known, host_key=policy
    )
    try:
        transport = await open_transport(where, ask=None, note=lambda _text: None)
    except sosagent.HostKeyUnknown:
        return "new"
    except sosagent.HostKeyChanged as error:
        return "revoked" if "revoked" in error.message else "changed"
    except sosagent.EndpointRefused as error:
        assert "refused the login" in error.message
        return "known"
    await transport.aclose()
    raise AssertionError("this sshd lets nobody in")


async def test_connections_decide_as_the_policy(tmp_path: Path, server: tuple[int, Keys, Path]) -> None:
    port, keys, _ = server
    decisions = recorded()
    for name, host in random.sample(pairs(), _LIVE):
        check(
            name,
            host,
            await decided_by_connecting(tmp_path, text_of(name, keys), host, port),
            decisions[name, str(host)],
        )


#: Patterns and names for `ssh-keygen -F`.
PATTERNS = (
    "web", "WEB", "web,db", "*", "w*", "W?b", "*.example", "!web,*", "*,!web", "!db,web", "[web]:22", "[web]:2222",
    "[WEB]:2222", "[*]:2222", "[web]:*", "[w?b]:2?22", "*,![web]:2222", "10.0.0.*", "10.0.0.0/8", "2001:db8::a",
    "[2001:DB8::a]:22", "we[ab]", "[web", "web]", "we\\b", "**w**", "?", "???", "", ",", "web,,db", "!", "!*", "*!web",
    hashed("web"), hashed("[web]:2222"), hashed("WEB"), "|1|AAAA", "|2|a|b", "|1|*|*",
)  # fmt: skip
NAMES = (
    "web",
    "db",
    "a.example",
    "[web]:2222",
    "[db]:2222",
    "10.0.0.7",
    "2001:db8::a",
    "[2001:db8::a]:22",
    "we[ab]",
    "w",
)


def test_patterns_match_as_in_ssh_keygen(tmp_path: Path, server: tuple[int, Keys, Path]) -> None:
    _, keys, _ = server
    assert len(PATTERNS) * len(NAMES) >= 300
    file = tmp_path / "known"
    good = [pattern for pattern in PATTERNS if pattern]
    file.write_text("".join(f"{pattern} {keys.right} {number}\n" for number, pattern in enumerate(good)))
    for name in NAMES:
        done = subprocess.run(["ssh-keygen", "-F", name, "-f", file], capture_output=True, text=True, check=False)
        theirs = {int(line.split()[-1]) for line in done.stdout.splitlines() if not line.startswith("#")}
        ours = {number for number, pattern in enumerate(good) if matches(pattern, name)}
        assert ours == theirs, (name, [good[number] for number in ours ^ theirs])


# -- the name, the address and the port


async def test_a_changed_key_is_refused_in_any_case_of_the_name(tmp_path: Path, server: tuple[int, Keys, Path]) -> None:
    port, keys, _ = server
    text = f"[localhost]:{port} {keys.other}\n"
    for name in ("localhost", "LocalHost", "LOCALHOST"):
        assert await connected(tmp_path, text, name, port, "accept-new") == "changed"
    assert await connected(tmp_path, f"[LOCALHOST]:{port} {keys.right}\n", "LocalHost", port) == "known"


async def connected(tmp_path: Path, text: str, name: str, port: int, policy: HostKeyPolicy = "strict") -> str:
    """As `decided_by_connecting`, without a proxy, so that there is an address."""
    known, config = tmp_path / "known", tmp_path / "config"
    known.write_text(text)
    config.touch()
    where = SshTarget(name, "x", port, ssh_config=config, known_hosts=known, host_key=policy)
    try:
        await open_transport(where, ask=None, note=lambda _text: None)
    except sosagent.HostKeyUnknown:
        return "new"
    except sosagent.HostKeyChanged as error:
        return "revoked" if "revoked" in error.message else "changed"
    except sosagent.EndpointRefused:
        return "known"
    raise AssertionError("this sshd lets nobody in")


async def test_an_address_never_vouches_for_a_name(tmp_path: Path, server: tuple[int, Keys, Path]) -> None:
    port, keys, _ = server
    for place in (f"[127.0.0.1]:{port}", "127.0.0.1", f"[127.0.0.*]:{port}", hashed(f"[127.0.0.1]:{port}")):
        assert await connected(tmp_path, f"{place} {keys.right}\n", "localhost", port) == "new", place
        assert await connected(tmp_path, f"{place} {keys.right}\n", "localhost", port, "accept-new") == "known", place
    # With CheckHostIP, ssh refuses this as well.
    assert await connected(tmp_path, f"[127.0.0.1]:{port} {keys.other}\n", "localhost", port, "accept-new") == "changed"
    assert await connected(tmp_path, f"[127.0.0.1]:{port} {keys.other}\n", "localhost", port) == "new"


REVOKED = ("localhost", "[localhost]:22", "[localhost]:{other}", "[localhost]:{port}", "LOCALHOST", "local*",
    "[local*]:*", "*", "127.0.0.1", "[127.0.0.1]:{port}", "{hashed}")  # fmt: skip


@pytest.mark.parametrize("policy", ["strict", "accept-new"])
@pytest.mark.parametrize("place", REVOKED)
async def test_a_revoked_key_is_refused_on_every_port(
    place: str, policy: HostKeyPolicy, tmp_path: Path, server: tuple[int, Keys, Path]
) -> None:
    port, keys, _ = server
    place = place.format(port=port, other=port - 1, hashed=hashed("localhost"))
    line = f"@revoked {place} {keys.right}\n"
    assert await connected(tmp_path, line, "localhost", port, policy) == "revoked"
    assert await connected(tmp_path, f"{line}[localhost]:{port} {keys.right}\n", "localhost", port, policy) == "revoked"


async def test_a_revocation_for_another_host_does_not_count(tmp_path: Path, server: tuple[int, Keys, Path]) -> None:
    port, keys, _ = server
    text = f"@revoked *,!*local*,!*127.* {keys.right}\n[localhost]:{port} {keys.right}\n"
    assert await connected(tmp_path, text, "localhost", port) == "known"


def test_every_file_counts(tmp_path: Path, server: tuple[int, Keys, Path]) -> None:
    _, keys, _ = server
    key = asyncssh.import_public_key(keys.right)
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(f"web {keys.right}")
    second.write_text(f"@revoked WEB {keys.right}\ndb {keys.right}\n")
    policy = HostKeys((first, tmp_path / "missing", second), "strict", first)
    assert key in policy("web", "", 2222)[2]
    assert key in policy("db", "", None)[0]


def test_files_of_ssh_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sosagent.transports.ssh_config import config_files, connection_options, host_keys

    def files(config: str) -> tuple[Path, ...]:
        (tmp_path / "config").write_text(config)
        target = SshTarget("web", ssh_config=tmp_path / "config")
        with config_files(target) as files:
            return host_keys(target, connection_options(target, None, files)).files

    home = Path.home() / ".ssh"
    shared = (Path("/etc/ssh/ssh_known_hosts"), Path("/etc/ssh/ssh_known_hosts2"))
    assert files("") == (home / "known_hosts", home / "known_hosts2", *shared)
    ssh_home = Path(pwd.getpwuid(os.getuid()).pw_dir)  # ssh does not look at HOME
    assert files("UserKnownHostsFile /a ~/b\nGlobalKnownHostsFile /c\n") == (Path("/a"), ssh_home / "b", Path("/c"))
    for off in ("none", "/dev/null"):
        assert files(f"UserKnownHostsFile {off}\nGlobalKnownHostsFile {off}\n") == (
            home / "known_hosts",
            home / "known_hosts2",
            *shared,
        )


# -- certificates


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Keys, str]]:
    """A server with a host certificate for web.example and localhost, its keys, and its authority's key."""
    folder = tmp_path_factory.mktemp("certified")
    with running_sshd(folder, certificate_for="web.example,localhost") as (port, _):
        yield port, make_keys(folder), " ".join((folder / "authority.pub").read_text().split()[:2])


#: Files, with {A} for the authority's key; hosts; what ssh decides; what we do.
CERTIFICATES = (
    ("@cert-authority *.example {A}\n", Host("web.example"), "known", "known"),
    ("@cert-authority *.EXAMPLE {A}\n", Host("Web.example"), "known", "known"),
    ("@cert-authority web.example {A}\n", Host("web.example", 2222), "known", "known"),
    ("@cert-authority [web.example]:2222 {A}\n", Host("web.example", 2222), "known", "known"),
    ("@cert-authority * {A}\n", Host("other.example"), "new", "changed"),
    ("@cert-authority web.example {O}\n", Host("web.example"), "new", "changed"),
    ("@cert-authority web.example {O}\nweb.example {R}\n", Host("web.example"), "known", "known"),
    ("@cert-authority other {A}\nweb.example {R}\n", Host("web.example"), "known", "known"),
    ("web.example {R}\n", Host("web.example"), "known", "known"),
    ("web.example {O}\n", Host("web.example"), "changed", "changed"),
    ("web.example {O}\n@cert-authority web.example {A}\n", Host("web.example"), "known", "known"),
    ("@cert-authority * {A}\n@revoked * {A}\n", Host("web.example"), "revoked", "revoked"),
    ("@cert-authority * {A}\n@revoked web.example {R}\n", Host("web.example"), "revoked", "revoked"),
    ("@cert-authority * {A}\n@revoked web.example {A}\nweb.example {R}\n", Host("web.example"), "revoked", "revoked"),
    ("@cert-authority web.example {A}\n", Host("gate", 22, "web.example"), "known", "known"),
    ("", Host("web.example"), "new", "new"),
)


@pytest.mark.parametrize("case", range(len(CERTIFICATES)))
async def test_certificates(case: int, tmp_path: Path, certified: tuple[int, Keys, str]) -> None:
    port, keys, authority = certified
    text, host, theirs, ours = CERTIFICATES[case]
    text = text.format(A=authority, R=keys.right, O=keys.other)
    assert await asyncio.to_thread(decided_by_ssh, tmp_path, text, host, port) == theirs
    assert await decided_by_connecting(tmp_path, text, host, port) == ours


def test_all_files_have_their_hosts() -> None:
    assert len({str(host) for host in HOSTS}) == len(HOSTS)
    assert set(STRICTER) <= set(FILES)
