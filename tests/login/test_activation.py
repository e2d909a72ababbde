"""A console that asks for Enter before it starts a shell: BusyBox's init on a pty, and other texts."""

from __future__ import annotations

import asyncio
import os
import select
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from sosagent.access import LoginSettings
from sosagent.console import Console
from sosagent.errors import ConsoleOccupied, ConsoleStateUnknown
from sosagent.secrets.secret import Secret
from sosagent.session.root_shell import root_shell
from sosagent.terminal.states import classify
from sosagent.transports.descriptor import DescriptorTransport

from ..support.dialogue import typed
from .conversation import (
    ASK_LOGIN,
    CLEAR,
    LOG_IN,
    LOGIN,
    READS_LINES,
    REDRAW,
    REDRAWN,
    ROOT,
    WAKE,
    Case,
    identify,
    in_shell,
    key,
    no_initramfs,
    play,
)

PROMPT = "Please press Enter to activate this console. "
_INIT = """
mount --make-rprivate / && mount -t proc proc /proc && mount --bind {folder}/inittab /etc/inittab &&
exec busybox init
"""


@asynccontextmanager
async def askfirst(folder: Path, action: str) -> AsyncIterator[Console]:
    """Run BusyBox's init as process 1 of its own namespace; yield the console of its entry in inittab."""
    if os.geteuid() != 0 or shutil.which("busybox") is None or not Path("/etc/inittab").parent.exists():
        pytest.skip("needs root and BusyBox")
    inittab = Path("/etc/inittab")
    created = not inittab.exists()
    master, slave = os.openpty()
    tty = os.ttyname(slave).removeprefix("/dev/")
    (folder / "inittab").write_text(f"{tty}::{action}\n")
    if created:
        inittab.touch()  # a mount needs a file to cover
    init = subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _INIT.format(folder=folder)],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    # The text must be there when the job looks; without it, nothing tells the prompt from a question.
    await asyncio.to_thread(select.select, [master], [], [], 60)
    console = Console(DescriptorTransport("BusyBox's init", master))
    try:
        yield console
    finally:
        with suppress(ProcessLookupError):
            os.killpg(init.pid, signal.SIGKILL)
        await asyncio.to_thread(init.wait)
        await console.aclose()
        os.close(slave)
        if created:
            inittab.unlink()


async def test_a_shell_of_busybox_init(tmp_path: Path) -> None:
    async with askfirst(tmp_path, "askfirst:-/bin/busybox ash") as console:
        console.set_deadline(200)
        for _ in range(2):
            async with root_shell(console, Secret("never typed"), settings=LoginSettings()) as session:
                assert (await session.shell.run("echo in")).output == b"in"
            assert session.left, session.trouble
            assert session.state_found == "activation"
            assert classify([], console.open_line).state.name == "activation"


SHELL = "/ # "
OPEN = READS_LINES + key(WAKE, "\r\n" + SHELL)
CASES = {
    "a root shell": Case(
        (PROMPT,), OPEN + identify(0, "root", SHELL) + no_initramfs(SHELL), typed(" exit", PROMPT), state="activation"
    ),
    "the text has a newline": Case(
        ("Press any key to get console\r\n",), OPEN + identify(0, "root", SHELL) + no_initramfs(SHELL),
        typed(" exit", "Press any key to get console\r\n"), state="activation",
    ),
    "a root shell that starts slowly": Case(
        (PROMPT,), READS_LINES + key(WAKE, "\r\n", 8.0, "\r\n", 2.0, SHELL) + identify(0, "root", SHELL)
        + no_initramfs(SHELL), typed(" exit", 4.0, "\r\n" + PROMPT), state="activation",
    ),
    "a root shell that starts slowly, without an echo of Enter": Case(
        (PROMPT,), READS_LINES + key(WAKE, 4.0, "\r\n" + SHELL) + identify(0, "root", SHELL)
        + no_initramfs(SHELL), typed(" exit", PROMPT), state="activation",
    ),
    "the text has a newline, and the shell starts slowly": Case(
        ("Press any key to get console\r\n",), READS_LINES + key(WAKE, "\r\n", 8.0, SHELL)
        + identify(0, "root", SHELL) + no_initramfs(SHELL), typed(" exit", "Press any key to get console\r\n"),
        state="activation",
    ),
    "a root shell with an odd prompt": Case(
        (PROMPT,), READS_LINES + key(WAKE, "\r\nready: "), typed(" exit", "\r\n" + PROMPT), state="activation",
        error=ConsoleStateUnknown, message="does not recognise",
    ),
    "any key starts the shell, as at agetty's pause before an automatic login": Case(
        ("[press ENTER to login]\r\n",), key(REDRAW, "\r\nweb-1 login: root (automatic login)\r\n\r\n" + SHELL)
        + identify(0, "root", SHELL) + no_initramfs(SHELL), typed(" exit", "\r\n[press ENTER to login]\r\n"),
        state="activation",
    ),
    "another user's shell": Case(
        (PROMPT,), OPEN + identify(1000, "alice", SHELL) + in_shell("", SHELL), typed(" exit", PROMPT),
        state="activation", error=ConsoleOccupied, message="a shell of alice",
    ),
    "a login": Case(
        (PROMPT,), READS_LINES + key(WAKE, "\r\n" + LOGIN) + ASK_LOGIN + LOG_IN,
        key(CLEAR) + key("\\exit\r", "\r\n" + LOGIN), state="activation",
    ),
    "an existing shell behind the text": Case(
        (PROMPT,), key(REDRAW, REDRAWN + ROOT) + identify(0, "root", ROOT) + no_initramfs(ROOT), state="activation"
    ),
}  # fmt: skip


@pytest.mark.virtual_time
@pytest.mark.parametrize("name", CASES)
async def test_a_console_that_asks_for_enter(name: str) -> None:
    await play(CASES[name])


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Please press Enter to activate this console.", "activation"), ("Press any key to get console", "activation"),
        ("Press <Enter> to get a console.", "activation"), ("Press ENTER to start a shell", "activation"),
        ("Press [Enter] for login prompt", "activation"), ("[press ENTER to login]", "activation"),
        ("Press return for a console...", "activation"),
        ("Hit any key to stop autoboot:  3 ", "boot-menu"), ("Press Enter for maintenance", "maintenance-enter"),
        ("Press Enter to continue.", "unknown"), ("press any key to continue", "unknown"),
    ],
)  # fmt: skip
def test_the_texts(text: str, state: str) -> None:
    assert classify([], text).state.name == state
