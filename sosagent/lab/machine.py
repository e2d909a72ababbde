"""A simulated machine: getty and login in Python, and after login a real shell on a real pty.

Without a system of its own (see `own_system`), the shell is an ``sh`` of this computer. Its HOME is a folder of its
own, and it never has root's rights: if the lab runs as root, the shell runs as nobody, so that it can change nothing
but that folder.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import pwd
import shutil
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pexpect

from ..secrets.secret import Secret
from .boot_loader import BootLoader
from .own_system import OwnSystem, Program
from .states import STATES, ConsoleState

__all__ = ["SimulatedMachine"]

_WRONG_PASSWORD_SECONDS = 0.3
_BACKSPACES = (0x08, 0x7F)
#: How long the output of a program stays the same when it has started.
_SETTLED_SECONDS = 0.3
_START_SECONDS = 10.0
_MAX_SHOWN = 1 << 16
_PROMPTS = (b"# ", b"$ ")
#: What its sshd prints if the computer has none.
_SSHD_SETTINGS = """port 22
usepam yes
permitrootlogin prohibit-password
pubkeyauthentication yes
strictmodes yes
authenticationmethods any
authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2
"""


class SimulatedMachine:
    """A machine with one serial console. It keeps running when no client is connected.

    Args:
        name: its host name, which getty shows.
        home: the folder that is root's home; created if it is missing.
        password: root's password.
        system: the machine's own system, if it has one.

    Attributes:
        system: see above.
        read_only_sessions: the number of further sessions that can only read, as while a machine is provisioned.
        on_output: called with the machine's output; None while no client is connected.
    """

    def __init__(self, name: str, home: Path, password: Secret, system: OwnSystem | None = None) -> None:
        self.name = name
        self.home = home
        self.system = system
        self.read_only_sessions = 0
        self.on_output: Callable[[bytes], None] | None = None
        self._password = password
        self._typed = bytearray()
        self._user: str | None = None  # set while login asks for the password
        self._shell: pexpect.spawn[bytes] | Program | None = None
        self._boot_loader: BootLoader | None = None
        self._ignoring_input = False  # between a wrong password and the next prompt
        self._shown = bytearray()  # what it has printed last
        self._printed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if system is None:
            _add_mark(home)
        if not os.access("/usr/sbin/sshd", os.X_OK):
            _add_sshd(home)
        if os.getuid() == 0:
            user = _user_of_shell()
            shutil.chown(home, user.pw_uid, user.pw_gid)

    @property
    def in_use(self) -> bool:
        """Whether a user is logged in."""
        return self._shell is not None

    def connect(self, on_output: Callable[[bytes], None]) -> None:
        """Send the machine's output to `on_output` from now on."""
        self.on_output = on_output

    def disconnect(self) -> None:
        """Discard the machine's output from now on."""
        self.on_output = None

    def start_session_read_only(self) -> bool:
        """Return whether the session that starts now can only read, and count it."""
        if self.read_only_sessions <= 0:
            return False
        self.read_only_sessions -= 1
        return True

    def power_on(self) -> None:
        """Boot until getty shows its prompt. Needs a running event loop."""
        self._getty()

    async def power_on_to(self, name: str) -> None:
        """Boot, and let the console get into a state; see `STATES`."""
        state = STATES[name]
        if name == "silent":
            self._ignoring_input = True
        elif name == "boot-loader":
            self._boot_loader = BootLoader(self._print, self._end_boot_loader)
        else:
            if not state.program:
                self._getty()
            if name == "password":
                self.type(b"root\r")
            elif state.program or state.typed is not None:
                await self._open(state)

    async def _open(self, state: ConsoleState) -> None:
        """Start the program of a state, and wait until it has started."""
        if state.program and self.system is not None:
            self._attach(self.system.start_program(state.user, list(state.program)))
        else:
            self._log_in(state.user)
        if state.typed:
            await self._settle(prompt=True)
            self._printed.clear()
            self.type(state.typed.encode())
            await self._prints(_START_SECONDS)
        await self._settle(prompt=False)

    async def _settle(self, *, prompt: bool) -> None:
        """Wait until the machine has printed something and stays silent; at a prompt of a shell if one is wanted."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_SECONDS):
                while await self._prints(_SETTLED_SECONDS) or not (
                    self._shown.endswith(_PROMPTS) if prompt else self._shown
                ):
                    self._printed.clear()

    async def _prints(self, seconds: float) -> bool:
        """Return whether the machine has printed something since `_printed` was cleared, or does within `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._printed.wait()
        return False

    def _end_boot_loader(self) -> None:
        self._boot_loader = None
        self._getty()

    def power_off(self) -> None:
        """End everything that runs on the machine."""
        for task in self._tasks:
            task.cancel()
        if self._shell is not None:
            asyncio.get_running_loop().remove_reader(self._shell.child_fd)
            self._shell.close(force=True)
            self._shell = None

    def type(self, data: bytes) -> None:
        """Process bytes that arrive on the machine's serial port."""
        if self._shell is not None:
            try:
                os.write(self._shell.child_fd, data)
            except OSError:  # the shell is just ending; the reader notices it
                return
            return
        for byte in data:
            if self._boot_loader is not None:
                self._boot_loader.key(byte)
            elif not self._ignoring_input and self._shell is None:
                self._key(byte)

    def _print(self, text: bytes) -> None:
        self._printed.set()
        self._shown += text
        del self._shown[:-_MAX_SHOWN]
        if self.on_output is not None and text:
            self.on_output(text)

    def _getty(self) -> None:
        self._user = None
        self._typed.clear()
        self._print(f"\r\nDebian GNU/Linux 12 {self.name} ttyS1\r\n\r\n{self.name} login: ".encode())

    def _key(self, byte: int) -> None:
        secret = self._user is not None
        if byte in (0x0D, 0x0A):
            self._print(b"\r\n")
            line, self._typed = self._typed.decode("utf-8", "replace"), bytearray()
            self._line(line)
        elif byte == 0x15:
            if not secret:
                self._print(b"\b \b" * len(self._typed))
            self._typed.clear()
        elif byte in _BACKSPACES:
            if self._typed and not secret:
                self._print(b"\b \b")
            del self._typed[-1:]
        else:
            self._typed.append(byte)
            if not secret:
                self._print(bytes([byte]))

    def _line(self, line: str) -> None:
        if self._user is None:
            if not line:
                self._getty()
                return
            self._user = line
            self._print(b"Password: ")
        elif self._has_user(self._user) and hmac.compare_digest(line.encode(), self._password.reveal().encode()):
            user, self._user = self._user, None
            self._log_in(user)
        else:
            self._user = None
            self._ignoring_input = True
            self._start(self._refuse())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _refuse(self) -> None:
        await asyncio.sleep(_WRONG_PASSWORD_SECONDS)  # like pam_faildelay
        self._ignoring_input = False
        self._print(b"\r\nLogin incorrect\r\n")
        self._print(f"{self.name} login: ".encode())

    def _has_user(self, name: str) -> bool:
        return name == "root" if self.system is None else self.system.knows(name)

    def _log_in(self, user: str) -> None:
        self._print(f"Linux {self.name} (a simulated machine)\r\nLast login: today on ttyS1\r\n".encode())
        try:
            shell = self._plain_shell() if self.system is None else self.system.log_in(user)
        except OSError:  # its first process has ended, as after `reboot -f`
            self._ignoring_input = True
            self._print(b"reboot: System halted\r\n")
            return
        self._attach(shell)

    def _plain_shell(self) -> pexpect.spawn[bytes]:
        return pexpect.spawn(
            "/bin/sh",
            ["-i"],
            cwd=str(self.home),
            env={
                "HOME": str(self.home),
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "TERM": "vt220",
                "PS1": f"root@{self.name}:~# ",
            },
            timeout=None,
            preexec_fn=_prepare_session,
        )

    def _attach(self, shell: pexpect.spawn[bytes] | Program) -> None:
        self._shell = shell
        asyncio.get_running_loop().add_reader(self._shell.child_fd, self._shell_prints)

    def _shell_prints(self) -> None:
        assert self._shell is not None
        try:
            data = os.read(self._shell.child_fd, 65536)
        except OSError:  # on Linux, a closed pty raises EIO
            data = b""
        if data:
            self._print(data)
            return
        asyncio.get_running_loop().remove_reader(self._shell.child_fd)
        if isinstance(self._shell, Program):
            self._shell.close()
        else:
            self._start(asyncio.to_thread(self._shell.close, True))  # it sleeps
        self._shell = None
        self._getty()


def _add_mark(home: Path) -> None:
    """Mark the machine as one whose account is not in passwd(5): this computer's has another home folder for it."""
    _write(home / ".slab", "", 0o600)


def _add_sshd(home: Path) -> None:
    """Give the machine an sshd that knows its settings, for a computer that has none."""
    program = home / ".local" / "sbin" / "sshd"
    program.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    program.parent.parent.chmod(0o755)
    answers = f"-T)cat <<'END'\n{_SSHD_SETTINGS}END\n;;\n-V)echo OpenSSH_9.2p1 >&2\n"
    _write(program, f"#!/bin/sh\ncase $1 in\n{answers}esac\n", 0o755)


def _write(file: Path, text: str, mode: int) -> None:
    """Write a file that belongs to the shell's user: the programs on the machine do not believe others' files."""
    file.write_text(text)
    file.chmod(mode)
    if os.getuid() == 0:
        shutil.chown(file, _user_of_shell().pw_uid)


def _user_of_shell() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())


def _prepare_session() -> None:
    # A background job of a script ignores SIGINT, and its children would inherit that.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    if os.getuid() != 0:
        return
    user = _user_of_shell()
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
