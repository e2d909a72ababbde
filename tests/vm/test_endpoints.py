"""The main job through each kind of endpoint. All of them are real programs, connected to the same machine."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pexpect
import pytest

from ..conftest import installed
from ..support.ports import free_port, listens, wait_for
from ..support.samples import sampled
from .image import PASSWORD
from .machine import Machine
from .qemu import Monitor

pytestmark = pytest.mark.vm

COMMAND = str(Path(sys.executable).with_name("sos-addkey"))
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


@contextmanager
def running(*command: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the context ends."""
    call = [str(word) for word in command]
    call[0] = installed([shutil.which(call[0], path=_PATH) or call[0]])[0]
    process = subprocess.Popen(call, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def on_pty(vm: Machine, folder: Path) -> Iterator[Path]:
    """Provide the machine's serial line as a tty on this computer."""
    tty = folder / "tty"
    with running("socat", f"pty,raw,echo=0,link={tty}", f"UNIX-CONNECT:{vm.serial}"):
        wait_for(tty.exists, 10, "the pty")
        yield tty


@contextmanager
def unix(vm: Machine, folder: Path) -> Iterator[str]:
    yield f"unix://{vm.serial}"


@contextmanager
def cable(vm: Machine, folder: Path) -> Iterator[str]:
    with on_pty(vm, folder) as tty:
        yield f"serial://{tty}?baud=9600"


def ser2net(accepter: str, host: str) -> Callable[[Machine, Path], AbstractContextManager[str]]:
    @contextmanager
    def opened(vm: Machine, folder: Path) -> Iterator[str]:
        port, config = free_port(), folder / "ser2net.yaml"
        with on_pty(vm, folder) as tty:
            config.write_text(
                f"connection: &one\n  accepter: {accepter},127.0.0.1,{port}\n"
                f"  connector: serialdev,{tty.resolve()},115200n81,local\n"
            )
            with running("ser2net", "-n", "-d", "-u", "-c", config):
                wait_for(lambda: listens(port), 10, "ser2net")
                yield host.format(port)

    return opened


@contextmanager
def conserver(vm: Machine, folder: Path) -> Iterator[str]:
    port, config, passwords = free_port(), folder / "conserver.cf", folder / "passwd"
    config.write_text(
        "config * { sslrequired no; }\n"
        'default full { rw *; master 127.0.0.1; logfile ""; timestamp ""; }\n'
        f"console vm {{ include full; type uds; uds {vm.serial}; }}\n"
        "access * { trusted 127.0.0.1; }\n"
    )
    passwords.write_text("*any*:\n")
    files = ["-C", config, "-P", passwords, "-L", folder / "log"]
    with running("conserver", *files, "-M", "127.0.0.1", "-p", port, "-b", free_port()):
        wait_for(lambda: listens(port), 20, "conserver")
        (folder / "consolerc").write_text("config * { sslrequired no; sslenabled no; }\n")
        yield f"exec:console -M 127.0.0.1 -p {port} -n -C {shlex.quote(str(folder / 'consolerc'))} vm"


@contextmanager
def bmc(vm: Machine, folder: Path) -> Iterator[str]:
    """Run a simulated controller connected to the machine's serial port, and yield the ipmitool arguments for it."""
    installed(["ipmitool"])
    port = free_port()
    with on_pty(vm, folder) as tty:
        (folder / "lan.conf").write_text(
            'name "bmc"\nset_working_mc 0x20\n  startlan 1\n'
            f"    addr 127.0.0.1 {port}\n    priv_limit admin\n"
            "    allowed_auths_admin none md2 md5 straight\n    guid a123456789abcdefa123456789abcdef\n  endlan\n"
            f'  sol "{tty.resolve()}" 115200\n'
            '  user 1 true "" "test" user 10 none md2 md5 straight\n'
            '  user 2 true "admin" "bmc-secret" admin 10 none md2 md5 straight\n'
        )
        (folder / "sim.emu").write_text(
            "mc_setbmc 0x20\n"
            "mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\n"
            "sel_enable 0x20 1000 0x0a\nmc_enable 0x20\n"
        )
        state = folder / "state"
        state.mkdir()
        with running("ipmi_sim", "-n", "-c", folder / "lan.conf", "-f", folder / "sim.emu", "-s", state):
            call = f"ipmitool -I lanplus -C 3 -H 127.0.0.1 -p {port} -U admin -f {shlex.quote(str(folder / 'bmc'))}"
            (folder / "bmc").write_text("bmc-secret\n")
            (folder / "bmc").chmod(0o600)
            ask = [*shlex.split(call), "mc", "info"]
            wait_for(lambda: subprocess.run(ask, capture_output=True, check=False).returncode == 0, 30, "the BMC")
            yield call


@contextmanager
def ipmi(vm: Machine, folder: Path) -> Iterator[str]:
    with bmc(vm, folder) as call:
        yield f"exec:{call} sol activate"


ENDPOINTS: dict[str, Callable[[Machine, Path], AbstractContextManager[str]]] = {
    "unix": unix,
    "cable": cable,
    "rfc2217": ser2net("telnet(rfc2217),tcp", "rfc2217://127.0.0.1:{}"),
    "socket": ser2net("tcp", "socket://127.0.0.1:{}"),
    "telnet": ser2net("telnet,tcp", "telnet://127.0.0.1:{}"),
    "conserver": conserver,
    "ipmi": ipmi,
}


def add(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *map(str, words)],
        env={**os.environ, "SOS_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("name", sampled(ENDPOINTS, "unix", "telnet", "conserver", "rfc2217"))
def test_a_key_is_added_through_each_endpoint(name: str, vm: Machine, identity: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        host = stack.enter_context(ENDPOINTS[name](vm, tmp_path))
        for expected in ("added", "present"):  # the second run finds both as they were
            done = add(host, f"{identity}.pub", "--json")
            assert PASSWORD not in done.stdout + done.stderr
            result = json.loads(done.stdout)
            assert result["error"] is None, (result["error"], done.stderr)
            assert (done.returncode, result["status"], result["logged_out"]) == (0, expected, True), result
            assert result["state_found"] == "login"
    assert vm.ssh(identity, "true").returncode == 0


def test_only_kick_ends_another_session(vm: Machine, identity: Path, tmp_path: Path) -> None:
    """Serial over LAN allows one session, and only --kick ends it."""
    with bmc(vm, tmp_path) as call:
        theirs = pexpect.spawn(f"{call} sol activate", timeout=30)
        try:
            theirs.expect("SOL Session operational")
            done = add(f"exec:{call} sol activate", f"{identity}.pub")
            assert (done.returncode, "another session has the console" in done.stderr) == (3, True), done
            assert "--kick does that" in done.stderr
            theirs.send("\r")
            theirs.expect("login: ")  # the other user still has it
            done = add(f"exec:{call} sol activate", f"{identity}.pub", "--kick")
            assert done.returncode == 0, done
        finally:
            theirs.close(force=True)


def test_a_socket_that_is_in_use(vm: Machine, identity: Path) -> None:
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.connect(str(vm.serial))
        done = add(f"unix://{vm.serial}", f"{identity}.pub")
        assert (done.returncode, "another client is connected to it" in done.stderr) == (3, True), done
    assert add(f"unix://{vm.serial}", f"{identity}.pub").returncode == 0


def sosagent(*words: object) -> subprocess.CompletedProcess[str]:
    call = [COMMAND.replace("sos-addkey", "sosagent"), *map(str, words)]
    return subprocess.run(call, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


def test_a_break_and_a_sysrq(vm: Machine) -> None:
    vm.do("echo 1 >/proc/sys/kernel/sysrq; dmesg -n 8")
    port = free_port()
    with Monitor(vm.folder / "qmp") as monitor:  # QEMU accepts a BREAK over telnet
        place = {"type": "inet", "data": {"host": "127.0.0.1", "port": str(port)}}
        server = {"addr": place, "server": True, "wait": False, "telnet": True}
        monitor.run("chardev-change", id="serial", backend={"type": "socket", "data": server})
    done = sosagent("break", f"telnet://127.0.0.1:{port}", "--sysrq", "h", "--yes")
    assert (done.returncode, "sysrq: HELP" in done.stdout) == (0, True), done
    assert (done := sosagent("break", f"telnet://127.0.0.1:{port}")).returncode == 2
    assert "--yes" in done.stderr


def test_endpoints_that_cannot_send_a_break(vm: Machine) -> None:
    done = sosagent("break", f"unix://{vm.serial}", "--yes")
    assert (done.returncode, "cannot send a BREAK" in done.stderr) == (2, True), done
