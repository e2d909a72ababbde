"""HOST -> the console endpoint: machines.toml, and Lookup."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Unpack

import pytest

import sosagent
from sosagent.endpoint.target import (
    ProviderReference,
    SerialTarget,
    SshOptions,
    SshSettings,
    SshTarget,
    Target,
    TcpTarget,
)
from sosagent.session.locate import look_up

from ..conftest import new_key
from ..support.commands import PACKAGES, Write, command


def test_the_endpoint_of_a_machine(write: Write, tmp_path: Path) -> None:
    file = write(
        "[defaults]\nbaud = 9600\n"
        "[machines.m]\nconsole = 'u@h:22'\nidentity = 'id'\ndialect = 'idrac'\n"
        "[machines.cable]\nconsole = '/dev/ttyUSB0'\n"
        "[machines.other]\nconsole = 'serial:///dev/ttyUSB0?baud=300&dialect=plain'\ndialect = 'idrac'\n"
        "[machines.line]\nconsole = 'rfc2217://ts:4001'\nbaud = 1200\n"
    )
    x = (Path("x"),)

    def target(name: str, **ssh: Unpack[SshOptions]) -> Target | ProviderReference:
        return look_up(name, ssh=SshSettings(**ssh), config=file).target

    assert target("m") == SshTarget("h", "u", 22, identities=(tmp_path / "id",), dialect="idrac")
    assert target("m", identities=x) == SshTarget("h", "u", 22, identities=x, dialect="idrac")
    assert target("cable") == SerialTarget("/dev/ttyUSB0", 9600)
    assert target("other") == SerialTarget("/dev/ttyUSB0", 300, dialect="plain")
    assert target("line") == TcpTarget("rfc2217", "ts", 4001, 1200)


@pytest.mark.parametrize("host", ["u@m", "m:22", "unix:///m", "n"])
def test_other_hosts_are_not_names_of_machines(host: str, write: Write) -> None:
    file = write("[machines.m]\nconsole = 'u@h'\nlogin = 'x'\n")
    assert look_up(host, config=file).machine is None


def test_a_broken_file_matters_only_if_it_is_used(write: Write, tmp_path: Path) -> None:
    write("nonsense", ".config/sosagent/machines.toml")
    assert look_up("u@h").target == SshTarget("h", "u")
    with pytest.raises(sosagent.ConfigInvalid, match=":1") as caught:
        look_up("h")
    assert "user@HOST does not use" in caught.value.hint
    with pytest.raises(sosagent.ConfigInvalid) as caught:
        look_up("h", config=tmp_path / ".config/sosagent/machines.toml")
    assert "does not use" not in caught.value.hint


def test_pydantic_is_not_imported_without_a_file() -> None:
    """Importing pydantic takes a tenth of a second, and most users have no such file."""
    code = "import sys; from sosagent.session.locate import look_up; look_up('h'); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": PACKAGES, "HOME": "/none"}, stdout=subprocess.PIPE
    )
    assert b"sosagent.config.file" in done.stdout
    assert b"pydantic" not in done.stdout


async def test_similar_names_are_suggested(write: Write, tmp_path: Path) -> None:
    file = write("[machines.web1]\nconsole = 'u@h'\n[machines.web2]\nconsole = 'u@h'\n[machines.db]\nconsole = 'u@h'\n")
    empty = write("", "config")
    call = ["--config", file, "-F", empty, "--timeout", "20"]
    status, _, err = await command("state", "wbe1", *call)
    assert status == 3
    assert "machines.toml has no 'wbe1'; did you mean 'web1'" in err
    status, out, _ = await command("addkey", "wbe1", write(new_key().line, "k.pub"), *call, "--json", SOS_PASSWORD="x")
    assert "machines.toml has no 'wbe1'" in json.loads(out)["error"]["hint"]
    # Also if the password is missing.
    status, _, err = await command("addkey", "wbe1", write(new_key().line, "k.pub"), *call)
    words = "machines.toml has no 'wbe1'; did you mean 'web1'?"
    assert (status, "no password for the machine" in err) == (2, True), err
    assert (err.count(words), f"{words} Using wbe1 as a host name" in " ".join(err.split())) == (2, True), err
    for host in ("u@wbe1", "web1"):
        _, _, err = await command("addkey", host, write(new_key().line, "k.pub"), *call)
        assert ("no password for the machine" in err, "did you mean" in err) == (True, False)
    status, _, err = await command("state", "quite-another", *call)
    assert (status, "did you mean" in err) == (3, False)
    # An alias that resolves is not a typing error, even if nothing answers.
    write("Host web3\nHostName 127.0.0.1\nPort 1\n", "config")
    status, _, err = await command("state", "web3", *call)
    assert (status, "nothing listens" in err, "did you mean" in err) == (3, True, False)
