"""`sosagent keys list|audit|remove` over the console of a lab."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sosagent.lab import ThreadedLab, lab_in_thread

from ..conftest import new_key
from ..support.commands import invoke

ONE, TWO, THREE = new_key("one"), new_key("two"), new_key("three")


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[ThreadedLab]:
    """One lab for all tests of the module; each test writes its authorized_keys."""
    with lab_in_thread() as lab:
        lab.authorized_keys_file.parent.mkdir()
        lab.authorized_keys_file.parent.chmod(0o777)  # the lab's shell may run as nobody
        yield lab


@pytest.fixture
def arguments(shared_lab: ThreadedLab) -> list[str]:
    """Options and HOST of the shared lab."""
    return shared_lab.arguments


@pytest.fixture
def file(shared_lab: ThreadedLab) -> Path:
    """An authorized_keys file with a usable, a restricted, a repeated and a truncated key."""
    path = shared_lab.authorized_keys_file
    for other in path.parent.iterdir():
        other.unlink()
    path.write_text(f'# ours\n\n{ONE.line}\nrestrict,from="10.0.0.0/8" {TWO.line}\n{ONE.line}\nssh-rsa AAAAB3\n')
    path.chmod(0o666)
    return path


def keys(*arguments: object) -> tuple[int, str, str]:
    """Run ``sosagent keys``."""
    return invoke("keys", *arguments)


def test_list(arguments: list[str], file: Path) -> None:
    before = file.read_bytes()
    status, out, _ = keys("list", *arguments, "--json")
    listing = json.loads(out)
    assert (status, listing["error"], listing["logged_out"], listing["file"]) == (0, None, True, str(file))
    assert [(key["fingerprint"], key["usable"]) for key in listing["keys"]] == [
        (ONE.fingerprint, True),
        (TWO.fingerprint, True),
        (ONE.fingerprint, False),
        (None, False),
    ]
    assert listing["keys"][1]["options"] == ["restrict", 'from="10.0.0.0/8"']
    assert listing["keys"][1]["limits"] == ["without forwarding or a terminal", "from 10.0.0.0/8 only"]
    assert "earlier line" in listing["keys"][2]["why_not"]
    assert "truncated" in listing["keys"][3]["why_not"]
    status, out, _ = keys("list", *arguments)
    assert status == 0
    assert f"  usable    ssh-ed25519 256 {ONE.fingerprint} one" in out
    assert file.read_bytes() == before


def test_audit_reports_only_problems(arguments: list[str], file: Path) -> None:
    status, out, _ = keys("audit", *arguments)
    assert status == 1
    assert "truncated" in out
    assert TWO.fingerprint not in out
    file.write_text(f"{ONE.line}\n")
    status, out, _ = keys("audit", *arguments, "--json")
    listing = json.loads(out)
    assert status == (1 if listing["warnings"] else 0)
    assert [key["usable"] for key in listing["keys"]] == [True]


def test_remove(arguments: list[str], file: Path, tmp_path: Path) -> None:
    before = file.read_text()
    status, _, err = keys("remove", *arguments, "SHA256:nothing")
    assert (status, "no line of" in err) == (2, True)
    status, _, err = keys("remove", *arguments, "nothing")
    assert (status, "neither a fingerprint" in err) == (2, True)
    assert file.read_text() == before
    file.write_text(f"{before}{THREE.line}\n")
    before = file.read_text()
    status, out, _ = keys("remove", *arguments, ONE.fingerprint)
    assert status == 0, out
    assert file.read_text() == before.replace(f"{ONE.line}\n", "")
    (backup,) = (path for path in file.parent.iterdir() if path != file)
    assert backup.read_text() == before
    assert str(backup) in out
    keyfile = tmp_path / "three.pub"
    keyfile.write_text(f"{THREE.line}\n")
    status, out, _ = keys("remove", *arguments, keyfile, "--json")
    assert (status, json.loads(out)["error"]["code"]) == (6, "edit-refused")
    status, out, _ = keys("remove", *arguments, keyfile, "--json", "--force")
    assert (status, json.loads(out)["status"], json.loads(out)["left"]) == (0, "removed", 0)
    status, out, _ = keys("remove", *arguments, keyfile, "--json", "--force")
    assert (status, json.loads(out)["status"]) == (0, "absent")


def test_the_last_key_with_a_shell_is_not_removed(arguments: list[str], file: Path, tmp_path: Path) -> None:
    dsa = f"ssh-dss {THREE.base64}"
    file.write_text(f'{ONE.line}\ncommand="/bin/false" {TWO.line}\nfrom="192.0.2.1" {THREE.line}\n{dsa}\n')
    assert keys("remove", *arguments, ONE.fingerprint)[0] == 6
    assert keys("remove", *arguments, TWO.fingerprint)[0] == 0
    file.write_text("")
    keyfile = tmp_path / "one.pub"
    keyfile.write_text(f"{ONE.line}\n")
    status, out, _ = keys("remove", *arguments, keyfile, "--json")
    assert (status, json.loads(out)["status"]) == (0, "absent")


def test_a_line_with_unknown_options_is_removed(arguments: list[str], file: Path) -> None:
    file.write_text(f"of-the-future {ONE.line}\n{TWO.line}\n")
    assert keys("remove", *arguments, ONE.md5.upper().replace("MD5", "MD5"))[0] == 0
    assert file.read_text() == f"{TWO.line}\n"
