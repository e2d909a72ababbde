"""Whole commands that use machines.toml, and `sosagent machines`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from sosagent.cli.hostkeys import names_for_ssh
from sosagent.cli.machine_options import MachineOptions
from sosagent.lab import Lab
from sosagent.printable import is_clean

from ..conftest import new_key
from ..support.commands import ADDKEY, Write, command

PASSWORD = "hunter2-secret"


class Endpoint(asyncssh.SSHServer):
    """An endpoint that asks for a password and then shows the machine's login prompt."""

    tried: list[str]

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self.tried.append(password)
        return password == PASSWORD

    def session_requested(self) -> Any:
        return Prompt()


class Prompt(asyncssh.SSHServerSession[str]):
    def connection_made(self, chan: Any) -> None:
        self.channel = chan

    def pty_requested(self, *_: object) -> bool:
        return True

    def shell_requested(self) -> bool:
        return True

    def session_started(self) -> None:
        self.channel.write("\r\nweb1 login: ")


@pytest.fixture
async def endpoint() -> AsyncIterator[tuple[str, list[str]]]:
    Endpoint.tried = []
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen("127.0.0.1", 0, server_host_keys=[key], server_factory=Endpoint)
    yield f"u@127.0.0.1:{server.get_port()}", Endpoint.tried
    server.close()
    await server.wait_closed()


async def test_the_endpoint_receives_its_own_password(endpoint: tuple[str, list[str]], write: Write) -> None:
    where, tried = endpoint
    pw = write(f"{PASSWORD}\n", "pw")
    text = f"[machines.m]\nconsole='{where}'\npassword='command:echo machines-own'\n"
    file = write(f"{text}endpoint_password='file:pw'\n")
    call = ["state", "m", "--config", file, "--host-key", "accept-new", "-v"]
    status, out, err = await command(*call)
    assert (status, tried) == (0, [PASSWORD]), err
    assert out.startswith("login: ")
    assert PASSWORD not in out + err
    tried.clear()
    write(text)
    assert (await command(*call))[0] == 3
    write(f"{text}endpoint_password='command:echo wrong'\n")
    assert (await command(*call))[0] == 3
    assert tried == ["wrong"]
    pw.chmod(0o644)
    write(f"{text}endpoint_password='file:pw'\n")
    status, out, err = await command(*call)
    assert (status, out, "read by others" in err) == (2, "", True)
    assert tried == ["wrong"]


def table(lab: Lab, more: str = "") -> str:
    return (
        f"[machines.web1]\nconsole = '{lab.host}'\nidentity = '{lab.identity}'\nhostname = 'lab'\n"
        f"password = 'file:{lab.password_file}'\n{more}\n"
    )


async def test_a_key_is_added_by_the_machines_name(lab: Lab, write: Write) -> None:
    keyfile = write(new_key("me@here").line + "\n", "id.pub")
    file = write(table(lab))
    call: list[object] = ["web1", keyfile, "--known-hosts", lab.known_hosts]
    status, out, err = await command(*call, name=ADDKEY, SOSAGENT_CONFIG=str(file))
    assert (status, lab.authorized_keys.read_text()) == (0, keyfile.read_text()), err
    assert lab.password.reveal() not in out + err
    status, out, _ = await command(*call, "--config", file, "--json", name=ADDKEY)
    done = json.loads(out)
    assert (status, done["status"], done["host"], done["user"]) == (0, "present", lab.host, "root")


async def test_the_hostname_is_compared_before_the_password_is_typed(lab: Lab, write: Write) -> None:
    keyfile = write(new_key().line + "\n", "id.pub")
    file = write(table(lab).replace("'lab'", "'other'"))
    call: list[object] = ["web1", keyfile, "--known-hosts", lab.known_hosts, "--config", file]
    status, out, err = await command(*call, "--json", name=ADDKEY)
    failed = json.loads(out)
    assert (status, failed["error"]["code"], failed["host"]) == (4, "wrong-machine", "web1"), err
    assert "hostname in the machines file" in failed["error"]["hint"]
    assert not lab.authorized_keys.exists()
    status, out, _ = await command(*call, "--expect-host", "third", "--json", name=ADDKEY)
    assert (status, "in the machines file" in json.loads(out)["error"]["hint"]) == (4, False)
    assert (await command(*call, "--expect-host", "lab", name=ADDKEY))[0] == 0
    assert (await command(*call, "--expect-host", "", name=ADDKEY))[0] == 0


