"""The endpoint differs from HOST: another speed, another protocol, or a port that is in use."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import sosagent
from sosagent.endpoint.target import SerialTarget, TcpTarget, UnixTarget

from ..conftest import installed, new_key
from ..support.ports import free_port, listens, wait_for
from ..support.uart import misread
from .test_redfish import certificate

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PROMPT = b"\r\nDebian GNU/Linux 12 web-1 ttyS0\r\n\r\nweb-1 login: "


async def add(target: sosagent.Target) -> sosagent.AddKeyResult:
    return await sosagent.add_key(target, new_key(), password="secret", timeout=60)


def test_the_same_speed_reads_what_was_sent() -> None:
    assert misread(PROMPT, 9600, 9600) == PROMPT


@pytest.mark.sample(2)
@pytest.mark.parametrize("machine", [9600, 19200, 38400, 57600, 230400])
@pytest.mark.parametrize("here", [115200, 9600])
async def test_a_wrong_speed_is_reported_with_suggestions(machine: int, here: int) -> None:
    """Simulate a getty that answers every Enter, over a line whose two ends have different speeds."""
    if machine == here:
        return
    near, far = os.openpty()
    tty.setraw(near)
    tty.setraw(far)
    loop = asyncio.get_running_loop()
    typed = b""

    def answer() -> None:
        nonlocal typed
        data = os.read(near, 4096)
        typed += data
        if misread(data, here, machine):
            os.write(near, misread(PROMPT, machine, here))

    loop.add_reader(near, answer)
    try:
        with pytest.raises(sosagent.ConsoleError) as caught:
            await add(SerialTarget(os.ttyname(far), here))
    finally:
        loop.remove_reader(near)
        os.close(near)
        os.close(far)
    assert f"at {here} baud" in caught.value.hint, caught.value
    assert caught.value.state == "garbled" or machine > 20 * here  # so fast that hardly any byte arrives
    assert "secret" not in typed.decode("latin-1")
    others = {"115200", "9600", "57600", "38400", "19200"} - {str(here)}
    assert all(other in caught.value.hint for other in others)


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[int]:
    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield running.sockets[0].getsockname()[1]
    running.close()
    await running.wait_closed()


def says(text: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        while await reader.read(100):
            pass
        writer.close()

    return serve


@pytest.mark.parametrize("protocol", ["socket", "telnet"])
@pytest.mark.parametrize(
    ("text", "name", "advice"),
    [(b"SSH-2.0-OpenSSH_9.2\r\n", "SSH", "ssh://"), (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP", "web server")],
    ids=["ssh", "http"],
)
async def test_a_wrong_protocol_is_reported(protocol: str, text: bytes, name: str, advice: str) -> None:
    async with server(says(text)) as port:
        with pytest.raises(sosagent.EndpointRefused, match=f"speaks {name}") as caught:
            await add(TcpTarget(protocol, "127.0.0.1", port))  # type: ignore[arg-type]
    assert advice in caught.value.hint


async def test_telnet_on_a_raw_port_is_reported() -> None:
    async with server(says(b"\xff\xfd\x18\xff\xfb\x01web-1 login: ")) as port:
        with pytest.raises(sosagent.EndpointRefused, match="speaks telnet") as caught:
            await add(TcpTarget("socket", "127.0.0.1", port))
    assert "telnet://" in caught.value.hint


@pytest.mark.parametrize("protocol", ["socket", "telnet"])
async def test_tls_on_a_raw_port_is_reported(protocol: str, tmp_path: Path) -> None:
    port = free_port()
    command = ["openssl", "s_server", "-quiet", "-accept", f"127.0.0.1:{port}", "-cert", str(certificate(tmp_path))]
    process = await asyncio.create_subprocess_exec(*installed(command), stdin=asyncio.subprocess.PIPE)
    await asyncio.to_thread(wait_for, lambda: listens(port), 10.0, "s_server")
    try:
        with pytest.raises(sosagent.EndpointLost, match="closed the connection") as caught:
            await add(TcpTarget(protocol, "127.0.0.1", port))  # type: ignore[arg-type]
    finally:
        process.terminate()
        await process.wait()
    assert "openssl s_client" in caught.value.hint


async def test_a_socket_for_one_connection_reports_its_user(tmp_path: Path) -> None:
    """Like QEMU: the second connection waits in the queue and receives nothing."""
    path = tmp_path / "console"
    running = await asyncio.start_unix_server(says(b"web-1 login: "), path)
    reader, writer = await asyncio.open_unix_connection(path)
    assert await reader.readexactly(5) == b"web-1"
    running.get_loop().remove_reader(running.sockets[0].fileno())  # later connections are not accepted
    with pytest.raises(sosagent.EndpointBusy, match="another client is connected to it") as caught:
        await add(UnixTarget(path))
    assert "ss -xp" in caught.value.hint
    writer.close()
    await writer.wait_closed()
    running.close()
    await running.wait_closed()


async def test_a_port_in_use_that_reports_it_late() -> None:
    """ser2net sends its telnet options first, and the reason in a separate packet."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\xff\xfb\x03\xff\xfd\x03")
        await writer.drain()
        await asyncio.sleep(0.1)  # so that the reason is in another packet
        writer.write(b"Port's device already in use\r\n")
        writer.close()

    async with server(serve) as port:
        with pytest.raises(sosagent.EndpointBusy, match="already in use"):
            await add(TcpTarget("rfc2217", "127.0.0.1", port))


def opened_by(process: int) -> set[str]:
    return {str(one.readlink()) for one in Path(f"/proc/{process}/fd").iterdir() if one.is_symlink()}


@pytest.mark.parametrize("accepter", ["tcp", "telnet(rfc2217),tcp"])
async def test_a_ser2net_port_in_use(accepter: str, tmp_path: Path) -> None:
    near, far = os.openpty()
    tty.setraw(far)
    device = os.ttyname(far)
    port = free_port()
    config = tmp_path / "ser2net.yaml"
    config.write_text(
        f"connection: &c\n  accepter: {accepter},127.0.0.1,{port}\n  connector: serialdev,{os.ttyname(far)},local\n"
    )
    process = await asyncio.create_subprocess_exec(
        *installed(["ser2net", "-n", "-c", str(config), "-P", str(tmp_path / "pid")])
    )
    await asyncio.to_thread(wait_for, lambda: listens(port), 10.0, "ser2net")
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        # It sends nothing when it accepts the first connection; it opens the line at that moment.
        await asyncio.to_thread(wait_for, lambda: device in opened_by(process.pid), 10.0, "the line")
        protocol = "socket" if accepter == "tcp" else "rfc2217"
        with pytest.raises(sosagent.EndpointBusy):
            await add(TcpTarget(protocol, "127.0.0.1", port))  # type: ignore[arg-type]
        writer.close()
    finally:
        process.terminate()
        await process.wait()
        os.close(near)
        os.close(far)
