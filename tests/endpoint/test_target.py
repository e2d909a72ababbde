"""All forms of HOST, and errors in HOST."""

from __future__ import annotations

import asyncio
import importlib
import os
import socket
import subprocess
from pathlib import Path

import pytest

import sosagent
from sosagent.endpoint.parse import parse_target
from sosagent.endpoint.target import (
    ExecTarget,
    ProviderReference,
    SerialTarget,
    SshTarget,
    Target,
    TcpTarget,
    UnixTarget,
)
from sosagent.printable import is_clean
from sosagent.transports.opening import open_transport
from sosagent.transports.telnet import Telnet

from ..transports.test_conformance import _ptys

FORMS = {
    "/dev/ttyUSB0": SerialTarget("/dev/ttyUSB0"),
    "serial:///dev/ttyUSB0": SerialTarget("/dev/ttyUSB0"),
    "serial:/dev/ttyS1?baud=9600": SerialTarget("/dev/ttyS1", 9600),
    "serial:///dev/ttyUSB0?baud=57600&flow=rtscts": SerialTarget("/dev/ttyUSB0", 57600, "rtscts"),
    "serial://COM3?flow=xonxoff": SerialTarget("COM3", 115200, "xonxoff"),
    "com3": SerialTarget("com3"),
    "rfc2217://ts1:4001": TcpTarget("rfc2217", "ts1", 4001),
    "rfc2217://ts1:4001?baud=9600": TcpTarget("rfc2217", "ts1", 4001, 9600),
    "socket://[::1]:5000": TcpTarget("socket", "::1", 5000),
    "telnet://old": TcpTarget("telnet", "old", 23),
    "TELNET://old:2001/": TcpTarget("telnet", "old", 2001),
    "unix:///run/vm/serial": UnixTarget(Path("/run/vm/serial")),
    "unix:/run/vm%201": UnixTarget(Path("/run/vm 1")),
    "exec:virsh -c qemu:///system console 'web 1'": ExecTarget(("virsh", "-c", "qemu:///system", "console", "web 1")),
    "ssh://u@h?dialect=idrac": SshTarget("h", "u", dialect="idrac"),
    "packet:6d8bb9e7-2f5c": ProviderReference("packet", "6d8bb9e7-2f5c"),
    "aws:i-0abc:port0/x?y=1": ProviderReference("aws", "i-0abc:port0/x?y=1"),
    "web1:22": SshTarget("web1", None, 22),
    "fe80::1": SshTarget("fe80::1"),
    "abc:def:1": SshTarget("abc:def:1"),
    "ops:port02@ts1": SshTarget("ts1", "ops:port02"),
    "ocid1.x:ocid1.y@console.example.net:443": SshTarget("console.example.net", "ocid1.x:ocid1.y", 443),
}
BAD = {
    "ftp://h": "unknown console type",
    "serial://ttyUSB0": "is not a serial device",
    "serial:///dev/ttyS0?baud=fast": "is not a baud rate",
    "serial:///dev/ttyS0?baud=9": "is not a baud rate",
    "serial:///dev/ttyS0?flow=some": "unknown flow control",
    "serial:///dev/ttyS0?parity=even": "no option 'parity'",
    "serial:///dev/ttyS0?baud": "NAME=VALUE",
    "socket://h": "needs a port",
    "socket://h:0": "between 1 and 65535",
    "socket://h:1?baud=9600": "no option 'baud'",
    "telnet://u@h": "no user",
    "telnet://": "is not a host name or address",
    "rfc2217://h:70000": "between 1 and 65535",
    "unix://path": "needs an absolute path",
    "exec:": "needs a command",
    "exec:a 'b": "cannot parse the command",
    "ssh://u:p@h": "HOST must not contain a password",
    "h\x1b[2J": "cannot parse HOST",
    "packet:": "cannot parse HOST",
    "packet:a\x1b[2J": "cannot parse HOST",
    "packet://x": "unknown console type",
    "http://x": "unknown console type",
    "http:x": "cannot parse HOST",
    "gh:somebody": "cannot parse HOST",
    "gl:somebody": "cannot parse HOST",
    "ssh:x": "cannot parse HOST",
    "unix:x": "cannot parse HOST",
    "web1:99999": "between 1 and 65535",
    "web1::22": "cannot parse HOST",
    "Packet:x": "cannot parse HOST",
    "p:x": "cannot parse HOST",
}


@pytest.mark.parametrize("text", FORMS)
def test_forms(text: str) -> None:
    assert parse_target(text) == FORMS[text]
    assert is_clean(str(parse_target(text)))


@pytest.mark.parametrize("text", BAD)
def test_bad_forms(text: str) -> None:
    with pytest.raises(sosagent.TargetInvalid, match=BAD[text]) as caught:
        parse_target(text)
    assert is_clean(str(caught.value) + caught.value.hint)
    assert caught.value.exit_code == 2


def test_arguments_of_a_program_are_not_shown() -> None:
    assert str(parse_target("exec:ipmitool -P secret sol activate")) == "exec:ipmitool"


async def opened(target: Target) -> list[str]:
    notes: list[str] = []
    transport = await open_transport(target, ask=None, note=notes.append)
    await transport.aclose()
    return notes


async def refused(target: Target) -> sosagent.SosError:
    with pytest.raises(sosagent.SosError) as caught:
        await opened(target)
    assert is_clean(str(caught.value) + caught.value.hint)
    return caught.value


