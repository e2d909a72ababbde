"""A machine without a kernel of its own: its own processes, files, network and host name, and a real getty on a pty.

It needs root. Its disk is a root file system that stays as it is, below a folder for what this machine changes.
"""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..support.ports import wait_for

__all__ = ["Container", "container"]

#: For the getty's first prompt, and for what follows a job. The machines share two processors with other tests.
_SECONDS = 60
#: Gives the machine its files and devices, and becomes its first process. Its programs are not needed for that.
_BOOT = """
set -e
mount -t overlay none -o lowerdir={lower},upperdir={folder}/upper,workdir={folder}/work {folder}/root
cd {folder}/root
mkdir -p proc dev run tmp sys
mount -t proc none proc
mount -t tmpfs -o mode=755 none dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 none dev/pts
for device in null zero full random urandom tty; do cp -a /dev/$device dev; done
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
: > dev/ttyS0; mount --bind {tty} dev/ttyS0
: > dev/console; mount --bind {tty} dev/console
mount -t tmpfs -o mode=755 none run
mkdir run/sshd run/lock
: > run/utmp
hostname vm
busybox ip link set lo up
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin {environment} \
    chroot . {init}
"""


class _Serial:
    """The serial port of a machine: a pty, and the socket on which one client at a time has its far end.

    A thread carries the bytes; what the machine prints while there is no client is lost, as on a cable.

    Args:
        path: the socket.

    Attributes:
        tty: the path of the machine's side.
        printed: everything that the machine has printed.
    """

    def __init__(self, path: Path) -> None:
        self._master, slave = os.openpty()
        self.tty = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._client: socket.socket | None = None
        self._stop = threading.Event()
        self.printed = bytearray()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        while not self._stop.is_set():
            # login hangs up the tty before it starts a shell; reading fails until the tty is open again.
            with suppress(OSError):
                if data := os.read(self._master, 65536):
                    self.printed += data
                    if self._client is not None:
                        self._client.sendall(data)
                    continue
            waiting = [self._listener if self._client is None else self._client]
            ready, _, _ = select.select(waiting, [], [], 0.005)
            if self._client is None and ready:
                self._client, _ = self._listener.accept()
            elif ready:
                self._pass_on()

    def _pass_on(self) -> None:
        assert self._client is not None
        data = b""
        with suppress(OSError):
            data = self._client.recv(65536)
        if not data:
            self._client.close()
            self._client = None
        while data and not self._stop.is_set():
            with suppress(OSError):
                data = data[os.write(self._master, data) :]

    def close(self) -> None:
        """End the thread and close the port."""
        self._stop.set()
        self._thread.join()
        for end in (self._client, self._listener):
            if end is not None:
                end.close()
        os.close(self._master)


@dataclass
class Container:
    """A running machine.

    Fields:
        folder: the folder of its files, removed afterwards.
        serial: the socket of its serial port.
        first: the process ID of its first process.
    """

    folder: Path
    serial: Path
    first: int
    _port: _Serial

    @property
    def arguments(self) -> list[str]:
        """HOST of its console."""
        return [f"unix://{self.serial}"]

    def do(self, command: str) -> str:
        """Run `command` as root on the machine, without its console, and return its output."""
        done = self._inside("chroot", str(self._path("")), "/bin/sh", "-c", command)
        assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
        return done.stdout.decode()

    def read(self, path: str) -> bytes | None:
        """Return the contents of a file, or None if it does not exist."""
        with suppress(FileNotFoundError):
            return self._path(path).read_bytes()
        return None

    def owner_and_mode(self, path: str) -> str:
        """Return who owns a file and its mode, as ``0 600``."""
        state = self._path(path).stat()
        return f"{state.st_uid} {state.st_mode & 0o7777:o}"

    def accepts(self, identity: Path, user: str) -> bool:
        """Return whether `user` can log in to the machine over its network with `identity`."""
        done = self._inside(
            "ssh", "-F", "none", "-i", str(identity), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
            f"{user}@127.0.0.1", "id -un", everything=False,
        )  # fmt: skip
        return done.stdout.decode().strip() == user

    def _path(self, path: str) -> Path:
        return Path(f"/proc/{self.first}/root{path}")

    def programs(self) -> list[str]:
        """Return the names of all programs that run on the machine, sorted."""
        own = (Path("/proc") / str(self.first) / "ns/pid").readlink()
        names = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                state = (entry / "stat").read_text().rpartition(") ")[2][:1]
                if state != "Z" and (entry / "ns/pid").readlink() == own:
                    names.append((entry / "comm").read_text().strip())
        return sorted(names)

    def changed(self) -> dict[str, int]:
        """Return the files that differ from the root file system, with the time of their last change."""
        upper = self.folder / "upper"
        found = {}
        for file in upper.rglob("*"):
            with suppress(FileNotFoundError):
                if not file.is_dir() or file.is_symlink():
                    found[f"/{file.relative_to(upper)}"] = file.lstat().st_mtime_ns
        return found

    def printed(self) -> str:
        """Return everything that its console has shown."""
        return bytes(self._port.printed).decode(errors="replace")

    def _inside(self, *command: str, everything: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run a program of this computer in the machine's network, and with all its other resources or its own."""
        parts = ["--mount", "--pid", "--uts", "--ipc"] if everything else []
        return subprocess.run(
            ["nsenter", "--target", str(self.first), "--net", *parts, *command],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False,
        )  # fmt: skip


@contextmanager
def container(
    lower: Path, init: str, environment: Mapping[str, str], files: Mapping[str, tuple[str | bytes, int]]
) -> Iterator[Container]:
    """Run a new machine until its login prompt.

    Args:
        lower: its root file system.
        init: its first process, as words of a shell.
        environment: the environment of its first process.
        files: files to write before it starts: their texts and modes. A new folder is for root alone.
    """
    folder = Path(tempfile.mkdtemp(prefix="sosagent-machine-"))
    for name in ("upper", "work", "root"):
        (folder / name).mkdir(mode=0o755)
    for name, (text, mode) in files.items():
        _write(lower, folder / "upper", name.lstrip("/"), text, mode)
    port = _Serial(folder / "serial")
    script = _BOOT.format(
        lower=lower, folder=folder, tty=port.tty, init=init,
        environment=" ".join(f"{name}={value}" for name, value in environment.items()),
    )  # fmt: skip
    with (folder / "boot.log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--fork", "--kill-child",
             "--propagation", "private", "sh", "-c", script],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:

        def at_prompt() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"the machine ended: {(folder / 'boot.log').read_text()}")
            return port.printed.rstrip(b" ").endswith(b"login:")

        wait_for(at_prompt, _SECONDS, f"a login prompt ({port.printed[-300:]!r})")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield Container(folder, folder / "serial", int(children[0]), port)
    finally:
        process.kill()
        process.wait()
        port.close()
        shutil.rmtree(folder, ignore_errors=True)


def _write(lower: Path, upper: Path, name: str, text: str | bytes, mode: int) -> None:
    """Write a file of the machine, in folders that have the modes and owners of its root file system."""
    path = upper / name
    for parent in reversed(path.relative_to(upper).parents[:-1]):
        folder, original = upper / parent, lower / parent
        if not folder.exists():
            folder.mkdir(mode=0o700)
            if original.exists():
                state = original.stat()
                folder.chmod(state.st_mode & 0o7777)
                os.chown(folder, state.st_uid, state.st_gid)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