async def test_every_command_accepts_names(lab: Lab, write: Write) -> None:
    file = write(table(lab))
    call: list[object] = ["web1", "--known-hosts", lab.known_hosts, "--config", file]
    status, out, err = await command("keys", "list", *call)
    assert (status, "no keys" in out) == (0, True), err
    status, out, err = await command("state", *call, "--poke")
    assert (status, out.startswith("login: ")) == (0, True), err
    status, out, err = await command("screen", *call, "--poke")
    assert (status, "lab login:" in out) == (0, True), err
    status, out, err = await command("break", *call, "--yes")
    assert (status, "a BREAK was sent" in out) == (0, True), err
    status, _, err = await command("hostkeys", *call)
    assert "logged in as root" in err


async def test_every_command_reports_an_invalid_file(write: Write) -> None:
    file = write(f"[machines.a]\nconsole = 'h'\npassword = '{PASSWORD}'\n")
    keyfile = write(new_key().line, "id.pub")
    for call in (["addkey", "a", keyfile], ["keys", "list", "a"], ["hostkeys", "a"], ["state", "a"], ["screen", "a"],
                 ["break", "a", "-y"], ["machines", "list"], ["machines", "check"]):  # fmt: skip
        for extra in ([], ["--json"]):
            if extra and call[0] in ("screen", "break"):
                continue
            status, out, err = await command(*call, "--config", file, *extra)
            assert status == 2, call
            assert f"{file}:3: password: the file must not contain a password" in out + err
            assert PASSWORD not in out + err


async def test_hostkeys_uses_the_names_of_the_machine(write: Write) -> None:
    file = write(
        "[machines.m]\nconsole='u@h'\nknown_as=['web1', '10.0.0.5']\naddress='web1:2222'\n[machines.n]\nconsole='u@h'\n"
    )
    assert names_for_ssh(MachineOptions("m", config=file)) == ["web1", "10.0.0.5", "web1:2222"]
    assert names_for_ssh(MachineOptions("n", config=file)) == names_for_ssh(MachineOptions("u@h", config=file)) == []
    call = ["--config", file, "--write", "--timeout", "10", "-q"]
    # It connects only if it has a name.
    for host, code, words in (("n", 2, "--write needs --name"), ("m", 3, "the name h is not known")):
        status, _, err = await command("hostkeys", host, *call, SOS_PASSWORD="x")
        assert (status, words in err) == (code, True), err


async def test_list(write: Write) -> None:
    file = write(
        "[machines.web1]\nconsole='u@h'\ngroups=['web','all']\n[machines.db]\nconsole='exec:ipmitool -P pw sol'\n"
        "hostname='d\u00e9'\nlogin='me'\ngroups=['all']\n"
    )
    status, out, err = await command("machines", "list", "--config", file)
    assert (status, err) == (0, "")
    assert out == "web1  u@h            -   root  web,all\ndb    exec:ipmitool  d\u00e9  me    all\n"
    status, out, _ = await command("machines", "list", "--config", file, "--group", "web", "--json")
    assert [one["name"] for one in json.loads(out)["machines"]] == ["web1"]
    status, out, err = await command("machines", "list", "--config", file, "--group", "wbe")
    assert (status, out) == (2, "")
    assert "no machine belongs to the group 'wbe'; did you mean 'web'?" in err


async def test_check(write: Write) -> None:
    file = write("[machines.a]\nconsole='h'\npassword='file:none'\n")
    status, out, err = await command("machines", "check", "--config", file)
    assert (status, err) == (0, "")
    assert out.startswith("warning: a, password: cannot read the password file")
    assert out.endswith(f"ok: 1 machine in {file}\n")
    write("[machines.a]\nconsole='h'\nx=1\n[machines.b]\nbaud=1\n")
    status, out, err = await command("machines", "check", "--config", file)
    assert (status, out) == (2, "")
    assert [f"{file}:{line}: " in err for line in (3, 4, 5)] == [True] * 3
    status, out, _ = await command("machines", "check", "--config", file, "--json")
    said = json.loads(out)
    assert (status, said["status"], len(said["mistakes"])) == (2, "invalid", 3)
    assert is_clean("".join(said["mistakes"]))


async def test_check_without_a_file(tmp_path: Path) -> None:
    status, out, err = await command("machines", "check")
    file = tmp_path / ".config/sosagent/machines.toml"
    assert (status, out, err) == (0, f"the file {file} does not exist yet\n", "")
    status, out, _ = await command("machines", "check", "--json")
    assert (status, json.loads(out)["file"], json.loads(out)["machines"]) == (0, str(file), 0)
    status, _, err = await command("machines", "check", "--config", "~nobody-there/x")
    assert (status, "~ has no meaning here" in err) == (2, True)


async def test_schema() -> None:
    status, out, _ = await command("machines", "schema")
    assert (status, json.loads(out)["properties"]["machines"]["type"]) == (0, "object")
