"""QEMU: how a machine is started, controlled, and restored from the state in which it was saved after its boot."""

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
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Self

from ..support.ports import answers, free_port, wait_for
from .image import HOSTNAME, Image

__all__ = ["BOOT_SECONDS", "Errands", "Monitor", "booted", "overlay", "start"]

BOOT_SECONDS = 180
#: The hardware that a saved state needs to find again, besides the processor.
_HARDWARE = (
    "-M", "q35", "-smp", "1", "-m", "512M", "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
    "-device", "virtserialport,chardev=errands,name=errands",
)  # fmt: skip


def start(
    made: Image,
    folder: Path,
    ssh_port: int,
    state: Path | None = None,
    *,
    boot: str | None = None,
    initrd: bool = True,
    firmware: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Start QEMU with the disk in `folder`, and wait until its monitor answers.

    Args:
        made: the image that the disk is based on.
        folder: where QEMU makes its sockets: ``serial``, ``errands``, and ``qmp`` for `Monitor`.
        ssh_port: a port on 127.0.0.1 that QEMU forwards to port 22 of the machine.
        state: restore this saved state; the machine then waits to be continued.
        boot, initrd, firmware: see `machine.machine`.

    Raises:
        RuntimeError: QEMU ended, with what it printed.
    """
    # With a network card, the firmware would spend minutes trying to boot from the network.
    network = [] if firmware else ["-device", "virtio-net-pci,netdev=n"]
    command = [
        "qemu-system-x86_64", "-accel", _accelerator(), "-cpu", _processor(), "-display", "none",
        "-nodefaults", "-no-user-config",
        *(word for name in ("serial", "errands") for word in _socket_chardev(folder, name)), *_HARDWARE,
        "-drive", f"file={folder / 'disk.qcow2'},if=virtio,format=qcow2",
        "-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{ssh_port}-:22", *network,
        "-serial", "chardev:serial",
        "-qmp", f"unix:{folder / 'qmp'},server=on,wait=off",
    ]  # fmt: skip
    if firmware:
        command += firmware
    else:
        words = f"root=/dev/vda console=ttyS0 net.ifnames=0 mitigations=off {boot or 'rw quiet'}"
        command += ["-append", words + made.variant.kernel_words]
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


def _socket_chardev(folder: Path, name: str) -> list[str]:
    return ["-chardev", f"socket,id={name},path={folder / name},server=on,wait=off"]


@cache
def _accelerator() -> str:
    """Return ``kvm`` if it works. Some hosts have the device, and QEMU fails when it uses it."""
    if not os.access("/dev/kvm", os.W_OK):
        return "tcg"
    # With -S it waits for its monitor, so it ends only if it fails.
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "max", "-display", "none", "-nodefaults", "-S"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=2, check=False,
        )  # fmt: skip
        return "tcg"
    return "kvm"


def _processor() -> str:
    """Return the model: emulated, a plain processor is about a third faster than one with every extension."""
    return "max" if _accelerator() == "kvm" else "qemu64"


class _Lines:
    """JSON objects, one a line, over a unix socket of QEMU's."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        # The socket's file exists a moment before QEMU listens on it.
        wait_for(lambda: self._socket.connect_ex(str(path)) == 0, 20, f"QEMU at {path}")
        self._file = self._socket.makefile("r")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()

    def _send(self, message: dict[str, object]) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def _next(self) -> dict[str, object]:
        message = json.loads(self._file.readline())
        assert isinstance(message, dict)
        return message


class Monitor(_Lines):
    """The QEMU machine protocol, as far as the tests need it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._next()
        self.run("qmp_capabilities")

    def status(self) -> object:
        """Return the machine's run state by QEMU's name, ``running`` or ``paused``."""
        reply = self.run("query-status")
        assert isinstance(reply, dict)
        return reply["status"]

    def run(self, command: str, **arguments: object) -> object:
        """Run a command of the monitor and return its result.

        Raises:
            RuntimeError: it failed, with QEMU's description.
        """
        self._send({"execute": command, "arguments": arguments})
        while True:
            reply = self._next()
            if "error" in reply:
                raise RuntimeError(f"{command}: {reply['error']}")
            if "return" in reply:
                return reply["return"]


class Errands(_Lines):
    """Runs commands as root inside the machine: the host's side of `guest_errands`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._number = 0

    def run(self, command: str) -> tuple[int, str, str]:
        """Run `command` by /bin/sh in /root, and return its status, its output and its errors.

        Raises:
            TimeoutError: no reply came within 60 s.
        """
        self._number += 1
        self._send({"number": self._number, "command": command})
        while (reply := self._next())["number"] != self._number:
            pass  # the late reply to a request that timed out
        return int(str(reply["status"])), str(reply["output"]), str(reply["errors"])


def overlay(base: Path, path: Path) -> None:
    """Make the disk `path`, which stores only what differs from `base`."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(base), str(path)], check=True)


def booted(made: Image) -> tuple[Path, Path]:
    """Return the disk and the saved state of a machine at its login prompt, which all tests share.

    The first call boots the machine and saves it.
    """
    hardware = hashlib.sha256(" ".join([*_HARDWARE, _accelerator(), _processor()]).encode()).hexdigest()[:8]
    disk, state = (made.folder / f"booted-{hardware}.{end}" for end in ("qcow2", "zst"))
    with (made.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side, and only the first of them saves it
        if not state.exists():
            _save(made, disk, state)
    return disk, state


def _save(made: Image, disk: Path, state: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="sosagent-boot-"))
    ssh_port = free_port()
    process: subprocess.Popen[bytes] | None = None
    try:
        overlay(made.disk, folder / "disk.qcow2")
        process = start(made, folder, ssh_port)
        _read_until_login(folder / "serial")
        wait_for(lambda: answers(ssh_port), BOOT_SECONDS, "the machine's sshd")
        with Errands(folder / "errands") as errands:
            errands.run("true")
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
        # The overlay names its base by an absolute path, so it may be moved.
        shutil.move(folder / "disk.qcow2", disk)
        shutil.move(folder / "state.zst", state)
    finally:
        if process is not None and process.poll() is None:
            process.terminate()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _read_until_login(serial: Path) -> None:
    output = b""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(BOOT_SECONDS)
        line.connect(str(serial))
        while f"{HOSTNAME} login: ".encode() not in output:
            data = line.recv(4096)
            if not data:
                raise RuntimeError(f"the machine ended while booting: {output[-500:]!r}")
            output += data
