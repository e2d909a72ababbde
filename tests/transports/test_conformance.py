"""The conformance suite: what every transport does, with a peer that sends everything back."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import threading
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncssh
import pytest

import sosagent
from sosagent.endpoint.target import ExecTarget, SerialTarget, SshTarget, Target, TcpTarget, UnixTarget
from sosagent.transports import Transport
from sosagent.transports.memory import memory_pair
from sosagent.transports.opening import open_transport

from ..conftest import installed
from ..support.ports import free_port, listens, wait_for

#: The peer hangs up when it receives this, and sends everything else back.
HANG_UP = b"<hang up>"
EVERY_BYTE = bytes(range(256))
_UNDER_WAY = 2000


class Far:
    """The replies of the peer to the bytes that arrive."""

    def __init__(self) -> None:
        self.seen = b""

    def answer(self, data: bytes) -> bytes | None:
        self.seen = (self.seen + data)[-len(HANG_UP) :]
        return None if self.seen == HANG_UP else data


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    far = Far()
    while data := await reader.read(4096):
        answer = far.answer(data)
        if answer is None:
            break
        writer.write(answer)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def _opened(target: Target) -> AsyncIterator[Transport]:
    transport = await open_transport(target, ask=None, note=lambda _: None)
    try:
        yield transport
    finally:
        await transport.aclose()


@asynccontextmanager
async def memory(folder: Path) -> AsyncIterator[Transport]:
    near, far = memory_pair()

    async def answer() -> None:
        end = Far()
        while data := await far.read():
            answered = end.answer(data)
            if answered is None:
                break
            await far.write(answered)
        await far.aclose()

    task = asyncio.create_task(answer())
    yield near
    await near.aclose()
    await task


class Anybody(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


def ssh_target(server: asyncssh.SSHAcceptor, key: asyncssh.SSHKey, folder: Path) -> SshTarget:
    known, config = folder / "known_hosts", folder / "config"
    known.write_text(f"[127.0.0.1]:{server.get_port()} {key.export_public_key().decode()}")
    config.touch()
    return SshTarget("127.0.0.1", "x", server.get_port(), ssh_config=config, known_hosts=known)


@asynccontextmanager
async def ssh(folder: Path) -> AsyncIterator[Transport]:
    async def serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
        far = Far()
        while data := await process.stdin.read(4096):
            answer = far.answer(data)
            if answer is None:
                break
            process.stdout.write(answer)
            await process.stdout.drain()
        process.exit(0)

    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(
        Anybody, "127.0.0.1", 0, server_host_keys=[key], process_factory=serve, encoding=None, line_editor=False
    )
    async with _opened(ssh_target(server, key, folder)) as transport:
        yield transport
    server.close()
    await server.wait_closed()


@asynccontextmanager
async def unix(folder: Path) -> AsyncIterator[Transport]:
    server = await asyncio.start_unix_server(_echo, folder / "s")
    async with _opened(UnixTarget(folder / "s")) as transport:
        yield transport
    server.close()


@asynccontextmanager
async def socket(folder: Path) -> AsyncIterator[Transport]:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    async with _opened(TcpTarget("socket", "127.0.0.1", server.sockets[0].getsockname()[1])) as transport:
        yield transport
    server.close()


@asynccontextmanager
async def program(folder: Path) -> AsyncIterator[Transport]:
    script = folder / "echo.py"
    script.write_text(
        "import os, tty\n"
        "tty.setraw(0)\n"
        "seen = b''\n"
        "os.write(1, b'ready')\n"
        "while data := os.read(0, 4096):\n"
        f"    seen = (seen + data)[-{len(HANG_UP)}:]\n"
        f"    if seen == {HANG_UP!r}: break\n"
        "    while data: data = data[os.write(1, data):]\n"
    )
    async with _opened(ExecTarget((sys.executable, str(script)))) as transport:
        assert await received(transport, 5) == b"ready"
        yield transport


@asynccontextmanager
async def _ptys(folder: Path) -> AsyncIterator[Path]:
    """One end of a pair of ptys; the other end echoes."""
    installed(["socat"])
    near, far = folder / "near", folder / "far"
    pair = await asyncio.create_subprocess_exec(
        "socat", f"pty,raw,echo=0,link={near}", f"pty,raw,echo=0,link={far}", stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(10):
        while not (near.exists() and far.exists()):
            await asyncio.sleep(0.01)
    device = os.open(far, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(device)

    def echo() -> None:
        end = Far()
        while data := os.read(device, 4096):  # nothing: the other end is gone
            answer = end.answer(data)
            if answer is None:
                pair.terminate()
                return
            while answer:
                answer = answer[os.write(device, answer) :]

    def until_it_ends() -> None:
        try:
            echo()
        except OSError:
            return  # the pair of ptys is gone

    thread = threading.Thread(target=until_it_ends)
    thread.start()
    yield near
    if pair.returncode is None:
        pair.terminate()
    await pair.wait()
    await asyncio.to_thread(thread.join)
    os.close(device)


@asynccontextmanager
async def serial(folder: Path) -> AsyncIterator[Transport]:
    async with _ptys(folder) as device, _opened(SerialTarget(str(device))) as transport:
        yield transport


def ser2net(accepter: str, protocol: str) -> Callable[[Path], AbstractAsyncContextManager[Transport]]:
    """A real ser2net in front of a pair of ptys."""

    @asynccontextmanager
    async def opened(folder: Path) -> AsyncIterator[Transport]:
        server = installed([shutil.which("ser2net", path=f"{os.environ['PATH']}:/usr/sbin") or "ser2net"])[0]
        port = free_port()
        async with _ptys(folder) as device:
            config = folder / "ser2net.yaml"
            config.write_text(
                f"connection: &one\n  accepter: {accepter},127.0.0.1,{port}\n"
                f"  connector: serialdev,{device.resolve()},115200n81,local\n"
            )
            process = await asyncio.create_subprocess_exec(server, "-n", "-d", "-c", str(config), "-u")
            try:
                await asyncio.to_thread(wait_for, lambda: listens(port), 10, "ser2net")
                async with _opened(TcpTarget(protocol, "127.0.0.1", port)) as transport:  # type: ignore[arg-type]
                    yield transport
            finally:
                process.terminate()
                await process.wait()

    return opened


KINDS: dict[str, Callable[[Path], AbstractAsyncContextManager[Transport]]] = {
    "memory": memory,
    "ssh": ssh,
    "unix": unix,
    "socket": socket,
    "exec": program,
    "serial": serial,
    "rfc2217 (ser2net)": ser2net("telnet(rfc2217),tcp", "rfc2217"),
    "socket (ser2net)": ser2net("tcp", "socket"),
    "telnet (ser2net)": ser2net("telnet,tcp", "telnet"),
}


async def received(transport: Transport, count: int) -> bytes:
    data = b""
    async with asyncio.timeout(30):
        while len(data) < count:
            portion = await transport.read()
            assert portion, data
            data += portion
    return data


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Callable[[Path], AbstractAsyncContextManager[Transport]]:
    return KINDS[request.param]


Kind = Callable[[Path], AbstractAsyncContextManager[Transport]]


async def test_every_byte_passes(kind: Kind, tmp_path: Path) -> None:
    async with kind(tmp_path) as transport:
        for data in (b"a", b"\r", b"\r\n\r\0\n", EVERY_BYTE, EVERY_BYTE * 4):
            await transport.write(data)
            assert await received(transport, len(data)) == data


async def test_reading_and_writing_at_once(kind: Kind, tmp_path: Path) -> None:
    data = os.urandom(1 << 16) * 3

    async with kind(tmp_path) as transport:
        await transport.write(b"a")  # telnet agrees on eight bits first
        assert await received(transport, 1) == b"a"

        sent, came = 0, bytearray()

        async def send() -> None:
            nonlocal sent
            while sent < len(data):
                # Send no more than the ptys can buffer: otherwise the echoing peer could not continue to read.
                if sent - len(came) <= _UNDER_WAY:
                    await transport.write(data[sent : sent + 1000])
                    sent += 1000
                else:
                    await asyncio.sleep(0.001)

        task = asyncio.create_task(send())
        async with asyncio.timeout(60):
            while len(came) < len(data):
                came += await transport.read()
        assert bytes(came) == data
        await task


async def test_a_cancelled_read_loses_nothing(kind: Kind, tmp_path: Path) -> None:
    async with kind(tmp_path) as transport:
        came = b""
        for number in range(20):
            reading = asyncio.create_task(transport.read())
            await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])
            await transport.write(b"%d;" % number)
            await asyncio.sleep(0.001 * (number % 3))
            if not reading.cancelled():
                came += reading.result()
        wanted = b"".join(b"%d;" % number for number in range(20))
        assert came + await received(transport, len(wanted) - len(came)) == wanted


async def test_the_far_end_hangs_up(kind: Kind, tmp_path: Path) -> None:
    async with kind(tmp_path) as transport:
        await transport.write(HANG_UP)
        async with asyncio.timeout(20):
            while await transport.read():
                pass
            assert await transport.read() == b""
            with pytest.raises(sosagent.EndpointLost):
                while True:  # the first write may still be taken
                    await transport.write(b"x" * 1000)


async def test_closing(kind: Kind, tmp_path: Path) -> None:
    before = _descriptors()
    async with kind(tmp_path) as transport:
        waiting = asyncio.create_task(transport.read())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await transport.aclose()
        await transport.aclose()
        with pytest.raises(sosagent.EndpointLost):
            await transport.write(b"x")
    async with asyncio.timeout(10):
        while len(_descriptors() - before) > 1:
            await asyncio.sleep(0.02)


async def test_a_break_over_ssh(tmp_path: Path) -> None:
    came = asyncio.Queue[int]()

    async def serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
        try:
            await process.stdin.read(10)
        except asyncssh.BreakReceived as caught:
            came.put_nowait(caught.msec)

    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(
        Anybody, "127.0.0.1", 0, server_host_keys=[key], process_factory=serve, encoding=None, line_editor=False
    )
    async with _opened(ssh_target(server, key, tmp_path)) as transport:
        await transport.send_break()
        assert await asyncio.wait_for(came.get(), 10) == 300
    server.close()


async def test_a_break_over_telnet() -> None:
    came = asyncio.Queue[bytes]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            came.put_nowait(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with _opened(TcpTarget("telnet", "127.0.0.1", server.sockets[0].getsockname()[1])) as transport:
        await transport.send_break()
        assert await asyncio.wait_for(came.get(), 10) == b"\xff\xf3"
    server.close()


async def test_a_transport_without_break_refuses_it(tmp_path: Path) -> None:
    async with unix(tmp_path) as transport:
        with pytest.raises(sosagent.UsageError, match="cannot send a BREAK"):
            await transport.send_break()


def _descriptors() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())