async def test_endpoints_that_do_not_exist(tmp_path: Path) -> None:
    error = await refused(SerialTarget("/dev/ttyNone7"))
    assert isinstance(error, sosagent.UsageError)
    assert "the device /dev/ttyNone7 does not exist" in str(error)
    assert "Serial devices on this computer: " in error.hint
    (tmp_path / "file").touch()
    assert "is not a serial device" in str(await refused(SerialTarget(str(tmp_path / "file"))))
    assert "No such file" in str(await refused(UnixTarget(tmp_path / "none")))
    error = await refused(ExecTarget(("no-such-program",)))
    assert isinstance(error, sosagent.UsageError)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        for protocol in ("socket", "telnet", "rfc2217"):
            error = await refused(TcpTarget(protocol, "127.0.0.1", port))
            assert (error.exit_code, "refused" in str(error)) == (3, True), error


async def test_a_device_in_use(tmp_path: Path) -> None:
    async with _ptys(tmp_path) as device:
        first = await open_transport(SerialTarget(str(device)), ask=None, note=print)
        error = await refused(SerialTarget(str(device)))
        assert isinstance(error, sosagent.EndpointBusy)
        assert "is in use" in str(error)
        await first.aclose()
        assert await opened(SerialTarget(str(device))) == []
        other = subprocess.Popen(["flock", "-x", device, "sleep", "60"])
        try:
            async with asyncio.timeout(10):
                while f"(process {other.pid})" not in str(await busy(device)):
                    await asyncio.sleep(0.05)
        finally:
            other.terminate()
            other.wait()
            subprocess.run(["pkill", "-P", str(other.pid)], check=False)


async def busy(device: Path) -> sosagent.SosError | None:
    try:
        await opened(SerialTarget(str(device)))
    except sosagent.EndpointBusy as error:
        return error
    return None


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be somebody else")
async def test_a_device_without_permission() -> None:
    master, slave = os.openpty()
    device = Path(os.ttyname(slave))
    os.chown(device, 0, 5)
    device.chmod(0o620)
    await refused(SerialTarget("/dev/ttyNone7"))  # imports modules that the user nobody cannot read here
    importlib.import_module("grp")
    os.seteuid(65534)
    try:
        error = await refused(SerialTarget(str(device)))
        os.seteuid(0)
        device.chmod(0o600)
        os.seteuid(65534)
        assert "with sudo" in (await refused(SerialTarget(str(device)))).hint  # being in a group would not help
    finally:
        os.seteuid(0)
        os.close(master)
        os.close(slave)
    assert (error.exit_code, "no permission to open" in str(error)) == (3, True)
    assert "group tty" in error.hint


async def test_unencrypted_endpoints_are_reported(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert "not encrypted" in (await opened(TcpTarget("socket", "127.0.0.1", port)))[0]
    server.close()


def test_telnet_agrees_once_and_passes_every_byte() -> None:
    telnet = Telnet()
    assert telnet.receive(b"\xff\xfb\x01\xff\xfb\x03log\xff") == (b"log", b"\xff\xfd\x01\xff\xfd\x03")
    assert telnet.receive(b"\xfb\x01in:\xff\xff") == (b"in:\xff", b"")  # a repeated option gets no answer
    assert telnet.receive(b"\xff\xfd\x18\xff\xfd\x01") == (b"", b"\xff\xfc\x18\xff\xfc\x01")  # no terminal, no echo
    assert telnet.receive(b"a\r\0b\r\n\xff\xfa\x18\x01\xff\xf0c") == (b"a\rb\r\nc", b"")
    assert telnet.send(b"x\r\xff") == b"x\r\0\xff\xff"
    assert telnet.receive(b"\xff\xfb\0\xff\xfd\0") == (b"", b"\xff\xfd\0\xff\xfb\0")
    assert telnet.send(b"x\r\xff") == b"x\r\xff\xff"
    assert telnet.receive(b"a\r\0b") == (b"a\r\0b", b"")
    assert telnet.receive(b"\xff\xfe\x2a\xff\xfc\x2a") == (b"", b"")  # an option that is already off


def test_telnet_limits_its_buffer() -> None:
    telnet = Telnet()
    assert telnet.receive(b"\xff\xfa\x18" + b"x" * 100_000) == (b"", b"")
    assert telnet.receive(b"more")[0] == b"more"


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("sos.example.net", None, "sos.example.net", None),
        ("uuid@sos.example.net", "uuid", "sos.example.net", None),
        ("uuid@sos.example.net:2222", "uuid", "sos.example.net", 2222),
        ("ssh://me%40corp@h:22/", "me@corp", "h", 22),
        ("proj.zone.vm.user.port=1@gw:9600", "proj.zone.vm.user.port=1", "gw", 9600),
        ("root:serial@console", "root:serial", "console", None),
        ("[::1]:2200", None, "::1", 2200),
        ("h:65535", None, "h", 65535),
        ("u@fe80::1", "u", "fe80::1", None),
        ("my-alias_1", None, "my-alias_1", None),
    ],
)
def test_the_parts_of_an_ssh_host(text: str, user: str | None, host: str, port: int | None) -> None:
    target = parse_target(text)
    assert isinstance(target, sosagent.SshTarget)
    assert (target.user, target.host, target.port) == (user, host, port)


@pytest.mark.parametrize(
    "text",
    [
        "", "@h", "u@", "h:0", "h:65536", "h:x", "http://h", "-oProxyCommand=id", "a b", "h\x1b[m", "ssh://u:pw@h",
        "h/x",
    ],
)  # fmt: skip
def test_invalid_hosts(text: str) -> None:
    with pytest.raises(sosagent.TargetInvalid) as caught:
        parse_target(text)
    assert is_clean(str(caught.value))
