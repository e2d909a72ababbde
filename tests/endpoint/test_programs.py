"""Programs that show a console (``exec:``), replaced by stand-ins that behave like the real ones.

The real ipmitool, ipmiconsole and conserver's console are in tests/vm/test_endpoints.py.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import sosagent
from sosagent.endpoint.target import ExecTarget
from sosagent.lab import SimulatedMachine

from ..conftest import new_key, until

PASSWORD = "open sesame"
#: Prints what the program prints, and passes bytes on until it receives its escape keys.
STAND_IN = """\
#!{python}
import json, os, select, socket, sys, tty
told = json.load(open({told!r}))
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
def say(text):
    os.write(1, text.encode("latin-1"))
if told["ends_by"] and told["ends_by"] in sys.argv:
    os.path.exists({taken!r}) and os.remove({taken!r})
    sys.exit(0)
if os.path.exists({taken!r}) and not (told["force"] and told["force"] in sys.argv):
    say(told["busy"])
    sys.exit(1)
if told["asks"]:
    say(told["asks"])
    line = b""
    while not line.endswith(b"\\n"):  # as getpass(3) reads, whatever the terminal's modes are
        line += os.read(0, 1)
    say("\\r\\n")
    if line != b"endpoint's own\\n":
        say("refused\\r\\n")
        sys.exit(1)
tty.setraw(0)
say(told["ready"])
line = socket.socket(socket.AF_UNIX)
line.connect({socket!r})
typed = b"\\r"
while True:
    for one in select.select([0, line], [], [])[0]:
        data = os.read(0, 4096) if one == 0 else line.recv(4096)
        if not data:
            sys.exit(0)
        if one == line:
            os.write(1, data)
            continue
        typed += data
        leave = told["leave"].encode("latin-1")
        if leave and typed.endswith(leave):
            with open({log!r}, "a") as log:
                log.write('"left"\\n')
            sys.exit(0)
        line.sendall(data)
"""


@dataclass(frozen=True)
class Real:
    """The output and behaviour of the real program."""

    argv: tuple[str, ...]
    ready: str
    leave: str = ""
    busy: str = ""
    force: str = ""
    ends_by: str = ""
    asks: str = ""


PROGRAMS = {
    "virsh": Real(
        ("console", "web1"),
        "Connected to domain 'web1'\r\nEscape character is ^] (Ctrl + ])\r\n",
        "\x1d",
        "error: operation failed: Active console session exists for this domain\r\n",
        "--force",
    ),
    "qm": Real(
        ("terminal", "113"), "starting serial terminal on interface serial0 (press Ctrl+O to exit)\r\n", "\x0f"
    ),
    "virtctl": Real(
        ("console", "web1"), "Successfully connected to web1 console. The escape sequence is ^]\r\n", "\x1d"
    ),
    "az": Real(("serial-console", "connect", "-g", "RG", "-n", "VM"), "", "\x1dq"),
    "telnet": Real(
        ("cs", "4001"), "Trying 192.0.2.1...\r\nConnected to cs.\r\nEscape character is '^]'.\r\n", "\x1dquit\r"
    ),
    "console": Real(
        ("web1",), "[Enter `^Ec?' for help]\r\n", "\x05c.", "[no, operator@desk is attached]\r\n", "-f"
    ),
    "ipmitool": Real(
        ("-I", "lanplus", "-H", "bmc", "-U", "root", "sol", "activate"),
        "[SOL Session operational.  Use ~? for help]\r\n",
        busy="Info: SOL payload already active on another session\r\n",
        ends_by="deactivate",
        asks="Password: ",
    ),
    "ipmiconsole": Real(
        ("-h", "bmc"), "[SOL established]\r\n", "\x1d.", "[error received]: SOL in use\r\n", asks="Password: "
    ),
}  # fmt: skip


@dataclass(frozen=True)
class StandIn:
    """Install one of the stand-ins."""

    target: ExecTarget
    machine: SimulatedMachine
    taken: Path
    log: Path

    def runs(self) -> list[Any]:
        """Return its arguments, and whether it was left with its escape keys."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@asynccontextmanager
