"""`sos-addkey --verify` on the virtual machine: it logs in, or names the cause."""

from __future__ import annotations

import shlex
import socket
import subprocess
from pathlib import Path

import pytest

from ..support.ports import answers, wait_for
from ..support.samples import sampled
from .machine import Machine
from .test_keys import run

pytestmark = pytest.mark.vm

_CONFIG = "printf '{}\\n' >/etc/ssh/sshd_config.d/00-broken.conf; systemctl restart ssh"
_FIREWALL = (
    "nft add table inet f; nft 'add chain inet f input {{ type filter hook input priority 0; }}'; "
    "nft add rule inet f input tcp dport 22 ct state new {}"
)
#: An sshd with penalties: one address is on its list, and the list is full.
_PENALTIES = (
    "systemctl stop ssh; mkdir -p /run/sshd; cd /opt/openssh-10/usr; $PWD/sbin/sshd "
    "-o SshdSessionPath=$PWD/lib/openssh/sshd-session -o SshdAuthPath=$PWD/lib/openssh/sshd-auth "
    "-o PerSourcePenalties='authfail:600 max-sources4:1 overflow:deny-all'; "
    # It starts to listen, and puts an address on its list, only after the command that started it has ended.
    "until ssh -v -o BatchMode=yes -o StrictHostKeyChecking=no nobody@127.0.0.1 true 2>&1 | grep -q 'Not allowed'; "
    "do sleep 0.2; done"
)
#: A fault: the command that causes it, the outcome, and the reported cause.
BROKEN = {
    "sshd is stopped": ("systemctl stop ssh", "closed", "sshd does not listen"),
    "a broken configuration": (
        "echo Nonsense yes >/etc/ssh/sshd_config.d/00-broken.conf; systemctl stop ssh",
        "closed",
        "Bad configuration option: Nonsense",
    ),
    "sshd on loopback alone": (_CONFIG.format("ListenAddress 127.0.0.1"), "closed", "loopback address only"),
    "PermitRootLogin no": (_CONFIG.format("PermitRootLogin no"), "key-refused", "PermitRootLogin"),
    "PubkeyAuthentication no": (_CONFIG.format("PubkeyAuthentication no"), "key-refused", "PubkeyAuthentication no"),
    "AllowUsers": (_CONFIG.format("AllowUsers alice"), "key-refused", "not listed in AllowUsers"),
    "a home that others may write to": ("chmod 777 /root", "key-refused", "StrictModes"),
    "a home that its group may write to": (
        "usermod -aG users alice; chgrp users /root; chmod 770 /root",
        "key-refused",
        "StrictModes: other users may write to /root",
    ),
    "a firewall that drops": (_FIREWALL.format("drop"), "unreachable", "a firewall on the machine"),
    "no way back": (
        "systemd-run -q sh -c 'sleep 1; ip route add blackhole 10.0.2.2'",
        "unreachable",
        "the network in between",
    ),
    "a full penalty box": (_PENALTIES, "closed", "addresses is full"),
}


def add(vm: Machine, identity: Path, *options: str, port: int | None = None) -> tuple[int, dict[str, object]]:
    address = f"127.0.0.1:{port or vm.ssh_port}"
    status, done = run(vm, "add", f"{identity}.pub", "--verify-as", address, *options)
    assert done["error"] is None, done
    return status, done["verification"]


def test_a_login_that_works(vm: Machine, identity: Path) -> None:
    status, seen = add(vm, identity)
    assert (status, seen["outcome"], seen["causes"]) == (0, "works", []), seen
    command = shlex.split(str(seen["command"]))
    assert (command[0], command[-1]) == ("ssh", "root@127.0.0.1")
    batch = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    assert subprocess.run([*command[:-1], *batch, command[-1], "true"], check=False).returncode == 0


EACH_TIME = ("PubkeyAuthentication no", "a broken configuration", "a firewall that drops", "sshd on loopback alone")


@pytest.mark.parametrize("name", sampled(BROKEN, *EACH_TIME))
def test_the_cause_is_reported(name: str, vm: Machine, identity: Path) -> None:
    command, outcome, words = BROKEN[name]
    vm.do(command)
    if outcome in ("closed", "unreachable") and "openssh-10" not in command:
        wait_for(lambda: not answers(vm.ssh_port), 30, "the machine to be cut off")
    status, seen = add(vm, identity)
    assert (status, seen["outcome"]) == (7, outcome), seen
    assert any(words in cause for cause in seen["causes"]), seen  # type: ignore[attr-defined]


def test_a_command_instead_of_a_shell(vm: Machine, identity: Path) -> None:
    status, seen = add(vm, identity, "--option", 'command="echo no shell here"')
    assert (status, seen["outcome"]) == (7, "no-shell")


@pytest.mark.long
def test_a_key_for_another_address(vm: Machine, identity: Path) -> None:
    status, seen = add(vm, identity, "--option", 'from="192.0.2.1"')
    assert (status, seen["outcome"]) == (7, "key-refused")
    assert any("the option from= does not allow this address" in cause for cause in seen["causes"]), seen  # type: ignore[attr-defined]


def test_another_machine_answers(vm: Machine, identity: Path) -> None:
    status, seen = add(vm, identity, port=vm.console_port)
    assert (status, seen["outcome"]) == (7, "host-key-differs")


def test_too_many_waiting_connections(vm: Machine, identity: Path) -> None:
    vm.do(_CONFIG.format("MaxStartups 1:100:1"))
    with socket.create_connection(("127.0.0.1", vm.ssh_port)) as waiting:
        waiting.recv(4)
        status, seen = add(vm, identity)
    assert (status, seen["outcome"]) == (7, "closed"), seen
    assert any("MaxStartups" in cause for cause in seen["causes"]), seen  # type: ignore[attr-defined]


@pytest.mark.long
def test_a_private_key_that_is_not_available(vm: Machine, identity: Path) -> None:
    identity.unlink()
    status, seen = add(vm, identity)
    assert (status, seen["outcome"], seen["causes"]) == (7, "not-tried", [])
    vm.do(_CONFIG.format("PermitRootLogin no"))
    status, seen = add(vm, identity)
    assert (status, seen["outcome"]) == (7, "not-tried")
    assert any("PermitRootLogin" in cause for cause in seen["causes"]), seen  # type: ignore[attr-defined]
