"""Hostile and broken SSH endpoints: a clear error in time, nothing to obey for the terminal, only their password."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import asyncssh
import pexpect
import pytest
from asyncssh.packet import Boolean, Byte, String, UInt32

import sosagent
from sosagent.printable import is_clean
from sosagent.transports import ssh_client, ssh_connect

from ..conftest import new_key
from ..support import hostile_ssh
from ..support.commands import ADDKEY
from ..support.hostile_ssh import (
    ESCAPES,
    Server,
    clear_packet,
    flood,
    package,
    raw_server,
    refuse,
    request,
    send,
    session_server,
    ssh_server,
    stay_silent_to,
    steady,
    swallow,
)  # fmt: skip

MACHINE_PASSWORD = "the machine's own 8Gq"
ENDPOINT_PASSWORD = "the endpoint's own"
SECONDS = 1.0
GENEROUS = 30.0
TOO_LATE = "the deadline of 1 s passed"
NO_CONNECTION = "no connection to"
NO_WINDOW = "does not accept more data"
#: What the error says if the endpoint lets the time limit pass; other errors come at once.
ENDS_AT_THE_LIMIT = (TOO_LATE, NO_CONNECTION, NO_WINDOW, "")
KEY = asyncssh.generate_private_key("ssh-ed25519")
HELLO = b"SSH-2.0-Console\r\n"


class Outcome:
    """How a job against a hostile endpoint ended.

    Attributes:
        error: the error.
        asked: the questions that the user was asked.
    """

    def __init__(self, error: sosagent.SosError, asked: list[str], events: list[str]) -> None:
        self.error, self.asked = error, asked
        shown = [error.message, *error.hint.splitlines(), *getattr(error, "__notes__", []), *asked, *events]
        assert all(map(is_clean, shown)), shown
        assert all(len(text) < 2000 for text in shown)
        assert MACHINE_PASSWORD not in str([*shown, *Server.received])
        assert set(Server.received) <= {ENDPOINT_PASSWORD}
        assert error.exit_code in (3, 8)
        assert len(asked) <= 10

    @property
    def text(self) -> str:
        return f"{self.error.message} | {self.error.hint}"


@pytest.fixture(autouse=True)
def nothing_received() -> None:
    Server.received.clear()


def target(port: int, folder: Path) -> sosagent.SshTarget:
    config, known = folder / "config", folder / "known"
    config.touch()
    known.write_text(f"[127.0.0.1]:{port} {KEY.export_public_key().decode()}")
    return sosagent.SshTarget("127.0.0.1", "operator", port, ssh_config=config, known_hosts=known)


async def outcome(port: int, folder: Path, expected: str = "") -> Outcome:
    seconds = SECONDS if expected in ENDS_AT_THE_LIMIT else GENEROUS
    asked: list[str] = []
    events: list[str] = []

    async def ask(endpoint: str, prompt: str, echo: bool) -> str:
        asked.append(prompt)
        return ENDPOINT_PASSWORD

    with pytest.raises(sosagent.SosError) as caught:
        async with asyncio.timeout(seconds + 10):
            await sosagent.add_key(
                target(port, folder), new_key(), password=MACHINE_PASSWORD, ask=ask, timeout=seconds,
                on_event=lambda event: events.append(event.text),
            )  # fmt: skip
    return Outcome(caught.value, asked, events)


KEXINIT = b"\x14" + bytes(16)
NO_SSH: dict[str, tuple[Callable[[], AbstractAsyncContextManager[int]], str]] = {
    "says nothing": (lambda: raw_server(), NO_CONNECTION),
    "closes at once": (lambda: raw_server(close=True), "closed the connection before SSH was set up"),
    "a version without end": (lambda: raw_server(b"SSH-2.0-", then=b"A" * 1000), "Banner line too long"),
    "lines without end": (lambda: raw_server(then=ESCAPES.encode() + b"A" * 8000 + b"\r\n"), "Too many banner lines"),
    "a version with escapes": (lambda: raw_server(b"SSH-1.0-" + ESCAPES.encode("latin-1") + b"\n"), "no SSH session"),
    "a version not in ASCII": (lambda: raw_server(b"SSH-2.0-\xff\r\n"), "data that is not valid SSH"),
    "a version of 1 kB": (lambda: raw_server(b"SSH-2.0-" + b"A" * 1000 + b"\r\n"), "Version too long"),
    "only a version": (lambda: raw_server(HELLO), NO_CONNECTION),
    "a version, then zeros": (lambda: raw_server(HELLO, then=bytes(1000)), "data that is not valid SSH"),
    "a version, then noise": (lambda: raw_server(HELLO, then=os.urandom(1000)), "An SSH server answers there"),
    "a farewell with escapes": (
        lambda: raw_server(HELLO, clear_packet(Byte(1) + UInt32(2) + String(ESCAPES * 400) + String(""))),
        "An SSH server answers there",
    ),
    "a farewell not in UTF-8": (
        lambda: raw_server(HELLO, clear_packet(Byte(1) + UInt32(2) + String(b"\xff") + String(b"\xff"))),
        "Invalid disconnect message",
    ),
    "an empty offer": (lambda: raw_server(HELLO, clear_packet(KEXINIT)), "data that is not valid SSH"),
    "an offer of escapes": (
        lambda: raw_server(
            HELLO, clear_packet(KEXINIT + String(b"\x1b]0;x\x07," * 900) * 10 + Boolean(False) + UInt32(0))
        ),
        "no SSH algorithm in common",
    ),
    "an offer not in ASCII": (
        lambda: raw_server(HELLO, clear_packet(KEXINIT + String(b"\xff,\x80") * 10 + Boolean(False) + UInt32(0))),
        "data that is not valid SSH",
    ),
    "messages of unknown types": (lambda: raw_server(HELLO, then=clear_packet(b"\xc8abc")), "no SSH session"),
    "messages for debugging": (
        lambda: raw_server(HELLO, then=clear_packet(Byte(4) + Boolean(True) + String(ESCAPES) + String("")) * 50),
        NO_CONNECTION,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_SSH)
async def test_before_the_login(name: str, tmp_path: Path) -> None:
    serve, expected = NO_SSH[name]
    async with serve() as port:
        done = await outcome(port, tmp_path, expected)
    assert expected in done.text
    assert not done.asked


class Asks(Server):
    """A server that asks questions."""

    methods = ("kbdint",)
    prompts: ClassVar[Sequence[tuple[str, bool]]] = (("Password: ", False),)
    again = False

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return ESCAPES, ESCAPES * 100, "", self.prompts

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> Any:
        self.received.extend(responses)
        return (ESCAPES, ESCAPES, "", self.prompts) if self.again else False


class AsksFifty(Asks):
    prompts = tuple((f"{ESCAPES} {at}", at % 2 == 0) for at in range(50))


class AsksThousands(Asks):
    prompts = (("a", False),) * 3000


class AsksAtLength(Asks):
    prompts = ((ESCAPES * 700, True),)


class AsksWithoutEnd(Asks):
    again = True


class AsksNothingWithoutEnd(AsksWithoutEnd):
    prompts = ()


class AsksPasswords(Server):
    """A server that greets with escapes, and refuses each password."""

    methods = ("password",)

    def begin_auth(self, username: str) -> bool:
        for _ in range(40):
            self.conn.send_auth_banner(ESCAPES * 500)
        return True


class WantsNewPassword(AsksPasswords):
    def validate_password(self, username: str, password: str) -> bool:
        super().validate_password(username, password)
        raise asyncssh.PasswordChangeRequired(ESCAPES)


class NeverAnswers(Server):
    def begin_auth(self, username: str) -> Any:
        return asyncio.get_running_loop().create_future()


class Hangs(NeverAnswers):
    """Sends banners without end instead of an answer."""

    def begin_auth(self, username: str) -> Any:
        flood(lambda conn: conn.send_auth_banner("x" * 30000))(self.conn)
        return super().begin_auth(username)


class HangsUp(Server):
    def begin_auth(self, username: str) -> bool:
        self.conn.abort()
        return False


class SaysGoodbye(Server):
    def begin_auth(self, username: str) -> bool:
        self.conn.disconnect(11, ESCAPES * 30)
        return False


LOGINS = [
    (AsksFifty, 0, "asks too many questions for its login; 0 were answered"),
    (AsksThousands, 0, "asks too many questions for its login; 0 were answered"),
    (AsksAtLength, 3, "refused the login of 'operator'"),
    (AsksWithoutEnd, 10, "asks too many questions for its login; 10 were answered"),
    (AsksNothingWithoutEnd, 0, "asks too many questions for its login; 0 were answered"),
    (Asks, 3, "Check the user name and the password and the key"),
    (AsksPasswords, 3, "Check the user name and the password and the key"),
    (WantsNewPassword, 1, "refused the login of 'operator'"),
    (NeverAnswers, 0, NO_CONNECTION),
    (Hangs, 0, NO_CONNECTION),
    (HangsUp, 0, "closed the connection during the login of 'operator'"),
    (SaysGoodbye, 0, "ended the login of 'operator'"),
]


@pytest.mark.parametrize(("factory", "questions", "expected"), LOGINS, ids=[one[0].__name__ for one in LOGINS])
async def test_during_the_login(factory: type[Server], questions: int, expected: str, tmp_path: Path) -> None:
    async with ssh_server(factory, KEY) as port:
        done = await outcome(port, tmp_path, expected)
    assert expected in done.text
    assert len(done.asked) == questions


class NeverOpens(Server):
    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        super().connection_made(conn)
        self.handle(90, swallow)


class RefusesToOpen(Server):
    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        super().connection_made(conn)
        self.handle(90, lambda conn, *_: conn.send_packet(92, UInt32(0), UInt32(2), String(ESCAPES * 20), String("")))


class HangsUpAtOpening(Server):
    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        super().connection_made(conn)
        self.handle(90, lambda conn, *_: conn.abort())


CLOSED = "closed the connection"
NO_CONSOLE = "accepted the login, but opened no console"
EXIT = request(b"exit-status", UInt32(1))
SIGNAL = request(b"exit-signal", String("KILL"), Boolean(False), String(ESCAPES), String(""))
SESSIONS: dict[str, tuple[type[Server], str]] = {
    "never opens the channel": (NeverOpens, NO_CONNECTION),
    "refuses the channel": (RefusesToOpen, NO_CONSOLE),
    "hangs up at the channel": (HangsUpAtOpening, NO_CONSOLE),
    "packets of 0 bytes": (session_server(steady(), packet=0), NO_CONSOLE),
    "refuses the pty": (session_server(refuse(b"pty-req")), NO_CONSOLE),
    "refuses the shell": (session_server(refuse(b"shell")), NO_CONSOLE),
    "silent to the pty": (session_server(stay_silent_to(b"pty-req")), NO_CONNECTION),
    "silent to the shell": (session_server(stay_silent_to(b"shell")), NO_CONNECTION),
    "no window": (session_server(steady(), window=0), NO_WINDOW),
    "packets of 1 byte": (session_server(steady(), packet=1), TOO_LATE),
    "a huge window": (session_server(steady(flood(send(93, UInt32(0xFFFFFFFF))))), TOO_LATE),
    "end of file, open": (session_server(steady(send(96))), CLOSED),
    "end of file in silence": (session_server(steady(send(96), b"")), "Nothing was typed on the console before"),
    "a signal with escapes": (session_server(steady(SIGNAL)), TOO_LATE),
    "closes": (session_server(steady(send(97))), CLOSED),
    "hangs up": (session_server(steady(lambda conn: conn.abort())), CLOSED),
    "says goodbye": (session_server(steady(lambda conn: conn.disconnect(11, ESCAPES))), CLOSED),
    "noise": (session_server(steady(lambda conn: conn._send(os.urandom(5000)))), CLOSED),
    "unknown extended data": (session_server(steady(send(95, UInt32(7), String("x")))), "Invalid extended data type"),
    "more than the window": (session_server(steady(flood(send(94, String("x" * 32000))))), ""),
    "standard error without end": (session_server(steady(flood(send(95, UInt32(1), String("E" * 9999))))), ""),
    "requests without end": (session_server(steady(flood(request(b"x", reply=True)))), TOO_LATE),
    "agent forwarding": (session_server(steady(flood(request(b"auth-agent-req@openssh.com", reply=True)))), TOO_LATE),
    "keepalives without end": (
        session_server(steady(flood(package(80, String("keepalive@openssh.com"), Boolean(True))))), TOO_LATE,
    ),
    "host keys without end": (
        session_server(
            steady(flood(package(80, String("hostkeys-00@openssh.com"), Boolean(False), String(KEY.public_data) * 50)))
        ),
        TOO_LATE,
    ),
    "rekeys without end": (session_server(steady(flood(lambda conn: _rekey(conn)))), TOO_LATE),
}  # fmt: skip
for kind, parts in {
    "x11": String("h") + UInt32(1),
    "forwarded-tcpip": String("h") + UInt32(1) + String("h") + UInt32(2),
    "direct-tcpip": String("127.0.0.1") + UInt32(22) + String("h") + UInt32(2),
    "auth-agent@openssh.com": b"",
    "session": b"",
    "\x1b[31m": b"",
}.items():
    opening = package(90, String(kind), UInt32(7), UInt32(100), UInt32(1000), parts)
    SESSIONS[f"opens {kind!r}"] = (session_server(steady(flood(opening))), TOO_LATE)


def _rekey(conn: Any) -> None:
    if not conn._kexinit_sent and not conn._kex:
        conn._send_kexinit()
        conn._kexinit_sent = True


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", SESSIONS)
async def test_after_the_login(name: str, tmp_path: Path) -> None:
    factory, expected = SESSIONS[name]
    async with ssh_server(factory, KEY) as port:
        done = await outcome(port, tmp_path, expected)
    assert expected in done.text
    assert not done.asked


async def test_a_program_that_has_ended_closes_the_console(tmp_path: Path) -> None:
    """The endpoint reports that its program has ended, and never closes: what it printed last is still shown."""
    late = b"\r\nthe console is being serviced\r\n"

    def start(conn: Any) -> None:
        EXIT(conn)
        asyncio.get_running_loop().call_later(0.1, lambda: send(94, String(late))(conn))

    async with ssh_server(session_server(steady(start, b"")), KEY) as port:
        async with sosagent.connect(target(port, tmp_path), timeout=20) as console:
            with pytest.raises(sosagent.EndpointLost, match="its program ended with status 1") as caught:
                await console.expect("never", 15)
    assert "the console is being serviced" in caught.value.tail


@pytest.fixture
def largest(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of each portion that asyncssh had to process at once."""
    sizes: list[int] = []
    original = asyncssh.SSHClientConnection.data_received

    def spied(self: Any, data: bytes, *rest: Any) -> None:
        sizes.append(len(data))
        original(self, data, *rest)

    monkeypatch.setattr(asyncssh.SSHClientConnection, "data_received", spied)
    return sizes


