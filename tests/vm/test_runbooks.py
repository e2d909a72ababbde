"""The shipped runbooks on a virtual machine: each test breaks something first, and the runbook repairs it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ..support.forks import forked
from ..support.ports import answers, wait_for
from ..support.samples import sampled
from .image import PASSWORD
from .machine import Machine

pytestmark = pytest.mark.vm

NEW_PASSWORD = "another p4ssword, $(not) 'run'"


def run(vm: Machine, name: str, *words: object, status: int = 0, **env: str) -> dict[str, Any]:
    """Run a shipped runbook on the machine's console and return its record."""
    done = subprocess.run(
        [*forked(), "run", name, *vm.arguments, *map(str, words), "--json"],
        env={**os.environ, "SOS_PASSWORD": PASSWORD, **env}, capture_output=True, text=True, timeout=250, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == status, (record["error"], record["steps"])
    if not status:
        assert {step["status"] for step in record["steps"]} <= {"done", "skipped"}
        assert (record["machine"]["hostname"], record["logged_out"]) == ("vm", True)
    return record


def run_text(vm: Machine, program: str) -> None:
    """Run a program in a runbook of its own."""
    path = vm.folder / "own.yml"
    path.write_text(json.dumps({"name": "own", "steps": [{"run": program}]}))
    run(vm, str(path))


def output(record: dict[str, Any], name: str) -> str:
    """Return the output of a step's program."""
    (found,) = [step["output"] for step in record["steps"] if step["name"] == name]
    return "\n".join(found)


def logs_in(vm: Machine, identity: Path | None = None, user: str = "root") -> bool:
    return vm.ssh(identity or vm.admin, "echo in", user).stdout == "in\n"


def test_add_key(vm: Machine, identity: Path) -> None:
    vm.do("rm /root/.ssh/authorized_keys")
    assert not logs_in(vm, identity)
    record = run(vm, "add-key", "-p", f"key={identity}.pub")
    assert "added SHA256:" in record["steps"][0]["said"]
    assert logs_in(vm, identity)
    assert "present SHA256:" in run(vm, "add-key", "-p", f"key={identity}.pub")["steps"][0]["said"]


#: Runs what follows in a second. systemd fires a timer up to a minute late unless something else wakes it.
SOON = "systemd-run -q --timer-property=AccuracySec=1ms --on-active=1"

BROKEN_SSHD = {
    "nonsense": "echo Nonsense yes >>/etc/ssh/sshd_config",
    "no user may log in": "printf 'AllowUsers nobody\\nPermitRootLogin no\\nListenAddress 127.0.0.1\\n' "
    ">/etc/ssh/sshd_config.d/00-x.conf",
    "no configuration and no host keys": "rm -r /etc/ssh/sshd_config /etc/ssh/ssh_host_*",
    "masked": "systemctl mask -q ssh; echo Port 2222 >>/etc/ssh/sshd_config",
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("broken", sampled(BROKEN_SSHD, "no configuration and no host keys"))
def test_reset_sshd(broken: str, vm: Machine) -> None:
    before = vm.do("cat /etc/ssh/sshd_config")
    vm.do(f"{SOON} sh -c {shlex.quote(f'{BROKEN_SSHD[broken]}; systemctl stop ssh')}")
    wait_for(lambda: not answers(vm.ssh_port), 30, "sshd to be gone")
    record = run(vm, "reset-sshd")
    wait_for(lambda: logs_in(vm), 30, "ssh to work")
    kept = output(record, "back up the old configuration")
    if "no configuration" not in broken:
        assert vm.do(f"cat {kept}/sshd_config").startswith(before)
    assert vm.do("ls /etc/ssh/sshd_config.sosagent-new 2>/dev/null; true") == ""


def test_reset_sshd_that_cannot_start(vm: Machine) -> None:
    """The old configuration stays in place."""
    before = vm.do("cat /etc/ssh/sshd_config")
    vm.do(f"{SOON} sh -c 'systemctl stop ssh; mount --bind /bin/false /usr/sbin/sshd'")
    wait_for(lambda: not answers(vm.ssh_port), 30, "sshd to be gone")
    record = run(vm, "reset-sshd", status=9)
    assert record["error"]["code"] == "step-failed"
    assert "nothing was changed" in output(record, "restore the old configuration if sshd does not work")
    run_text(vm, "umount /usr/sbin/sshd; systemctl restart ssh")
    assert vm.do("cat /etc/ssh/sshd_config; ls -d /etc/ssh/*sosagent* 2>/dev/null; true") == before


def test_disk_space(vm: Machine, identity: Path) -> None:
    archives = "/var/cache/apt/archives"
    fill = f"for b in 1M 4k 512; do dd if=/dev/zero of={archives}/big-$b.deb bs=$b 2>/dev/null; done"
    vm.do(f"{fill}; mv /root/.ssh /root/kept")
    assert run(vm, "add-key", "-p", f"key={identity}.pub", status=6)["error"]["code"] == "edit-refused"
    record = run(vm, "disk-space")
    assert "100%" in output(record, "show file systems")
    assert f"{archives}/big-1M.deb" in output(record, "find the largest files")
    freed = run(vm, "disk-space", "-p", "clean=yes", "--yes")
    assert "the cache of apt is empty" in output(freed, "empty caches and reduce the journal")
    run(vm, "add-key", "-p", f"key={identity}.pub")
    assert logs_in(vm, identity)


@pytest.mark.parametrize("client", sampled(["networkd", "udhcpc"], "udhcpc"))
def test_network_dhcp(client: str, vm: Machine) -> None:
    hide = "rm -f /bin/networkctl; ln -s busybox /bin/udhcpc; mkdir -p /etc/udhcpc; " if client == "udhcpc" else ""
    script = (
        'printf \'#!/bin/sh\\n[ "$1" = bound ] && ip addr add $ip/24 dev $interface && '
        "ip route add default via $router\\n' >/etc/udhcpc/default.script; chmod +x /etc/udhcpc/default.script; "
    )
    vm.do(
        f"{hide}{script if hide else ''}rm /etc/systemd/network/*; {SOON} sh -c "
        "'systemctl stop systemd-networkd.socket systemd-networkd; "
        "for i in /sys/class/net/e*; do ip addr flush ${i##*/}; ip link set ${i##*/} down; done'"
    )
    wait_for(lambda: not answers(vm.ssh_port), 40, "the network to be gone")
    record = run(vm, "network-dhcp")
    assert "inet 10.0.2." in output(record, "wait for the address")
    wait_for(lambda: logs_in(vm), 30, "ssh to work")


def test_unban(vm: Machine) -> None:
    vm.do(
        "nft add table inet f; nft 'add chain inet f input { type filter hook input priority 0; }'; "
        "nft 'add set inet f bad { type ipv4_addr; }'; nft 'add element inet f bad { 10.0.2.2, 10.0.2.3 }'; "
        "printf '[sshd]\\nbackend=systemd\\nenabled=true\\n' >/etc/fail2ban/jail.local; "
        "systemctl start fail2ban; until fail2ban-client ping >/dev/null 2>&1; do sleep 0.2; done; "
        f'{SOON} sh -c "fail2ban-client set sshd banip 10.0.2.2; '
        "nft add rule inet f input ip saddr @bad drop; nft add rule inet f input ip saddr 10.0.2.2 tcp dport 22 drop; "
        'iptables -I INPUT -s 10.0.2.2 -j DROP"'
    )
    wait_for(lambda: not answers(vm.ssh_port), 60, "the address to be banned")
    record = run(vm, "unban", "-p", "address=10.0.2.2")
    assert "fail2ban: 1 unbanned" in output(record, "unban it in fail2ban")
    wait_for(lambda: logs_in(vm), 30, "ssh to work")
    assert "10.0.2.3" in vm.do("nft list set inet f bad")


def test_reset_password(vm: Machine, tmp_path: Path) -> None:
    vm.do("usermod -L -e 1 alice")
    secret = tmp_path / "new"
    secret.write_text(f"{NEW_PASSWORD}\n")
    secret.chmod(0o600)
    recording = tmp_path / "run.cast"
    record = run(
        vm, "reset-password", "-p", "user=alice", "-p", f"new_password=file:{secret}", "--transcript", recording
    )
    assert NEW_PASSWORD not in json.dumps(record) + recording.read_text()
    helper = tmp_path / "askpass"
    helper.write_text(f"#!/bin/sh\ncat {secret}\n")
    helper.chmod(0o700)
    done = subprocess.run(
        [
            "ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "PreferredAuthentications=password", "-o", "NumberOfPasswordPrompts=1", "-p", str(vm.ssh_port),
            "alice@127.0.0.1", "id -un",
        ],
        env={**os.environ, "SSH_ASKPASS": str(helper), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"},
        capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.stdout == "alice\n", done


@pytest.mark.long
def test_boot_errors(vm: Machine) -> None:
    vm.do(f"echo Nonsense yes >>/etc/ssh/sshd_config; {SOON} sh -c 'systemctl restart ssh'")
    wait_for(lambda: not answers(vm.ssh_port), 30, "sshd to be gone")
    record = run(vm, "boot-errors")
    assert "ssh.service" in output(record, "list failed units")
    assert "Bad configuration option: Nonsense" in output(record, "list failed units")
    run(vm, "reset-sshd")
    wait_for(lambda: logs_in(vm), 30, "ssh to work")


@pytest.mark.timeout(300)
def test_reboot(vm: Machine) -> None:
    boot = vm.do("cat /proc/sys/kernel/random/boot_id")
    vm.do(f"{SOON} ip route add blackhole 10.0.2.2")
    wait_for(lambda: not answers(vm.ssh_port), 30, "the route to be gone")
    record = run(vm, "reboot", "--yes")
    assert output(record, "read the boot id") == boot.strip() != output(record, "read the boot id again")
    wait_for(lambda: logs_in(vm), 60, "ssh to work")
    assert vm.do("cat /proc/sys/kernel/random/boot_id").strip() == output(record, "read the boot id again")


@pytest.mark.long
def test_support_bundle(vm: Machine, tmp_path: Path) -> None:
    vm.do(f"echo Nonsense yes >>/etc/ssh/sshd_config; {SOON} sh -c 'systemctl restart ssh'")
    wait_for(lambda: not answers(vm.ssh_port), 30, "sshd to be gone")
    bundle = tmp_path / "bundle.tar.gz"
    run(vm, "support-bundle", "-p", f"to={bundle}", "-p", "lines=100")
    with tarfile.open(bundle) as archive:
        journal = archive.extractfile("bundle/journal.txt")
        assert journal is not None and b"Bad configuration option: Nonsense" in journal.read()
    run(vm, "reset-sshd")
    wait_for(lambda: logs_in(vm), 30, "ssh to work")
    assert vm.do("ls -d /run/sosagent-bundle* /dev/shm/sosagent-bundle* 2>/dev/null; true") == ""
