"""The machine with a system of its own: uid 0, host name, users and files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import asyncssh
import pytest

import sosagent
from sosagent.lab import Lab, open_lab
from sosagent.lab.own_system import _PROGRAM as first_process
from sosagent.lab.ssh_server import missing_for_sshd

from ..conftest import new_key, target_of, until


@pytest.fixture
async def machine() -> AsyncIterator[Lab]:
    """A lab whose machine has a system of its own."""
    async with open_lab(machine="web-1", own_system=True) as lab:
        if lab.no_system:
            pytest.skip(lab.no_system)
        yield lab


async def answers(lab: Lab, *programs: str) -> list[str]:
    """Return what root sees on the machine, one line for each program."""
    async with sosagent.root_shell(target_of(lab), password=lab.password) as shell:
        return [(await shell.run(f"{program} 2>&1")).output.decode().strip() for program in programs]


async def test_it_says_what_a_machine_says(machine: Lab) -> None:
    assert await answers(machine, "id -u", "id -un", "hostname", "echo ~", "echo ~operator", "tty </dev/ttyS1") == [
        "0", "root", "web-1", "/root", "/home/operator", "/dev/ttyS1",
    ]  # fmt: skip


async def test_a_key_is_added(machine: Lab) -> None:
    key = new_key()
    done = await sosagent.add_key(target_of(machine), [key], password=machine.password, expect_host="web-1")
    assert (done.status, done.file, done.warnings, done.problems) == ("added", "/root/.ssh/authorized_keys", (), ())
    assert machine.authorized_keys.read_text() == f"{key.line}\n"


async def test_its_sshd_lets_an_added_key_in(machine: Lab, tmp_path: Path) -> None:
    if machine.ssh_port is None:
        pytest.skip(f"{missing_for_sshd()} is not installed")
    private = asyncssh.generate_private_key("ssh-ed25519")
    file = tmp_path / "id"
    private.write_private_key(str(file))
    file.chmod(0o600)
    keys = sosagent.parse_public_keys(private.export_public_key(), "generated")
    verify = sosagent.Verify("127.0.0.1", machine.ssh_port, (file,), agent=False, ssh_config=Path("/dev/null"))
    done = await sosagent.add_key(target_of(machine), keys, password=machine.password, verify=verify)
    assert done.verification is not None
    assert (done.verification.outcome, done.verification.causes) == ("works", ()), done.verification
    async with asyncssh.connect(
        "127.0.0.1", machine.ssh_port, username="root", client_keys=[private], known_hosts=None, config=None
    ) as connection:
        shown = await connection.run("id -u; whoami; hostname; echo $HOME")
    assert shown.stdout == "0\nroot\nweb-1\n/root\n"


async def test_it_changes_nothing_of_this_computer(machine: Lab, tmp_path: Path) -> None:
    """Its /etc and its homes are its own; the rest of what it sees of this computer is read-only."""
    (tmp_path / "file").write_text("mine")
    before = Path("/etc/passwd").read_bytes()
    program = (
        "echo x >>/etc/passwd; echo x >/usr/x; echo x >/bin/x; mount -o remount,rw /usr; echo x >/usr/y;"
        "echo x >/tmp/x; echo x >/home/x; echo x >~/x; ls /home /etc/passwd"
    )
    assert "operator" in (await answers(machine, program))[0]
    assert (await answers(machine, f"cat {tmp_path}/file; ls {Path.home()}/.. 2>&1; hostname web-2; hostname"))[
        0
    ].endswith("web-2")
    assert Path("/etc/passwd").read_bytes() == before
    assert not [path for path in ("/usr/x", "/usr/y", "/bin/x", "/home/x") if Path(path).exists()]
    assert (machine.folder / "root" / "x").read_text() == "x\n"
    assert os.uname().nodename != "web-2"


async def test_its_programs_end_with_the_lab() -> None:
    async with open_lab(own_system=True) as lab:
        if lab.no_system:
            pytest.skip(lab.no_system)
        assert lab.machine.system is not None
        program = lab.machine.system.start_program("root", ["sleep", "4711"], path="/bin/sleep")
        await until(lambda: running("4711"))
    program.close()
    assert not running("4711")
    assert not lab.folder.exists()


def running(argument: str) -> bool:
    """Whether a program with this argument runs on this computer."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            found += (entry / "cmdline").read_bytes().split(b"\0")
    return argument.encode() in found