async def test_a_flood_of_small_packets_leaves_time_for_the_deadline(largest: list[int], tmp_path: Path) -> None:
    """asyncssh copies what it has read for each packet in it: 256 KiB keep the event loop busy for half a second."""
    opening = package(90, String("x11"), UInt32(7), UInt32(100), UInt32(1000), String("h"), UInt32(1))
    async with ssh_server(session_server(steady(flood(opening))), KEY) as port:
        await outcome(port, tmp_path)
    assert max(largest) <= 1 << 16


async def test_compression_is_not_offered(tmp_path: Path) -> None:
    """A packet of 32 KiB could become 32 MiB."""
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[KEY], server_factory=Server, compression_algs=["zlib@openssh.com"]
    )
    done = await outcome(server.get_port(), tmp_path)
    assert "no SSH algorithm in common" in done.text
    server.close()


async def test_an_error_of_a_callers_own_question_is_passed_on(tmp_path: Path) -> None:
    async def ask(endpoint: str, prompt: str, echo: bool) -> str:
        raise LookupError("no such entry")

    for factory in (Asks, AsksPasswords):
        async with ssh_server(factory, KEY) as port:
            with pytest.raises(LookupError, match="no such entry"):
                await sosagent.add_key(target(port, tmp_path), new_key(), password="x", ask=ask, timeout=GENEROUS)
    assert hostile_ssh.Server.received == []


