"""An SSH endpoint on 127.0.0.1 whose sessions are the console of a simulated machine, as with Packet's SOS."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from ..errors import UsageError
from ..secrets.secret import Secret
from .faults import Faults
from .fronts import FRONTS, Behaviour, Front, Occupancy, option_of
from .line import Line
from .machine import SimulatedMachine
from .machine_files import HOST_KEY
from .own_system import NoSystem, OwnSystem
from .ssh_server import SshServer, missing_for_sshd
from .states import checked_state

__all__ = ["BANNER", "BANNER_READ_ONLY", "Lab", "open_lab"]

#: The exact greeting of Packet's SOS.
BANNER = b"[SOS Session Ready. Use ~? for help.]\r\n[Note: You may need to press RETURN or Ctrl+L to get a prompt.]\r\n"
BANNER_READ_ONLY = b"[Read-only SOS Session. Use ~? for help.]\r\n"
_ON_DISK = "/var/tmp"
_NOT_WANTED = "the lab was started without it"
#: The message of Oracle's console to a second client; that of SOS is unknown.
_BUSY = "console access is limited to one connection at a time"


@dataclass(frozen=True)
class Lab:
    """A running lab.

    Fields:
        host: HOST for the commands, without options.
        machine: the simulated machine.
        folder: contains all files of the lab; deleted at the end.
        identity, known_hosts, password_file: files for the options of the commands.
        password: root's password on the machine.
        port: the machine's serial port.
        options: the query of HOST that names the kind of endpoint; empty for SOS.
        no_system: why the machine has no system of its own.
        ssh_port: the port of the machine's sshd on 127.0.0.1; None if it has none.
    """

    host: str
    machine: SimulatedMachine
    folder: Path
    identity: Path
    known_hosts: Path
    password_file: Path
    password: Secret
    port: SerialPort
    options: str = ""
    no_system: str = ""
    ssh_port: int | None = None

    def hang_up(self) -> None:
        """End the connection of every client."""
        self.port.hang_up()

    def fall_back(self, message: bytes | None = None) -> None:
        """Return the endpoint to its own prompt, if it has one; `message` replaces what it prints then."""
        self.port.fall_back(message)

    @property
    def occupied(self) -> bool:
        """Whether another user has the console."""
        return self.port.occupancy.taken

    def occupy(self, taken: bool = True) -> None:
        """Let another user take the console, or end that user's session."""
        self.port.occupancy.set(taken)

    @property
    def commands(self) -> list[str]:
        """The lines that clients have typed at the endpoint's own prompt."""
        return self.port.commands

    @property
    def address(self) -> str:
        """HOST for the commands."""
        return f"ssh://{self.host}{self.options}" if self.options else self.host

    @property
    def authorized_keys(self) -> Path:
        """Root's authorized_keys on the machine."""
        return self.machine.home / ".ssh" / "authorized_keys"

    @property
    def arguments(self) -> list[str]:
        """The arguments of `sos-addkey` for this lab: options and HOST."""
        return [
            "-i", str(self.identity), "--known-hosts", str(self.known_hosts),
            "--password-file", str(self.password_file), self.address,
        ]  # fmt: skip

    @property
    def command(self) -> str:
        """A command to try, without KEYFILE."""
        return shlex.join(["sos-addkey", *self.arguments])


@asynccontextmanager
async def open_lab(
    *,
    port: int = 0,
    machine: str = "lab",
    faults: Faults | None = None,
    front: str | None = None,
    own_system: bool = False,
    state: str = "login",
) -> AsyncIterator[Lab]:
    """Start an endpoint and a machine. At the end of the context both stop, and their folder is deleted.

    Args:
        port: the endpoint's port on 127.0.0.1; 0 for any free port.
        machine: the machine's host name.
        faults: the faults of the line between endpoint and machine.
        front: the kind of endpoint, a name from `FRONTS`; SOS by default.
        own_system: whether the machine gets its own users, host name, processes and files, if this computer allows
            that. Otherwise its shell is an unprivileged program of this computer; that starts faster.
        state: the state of the console, a name from `STATES`.

    Raises:
        UsageError: the state does not exist, or is not possible on this computer.
    """
    wanted = checked_state(state)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_folder())
        password = Secret(secrets.token_urlsafe(9))
        system, no_system = await _system(folder, machine, password, stack) if own_system else (None, _NOT_WANTED)
        if wanted.own_system and system is None:
            raise UsageError(f"the state {state} needs a machine with a system of its own: {no_system}")
        ssh_port = None if system is None else _start_sshd(system, stack)
        simulated = SimulatedMachine(machine, folder / "root", password, system)
        serial = SerialPort(simulated, faults or Faults(), None if front is None else FRONTS[front])
        host_key, client_key = (asyncssh.generate_private_key("ssh-ed25519", name) for name in ("lab", "lab client"))
        server = await _listen(port, serial, host_key, client_key)
        try:
            await simulated.power_on_to(state)
            place = f"[127.0.0.1]:{server.get_port()}"
            yield Lab(
                f"lab@127.0.0.1:{server.get_port()}",
                simulated,
                folder,
                _private(folder / "id_lab", client_key.export_private_key()),
                _private(folder / "known_hosts", f"{place} ".encode() + host_key.export_public_key()),
                _private(folder / "password", password.reveal().encode() + b"\n"),
                password,
                serial,
                "" if front is None else f"?{option_of(front)}",
                no_system,
                ssh_port,
            )
        finally:
            server.close()
            await server.wait_closed()
            serial.line.close()
            simulated.power_off()