async def test_the_other_user_has_a_number_and_a_home_of_its_own(machine: Lab) -> None:
    async with sosagent.connect(target_of(machine)) as console:
        await console.send("\r")
        await console.expect("login: $")
        await console.send("operator\r")
        await console.expect("Password: $")
        await console.send_secret(machine.password)
        await console.expect(r"\$ $")
        await console.send("echo $(id -u) $(id -un) ~ $USER.\r")
        await console.expect(r"1000 operator /home/operator operator\.")


def processes_in(group: int) -> list[str]:
    """Return the processes of a process group that have not ended."""
    found = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if line.split()[0] == str(group) and line.split()[1][0] != "Z"]


async def test_a_first_process_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_lab(own_system=True) as lab:
        assert lab.machine.system is not None
        group = lab.machine.system._process.pid
        monkeypatch.setattr("sosagent.lab.own_system._SECONDS", 0.5)
        os.killpg(group, signal.SIGSTOP)
    await until(lambda: not processes_in(group))


async def test_a_user_whom_su_cannot_become_is_not_called_missing() -> None:
    """Its user namespace has no other user."""
    async with open_lab(own_system=True) as lab:
        with pytest.raises(sosagent.EditRefused, match="su on the machine cannot run a program as operator") as caught:
            await sosagent.add_key(target_of(lab), [new_key()], user="operator", password=lab.password)
        assert "cannot set groups" in caught.value.tail[-1]


async def test_after_a_reboot_the_machine_is_halted() -> None:
    """It cannot start again; the console says so."""
    async with open_lab(own_system=True) as lab:
        with pytest.raises(sosagent.SosError):
            await sosagent.exec(target_of(lab), "kill -9 1; reboot -f; sleep 60", password=lab.password, timeout=20)
        with pytest.raises(sosagent.ConsoleError) as caught:
            await sosagent.add_key(target_of(lab), [new_key()], password=lab.password, timeout=20)
        assert "reboot: System halted" in "\n".join(caught.value.tail)