class AsksThenEnds(Asks):
    """Asks for two things with escape sequences everywhere, and says goodbye with more of them."""

    prompts = ((f"{ESCAPES}\r\n1", False), (f"{ESCAPES}\x08\x082", True))

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> Any:
        self.received.extend(responses)
        self.conn.disconnect(11, ESCAPES)
        return False


def _text(part: object) -> bytes:
    assert isinstance(part, bytes)
    return part


async def test_no_escape_sequence_reaches_a_real_terminal(tmp_path: Path) -> None:
    keyfile, password = tmp_path / "id.pub", tmp_path / "password"
    keyfile.write_text(new_key().line + "\n")
    password.write_text(MACHINE_PASSWORD)
    password.chmod(0o600)
    async with ssh_server(AsksThenEnds, KEY) as port:
        where = target(port, tmp_path)
        child: pexpect.spawn[bytes] = pexpect.spawn(
            ADDKEY,
            ["-F", str(where.ssh_config), "--known-hosts", str(where.known_hosts), f"operator@127.0.0.1:{port}",
             str(keyfile), "--password-file", str(password)],
            timeout=30,
        )  # fmt: skip
        shown = b""
        for answer in (ENDPOINT_PASSWORD, ENDPOINT_PASSWORD):
            await asyncio.to_thread(child.expect, r"asks: [^\r\n]*[12] $")
            shown += _text(child.before) + _text(child.after)
            child.sendline(answer)
        await asyncio.to_thread(child.expect, pexpect.EOF)
        shown += _text(child.before)
    await asyncio.to_thread(child.close)
    assert child.exitstatus == 3
    assert b"pwned" in shown
    assert not [one for one in (b"\x1b]", b"\x1b[31m", b"\xc2\x9b", b"\x9b", b"\x08", b"\x07") if one in shown], shown
    assert f"The endpoint operator@127.0.0.1:{port} asks:".encode() in shown
    assert Server.received == [ENDPOINT_PASSWORD] * 2


