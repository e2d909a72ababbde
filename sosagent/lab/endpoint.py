"""An SSH endpoint on 127.0.0.1 that gives a simulated machine's console, as SOS did."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from ..secrets.secret import Secret
from .faults import Faults, Line
from .fronts import FRONTS, Front, Manners, option_of
from .machine import SimulatedMachine

__all__ = ["BANNER", "BANNER_READ_ONLY", "Lab", "open_lab"]

#: What Packet's SOS said on connecting, to the letter.
BANNER = b"[SOS Session Ready. Use ~? for help.]\r\n[Note: You may need to press RETURN or Ctrl+L to get a prompt.]\r\n"
BANNER_READ_ONLY = b"[Read-only SOS Session. Use ~? for help.]\r\n"
#: What Oracle's console says to a second client; SOS's own words are not known.
_BUSY = "console access is limited to one connection at a time"


@dataclass(frozen=True)
class Lab:
    """A running lab.

    Fields:
        host: what to give as HOST.
        machine: the machine behind it.
        folder: holds all of it; removed at the end.
        identity, known_hosts, password_file: files to give to the commands.
        password: root's on the machine.
        hang_up: ends the session that has the console, if one has.
        fall_back: makes the endpoint go back to its own prompt, if it has one; with what it says first, if told.
        occupy: somebody else has the console, until that is ended; tells whether so.
        options: what HOST has to say of the endpoint, if it is none of SOS's kind.
        told: what was typed at the endpoint's own prompt, by line.
    """

    host: str
    machine: SimulatedMachine
    folder: Path
    identity: Path
    known_hosts: Path
    password_file: Path
    password: Secret
    hang_up: Callable[[], None]
    fall_back: Callable[..., None]
    occupy: Callable[[bool | None], bool]
    told: list[str]
    options: str = ""

    @property
    def address(self) -> str:
        """HOST, with what it has to say of the endpoint."""
        return f"ssh://{self.host}{self.options}" if self.options else self.host

    @property
    def authorized_keys(self) -> Path:
        """The file that the job edits."""
        return self.machine.home / ".ssh" / "authorized_keys"

    @property
    def arguments(self) -> list[str]:
        """The options of `sos-addkey` that lead to this lab, and HOST."""
        return [
            "-i", str(self.identity), "--known-hosts", str(self.known_hosts),
            "--password-file", str(self.password_file), self.address,
        ]  # fmt: skip

    @property
    def command(self) -> str:
        """The command to try, without the key file."""
        return shlex.join(["sos-addkey", *self.arguments])


@asynccontextmanager
async def open_lab(
    *, port: int = 0, machine: str = "lab", faults: Faults | None = None, front: str | None = None
) -> AsyncIterator[Lab]:
    """Start an endpoint and a machine; both end, and their folder goes, with the context.

    Args:
        port: of the endpoint, on 127.0.0.1; 0 takes a free one.
        machine: the machine's host name.
        faults: what happens on the line between the two.
        front: what kind of endpoint it is, of `FRONTS`; SOS by default.
    """
    folder = Path(tempfile.mkdtemp(prefix="sosagent-lab-"))
    folder.chmod(0o711)  # the machine's shell may run as nobody and has to reach its home
    password = Secret(secrets.token_urlsafe(9))
    simulated = SimulatedMachine(machine, folder / "root", password)
    serial = _SerialPort(simulated, faults or Faults(), None if front is None else FRONTS[front])
    host_key = asyncssh.generate_private_key("ssh-ed25519", "sosagent lab")
    client_key = asyncssh.generate_private_key("ssh-ed25519", "sosagent lab client")
    try:
        server = await asyncssh.listen(
            "127.0.0.1",
            port,
            server_host_keys=[host_key],
            server_factory=lambda: _Server(serial),
            authorized_client_keys=asyncssh.import_authorized_keys(client_key.export_public_key().decode()),
            encoding=None,
            line_editor=False,
            agent_forwarding=False,
        )
        try:
            simulated.power_on()
            place = f"[127.0.0.1]:{server.get_port()}"
            yield Lab(
                f"lab@127.0.0.1:{server.get_port()}",
                simulated,
                folder,
                _private(folder / "id_lab", client_key.export_private_key()),
                _private(folder / "known_hosts", f"{place} ".encode() + host_key.export_public_key()),
                _private(folder / "password", password.reveal().encode() + b"\n"),
                password,
                serial.hang_up,
                serial.fall_back,
                serial.occupy,
                serial.told,
                "" if front is None else f"?{option_of(front)}",
            )
        finally:
            server.close()
            await server.wait_closed()
            serial.line.close()
            simulated.power_off()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _private(path: Path, data: bytes) -> Path:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(data)
    return path


class _SerialPort:
    """The machine's serial port, the line to it, and the one session that may have it; several, if it is shared."""

    def __init__(self, machine: SimulatedMachine, faults: Faults, manners: Manners | None) -> None:
        self.machine = machine
        self.manners = manners
        self.told: list[str] = []
        self.line = Line(faults, lambda data: machine.type(data), self._show, self.hang_up)
        self._occupied = False
        self._sessions: dict[asyncssh.SSHServerChannel[bytes], Front | None] = {}

    @property
    def taken(self) -> bool:
        return bool(self._sessions) and not (self.manners is not None and self.manners.shared)

    def attach(self, session: asyncssh.SSHServerChannel[bytes]) -> Front | None:
        front = None
        if self.manners is not None:
            front = Front(self.manners, session.write, self.line.type, session.close, self.occupy, self.told)
        self._sessions[session] = front
        self.machine.on_output = self.line.print
        self.line.mend()
        return front

    def detach(self, session: asyncssh.SSHServerChannel[bytes]) -> None:
        del self._sessions[session]
        if not self._sessions:
            self.machine.on_output = None

    def occupy(self, whether: bool | None) -> bool:
        if whether is not None:
            self._occupied = whether
        return self._occupied

    def fall_back(self, left: bytes | None = None) -> None:
        for front in self._sessions.values():
            if front is not None:
                front.fall_back(left)

    def _show(self, data: bytes) -> None:
        for session, front in self._sessions.items():
            (session.write if front is None else front.show)(data)

    def hang_up(self) -> None:
        for session in list(self._sessions):
            session.get_connection().abort()


class _Server(asyncssh.SSHServer):
    def __init__(self, serial: _SerialPort) -> None:
        self._serial = serial

    def begin_auth(self, username: str) -> bool:
        return True

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        if self._serial.taken:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, _BUSY)
        return _Session(self._serial)


class _Session(asyncssh.SSHServerSession[bytes]):
    def __init__(self, serial: _SerialPort) -> None:
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
        machine = self._serial.machine
        self._read_only = machine.provisioning > 0
        if self._read_only:
            machine.provisioning -= 1
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