async def stand_in(folder: Path, name: str) -> AsyncIterator[StandIn]:
    real = PROGRAMS[name]
    home = Path(tempfile.mkdtemp())
    home.chmod(0o711)  # its shell may run as nobody
    machine = SimulatedMachine("lab", home / "root", sosagent.Secret(PASSWORD))

    serving: list[Any] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        machine.connect(writer.write)
        while data := await reader.read(4096):
            machine.type(data)
        machine.disconnect()
        writer.close()
        await writer.wait_closed()

    paths = {one: str(folder / one) for one in ("told", "log", "taken", "socket")}
    server = await asyncio.start_unix_server(serve, paths["socket"])
    Path(paths["told"]).write_text(json.dumps({**vars(real), "argv": None}))
    program = folder / name
    program.write_text(STAND_IN.format(python=sys.executable, **paths))
    program.chmod(0o755)
    machine.power_on()
    yield StandIn(
        ExecTarget((str(program), *real.argv)), machine, Path(paths["taken"]), Path(paths["log"])
    )  # fmt: skip
    server.close()
    await server.wait_closed()
    for task in serving:
        await task
    machine.power_off()
    shutil.rmtree(home)


async def answer(endpoint: str, prompt: str, echo: bool) -> str:
    """The endpoint's own password, which differs from the machine's (PASSWORD)."""
    assert (endpoint.startswith("exec:"), prompt, echo) == (True, "Password:", False)
    return "endpoint's own"


async def add(one: StandIn, **options: Any) -> sosagent.AddKeyResult:
    return await sosagent.add_key(one.target, new_key(), password=PASSWORD, timeout=60, ask=answer, **options)


@pytest.mark.parametrize("name", PROGRAMS)
async def test_the_job_through_each(name: str, tmp_path: Path) -> None:
    async with stand_in(tmp_path, name) as one:
        done = await add(one)
        assert (done.status, done.logged_out) == ("added", True)
        assert not one.machine.in_use
        if PROGRAMS[name].leave:
            await until(lambda: one.runs()[-1] == "left")
        if PROGRAMS[name].ends_by:
            assert one.runs()[-1][-1] == "deactivate"


@pytest.mark.parametrize("name", [name for name, real in PROGRAMS.items() if real.busy])
async def test_a_busy_console_is_reported_and_not_taken_over(name: str, tmp_path: Path) -> None:
    async with stand_in(tmp_path, name) as one:
        one.taken.touch()
        with pytest.raises(sosagent.EndpointBusy) as caught:
            await add(one)
        assert "--kick does that" in caught.value.hint
        assert not {word for run in one.runs() for word in run} & {"--force", "-f", "deactivate"}
        assert one.taken.exists()


@pytest.mark.parametrize("name", ["virsh", "console", "ipmitool"])
async def test_kick_takes_it_over(name: str, tmp_path: Path) -> None:
    async with stand_in(tmp_path, name) as one:
        one.taken.touch()
        assert (await add(one, kick=True)).status == "added"


async def test_ipmiconsole_does_not_take_over(tmp_path: Path) -> None:
    """It takes over sessions by default, and its escape character & appears in our shell programs."""
    async with stand_in(tmp_path, "ipmiconsole") as one:
        await add(one)
        await add(one, kick=True)
        first, second = (run for run in one.runs() if run != "left")
        assert first == ["-e", "\x1d", "--dont-steal", "-h", "bmc"]
        assert second == ["-e", "\x1d", "-h", "bmc"]


async def test_the_endpoints_password_is_not_the_machines(tmp_path: Path) -> None:
    """No user can answer: the job is refused, and the machine's password is not tried."""
    async with stand_in(tmp_path, "ipmitool") as one:
        with pytest.raises(sosagent.EndpointRefused, match=r"asks for its own login \(Password:\)"):
            await sosagent.add_key(one.target, new_key(), password=PASSWORD, timeout=30)
        assert not one.machine.in_use
