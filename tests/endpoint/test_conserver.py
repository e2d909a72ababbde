"""A real conserver: its console is free, in use, or taken over during a job."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

import sosagent
from sosagent.access import LoginSettings
from sosagent.console import Console
from sosagent.endpoint.target import ExecTarget
from sosagent.session.root_shell import root_shell

from ..conftest import installed
from ..support.consoles import inner_console
from ..support.ptys import on_pty

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root: only root's shell is used")
NOBODY = sosagent.Secret("never typed")
#: dash does not redraw its prompt at ^L, so it looks like a question until Enter is pressed.
PRESS_ENTER = LoginSettings(take_over=True)

CONFIG = """\
config * { sslrequired no; }
default full { rw *; master 127.0.0.1; logfile ""; timestamp ""; }
console vm { include full; type exec; exec "/bin/sh -c 'SETUP exec /bin/sh -i'"; }
access * { trusted 127.0.0.1; }
"""


@asynccontextmanager
async def conserver(folder: Path, setup: str = "stty sane;") -> AsyncIterator[int]:
    """Run a server with one console, a root shell, and yield its port."""
    installed(["conserver"])
    installed(["console"])
    started = folder / "started"
    (folder / "cf").write_text(CONFIG.replace("SETUP", f"{setup} : >{started};"))
    (folder / "passwd").write_text("*any*:\n")
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, second = one.getsockname()[1], other.getsockname()[1]
    files = ["-C", str(folder / "cf"), "-P", str(folder / "passwd"), "-L", str(folder / "log")]
    server = await asyncio.create_subprocess_exec(
        "conserver", *files, "-M", "127.0.0.1", "-p", str(port), "-b", str(second), env=dict(os.environ, PS1="# ")
    )
    try:
        async with asyncio.timeout(20):
            while True:
                with suppress(OSError):
                    (await asyncio.open_connection("127.0.0.1", port))[1].close()
                    break
                await asyncio.sleep(0.02)
            while not started.exists():  # before that, the terminal has no kill character
                await asyncio.sleep(0.02)
        yield port
    finally:
        server.terminate()
        await server.wait()


@asynccontextmanager
async def attached(port: int, folder: Path, *options: str) -> AsyncIterator[Console]:
    """Return the console, through conserver's own client."""
    command = ["console", *options, "-C", "/dev/null", "-M", "127.0.0.1", "-p", str(port), "-l", "somebody", "vm"]
    async with on_pty(command, folder) as (console, _):
        await console.expect("for help")
        yield console


@needs_root
async def test_a_free_console(tmp_path: Path) -> None:
    async with conserver(tmp_path) as port, attached(port, tmp_path) as console:
        async with root_shell(console, NOBODY, settings=PRESS_ENTER) as session:
            assert (await session.shell.run("echo in")).output == b"in"
        assert session.left and console.open_line == "# "


@needs_root
async def test_a_console_in_use(tmp_path: Path) -> None:
    async with conserver(tmp_path) as port, attached(port, tmp_path), attached(port, tmp_path) as console:
        with pytest.raises(sosagent.EndpointBusy) as caught:
            async with root_shell(console, NOBODY, settings=PRESS_ENTER):
                pass
    assert (caught.value.state, caught.value.exit_code) == ("endpoint-busy", 3)


@needs_root
async def test_a_console_taken_over_during_the_job(tmp_path: Path) -> None:
    async with conserver(tmp_path) as port, attached(port, tmp_path) as console:
        with pytest.raises(sosagent.EndpointBusy, match="took over the console during the job") as caught:
            async with (
                root_shell(console, NOBODY, settings=PRESS_ENTER, dead_man=3) as session,
                attached(port, tmp_path, "-f") as theirs,
            ):
                await theirs.expect("bumped")
                await session.shell.run("echo in")
        assert "spy" in "".join(caught.value.tail), caught.value.tail


@needs_root
async def test_a_terminal_that_erases_nothing(tmp_path: Path) -> None:
    """conserver's ptys have no kill character, so unfinished input cannot be erased, and Enter is not pressed."""
    async with conserver(tmp_path, setup="") as port, attached(port, tmp_path) as console:
        await console.send(f"touch {tmp_path}/ran")
        await console.quiet(0.3, 3)
        with pytest.raises(sosagent.ConsoleStateUnknown, match="Enter"):
            async with root_shell(console, NOBODY, settings=PRESS_ENTER):
                pass
        await console.quiet(0.3, 3)
    assert not (tmp_path / "ran").exists()


@needs_root
@pytest.mark.parametrize("held", [True, False])
async def test_kick_takes_over_the_console(tmp_path: Path, held: bool) -> None:
    async with conserver(tmp_path) as port, AsyncExitStack() as stack:
        if held:
            await stack.enter_async_context(attached(port, tmp_path))
        words = ("console", "-C", "/dev/null", "-M", "127.0.0.1", "-p", str(port), "-l", "somebody", "vm")
        async with inner_console(ExecTarget(words), timeout=60, kick=True) as console:
            async with root_shell(console, NOBODY, settings=PRESS_ENTER) as session:
                assert (await session.shell.run("echo in")).output == b"in"
