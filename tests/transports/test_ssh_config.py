"""ssh_config for a connection is read as ssh reads it (`ssh -G`)."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
from pathlib import Path
from typing import Any

import asyncssh
import pytest

import sosagent
from sosagent.endpoint.target import SshTarget
from sosagent.transports import ssh_settings
from sosagent.transports.ssh_config import config_files, configuration, connection_options, route

from ..conftest import installed
from ..support import ssh_configs


def options_of(
    file: Path, host: str = "web1", user: str | None = None, port: int | None = None
) -> asyncssh.SSHClientConnectionOptions:
    target = SshTarget(host, user, port, ssh_config=file)
    with config_files(target) as files:
        return connection_options(target, None, files)


#: The text of a file, and what applies to the host web1. %D is a folder.
CASES: dict[str, tuple[str, dict[str, object]]] = {
    "a comment behind a value": ("Host web1\n  HostName h.example # the new one\n  Port 2200 # c", {
        "host": "h.example", "port": 2200}),
    "this machine": ("Host web1\n  HostName localhost\n  User root", {"host": "localhost", "username": "root"}),
    "new keys by size and time": ("RekeyLimit 500M 1h", {"RekeyLimit": ("524288000", "3600")}),
    "new keys by time": ("RekeyLimit default 1h", {"RekeyLimit": ((), "3600")}),
    "new keys by size": ("RekeyLimit 500M", {"RekeyLimit": ("524288000", None)}),
    "a comment behind Host": ("Host web1 # db1\n  User lab", {"username": "lab"}),
    "a comment behind Match": ("Match host web1 # all\n  User lab", {"username": "lab"}),
    "Match final": ("Match final host h.example\n  User last\nHost web1\n  HostName h.example", {
        "host": "h.example", "username": "last"}),
    "Match exec with =": ("Match exec=true\n  User lab", {"username": "lab"}),
    "Match exec that fails": ("Match exec false\n  User lab\nHost *\n  User other", {"username": "other"}),
    "the first value counts": ("Host web*\n  User a\nHost *\n  User b", {"username": "a"}),
    "ProxyCommand with =": ("Host web1\n  ProxyCommand=nc -X 5 %h %p", {
        "proxy_command": ["nc", "-X", "5", "web1", "22"]}),
    "ProxyJump before ProxyCommand": ("ProxyJump gate\nProxyCommand nc %h %p", {
        "tunnel": "gate", "proxy_command": None}),
    "ProxyCommand before ProxyJump": ("ProxyCommand nc %h %p\nProxyJump gate", {
        "tunnel": None, "proxy_command": ["nc", "web1", "22"]}),
    "ProxyJump none": ("Host web1\n  ProxyJump none\nHost *\n  ProxyJump gate", {"tunnel": None}),
    "the order of included files": ("Include %D/*.conf", {"username": "first"}),
    "an escaped blank": ("Host web\\ 1 web1\n  User lab", {"username": "lab"}),
    "quotes": ('Host "web1"\n  HostKeyAlias "the alias"\n  IdentityFile "%D/a b"', {
        "host_key_alias": "the alias", "IdentityFile": ["%D/a b"]}),
    "several identities": ("IdentityFile %D/a\nIdentityFile %D/b", {"IdentityFile": ["%D/a", "%D/b"]}),
    "known_hosts with blanks": ('UserKnownHostsFile "%D/k h" %D/other', {
        "UserKnownHostsFile": ["%D/k h", "%D/other"]}),
    "no known_hosts": ("UserKnownHostsFile /dev/null", {"UserKnownHostsFile": ["/dev/null"]}),
    "an alias without a name": ("HostKeyAlias one", {"host": "web1", "host_key_alias": "one"}),
    "the name as a token": ("Host web1\n  HostName %h.example.net", {"host": "web1.example.net"}),
    "an agent": ("IdentityAgent %D/agent", {"IdentityAgent": "%D/agent"}),
    "bound keys": ("PubkeyAuthentication host-bound", {"PubkeyAuthentication": True}),
    "no keys": ("PubkeyAuthentication no", {"PubkeyAuthentication": False}),
    "an address family": ("AddressFamily inet6", {"AddressFamily": socket.AF_INET6}),
}  # fmt: skip


def _value(options: Any, name: str) -> object:
    return options.config.get(name) if name[0].isupper() else getattr(options, name)


def _in_folder(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_in_folder(one, folder) for one in value]
    return value.replace("%D", str(folder)) if isinstance(value, str) else value


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_read_as_by_ssh(name: str, tmp_path: Path) -> None:
    installed(["ssh"])
    text, expected = CASES[name]
    for number, user in enumerate(("first", "second", "third")):
        (tmp_path / f"{number}.conf").write_text(f"User {user}\n")
    file = tmp_path / "config"
    file.write_text(text.replace("%D", str(tmp_path)))
    options = options_of(file)
    found = {key: _value(options, key) for key in expected}
    assert found == {key: _in_folder(value, tmp_path) for key, value in expected.items()}


def test_a_user_of_the_file_who_runs_sosagent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LOGNAME, from which asyncssh takes its default, may name somebody else, as under sudo -E."""
    monkeypatch.setenv("LOGNAME", "somebody")
    name = pwd.getpwuid(os.getuid()).pw_name
    (tmp_path / "config").write_text(f"Host web1\n  User {name}\n")
    assert options_of(tmp_path / "config").username == name


