"""The first process of a machine that has a system of its own. It is run as a program, with the standard library alone.

Usage: python -I -S first_process.py FD

FD is a socket (SOCK_SEQPACKET); each packet is a JSON object. The first one, from the lab, describes the system (see
`own_system.py`). The answer is ``{}``, or ``{"error": TEXT}`` if this computer does not allow it.
Each later packet from the lab starts a program on the machine:

    {"user": NAME, "words": [...]}                    on a new terminal; the answer comes with its master side
    {"user": NAME, "words": [...], "given": true}     with the socket that comes with the packet as its input and output

The machine ends when the lab closes the socket. It has namespaces for users, mounts, processes, IPC and its host name
(user_namespaces(7)); its root is the lab's own user, or another one without privileges if root runs the lab. Programs
and libraries are those of this computer, read-only; all else is the machine's own.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import sys
import termios
from typing import Any, NoReturn

_CLONE = {"NEWNS": 0x20000, "NEWUTS": 0x4000000, "NEWIPC": 0x8000000, "NEWUSER": 0x10000000, "NEWPID": 0x20000000}
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x2, 0x4, 0x1000, 0x4000, 0x40000
_MNT_DETACH = 2
_PR_SET_DUMPABLE, _PR_SET_NAME = 4, 15
#: mount_setattr(2), Linux 5.12; the number is the same on all processors.
_SYS_MOUNT_SETATTR, _AT_RECURSIVE, _MOUNT_ATTR_RDONLY = 442, 0x8000, 0x1
#: Of this computer, if they exist; the machine cannot change them.
_SHARED = (
    "usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt", "nix", "gnu", "sys", "var/lib/dpkg", "var/lib/rpm",
)  # fmt: skip
_FOLDERS = {
    "etc": 0o755, "home": 0o755, "root": 0o700, "run": 0o755, "run/lab": 0o755, "run/lock": 0o1777,
    "run/sshd": 0o755, "tmp": 0o1777, "mnt": 0o755, "media": 0o755, "srv": 0o755, "var": 0o755, "var/cache": 0o755,
    "var/lib": 0o755, "var/log": 0o755, "var/mail": 0o755, "var/spool": 0o755, "var/tmp": 0o1777, "proc": 0o555,
    "dev": 0o755,
}  # fmt: skip
#: Their files are many, and are written and removed faster in memory.
_IN_MEMORY = ("etc", "run")
_LINKS = {"var/run": "/run", "dev/ptmx": "pts/ptmx", "dev/fd": "/proc/self/fd", "dev/stdin": "/proc/self/fd/0",
          "dev/stdout": "/proc/self/fd/1", "dev/stderr": "/proc/self/fd/2"}  # fmt: skip
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_TERMINAL = "/dev/ttyS1"
_MAX_PACKET = 1 << 17

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, action: str) -> None:
    """Raise an exception if a system call has failed.

    Raises:
        OSError: it has; `action` is in its file name.
    """
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), action)


def _unshare(*names: str) -> None:
    _checked(_libc.unshare(sum(_CLONE[name] for name in names)), "unshare")


def _mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    kind_bytes = None if kind is None else kind.encode()
    number = ctypes.c_ulong(flags)
    _checked(
        _libc.mount(os.fsencode(source), os.fsencode(target), kind_bytes, number, data.encode() or None),
        f"mount {target}",
    )


def _share(source: str, target: str) -> None:
    """Mount a folder with all that is mounted below it, read-only."""
    _mount(source, target, None, _MS_BIND | _MS_REC)
    attributes = struct.pack("=QQQQ", _MOUNT_ATTR_RDONLY, 0, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR), ctypes.c_int(-100), ctypes.c_char_p(os.fsencode(target)),
        ctypes.c_uint(_AT_RECURSIVE), ctypes.c_char_p(attributes), ctypes.c_size_t(len(attributes)),
    )  # fmt: skip
    _checked(result, f"mount_setattr {target}")


def _write(path: str, text: str, mode: int = 0o644) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)


def _copy(source: str, target: str) -> None:
    """Copy a file or a folder of this computer, as far as it can be read."""
    try:
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
        elif os.path.isdir(source):
            os.makedirs(target, exist_ok=True)
            for name in os.listdir(source):
                _copy(f"{source}/{name}", f"{target}/{name}")
        elif os.path.isfile(source):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(source, "rb") as file, open(target, "wb") as copy:
                copy.write(file.read())
            os.chmod(target, os.stat(source).st_mode & 0o777)
    except OSError:
        return  # the machine does not have it


def _build(system: dict[str, Any]) -> None:
    """Mount the machine's files and make them the root folder."""
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    os.umask(0)
    root = f"{system['folder']}/system"
    _mount(root, root, None, _MS_BIND)
    for name, mode in _FOLDERS.items():
        os.mkdir(f"{root}/{name}", mode)
        if name in _IN_MEMORY:
            _mount(name, f"{root}/{name}", "tmpfs", _MS_NOSUID | _MS_NODEV, f"mode={mode:o}")
    _add_devices(f"{root}/dev")
    for name, target in _LINKS.items():
        os.symlink(target, f"{root}/{name}")
    for name in _SHARED:
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
        elif os.path.isdir(f"/{name}"):
            os.mkdir(f"{root}/{name}", 0o755)
            _share(f"/{name}", f"{root}/{name}")
    _mount("proc", f"{root}/proc", "proc", _MS_NOSUID | _MS_NODEV)
    for name in ("root", "home"):
        _mount(f"{system['folder']}/{name}", f"{root}/{name}", None, _MS_BIND)
    os.umask(0o022)
    for name in system["copied"]:
        _copy(f"/etc/{name}", f"{root}/etc/{name}")
    for name, text in system["files"].items():
        mode = 0o600 if name in system["private"] else 0o755 if text.startswith("#!") else 0o644
        _write(f"{root}/{name}", text, mode)
    os.chdir(root)
    _checked(_libc.pivot_root(b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", _MNT_DETACH), "umount")
    os.chdir("/")


def _add_devices(folder: str) -> None:
    _mount("dev", folder, "tmpfs", _MS_NOSUID, "mode=755")
    for name in ("pts", "shm"):
        os.mkdir(f"{folder}/{name}", 0o755)
    _mount("devpts", f"{folder}/pts", "devpts", _MS_NOSUID, "newinstance,ptmxmode=0666,mode=620")
    _mount("shm", f"{folder}/shm", "tmpfs", _MS_NOSUID | _MS_NODEV)
    for name in (*_DEVICES, os.path.basename(_TERMINAL)):
        _write(f"{folder}/{name}", "")
        if name in _DEVICES:
            _mount(f"/dev/{name}", f"{folder}/{name}", None, _MS_BIND)


def _map(process: str, inside: int, uid: int, gid: int) -> None:
    """Let the user and group `inside` of a new user namespace be these of the one around it, and no others."""
    for name, text in (("setgroups", "deny"), ("gid_map", f"{inside} {gid} 1"), ("uid_map", f"{inside} {uid} 1")):
        with open(f"/proc/{process}/{name}", "w") as file:
            file.write(text)


class _Machine:
    """The running machine. Its first process starts programs until the lab closes the socket."""

    def __init__(self, lab: socket.socket, system: dict[str, Any]) -> None:
        self._lab = lab
        self._users: dict[str, dict[str, Any]] = system["users"]
        self._has_terminal = False

    def run(self) -> None:
        """Answer the lab until it closes the socket."""
        signal.signal(signal.SIGCHLD, _reap)
        send(self._lab, {})
        while True:
            data, received, _, _ = socket.recv_fds(self._lab, _MAX_PACKET, 1)
            if not data:
                return
            request = json.loads(data)
            try:
                answer = self._start_given(request, received[0]) if request.get("given") else self._start(request)
                socket.send_fds(self._lab, [b"{}"], answer)
                for number in answer:
                    os.close(number)
            except OSError as error:
                send(self._lab, {"error": str(error)})

    def _start(self, request: dict[str, Any]) -> list[int]:
        """Start a program on a new terminal; return the terminal's master side."""
        master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        name = ctypes.create_string_buffer(64)
        _checked(_libc.unlockpt(master), "unlockpt")
        _checked(_libc.ptsname_r(master, name, ctypes.c_size_t(len(name))), "ptsname_r")
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        if self._has_terminal:
            _checked(_libc.umount2(_TERMINAL.encode(), _MNT_DETACH), "umount")
        _mount(name.value.decode(), _TERMINAL, None, _MS_BIND)
        self._has_terminal = True
        slave = os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY)
        if os.fork() == 0:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            self._become(request, [slave, slave, slave])
        os.close(slave)
        return [master]

    def _start_given(self, request: dict[str, Any], given: int) -> list[int]:
        """Start a program with a socket as its input and output."""
        if os.fork() == 0:
            os.setsid()
            null = os.open("/dev/null", os.O_RDWR)
            self._become(request, [given, given, null])
        os.close(given)
        return []

    def _become(self, request: dict[str, Any], streams: list[int]) -> NoReturn:
        """Become the program, in a child."""
        try:
            user = self._users[request["user"]]
            for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            for target, stream in enumerate([os.dup(one) for one in streams]):
                os.dup2(stream, target)
            os.closerange(3, 256)
            if user["uid"]:
                _unshare("NEWUSER", "NEWNS")
                _map("self", user["uid"], 0, 0)
            for target, source in user["mounts"].items():
                _mount(source, target, None, _MS_BIND)
            os.chdir(user["home"])
            os.execve(request["path"], request["words"], user["environment"])
        except OSError as error:
            os.write(2, f"{error}\r\n".encode())
        finally:
            os._exit(127)


def _reap(_number: int, _frame: object) -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def send(lab: socket.socket, answer: dict[str, str]) -> None:
    """Send a packet to the lab."""
    lab.send(json.dumps(answer).encode())


def _first_process(lab: socket.socket, system: dict[str, Any]) -> None:
    name = system["name"].encode()
    _checked(_libc.sethostname(name, len(name)), "sethostname")
    _build(system)
    _Machine(lab, system).run()


def _in_child(work: Any) -> int:
    """Run `work` in a child process and return its process ID. Errors go to the lab."""
    number = os.fork()
    if number == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return number


def main() -> None:
    """Build the machine and run it until the lab ends it."""
    lab = socket.socket(fileno=int(sys.argv[1]))
    system = json.loads(lab.recv(_MAX_PACKET))
    ready, mapped = os.pipe(), os.pipe()

    def reporting(work: Any) -> None:
        try:
            work()
        except Exception as error:  # the lab says it, and runs without a system
            send(lab, {"error": f"{getattr(error, 'filename', None) or 'it'}: {getattr(error, 'strerror', error)}"})
            raise

    def enter() -> None:
        if os.getuid() == 0:
            os.setgroups([])
        _unshare("NEWUSER")
        os.write(ready[1], b"x")
        if not os.read(mapped[0], 1):
            os._exit(1)
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # else /proc/self belongs to a user that the machine does not have
        _unshare("NEWNS", "NEWUTS", "NEWIPC", "NEWPID")
        for number in (*ready, *mapped):
            os.close(number)
        _libc.prctl(_PR_SET_NAME, b"init", 0, 0, 0)
        os.waitpid(_in_child(lambda: reporting(lambda: _first_process(lab, system))), 0)

    child = _in_child(lambda: reporting(enter))
    os.close(ready[1])
    os.close(mapped[0])
    if os.read(ready[0], 1):
        reporting(lambda: _map(str(child), 0, system["uid"], system["gid"]))
        os.write(mapped[1], b"x")
    lab.close()
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