@pytest.mark.parametrize("call", ["unshare", "mount", "pivot_root", "sethostname"])
async def test_where_it_is_not_allowed_the_shell_is_one_of_this_computer(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with kernel.unprivileged_userns_clone=0, in a container, or where AppArmor restricts namespaces."""
    program = tmp_path / "first_process.py"
    refusing = "class _Refusing:\n    def __getattr__(self, name):\n        return getattr(_real, name)\n"
    refusing += f"_libc = _Refusing()\n_libc.{call} = lambda *_: -1\n"
    text = first_process.read_text()
    line = "_libc = ctypes.CDLL(None, use_errno=True)\n"
    assert line in text
    program.write_text(text.replace(line, f"_real = ctypes.CDLL(None, use_errno=True)\n{refusing}"))
    monkeypatch.setattr("sosagent.lab.own_system._PROGRAM", program)
    async with open_lab(own_system=True) as lab:
        assert call in lab.no_system
        assert lab.ssh_port is None
        done = await sosagent.add_key(target_of(lab), [new_key()], password=lab.password)
        assert (done.status, done.file) == ("added", str(lab.authorized_keys))
    with pytest.raises(sosagent.UsageError, match=f"maintenance needs a machine with a system of its own: {call}"):
        async with open_lab(own_system=True, state="maintenance"):
            pass


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be another user")
async def test_no_privileges_are_needed() -> None:
    """The first process runs as an ordinary user, with a Python that this user can read."""
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip("no Python for all users")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        shutil.copy(first_process, name)
        Path(name).chmod(0o755)
        done = subprocess.run([python, "-c", _AS_A_USER, name, python], capture_output=True, text=True, timeout=60)
    if "not permitted" in done.stdout:
        pytest.skip(done.stdout)
    assert done.stdout == "{}\n0 root web-1 /root\n", done.stderr


_AS_A_USER = """
import json, os, socket, subprocess, sys
folder, python = sys.argv[1:]
for name in ("", "/system", "/root", "/home"):
    os.makedirs(folder + name, exist_ok=True)
    os.chown(folder + name, 2001, 2001)
os.setgroups([]); os.setgid(2001); os.setuid(2001)
root = {"uid": 0, "home": "/root", "environment": {"PATH": "/usr/bin:/bin"}, "mounts": {}}
system = {"folder": folder, "name": "web-1", "uid": 2001, "gid": 2001, "users": {"root": root}, "copied": [],
          "private": [], "files": {"etc/passwd": "root:x:0:0::/root:/bin/sh\\n"}}
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
words = [python, "-I", "-S", folder + "/first_process.py", str(theirs.fileno())]
process = subprocess.Popen(words, pass_fds=[theirs.fileno()])
theirs.close()
ours.send(json.dumps(system).encode())
answer = ours.recv(9999).decode()
print(answer)
if answer == "{}":
    words = ["sh", "-c", "echo $(id -u) $(id -un) $(hostname) ~root"]
    ours.send(json.dumps({"user": "root", "words": words, "path": "/bin/sh"}).encode())
    _, (master,), _, _ = socket.recv_fds(ours, 9999, 1)
    print(os.read(master, 999).decode().strip())
"""


@pytest.mark.parametrize(
    ("home", "config", "existing"),
    [
        ("/tmp/x", "", True), ("/tmp/x", "PermitRootLogin yes", False), ("/", "", False), ("/tmp/a b", "", True),
        ("/missing", "", False), ("/missing", "PermitRootLogin yes", True),
    ],
)  # fmt: skip
async def test_a_profile_that_changes_home_does_not_change_where_sshd_reads(
    home: str, config: str, existing: bool, machine: Lab
) -> None:
    """sshd reads the file below the home folder in passwd(5), whatever HOME says."""
    old = new_key("old")
    keep = f"mkdir -p ~/.ssh && echo '{old.line}' >>~/.ssh/authorized_keys;" if existing else ""
    await answers(
        machine,
        f"{keep} mkdir -p /tmp/x/.ssh '/tmp/a b/.ssh'; echo '{config}' >>/etc/ssh/sshd_config;"
        f'echo "export HOME=\\"{home}\\"" >>/etc/profile',
    )
    assert (await answers(machine, "echo $HOME"))[0] == home
    key = new_key()
    done = await sosagent.add_key(target_of(machine), [key], password=machine.password)
    assert (done.status, done.file, done.problems) == ("added", "/root/.ssh/authorized_keys", ())
    assert machine.authorized_keys.read_text() == (f"{old.line}\n" if existing else "") + f"{key.line}\n"
    listed = await sosagent.list_keys(target_of(machine), password=machine.password)
    assert (listed.file, len(listed.keys)) == ("/root/.ssh/authorized_keys", 1 + existing)


@pytest.mark.parametrize(
    ("passwd", "home", "file"),
    [
        ("/srv/ro ot", "", "/srv/ro ot/.ssh/authorized_keys"), ("/srv/r/", "", "/srv/r/.ssh/authorized_keys"),
        ("/srv/r/", "/srv/r/", "/srv/r/.ssh/authorized_keys"), ("/srv/r", "/srv/r/", "/srv/r/.ssh/authorized_keys"),
        ("/srv/r", "/srv/ro ot", "/srv/r/.ssh/authorized_keys"), ("/srv/r", "unset", "/srv/r/.ssh/authorized_keys"),
        ("/srv/r", "empty", "/srv/r/.ssh/authorized_keys"), ("/srv/r", "relative", "/srv/r/.ssh/authorized_keys"),
        ("/", "/", "/.ssh/authorized_keys"), ("", "/root", "/.ssh/authorized_keys"),
    ],
)  # fmt: skip
async def test_homes_of_any_form(passwd: str, home: str, file: str, machine: Lab) -> None:
    """The modes of the file are judged, too, and a key can be removed again."""
    profile = {"unset": "unset HOME", "empty": "HOME=", "": ":"}.get(home, f'HOME="{home}"')
    await answers(
        machine,
        f"mkdir -p '/srv/ro ot/.ssh' /srv/r/.ssh /.ssh; echo '{profile}; export HOME' >>/etc/profile;"
        f"sed -i 's,:/root:,:{passwd}:,' /etc/passwd; chmod 700 /srv/*/.ssh /.ssh",
    )
    target, old, key = target_of(machine), new_key("old"), new_key()
    for one, result in ((old, "added"), (key, "added"), (key, "present")):
        done = await sosagent.add_key(target, [one], password=machine.password)
        assert (done.status, done.file, done.problems) == (result, file, ())
    await answers(machine, f"chmod 666 '{file}'")
    done = await sosagent.add_key(target, [key], password=machine.password)
    assert "other users may write to" in done.problems[0], done
    await sosagent.remove_key(target, [key], password=machine.password, force=True)
    assert await answers(machine, f"cat '{file}'") == [old.line]


async def test_a_user_whose_profile_changes_home(machine: Lab) -> None:
    await answers(machine, "mkdir -p /tmp/x/.ssh; chmod 777 /tmp/x; echo 'export HOME=/tmp/x' >>/etc/profile")
    key = new_key()
    options = {"password": machine.password, "login": "operator", "user": "operator"}
    done = await sosagent.add_key(target_of(machine), [key], **options)  # type: ignore[arg-type]
    assert done.file == "/home/operator/.ssh/authorized_keys"
    assert (machine.folder / "home/operator/.ssh/authorized_keys").read_text() == f"{key.line}\n"
