"""A virtual machine in QEMU, and a real OpenSSH server as the endpoint of its console."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sosagent

from ..support.ports import answers, free_port, wait_for
from .image import PLAIN, Variant, build
from .qemu import BOOT_SECONDS, Errands, Monitor, booted, overlay, start

__all__ = ["Machine", "endpoint", "machine", "restart"]


@dataclass
class Machine:
    """A running machine.

    Fields:
        folder: the folder of its files, removed afterwards.
        ssh_port: a port on 127.0.0.1 that QEMU forwards to port 22 of the machine.
        console_port: the OpenSSH server whose sessions are the machine's serial console.
        identity: the private key for that server.
        known_hosts: the key of that server.
        serial: the socket of the machine's serial port.
        admin: a private key that root's authorized_keys contains from the start.
        processes: QEMU and the server.
    """

    folder: Path
    ssh_port: int
    console_port: int
    identity: Path
    known_hosts: Path
    serial: Path
    admin: Path
    processes: list[subprocess.Popen[bytes]]
    _errands: Errands | None = field(default=None, init=False)

    @property
    def target(self) -> sosagent.SshTarget:
        """The console's endpoint."""
        return sosagent.SshTarget(
            "127.0.0.1",
            getpass.getuser(),
            self.console_port,
            identities=(self.identity,),
            ssh_config=self._no_config(),
            known_hosts=self.known_hosts,
        )

    @property
    def arguments(self) -> list[str]:
        """The console's endpoint as options of `sos-addkey`, and HOST."""
        return [
            "-F", str(self._no_config()), "-i", str(self.identity), "--known-hosts", str(self.known_hosts),
            f"{getpass.getuser()}@127.0.0.1:{self.console_port}",
        ]  # fmt: skip

    def power_on(self) -> None:
        """Continue a machine that was started with `boot`."""
        with Monitor(self.folder / "qmp") as monitor:
            monitor.run("cont")

    def do(self, command: str) -> str:
        """Run `command` as root on the machine, without its console or network, and return its output."""
        if self._errands is None:
            self._errands = Errands(self.folder / "errands")
        status, output, errors = self._errands.run(command)
        assert status == 0, (status, output, errors)
        return output

    def ssh(
        self, identity: Path, command: str, user: str = "root", **options: object
    ) -> subprocess.CompletedProcess[str]:
        """Log in to the machine over its network with `identity`; `options` as in ssh_config."""
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

    def _forget_errands(self) -> None:
        if self._errands is not None:
            self._errands.close()
            self._errands = None


@contextmanager
def machine(
    boot: str | None = None, *, initrd: bool = True, firmware: Sequence[str] = (), variant: Variant = PLAIN
) -> Iterator[Machine]:
    """Run a new machine at its login prompt, restored from the saved state that all tests share.

    Args:
        boot: start it instead of restoring it, with these words on the kernel's command line. It waits until
            `Machine.power_on` is called.
        initrd: whether it has one.
        firmware: options of QEMU that start it instead of a kernel. It then has no network card.
        variant: which image it starts from.
    """
    made = build(variant)
    folder = Path(tempfile.mkdtemp(prefix="sosagent-vm-"))
    folder.chmod(0o700)
    processes: list[subprocess.Popen[bytes]] = []
    vm: Machine | None = None
    try:
        disk, state = booted(made)
        ssh_port = free_port()
        overlay(disk, folder / "disk.qcow2")
        processes.append(start(made, folder, ssh_port, state, boot=boot, initrd=initrd, firmware=firmware))
        if boot is None:
            with Monitor(folder / "qmp") as monitor:
                wait_for(lambda: monitor.status() == "paused", 60, "the saved state")
                monitor.run("cont")
        console_port = free_port()
        serial = folder / "serial"
        identity, known_hosts, server = endpoint(folder, console_port, f"socat -,rawer UNIX-CONNECT:{serial}")
        processes.append(server)
        wait_for(lambda: answers(console_port), 20, "the console's endpoint")
        vm = Machine(folder, ssh_port, console_port, identity, known_hosts, serial, made.admin, processes)
        yield vm
    finally:
        if vm is not None:
            vm._forget_errands()
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def restart(vm: Machine) -> None:
    """Boot a machine again after its QEMU has ended, from its current disk, and wait for its sshd."""
    vm._forget_errands()
    vm.processes[0].wait()
    for name in ("serial", "errands", "qmp"):
        (vm.folder / name).unlink(missing_ok=True)
    vm.processes[0] = start(build(), vm.folder, vm.ssh_port)
    wait_for(lambda: answers(vm.ssh_port), BOOT_SECONDS, "the machine's sshd")


def endpoint(folder: Path, port: int, command: str) -> tuple[Path, Path, subprocess.Popen[bytes]]:
    """Start an OpenSSH server whose every session is `command`.

    Args:
        folder: gets its files.
        port: on 127.0.0.1.
        command: run by the user's shell.

    Returns:
        The private key that it accepts, a known_hosts file with its own key, and the server.
    """
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