def test_what_is_given_overrides_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("Match user me\n  Port 99\nHost *\n  User lab\n  Port 2200\n")
    options = options_of(file, user="me")
    assert (options.username, options.port) == ("me", 99)
    options = options_of(file, port=22)
    assert (options.username, options.port) == ("lab", 22)
    found = configuration(SshTarget("web1", ssh_config=file, port=1))
    assert (found.port, found.agent) == (2200, "")


REFUSED = {
    "an unknown keyword": ("Host web1\n  Prot 22", "line 2: Bad configuration option: prot"),
    "a port": ("Port 99999", "line 1: Bad port"),
    "a value that is missing": ("User", "line 1: "),
    "a quote": ('User "x', "line 1: "),
    "a loop": ("Include %D/config", "Too many recursive"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_ssh_refuses_is_an_error(name: str, tmp_path: Path) -> None:
    installed(["ssh"])
    text, words = REFUSED[name]
    (tmp_path / "config").write_text(text.replace("%D", str(tmp_path)))
    with pytest.raises(sosagent.UsageError, match=words) as caught:
        options_of(tmp_path / "config")
    assert caught.value.exit_code == 2 and "-F" in caught.value.hint


def test_a_program_of_match_exec_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_settings, "_SECONDS", 0.5)
    (tmp_path / "config").write_text('Match exec "exec sleep 5"\n  User x\n')
    with pytest.raises(sosagent.UsageError, match=r"did not read .* within"):
        options_of(tmp_path / "config")


def test_jump_hosts_are_read_as_by_ssh(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "Host web1\n  ProxyJump me@gate:2222,[2001:db8::1]:22 # both\nHost gate\n  ProxyJump outer\n  Port 1\n"
    )
    hops = route(SshTarget("web1", ssh_config=tmp_path / "config"))
    assert [(hop.user, hop.host, hop.port) for hop in hops] == [
        (None, "outer", None), ("me", "gate", 2222), (None, "2001:db8::1", 22), (None, "web1", None),
    ]  # fmt: skip


def test_without_ssh_the_file_is_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "config").write_text("Host web1\n  HostName h.example\n  User lab\n")
    options = options_of(tmp_path / "config")
    assert (options.host, options.username) == ("h.example", "lab")


@pytest.mark.parametrize("number", range(0, ssh_configs.COUNT, 7))
def test_generated_files_are_read_as_by_ssh(number: int, tmp_path: Path) -> None:
    installed(["ssh"])
    file = ssh_configs.write(number, tmp_path)
    for host in ssh_configs.NAMES[::3]:
        call = ["ssh", "-G", "-F", str(file), "--", host]
        done = subprocess.run(call, capture_output=True, stdin=subprocess.DEVNULL, text=True, check=False)
        if done.returncode:
            with pytest.raises(sosagent.UsageError):
                options_of(file, host)
            continue
        said = dict(line.split(" ", 1) for line in reversed(done.stdout.splitlines()) if " " in line)
        options = options_of(file, host)
        assert (options.host, options.username, str(options.port)) == (said["hostname"], said["user"], said["port"])
        proxy = said.get("proxycommand")
        expanded = proxy and proxy.replace("%h", said["hostname"]).replace("%p", said["port"])
        assert " ".join(options.proxy_command or ()) == (expanded or "")


@pytest.mark.parametrize("memory", [True, False])
def test_the_settings_are_not_left_behind(memory: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not memory:
        monkeypatch.delattr("os.memfd_create")
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "config").write_text("Host web1\n  User lab\n")
    with config_files(SshTarget("web1", ssh_config=tmp_path / "config")) as (name,):
        assert "user lab\n" in Path(name).read_text()
    assert not Path(name).exists() or Path(name).read_bytes() == b""
    assert [path.name for path in tmp_path.iterdir()] == ["config"]
