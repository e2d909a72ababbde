"""`sosagent keys list|remove|audit`: over the lab's console, as processes; and what is said of each line."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sosagent.jobs.keys import examined
from sosagent.lab import Lab

from ..conftest import new_key
from .test_cli import run

SOSAGENT = str(Path(sys.executable).with_name("sosagent"))
ONE, TWO, THREE = new_key("one"), new_key("two"), new_key("three")


@pytest.fixture
def file(lab: Lab) -> Path:
    folder = lab.authorized_keys.parent
    folder.mkdir()
    folder.chmod(0o777)  # the lab's shell may run as nobody
    lab.authorized_keys.write_text(
        f'# ours\n\n{ONE.line}\nrestrict,from="10.0.0.0/8" {TWO.line}\n{ONE.line}\nssh-rsa AAAAB3\n'
    )
    lab.authorized_keys.chmod(0o666)
    return lab.authorized_keys


async def keys(*arguments: object) -> tuple[int, str, str]:
    return await run("keys", *arguments, command=SOSAGENT)


async def test_list(arguments: list[str], file: Path) -> None:
    before = file.read_bytes()
    status, out, _ = await keys("list", *arguments, "--json")
    shown = json.loads(out)
    assert (status, shown["error"], shown["logged_out"], shown["file"]) == (0, None, True, str(file))
    assert [(key["fingerprint"], key["usable"]) for key in shown["keys"]] == [
        (ONE.fingerprint, True),
        (TWO.fingerprint, True),
        (ONE.fingerprint, False),
        (None, False),
    ]
    assert shown["keys"][1]["options"] == ["restrict", 'from="10.0.0.0/8"']
    assert shown["keys"][1]["limits"] == ["without forwarding or a terminal", "from 10.0.0.0/8 only"]
    assert "earlier line" in shown["keys"][2]["why_not"]
    assert "truncated" in shown["keys"][3]["why_not"]
    status, out, _ = await keys("list", *arguments)
    assert status == 0
    assert f"  usable    ssh-ed25519 256 {ONE.fingerprint} one" in out
    assert file.read_bytes() == before


async def test_audit(arguments: list[str], file: Path) -> None:
    status, out, _ = await keys("audit", *arguments)
    assert status == 1
    assert "truncated" in out
    assert TWO.fingerprint not in out
    file.write_text(f"{ONE.line}\n")
    status, out, _ = await keys("audit", *arguments, "--json")
    shown = json.loads(out)
    assert status == (1 if shown["warnings"] else 0)
    assert [key["usable"] for key in shown["keys"]] == [True]


async def test_remove(arguments: list[str], file: Path, tmp_path: Path) -> None:
    before = file.read_text()
    status, _, err = await keys("remove", *arguments, "SHA256:nothing")
    assert (status, "no line of" in err) == (2, True)
    status, _, err = await keys("remove", *arguments, "nothing")
    assert (status, "neither a fingerprint" in err) == (2, True)
    assert file.read_text() == before
    file.write_text(f"{before}{THREE.line}\n")
    before = file.read_text()
    status, out, _ = await keys("remove", *arguments, ONE.fingerprint)
    assert status == 0, out
    assert file.read_text() == before.replace(f"{ONE.line}\n", "")
    (backup,) = (path for path in file.parent.iterdir() if path != file)
    assert backup.read_text() == before
    assert str(backup) in out
    named = tmp_path / "three.pub"
    named.write_text(f"{THREE.line}\n")
    status, out, _ = await keys("remove", *arguments, named, "--json")
    assert (status, json.loads(out)["error"]["code"]) == (6, "edit-refused")
    status, out, _ = await keys("remove", *arguments, named, "--json", "--force")
    assert (status, json.loads(out)["status"], json.loads(out)["left"]) == (0, "removed", 0)
    status, out, _ = await keys("remove", *arguments, named, "--json", "--force")
    assert (status, json.loads(out)["status"]) == (0, "absent")


async def test_the_last_key_that_gives_a_shell_stays(arguments: list[str], file: Path) -> None:
    dsa = f"ssh-dss {THREE.base64}"
    file.write_text(f'{ONE.line}\ncommand="/bin/false" {TWO.line}\nfrom="192.0.2.1" {THREE.line}\n{dsa}\n')
    assert (await keys("remove", *arguments, ONE.fingerprint))[0] == 6
    assert (await keys("remove", *arguments, TWO.fingerprint))[0] == 0
    file.write_text("")
    named = file.with_name("one.pub")
    named.write_text(f"{ONE.line}\n")
    status, out, _ = await keys("remove", *arguments, named, "--json")
    assert (status, json.loads(out)["status"]) == (0, "absent")


async def test_a_line_with_options_that_we_do_not_know_is_taken_out_too(arguments: list[str], file: Path) -> None:
    file.write_text(f"of-the-future {ONE.line}\n{TWO.line}\n")
    assert (await keys("remove", *arguments, ONE.md5.upper().replace("MD5", "MD5")))[0] == 0
    assert file.read_text() == f"{TWO.line}\n"


def test_what_is_said_of_a_line() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    said = {
        f"cert-authority {ONE.line}": "an authority's",
        f'expiry-time="20260101" {TWO.line}': "its time was past",
        f'expiry-time="20270101Z" {TWO.line}': "",
        f"no-such {THREE.line}": "unknown option",
        "ssh-ed25519": "not a public key",
        f"ssh-ed25519-cert-v01@openssh.com {ONE.base64} c": "certificate",
        f"\ufeff{THREE.line}": "",
    }
    listed = examined(list(said), now)
    assert len(listed) == len(said)
    for one, (line, words) in zip(listed, said.items(), strict=True):
        assert one.text == line
        assert words in one.why_not
        assert bool(one.why_not) == (bool(words) or one.entry is None)
    assert listed[2].limits == ("until 20270101Z",)
