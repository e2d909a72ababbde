"""Keys in every format, and options of the line, on the virtual machine: ssh logs in, or is refused."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import sosagent

from ..conftest import installed
from ..support.forks import forked
from ..support.ports import answers, wait_for
from .conftest import generated
from .fido import security_key
from .image import PASSWORD
from .machine import Machine

pytestmark = pytest.mark.vm


def run(vm: Machine, *arguments: object) -> tuple[int, Any]:
    """Run a command on the machine's console, and return its exit status and its JSON."""
    command, *rest = map(str, arguments)
    words = forked("sos-addkey") if command == "add" else [*forked(), *command.split()]
    done = subprocess.run(
        [*words, *vm.arguments, *rest, "--json"],
        env={**os.environ, "SOS_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


def _public(path: Path) -> bytes:
    return Path(f"{path}.pub").read_bytes()


def _converted(*options: str) -> Callable[[Path], bytes]:
    return lambda path: (
        subprocess.run(["ssh-keygen", "-e", *options, "-f", f"{path}.pub"], capture_output=True, check=True).stdout
    )


def _putty(path: Path) -> bytes:
    installed(["puttygen"])
    empty = path.with_name("empty")
    empty.touch()
    out = path.with_name("putty.ppk")
    subprocess.run(["puttygen", path, "--new-passphrase", empty, "-O", "private", "-o", out], check=True)
    return out.read_bytes()


def _authority(path: Path) -> bytes:
    """Return the key of a certificate authority that has signed the pair."""
    authority = generated(path.with_name(f"{path.name}-authority"))
    subprocess.run(["ssh-keygen", "-q", "-s", authority, "-I", "id", "-n", "root", f"{path}.pub"], check=True)
    return _public(authority)


#: Options of ssh-keygen, the contents of the file passed as KEYFILE, and options of sos-addkey.
FORMS: dict[str, tuple[tuple[str, ...], Callable[[Path], bytes], tuple[str, ...]]] = {
    "rsa": (("-t", "rsa", "-b", "3072"), _public, ()),
    "ecdsa": (("-t", "ecdsa"), _public, ()),
    "utf-16 with crlf": ((), lambda path: _public(path).decode().replace("\n", "\r\n").encode("utf-16"), ()),
    "rfc 4716": (("-t", "rsa"), _converted("-m", "RFC4716"), ()),
    "pem": (("-t", "rsa"), _converted("-m", "PEM"), ()),
    "authority": ((), _authority, ("--cert-authority",)),
    "pkcs#8": (("-t", "ecdsa"), _converted("-m", "PKCS8"), ("--comment", "it's $(touch /tmp/ran) grüße")),
    "ppk": ((), _putty, ()),
    "private": ((), lambda path: path.read_bytes(), ("--from-private",)),
}


@pytest.mark.long
def test_each_form_ends_in_a_login(vm: Machine, tmp_path: Path) -> None:
    for number, (name, (kind, make, options)) in enumerate(FORMS.items()):
        pair = generated(tmp_path / f"pair{number}", *kind)
        file = tmp_path / f"file{number}"
        file.write_bytes(make(pair))
        assert vm.ssh(pair, "true").returncode != 0
        status, done = run(vm, "add", file, *options)
        assert (status, done["status"]) == (0, "added"), (name, done)
        assert vm.ssh(pair, "true").returncode == 0, name
    assert vm.do("ls /tmp/ran 2>&1 || true").startswith("ls: cannot access")
    assert "it's $(touch /tmp/ran) grüße\n" in vm.do("cat .ssh/authorized_keys")


def test_a_security_key_ends_in_a_login(vm: Machine, tmp_path: Path) -> None:
    agent, file = Path(f"/tmp/sosagent-fido-{vm.ssh_port}"), tmp_path / "id_ed25519_sk.pub"
    with security_key(agent) as line:
        file.write_text(line)

        assert vm.ssh(file, "true", IdentityAgent=agent).returncode == 255
        assert run(vm, "add", file)[0] == 0
        assert vm.ssh(file, "true", IdentityAgent=agent).returncode == 0
    agent.unlink(missing_ok=True)


def test_dropbear(vm: Machine, tmp_path: Path) -> None:
    vm.do(
        "systemctl stop ssh; mv /usr/sbin/sshd /usr/sbin/sshd.x; rm /etc/ssh/ssh_host_*; mkdir -p /etc/dropbear;"
        "for i in ed25519 ecdsa rsa; do dropbearkey -t $i -f /etc/dropbear/dropbear_${i}_host_key >/dev/null 2>&1;"
        "done; "
        "systemd-run -q dropbear -F -p 22"
    )
    wait_for(lambda: answers(vm.ssh_port), 30, "dropbear")
    pair, file = generated(tmp_path / "pair"), tmp_path / "known_hosts"
    status, done = run(vm, "hostkeys", "--name", f"127.0.0.1:{vm.ssh_port}", "--into", file, "--write")
    assert status == 0, done
    assert {line.split()[1] for line in file.read_text().splitlines()} == {
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ssh-rsa",
    }
    assert run(vm, "add", f"{pair}.pub")[0] == 0
    there = vm.ssh(pair, "echo in", StrictHostKeyChecking="yes", UserKnownHostsFile=file)
    assert there.stdout == "in\n", there


@pytest.mark.long
def test_an_expired_key_is_refused(vm: Machine, identity: Path) -> None:
    vm.do(f"date -s @{time.time() - 3600:.0f}")
    status, done = run(vm, "add", f"{identity}.pub", "--expires", "1h")
    assert (status, "behind" in done["error"]["message"]) == (6, True), done
    vm.do(f"date -s @{time.time():.0f}")
    until = datetime.now(UTC) + timedelta(seconds=20)
    status, done = run(vm, "add", f"{identity}.pub", "--expires", until.isoformat())
    assert (status, done["status"]) == (0, "added"), done
    assert vm.ssh(identity, "true").returncode == 0
    wait_for(lambda: vm.ssh(identity, "true").returncode != 0, 60, "the key's end")
    assert datetime.now(UTC) >= until
    status, done = run(vm, "keys list")
    assert "it expired at" in done["keys"][-1]["why_not"]


def test_a_key_limited_to_an_address(vm: Machine, tmp_path: Path) -> None:
    near, far = generated(tmp_path / "near"), generated(tmp_path / "far")
    client = vm.ssh(vm.admin, "echo $SSH_CLIENT").stdout.split()[0]
    assert run(vm, "add", f"{near}.pub", "--option", f'from="{client}"')[0] == 0
    assert run(vm, "add", f"{far}.pub", "--option", 'from="192.0.2.1"', "--restrict")[0] == 0
    assert (vm.ssh(near, "true").returncode, vm.ssh(far, "true").returncode) == (0, 255)
    status, done = run(vm, "add", f"{far}.pub")
    assert (status, done["keys"][0]["result"]) == (0, "present")
    assert done["warnings"]


def test_list_audit_and_remove_agree_with_sshd(vm: Machine, identity: Path) -> None:
    (key,) = sosagent.parse_public_keys(_public(identity))
    assert run(vm, "keys remove", key.fingerprint)[0] == 2
    assert run(vm, "add", f"{identity}.pub")[0] == 0
    assert run(vm, "keys audit")[0] == 0
    status, done = run(vm, "keys list")
    assert (status, [one["usable"] for one in done["keys"]]) == (0, [True, True])
    assert done["keys"][1]["fingerprint"] == key.fingerprint
    assert vm.ssh(identity, "true").returncode == 0
    # Its last line is incomplete, and every user may write to the folder.
    vm.do("sed -i '$s/^ssh-ed25519 AAAAC3/ssh-ed25519 C3/' .ssh/authorized_keys; chmod 777 .ssh")
    status, done = run(vm, "keys audit")
    assert (status, [one["usable"] for one in done["keys"]]) == (1, [True, False])
    assert any("StrictModes" in warning for warning in done["warnings"])


def test_removal(vm: Machine, identity: Path) -> None:
    assert run(vm, "add", f"{identity}.pub")[0] == 0
    status, done = run(vm, "keys remove", f"{identity}.pub")
    assert (status, done["status"], done["left"]) == (0, "removed", 1)
    assert vm.ssh(identity, "true").returncode != 0
    assert vm.ssh(vm.admin, "true").returncode == 0
    admin = sosagent.parse_public_keys(_public(vm.admin))[0]
    assert run(vm, "keys remove", admin.fingerprint)[0] == 6
    assert vm.ssh(vm.admin, "true").returncode == 0


@pytest.mark.long
def test_host_keys(vm: Machine, tmp_path: Path) -> None:
    file, name = tmp_path / "known_hosts", f"127.0.0.1:{vm.ssh_port}"

    def checked() -> int:
        return vm.ssh(
            vm.admin, "true", StrictHostKeyChecking="yes", UserKnownHostsFile=file, GlobalKnownHostsFile="/dev/null"
        ).returncode

    assert checked() == 255
    status, done = run(vm, "hostkeys", "--name", name, "--into", file, "--write")
    assert (status, done["warnings"], done["logged_out"]) == (0, [], True), done
    assert checked() == 0
    assert run(vm, "hostkeys", "--name", name, "--into", file, "--write")[1]["added"] == []
    vm.do(
        "cd /etc/ssh; cp ssh_host_ed25519_key.pub old; rm ssh_host_ed25519_key*;"
        "ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key; mv old ssh_host_ed25519_key.pub"
    )
    before = file.read_bytes()
    status, done = run(vm, "hostkeys", "--name", name, "--into", file, "--write")
    assert (status, done["error"]["code"], file.read_bytes()) == (3, "host-key-changed", before)
    status, done = run(vm, "hostkeys", "--name", name, "--into", file, "--write", "--replace")
    assert status == 0
    assert ["is not the public half" in warning for warning in done["warnings"]] == [True], done["warnings"]
    vm.do("systemctl restart ssh")
    wait_for(lambda: checked() == 0, 30, "sshd with its new key")