async def test_the_time_limits_of_connecting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They say where the server stopped. The user's time for an answer does not count."""
    for name in ("CONNECT_SECONDS", "LOGIN_SECONDS"):
        for module in (ssh_client, ssh_connect):
            monkeypatch.setattr(module, name, 1.0)

    async def slowly(endpoint: str, prompt: str, echo: bool) -> str:
        await asyncio.sleep(1.5)
        return ENDPOINT_PASSWORD

    async def fail(port: int) -> str:
        with pytest.raises(sosagent.SosError) as caught:
            await sosagent.add_key(target(port, tmp_path), new_key(), password="x", ask=slowly, timeout=GENEROUS)
        return caught.value.message

    async with raw_server(HELLO) as port:
        assert "is reached, but did not set up SSH within 1 s" in await fail(port)
    async with ssh_server(NeverAnswers, KEY) as port:
        assert "is reached, but did not complete the SSH login within 1 s" in await fail(port)
    async with ssh_server(AsksThenEnds, KEY) as port:
        assert "ended the login of 'operator'" in await fail(port)
    assert Server.received == [ENDPOINT_PASSWORD] * 2


@asynccontextmanager
async def cut_after(most: int, port: int) -> AsyncIterator[int]:
    """Pass bytes to and from `port`, and close both connections after `most` bytes; yield the port to connect to."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed = 0

        async def carry(source: asyncio.StreamReader, other: asyncio.StreamWriter) -> None:
            nonlocal passed
            with suppress(ConnectionError):
                while (data := await source.read(256)) and passed < most:
                    passed += len(data)
                    other.write(data)
            writer.close()
            beyond.close()

        behind, beyond = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, beyond), carry(behind, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("most", [0, 30, 700, 1500, 2300, 3000, 4500, 5500, 6500, 7500])
async def test_a_connection_that_is_cut_at_any_moment(most: int, tmp_path: Path) -> None:
    """In the version, the key exchange, the login, and while the console is opened."""
    async with ssh_server(session_server(steady(send(96))), KEY) as port, cut_after(most, port) as cut:
        done = await outcome(cut, tmp_path, CLOSED)
    assert done.error.exit_code == 3
    assert CLOSED in done.text or NO_CONSOLE in done.text
