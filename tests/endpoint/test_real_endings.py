"""Real programs that provide no console, or stop providing it: their text is in the error, with a hint that fits it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

import sosagent
from sosagent.endpoint.target import ExecTarget
from sosagent.errors import EndpointBusy, EndpointLost, EndpointRefused, EndpointUnreachable
from sosagent.session.connect import connect
from sosagent.session.root_shell import root_shell

from ..conftest import installed, new_key
from ..support.consoles import inner_console
from ..support.ports import free_port
from .test_conserver import NOBODY, PRESS_ENTER, needs_root

LAN = "ipmitool -I lanplus -U a -P b"
ENDS: dict[str, tuple[str, type[sosagent.SosError], str]] = {
    "ipmitool": (f"{LAN} -H 127.0.0.1 -p PORT -R 1 -N 1 sol activate", EndpointUnreachable, "RMCP+"),
    "ipmitool name": (f"{LAN} -H bmc.invalid sol activate", EndpointUnreachable, "Address lookup"),
    "ipmitool open": ("ipmitool sol activate", EndpointUnreachable, "/dev/ipmi0"),
    "ipmiconsole": ("ipmiconsole -h bmc.invalid -u a -p b", EndpointUnreachable, "hostname invalid"),
    "console": ("console -M 127.0.0.1 -p PORT web1", EndpointUnreachable, "Unable to connect"),
    "virsh": ("virsh -c test:///default console nosuch", EndpointRefused, "failed to get domain"),
    "virsh driver": ("virsh -c test:///default console test", EndpointRefused, "virDomainOpenConsole"),
    "virsh uri": ("virsh -c qemu+unix:///system?socket=/nowhere console x", EndpointUnreachable, "to the hypervisor"),
    "picocom": ("picocom /dev/nowhere", EndpointRefused, "FATAL"),
    "cu": ("cu -l /dev/nowhere", EndpointRefused, "open (/dev/nowhere)"),
    "screen": ("screen -x nowhere", EndpointRefused, "no screen to be attached"),
    "telnet": ("telnet 127.0.0.1 PORT", EndpointUnreachable, "Connection refused"),
    "ssh": ("ssh -o BatchMode=yes -p PORT 127.0.0.1", EndpointUnreachable, "Connection refused"),
    "ssh name": ("ssh -o BatchMode=yes bmc.invalid", EndpointUnreachable, "Could not resolve"),
    "socat": ("socat - UNIX-CONNECT:/nowhere", EndpointUnreachable, "No such file"),
    "sh": ("sh -c 'ipmitool sol activate; exit 3'", EndpointUnreachable, "/dev/ipmi0"),
}  # fmt: skip


def target(command: str) -> str:
    words = command.split()
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    return f"exec:{command}".replace("PORT", str(free_port()))


@pytest.mark.parametrize("name", ENDS)
async def test_a_program_that_ends_at_once(name: str) -> None:
    command, kind, text = ENDS[name]
    host = target(command)
    for asked in (
        sosagent.console_state(host, poke=True),
        sosagent.add_key(host, [new_key()], password="x", timeout=60),
    ):
        with pytest.raises(sosagent.SosError) as caught:
            await asked
        assert type(caught.value) is kind, caught.value
        assert text in caught.value.message
        assert (caught.value.exit_code, bool(caught.value.hint)) == (3, True)


CONSERVER = """\
config * { sslrequired no; }
default full { master 127.0.0.1; logfile ""; timestamp ""; type exec; }
console vm { include full; rw *; exec "/bin/sh -c 'stty sane; exec /bin/sh -i'"; }
console down { include full; rw *; type host; host 127.0.0.1; port 1; }
console watched { include full; rw nobody; ro *; exec "/bin/sh -i"; }
console private { include full; rw nobody; ro nobody; exec "/bin/sh -i"; }
access * { trusted 127.0.0.1; }
"""


@asynccontextmanager
async def conserver(folder: Path) -> AsyncIterator[tuple[int, asyncio.subprocess.Process]]:
    """Run a server with these consoles; yield its port and its process."""
    installed(["conserver"])
    installed(["console"])
    (folder / "cf").write_text(CONSERVER)
    (folder / "passwd").write_text("*any*:\n")
    port = free_port()
    files = ["-C", str(folder / "cf"), "-P", str(folder / "passwd"), "-L", str(folder / "log")]
    server = await asyncio.create_subprocess_exec(
        "conserver", *files, "-M", "127.0.0.1", "-p", str(port), "-b", str(free_port()), env=dict(os.environ, PS1="# "),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            while True:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                await asyncio.sleep(0.02)
        yield port, server
    finally:
        with suppress(ProcessLookupError):
            server.terminate()
        await server.wait()


def client(port: int, name: str) -> ExecTarget:
    words = ("console", "-C", "/dev/null", "-M", "127.0.0.1", "-p", str(port), "-l", "somebody", name)
    return ExecTarget(words)


async def test_consoles_of_a_conserver_that_cannot_be_used(tmp_path: Path) -> None:
    async with conserver(tmp_path) as (port, _):
        for name, text in (
            ("down", "[`down' -- console is down]"),
            ("watched", "[read-only]"),
            ("private", "private: permission denied"),
            ("nowhere", "console `nowhere' not found"),
        ):
            with pytest.raises(EndpointRefused) as caught:
                await sosagent.add_key(client(port, name), [new_key()], password="x", timeout=60)
            assert text in caught.value.message, (name, caught.value.message)
            assert (caught.value.state, caught.value.exit_code) == ("endpoint-closed", 3)


@needs_root
async def test_a_console_of_a_conserver_that_ends_during_the_job(tmp_path: Path) -> None:
    async with conserver(tmp_path) as (port, server):
        with pytest.raises(EndpointLost, match=r"lost connection|shutting down") as caught:
            async with (
                inner_console(client(port, "vm"), timeout=100) as console,
                root_shell(console, NOBODY, settings=PRESS_ENTER, dead_man=3) as session,
            ):
                assert (await session.shell.run("echo in")).output == b"in"
                server.terminate()
                async with asyncio.timeout(60):
                    while True:  # it still serves for a moment
                        await session.shell.run("echo in")
        assert caught.value.exit_code == 3


@asynccontextmanager
async def controller(folder: Path) -> AsyncIterator[str]:
    """Run a simulated controller with a console on a pty; yield the ipmitool command for it."""
    installed(["ipmi_sim"])
    installed(["ipmitool"])
    port = free_port()
    master, slave = os.openpty()
    (folder / "lan.conf").write_text(
        'name "bmc"\nset_working_mc 0x20\n  startlan 1\n'
        f"    addr 127.0.0.1 {port}\n    priv_limit admin\n"
        "    allowed_auths_admin none md2 md5 straight\n    guid a123456789abcdefa123456789abcdef\n  endlan\n"
        f'  sol "{os.ttyname(slave)}" 115200\n'
        '  user 1 true "" "test" user 10 none md2 md5 straight\n'
        '  user 2 true "admin" "bmc-secret" admin 10 none md2 md5 straight\n'
    )
    (folder / "sim.emu").write_text(
        "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nmc_enable 0x20\n"
    )
    (folder / "state").mkdir()
    files = ["-c", str(folder / "lan.conf"), "-f", str(folder / "sim.emu"), "-s", str(folder / "state")]
    quiet = asyncio.subprocess.DEVNULL
    simulator = await asyncio.create_subprocess_exec("ipmi_sim", "-n", *files, stdin=quiet, stdout=quiet, stderr=quiet)
    call = f"ipmitool -I lanplus -C 3 -H 127.0.0.1 -p {port} -U admin"
    try:
        async with asyncio.timeout(60):
            while await run(f"{call} -P bmc-secret mc info"):
                await asyncio.sleep(0.1)
        yield call
    finally:
        simulator.kill()
        await simulator.wait()
        os.close(master)
        os.close(slave)


async def run(command: str) -> int:
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command.split(), stdin=quiet, stdout=quiet, stderr=quiet)
    return await process.wait()


async def test_serial_over_lan_that_is_refused(tmp_path: Path) -> None:
    async with controller(tmp_path) as call:
        disabled = f"{call} -P bmc-secret raw 0x0c 0x21 0x0e 0x01 0x00"
        cases = (
            ("-P wrong -R 1 -N 1", EndpointUnreachable, "Unable to establish IPMI v2", ""),
            ("-C 17 -P bmc-secret -R 1", EndpointRefused, "invalid authentication algorithm", ""),
            ("-P bmc-secret", EndpointRefused, "SOL payload disabled", disabled),
        )
        for words, kind, text, before in cases:
            assert not before or await run(before) == 0
            with pytest.raises(kind) as caught:
                await sosagent.add_key(f"exec:{call} {words} sol activate", [new_key()], password="x", timeout=60)
            assert text in caught.value.message


async def test_a_device_that_another_program_has_locked() -> None:
    installed(["picocom"])
    master, slave = os.openpty()
    device = os.ttyname(slave)
    async with connect(f"exec:picocom {device}", timeout=60) as console:
        await console.expect("Terminal ready")
        with pytest.raises(EndpointBusy, match="cannot lock"):
            await sosagent.add_key(f"exec:picocom -b 19200 {device}", [new_key()], password="x", timeout=60)
        os.close(master)
        os.close(slave)
        with pytest.raises(EndpointLost, match=r"read zero bytes|reset failed"):
            await console.expect("nothing")
