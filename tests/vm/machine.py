"""A real machine in QEMU, and a real OpenSSH server as its console's endpoint."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sosagent

from .image import HOSTNAME, Image, build

__all__ = ["Machine", "answers", "endpoint", "free_port", "machine", "restart", "wait_for"]

_BOOT_SECONDS = 180
#: What the saved state of a machine depends on.
_HARDWARE = ("-M", "q35", "-cpu", "max", "-smp", "2", "-m", "512M")


@dataclass
class Machine:
    """A running machine.

    Fields:
        folder: its files; gone afterwards.
        ssh_port: port 22 of the machine, on 127.0.0.1.
        console_port: the OpenSSH server whose sessions are the machine's serial console.
        identity: the private key for the endpoint.
        known_hosts: the endpoint's key.
        serial: the socket of the machine's serial port.
        admin: a private key that root's authorized_keys holds from the start.
    """

    folder: Path
    ssh_port: int
    console_port: int
    identity: Path
    known_hosts: Path
    serial: Path
    admin: Path
    processes: list[subprocess.Popen[bytes]]

    @property
    def target(self) -> sosagent.SshTarget:
        """The console's endpoint."""
        return sosagent.SshTarget(
            "127.0.0.1",
            _user(),
            self.console_port,
            identities=(self.identity,),
            ssh_config=self._no_config(),
            known_hosts=self.known_hosts,
        )

    @property
    def arguments(self) -> list[str]:
        """The same as options of `sos-addkey`, and HOST."""
        return [
            "-F", str(self._no_config()), "-i", str(self.identity), "--known-hosts", str(self.known_hosts),
            f"{_user()}@127.0.0.1:{self.console_port}",
        ]  # fmt: skip

    def power_on(self) -> None:
        """Let a machine run that waits to be continued."""
        with Monitor(self.folder / "qmp") as monitor:
            monitor.run("cont")

    def do(self, command: str) -> str:
        """Run `command` as root over the machine's network, for the tests' own errands."""
        done = self.ssh(self.admin, command)
        assert done.returncode == 0, done
        return done.stdout

    def ssh(
        self, identity: Path, command: str, user: str = "root", **options: object
    ) -> subprocess.CompletedProcess[str]:
        """Log in to the machine over its network, as the one whose key was added would; `options` as in ssh_config."""
        more = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return subprocess.run(
            [
                "ssh", "-F", "none", *more, "-i", str(identity), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                "-o", "ConnectTimeout=30", "-p", str(self.ssh_port), f"{user}@127.0.0.1", command,
            ],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def _no_config(self) -> Path:
        path = self.folder / "ssh_config"
        path.touch()
        return path


def _user() -> str:
    import getpass

    return getpass.getuser()


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


@contextmanager
def machine(boot: str | None = None, *, initrd: bool = True, firmware: Sequence[str] = ()) -> Iterator[Machine]:
    """A machine that has booted to its login prompt, restored from a saved state if there is one.

    Args:
        boot: start it instead, with these words on the kernel's command line; it waits to be continued
            until `Machine.power_on` is called.
        initrd: give it one.
        firmware: start by these options of QEMU instead of a kernel, and without a network card.
    """
    made = build()
    folder = Path(tempfile.mkdtemp(prefix="sosagent-vm-"))
    folder.chmod(0o700)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        booted, state = _booted(made)
        ssh_port = free_port()
        _overlay(booted, folder / "disk.qcow2")
        processes.append(_qemu(made, folder, ssh_port, state, boot, initrd, firmware))
        if boot is None:
            with Monitor(folder / "qmp") as monitor:
                wait_for(lambda: monitor.status() == "paused", 60, "the saved state")
                monitor.run("cont")
        console_port = free_port()
        serial = folder / "serial"
        identity, known_hosts, server = endpoint(folder, console_port, f"socat -,rawer UNIX-CONNECT:{serial}")
        processes.append(server)
        wait_for(lambda: answers(console_port), 20, "the console's endpoint")
        yield Machine(folder, ssh_port, console_port, identity, known_hosts, serial, made.admin, processes)
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def restart(vm: Machine) -> None:
    """Boot a machine anew whose QEMU has ended, from its disk as that left it; wait for its sshd."""
    vm.processes[0].wait()
    for name in ("serial", "qmp"):
        (vm.folder / name).unlink(missing_ok=True)
    vm.processes[0] = _qemu(build(), vm.folder, vm.ssh_port, None)
    wait_for(lambda: answers(vm.ssh_port), _BOOT_SECONDS, "the machine's sshd")


def _overlay(base: Path, path: Path) -> None:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(base), str(path)], check=True)


