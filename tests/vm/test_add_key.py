"""The main job on a virtual machine: QEMU, agetty, login, bash, sshd; an OpenSSH server as the endpoint."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sosagent
from sosagent.session.root_shell import root_shell

from ..support.consoles import inner_console
from ..support.ports import wait_for
from .image import PASSWORD
from .machine import Machine

pytestmark = pytest.mark.vm

COMMAND = str(Path(sys.executable).with_name("sos-addkey"))


def sos_addkey(vm: Machine, identity: Path, *options: str, password: str = PASSWORD) -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        [COMMAND, *vm.arguments, f"{identity}.pub", "--json", *options],
        env={**os.environ, "SOS_PASSWORD": password}, capture_output=True, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert password not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    result = json.loads(done.stdout)
    assert isinstance(result, dict)
    return done.returncode, result


def keys_of(identity: Path) -> list[sosagent.PublicKey]:
    return sosagent.parse_public_keys(Path(f"{identity}.pub").read_bytes())


async def at_login(vm: Machine) -> None:
    """Check that Enter brings up a login prompt on the console, not a shell."""
    async with inner_console(vm.target, timeout=30) as console:
        await console.send("\r")
        # After a wrong password, util-linux login accepts an empty user name.
        if (await console.expect(["vm login: $", "Password: $"], 20)).index == 1:
            await console.send("\r")
            await console.expect("vm login: $", 20)


def leftovers(vm: Machine) -> str:
    """Return the processes of a root shell that was left on the machine."""
    return vm.do(
        "cat /proc/sys/kernel/printk; cat /root/.*history 2>/dev/null;"
        "find / -xdev -newer /proc/1 -type f \\( -path '/root/*' -o -path '/tmp/*' -o -name '*sos*' \\);"
        "ps -t ttyS0 -o args=; pgrep -a sleep; true"
    )


async def test_a_key_is_added_and_works(vm: Machine, identity: Path) -> None:
    before, old = leftovers(vm), vm.do("cat .ssh/authorized_keys")
    assert vm.ssh(identity, "true").returncode != 0
    status, done = sos_addkey(vm, identity)
    assert (status, done["status"], done["state_found"], done["logged_out"]) == (0, "added", "login", True)
    assert done["machine"] == {"hostname": "vm", "machine_id": vm.do("cat /etc/machine-id").strip()}
    assert (done["keys_before"], done["keys_after"], done["warnings"]) == (1, 2, [])
    assert isinstance(done["bytes_sent"], int) and done["bytes_sent"] <= 1600
    assert isinstance(done["exchanges"], int) and done["exchanges"] <= 8
    assert vm.ssh(identity, "echo in").stdout == "in\n"
    line = Path(f"{identity}.pub").read_text()
    assert vm.do("cat .ssh/authorized_keys") == old + line
    after = leftovers(vm)
    assert after.replace("/root/.ssh/authorized_keys\n", "") == before.replace("/root/.ssh/authorized_keys\n", "")
    assert "agetty" in after
    status, again = sos_addkey(vm, identity)
    assert (status, again["status"], again["keys_after"]) == (0, "present", 2)
    assert vm.do("cat .ssh/authorized_keys") == old + line
    await at_login(vm)


async def test_a_wrong_password_is_one_attempt(vm: Machine, identity: Path) -> None:
    status, failed = sos_addkey(vm, identity, password="not the password")
    assert (status, failed["status"]) == (5, "failed")
    assert vm.do("journalctl -b -t login -o cat | grep -c 'FAILED LOGIN (1)'").strip() == "1"
    assert vm.do("journalctl -b -t login -o cat | grep -c 'FAILED LOGIN (2)' || true").strip() == "0"
    await at_login(vm)


def test_no_file_no_folder_and_a_file_without_newline(vm: Machine, identity: Path) -> None:
    vm.do("useradd -m bob")
    status, done = sos_addkey(vm, identity, "-u", "bob")
    assert (status, done["file"], done["keys_before"]) == (0, "/home/bob/.ssh/authorized_keys", 0)
    assert vm.ssh(identity, "id -un", user="bob").stdout == "bob\n"
    assert vm.do("stat -c '%U %a' /home/bob/.ssh /home/bob/.ssh/authorized_keys") == "bob 700\nbob 600\n"
    vm.do("printf '%s' \"$(cat .ssh/authorized_keys)\" > .ssh/k && cat .ssh/k > .ssh/authorized_keys && rm .ssh/k")
    assert sos_addkey(vm, identity)[0] == 0
    assert vm.ssh(identity, "true").returncode == 0
    assert vm.ssh(vm.admin, "true").returncode == 0


def test_a_link_gives_a_user_no_additional_access(vm: Machine, identity: Path) -> None:
    old = vm.do("cat .ssh/authorized_keys")
    vm.do("install -d -o alice -m 700 /home/alice/.ssh; ln -s /root/.ssh/authorized_keys /home/alice/.ssh/")
    status, failed = sos_addkey(vm, identity, "-u", "alice")
    assert status == 6, failed
    assert vm.do("cat .ssh/authorized_keys") == old


def test_the_file_that_sshd_reads_and_its_refusals(vm: Machine, identity: Path) -> None:
    vm.do(
        "mkdir /etc/ssh/keys; cat .ssh/authorized_keys > /etc/ssh/keys/root;"
        "printf 'AuthorizedKeysFile /etc/ssh/keys/%%u\\nPermitRootLogin forced-commands-only\\n'"
        " > /etc/ssh/sshd_config.d/x.conf"
    )
    status, done = sos_addkey(vm, identity)
    assert (status, done["status"], done["file"]) == (7, "added", "/etc/ssh/keys/root")
    assert "PermitRootLogin forced-commands-only" in str(done["problems"])
    vm.do("rm /etc/ssh/sshd_config.d/x.conf; echo 'AuthorizedKeysFile /etc/ssh/all' > /etc/ssh/sshd_config.d/x.conf")
    status, failed = sos_addkey(vm, identity)
    assert (status, failed["status"]) == (6, "failed")
    assert "all users" in str(failed["error"])


async def test_a_root_shell_left_open_stays_as_it_was(vm: Machine, identity: Path) -> None:
    async with inner_console(vm.target, timeout=60) as console:
        async with root_shell(console, sosagent.Secret(PASSWORD)):
            pass
        await console.send("root\r")
        await console.expect("Password: $")
        await console.quiet(0.2, 2)
        await console.send_secret(sosagent.Secret(PASSWORD))
        await console.expect("# $")
        await console.send("cd /var/tmp; mark=kept; stty -ixon\r")
        await console.expect("tmp# $")
    done = await sosagent.add_key(vm.target, keys_of(identity), password="never typed")
    assert (done.status, done.state_found, done.logged_out) == ("added", "shell", True)
    assert vm.ssh(identity, "true").returncode == 0
    async with inner_console(vm.target, timeout=60) as console:
        await console.send("echo $mark-$PWD; stty -a | grep -o '.ixon'\r")
        await console.expect("kept-/var/tmp\n-ixon")


async def test_when_the_line_dies_the_switch_closes_the_shell(vm: Machine) -> None:
    async with inner_console(vm.target, timeout=60) as console:
        async with root_shell(console, sosagent.Secret(PASSWORD), dead_man=3) as session:
            await session.shell.run("true")
            assert "sleep 3" in vm.do("ps -t ttyS0 -o args=")
            await console.transport.aclose()
        assert not session.left
        assert "closed the connection" in session.trouble
    wait_for(lambda: "agetty" in vm.do("ps -t ttyS0 -o args=; true"), 20, "a new getty")
    await at_login(vm)


async def test_when_the_line_dies_before_the_switch_silence_closes_the_shell(vm: Machine) -> None:
    from sosagent.access import LoginSettings
    from sosagent.login.transitions import Login
    from sosagent.shell.shell import Shell

    async with inner_console(vm.target, timeout=60) as console:
        await Login(console, LoginSettings()).enter(sosagent.Secret(PASSWORD))
        await Shell(console, replace=True, keep_modes=False, dead_man=60).start()
    wait_for(lambda: "agetty" in vm.do("ps -t ttyS0 -o args=; true"), 45, "a new getty")
    await at_login(vm)


@pytest.mark.parametrize("moment", ["log in as root", "start the shell", "append to the keys of root"])
async def test_cancelling_logs_out(moment: str, vm: Machine, identity: Path) -> None:
    def cancel(event: sosagent.Event) -> None:
        if event.text == moment:
            asyncio.get_running_loop().call_later(0.15, task.cancel)

    task = asyncio.ensure_future(sosagent.add_key(vm.target, keys_of(identity), password=PASSWORD, on_event=cancel))
    with pytest.raises(asyncio.CancelledError):
        await task
    await at_login(vm)
    assert "-sh" not in vm.do("ps -t ttyS0 -o args=")


def test_a_console_without_getty_is_silent(vm: Machine, identity: Path) -> None:
    vm.do("systemctl stop serial-getty@ttyS0")
    status, failed = sos_addkey(vm, identity)
    assert (status, failed["status"]) == (4, "failed")
    assert "serial-getty" in str(failed["error"])


#: quotactl(2): what the user alice may use at most, in KiB; the image has no setquota.
_SET_QUOTA = """
import ctypes, os, pwd, struct
limit = struct.pack("=QQQQQQQQI4x", 4, 4, 0, 0, 0, 0, 0, 0, 5)
device = os.popen("findmnt -no SOURCE /quota").read().strip().encode()
uid = pwd.getpwnam("alice").pw_uid
exit(ctypes.CDLL(None).quotactl(0x800008 << 8, device, uid, ctypes.c_char_p(limit)) != 0)
"""


def test_a_quota_loses_nothing(vm: Machine, identity: Path) -> None:
    vm.do(
        "modprobe quota_v2; mkdir /quota; dd if=/dev/zero of=/q.img bs=1M count=8 2>/dev/null;"
        "mke2fs -q -t ext4 -O quota /q.img; mount -o loop,usrquota /q.img /quota;"
        "mkdir -m 700 /quota/alice /quota/alice/.ssh; chown -R alice /quota/alice; usermod -d /quota/alice alice"
    )
    vm.do(f"python3 -c '{_SET_QUOTA}'")
    # The file ends 48 bytes below the quota, so only a part of the line fits.
    old = ("#" * 99 + "\n") * 20
    vm.do(f"su alice -s /bin/sh -c 'printf %s \"{old}\" > /quota/alice/.ssh/authorized_keys'")
    status, failed = sos_addkey(vm, identity, "-u", "alice")
    assert status == 6, failed
    assert "quota" in str(failed["error"])
    assert vm.do("cat /quota/alice/.ssh/authorized_keys") == old