async def _listen(
    port: int, serial: SerialPort, host_key: asyncssh.SSHKey, client_key: asyncssh.SSHKey
) -> asyncssh.SSHAcceptor:
    return await asyncssh.listen(
        "127.0.0.1",
        port,
        server_host_keys=[host_key],
        server_factory=lambda: _Server(serial),
        authorized_client_keys=asyncssh.import_authorized_keys(client_key.export_public_key().decode()),
        encoding=None,
        line_editor=False,
        agent_forwarding=False,
    )


def _start_sshd(system: OwnSystem, stack: AsyncExitStack) -> int | None:
    """Start the machine's sshd until the end of `stack`, and return its port; None if this computer has none."""
    if missing_for_sshd():
        return None
    server = SshServer(system)
    stack.push_async_callback(server.aclose)
    return server.port


@contextmanager
def _folder() -> Iterator[Path]:
    """Create a folder for a lab, and delete it afterwards."""
    # Usually on a disk, because a key in memory causes a warning.
    parent = os.environ.get("TMPDIR") or (_ON_DISK if os.access(_ON_DISK, os.W_OK) else None)
    folder = Path(tempfile.mkdtemp(prefix="sosagent-lab-", dir=parent))
    folder.chmod(0o711)  # the machine's shell may run as nobody, which must be able to reach its home
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _system(folder: Path, name: str, password: Secret, stack: AsyncExitStack) -> tuple[OwnSystem | None, str]:
    """Start the machine's own system until the end of `stack`; where that is not possible, return why."""
    key = asyncssh.generate_private_key("ssh-ed25519", f"root@{name}")
    keys = {
        HOST_KEY: key.export_private_key().decode(),
        f"{HOST_KEY}.pub": key.export_public_key().decode(),
    }
    try:
        system = await OwnSystem.start(folder, name, password, keys)
    except NoSystem as error:
        return None, str(error)
    stack.push_async_callback(system.aclose)
    return system, ""


def _private(path: Path, data: bytes) -> Path:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(data)
    return path


class SerialPort:
    """The machine's serial port, the line to it, and the sessions that use it: one, or several if it is shared."""

    def __init__(self, machine: SimulatedMachine, faults: Faults, behaviour: Behaviour | None) -> None:
        self.machine = machine
        self.behaviour = behaviour
        self.commands: list[str] = []
        self.occupancy = Occupancy()
        self.line = Line(faults, lambda data: machine.type(data), self._show, self.hang_up)
        self._sessions: dict[asyncssh.SSHServerChannel[bytes], Front | None] = {}

    @property
    def in_use(self) -> bool:
        """Whether a new session must be refused."""
        return bool(self._sessions) and not (self.behaviour is not None and self.behaviour.shared)

    def attach(self, session: asyncssh.SSHServerChannel[bytes]) -> Front | None:
        """Connect a session to the port; return its front end if the endpoint has one."""
        front = None
        if self.behaviour is not None:
            front = Front(
                self.behaviour,
                write=session.write,
                to_machine=self.line.type,
                close=session.close,
                occupancy=self.occupancy,
                commands=self.commands,
            )
        self._sessions[session] = front
        self.machine.connect(self.line.print)
        self.line.reconnect()
        return front

    def detach(self, session: asyncssh.SSHServerChannel[bytes]) -> None:
        """Disconnect a session from the port."""
        del self._sessions[session]
        if not self._sessions:
            self.machine.disconnect()

    def fall_back(self, message: bytes | None = None) -> None:
        """See `Lab.fall_back`."""
        for front in self._sessions.values():
            if front is not None:
                front.fall_back(message)

    def _show(self, data: bytes) -> None:
        for session, front in self._sessions.items():
            if not session.is_closing():
                (session.write if front is None else front.show)(data)

    def hang_up(self) -> None:
        """See `Lab.hang_up`."""
        for session in list(self._sessions):
            session.get_connection().abort()


class _Server(asyncssh.SSHServer):
    def __init__(self, serial: SerialPort) -> None:
        self._serial = serial

    def begin_auth(self, username: str) -> bool:
        return True

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        if self._serial.in_use:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, _BUSY)
        return _Session(self._serial)


class _Session(asyncssh.SSHServerSession[bytes]):
    def __init__(self, serial: SerialPort) -> None:
        self._serial = serial
        self._attached = False
        self._read_only = False
        self._front: Front | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def pty_requested(self, term_type: str, term_size: tuple[int, int, int, int], term_modes: object) -> bool:
        return True

    def shell_requested(self) -> bool:
        return True

    def session_started(self) -> None:
        self._front = self._serial.attach(self._channel)
        self._attached = True
        if self._front is not None:
            self._front.start()
            return
        self._read_only = self._serial.machine.start_session_read_only()
        self._channel.write(BANNER_READ_ONLY if self._read_only else BANNER)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self._front is not None:
            self._front.type(data)
        elif not self._read_only:
            self._serial.line.type(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._attached:
            self._serial.detach(self._channel)