def _qemu(
    made: Image,
    folder: Path,
    ssh_port: int,
    state: Path | None,
    boot: str | None = None,
    initrd: bool = True,
    firmware: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    # Firmware would try to boot from the network for minutes.
    network = [] if firmware else ["-device", "virtio-net-pci,netdev=n"]
    command = [
        "qemu-system-x86_64", *_HARDWARE, "-accel", _accelerator(),
        "-display", "none", "-nodefaults", "-no-user-config",
        "-drive", f"file={folder / 'disk.qcow2'},if=virtio,format=qcow2",
        "-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{ssh_port}-:22", *network,
        "-device", "virtio-rng-pci",
        "-chardev", f"socket,id=s,path={folder / 'serial'},server=on,wait=off", "-serial", "chardev:s",
        "-qmp", f"unix:{folder / 'qmp'},server=on,wait=off",
    ]  # fmt: skip
    if firmware:
        command += firmware
    else:
        command += ["-append", f"root=/dev/vda console=ttyS0 net.ifnames=0 mitigations=off {boot or 'rw quiet'}"]
        command += ["-kernel", str(made.kernel)]
        command += ["-initrd", str(made.initrd)] if initrd else []
    if boot is not None:
        command += ["-S"]
    elif state is not None:
        command += ["-incoming", f"exec:zstd -dcq {state}"]
    with (folder / "qemu.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_for(lambda: (folder / "qmp").exists() or process.poll() is not None, 30, "QEMU")
    if process.poll() is not None:
        raise RuntimeError(f"QEMU ended: {(folder / 'qemu.log').read_text()}")
    return process


@cache
def _accelerator() -> str:
    """KVM where it works: on some hosts it is there and QEMU fails with it all the same."""
    if not os.access("/dev/kvm", os.W_OK):
        return "tcg"
    # "-S": it waits for the monitor, so that it only ends if something is wrong.
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "max", "-display", "none", "-nodefaults", "-S"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=2, check=False,
        )  # fmt: skip
        return "tcg"  # it ended, though nothing told it to
    return "kvm"


class Monitor:
    """QEMU's machine protocol, as far as it is needed here."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        # The socket's file is there a moment before QEMU listens on it.
        wait_for(lambda: self._socket.connect_ex(str(path)) == 0, 20, "QEMU's monitor")
        self._file = self._socket.makefile("r")
        self._file.readline()
        self.run("qmp_capabilities")

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def status(self) -> object:
        """What the machine does, in QEMU's words."""
        answer = self.run("query-status")
        assert isinstance(answer, dict)
        return answer["status"]

    def run(self, command: str, **arguments: object) -> object:
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self._file.readline())
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]


def _booted(made: Image) -> tuple[Path, Path]:
    """Disk and memory of a machine at its login prompt: booted once, kept for all later runs."""
    hardware = hashlib.sha256(" ".join([*_HARDWARE, _accelerator()]).encode()).hexdigest()[:8]
    disk, state = (made.folder / f"booted-{hardware}.{end}" for end in ("qcow2", "zst"))
    with (made.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several tests may run at once, and the first one saves it
        if not state.exists():
            _save(made, disk, state)
    return disk, state


def _save(made: Image, disk: Path, state: Path) -> None:
    """Boot once, and save the machine as it stands at its login prompt."""
    folder = Path(tempfile.mkdtemp(prefix="sosagent-boot-"))
    ssh_port = free_port()
    process: subprocess.Popen[bytes] | None = None
    try:
        _overlay(made.disk, folder / "disk.qcow2")
        process = _qemu(made, folder, ssh_port, None)
        _boot(folder / "serial")
        wait_for(lambda: answers(ssh_port, b"SSH-"), _BOOT_SECONDS, "the machine's sshd")
        with Monitor(folder / "qmp") as monitor:
            monitor.run("stop")
            monitor.run("migrate", uri=f"exec:zstd -q -1 > {folder / 'state.zst'}")

            def saved() -> bool:
                status = monitor.run("query-migrate")
                assert isinstance(status, dict)
                if status.get("status") == "failed":
                    raise RuntimeError("the machine's state cannot be saved")
                return status.get("status") == "completed"

            wait_for(saved, 120, "the saved state")
            monitor.run("quit")
        process.wait(30)
        # The backing file is named by its full path, so the overlay can move.
        shutil.move(folder / "disk.qcow2", disk)
        shutil.move(folder / "state.zst", state)
    finally:
        if process is not None and process.poll() is None:
            process.terminate()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _boot(serial: Path) -> None:
    seen = b""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(_BOOT_SECONDS)
        line.connect(str(serial))
        while f"{HOSTNAME} login: ".encode() not in seen:
            data = line.recv(4096)
            if not data:
                raise RuntimeError(f"the machine ended while booting: {seen[-500:]!r}")
            seen += data


def answers(port: int, greeting: bytes = b"SSH-") -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as line:
            line.settimeout(5)
            return line.recv(4) == greeting
    except OSError:
        return False


def listens(port: int) -> bool:
    """Whether a server of this machine listens on 127.0.0.1, without connecting to it."""
    return f"0100007F:{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()


def wait_for(condition: object, seconds: float, what: str) -> None:
    """Poll `condition` of another process, which gives no event to wait for."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {seconds:.0f} s")
        time.sleep(0.02)


def endpoint(folder: Path, port: int, command: str) -> tuple[Path, Path, subprocess.Popen[bytes]]:
    """An OpenSSH server that runs `command` for whoever has the key: that, its known_hosts, and the server."""
    for name in ("host", "client"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)], check=True
        )
    shutil.copy(folder / "client.pub", folder / "authorized")
    host_key = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\n"
        f"AuthorizedKeysFile {folder / 'authorized'}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
        f"PasswordAuthentication no\nPrintMotd no\nPrintLastLog no\n"
        f"ForceCommand exec {command}\n"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    sshd = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "sshd"
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen(
            [sshd, "-D", "-e", "-f", str(folder / "sshd_config")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    return folder / "client", folder / "known_hosts", server
