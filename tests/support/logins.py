"""A machine's serial console with the real agetty and login on a pty, and any login shell. It needs root.

The programs run in a mount namespace of their own, whose passwd and shadow contain root with the wanted shell.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from sosagent.transports import Transport

__all__ = ["PASSWORD", "USER", "CutConsole", "RealConsole", "real_console", "require_login"]

PASSWORD = "correct horse 7"
#: A user besides root, with the same shell and password.
USER = "operator"
_POLL_SECONDS = 0.005
_NEEDED = ("/sbin/agetty", "/bin/login", "/usr/bin/unshare", "/usr/bin/openssl")
_NAMESPACE = """
mount --make-rprivate / && mount --bind {folder}/passwd /etc/passwd && mount --bind {folder}/shadow /etc/shadow &&
mount --bind {folder}/pam /etc/pam.d/login &&
for f in {hidden}; do mount --bind /dev/null $f; done && mount -t tmpfs none /var/log && mount -t tmpfs none /run &&
>/run/utmp && exec {getty}
"""
_GETTY = "/sbin/agetty -L 115200 {tty} vt220"
_SHADOW = "19000:0:99999:7:::"
#: As Debian's, without the delay after a refusal and without the session modules that need a system manager.
_PAM = """auth required pam_unix.so
account required pam_unix.so
session required pam_unix.so
session optional pam_motd.so motd=FOLDER/motd noupdate
"""


class RealConsole(Transport):
    """The console of a machine on which agetty and login run. A getty that ends is started again, as by init.

    Args:
        folder: for the files of the machine; root's home is its folder ``home``.
        shell: root's login shell.
        hidden: the paths of programs that the machine does not have.
        pam: the rules of PAM for login; FOLDER stands for `folder`.
        shadow: the fields of /etc/shadow behind the password, for each user.
        getty: what init starts on the tty again and again; ``{tty}`` is the tty below /dev.

    Attributes:
        sessions: how often a getty was started.
        tty: the path of the tty.
    """

    def __init__(
        self, folder: Path, shell: str, hidden: str = "", *, pam: str = _PAM, shadow: str = _SHADOW, getty: str = _GETTY
    ) -> None:
        self.name = self.place = f"real console in {folder}"
        self.sessions = 0
        self._master, slave = os.openpty()
        self.tty = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        self._data: asyncio.Queue[bytes] = asyncio.Queue()
        self._getty: asyncio.subprocess.Process | None = None
        self._tasks = [asyncio.ensure_future(self._respawn()), asyncio.ensure_future(self._read_all())]
        home = folder / "home"
        # Without this folder, each new fish reads all manual pages of the computer for its completions.
        (home / ".local" / "share" / "fish" / "generated_completions").mkdir(parents=True, exist_ok=True)
        (folder / "passwd").write_text(
            f"root:x:0:0::{home}:{shell}\n{USER}:x:1000:1000::/:{shell}\nnobody:x:65534:65534::/:/bin/false\n"
        )
        hashed = subprocess.run(
            ["openssl", "passwd", "-6", PASSWORD], check=True, capture_output=True, text=True
        ).stdout.strip()
        (folder / "shadow").write_text("".join(f"{name}:{hashed}:{shadow}\n" for name in ("root", USER)))
        (folder / "pam").write_text(pam.replace("FOLDER", str(folder)))
        self._program = _NAMESPACE.format(
            folder=folder, hidden=hidden, getty=getty.format(tty=self.tty.removeprefix("/dev/"))
        )

    @property
    def shell_open(self) -> bool:
        """Whether a program other than getty and login has the tty as its controlling terminal."""
        return bool({name for _, name in self._programs()} - {"agetty", "login"})

    def _programs(self) -> set[tuple[int, str]]:
        """Return the process IDs and names of the programs whose controlling terminal is the tty."""
        number = Path(self.tty).stat().st_rdev
        own = Path("/proc/self/ns/pid").readlink()  # a machine with processes of its own may have a tty of this number
        found = set()
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit():
                    _, _, fields = (entry / "stat").read_text().rpartition(") ")
                    ours = int(fields.split()[4]) == number and fields[0] != "Z"
                    if ours and (entry / "ns/pid").readlink() == own:
                        found.add((int(entry.name), (entry / "comm").read_text().strip()))
        return found

    async def _respawn(self) -> None:
        while True:
            self.sessions += 1
            self._getty = await asyncio.create_subprocess_exec(
                "unshare", "-m", "sh", "-c", self._program, start_new_session=True, stdin=subprocess.DEVNULL
            )
            await self._getty.wait()

    async def _read_all(self) -> None:
        while True:
            # login hangs up the tty before it starts a shell; reading fails until the tty is open again.
            with suppress(OSError):
                while data := os.read(self._master, 4096):
                    self._data.put_nowait(data)
            await asyncio.sleep(_POLL_SECONDS)

    async def read(self) -> bytes:
        return await self._data.get()

    async def write(self, data: bytes) -> None:
        with suppress(OSError):  # what is typed while the tty is closed is lost
            os.write(self._master, data)

    async def started(self, seconds: float = 60.0) -> None:
        """Wait until the getty has printed something; before that, the tty alone echoes."""
        async with asyncio.timeout(seconds):
            while self._data.empty():
                await asyncio.sleep(_POLL_SECONDS)

    async def aclose(self) -> None:
        """Keep the machine running; see `power_off`."""

    async def power_off(self) -> None:
        """End everything that runs on the machine."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for number, _ in self._programs():  # before the tty goes away, after which they cannot be found
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        os.close(self._master)
        if self._getty is not None:
            with suppress(ProcessLookupError):
                self._getty.kill()
            await self._getty.wait()


class CutConsole(Transport):
    """The console through a connection that can be cut."""

    def __init__(self, console: RealConsole) -> None:
        self._console = console
        self.name, self.place = console.name, console.place
        self.cut = False

    async def read(self) -> bytes:
        return b"" if self.cut else await self._console.read()

    async def write(self, data: bytes) -> None:
        if not self.cut:
            await self._console.write(data)

    async def aclose(self) -> None:
        """Keep the machine running."""


def require_login(shell: str) -> None:
    """Skip the test where the machine of `RealConsole` cannot run."""
    for needed in (*_NEEDED, shell):
        if not Path(needed).exists():
            pytest.skip(f"{needed} is not installed")
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("only root can run login")


@asynccontextmanager
async def real_console(
    folder: Path,
    shell: str,
    profile: dict[str, str] | None = None,
    hidden: str = "",
    motd: str = "",
    *,
    pam: str = _PAM,
    shadow: str = _SHADOW,
    getty: str = _GETTY,
) -> AsyncIterator[RealConsole]:
    """Open the console of a machine whose root has this login shell, or skip the test where that is not possible.

    Args:
        folder: for the files of the machine.
        shell: the path of root's login shell.
        profile: files to put into root's home, and their contents.
        hidden: the paths of programs that the machine does not have.
        motd: the message of the day.
        pam, shadow, getty: see `RealConsole`.
    """
    require_login(shell)
    console = RealConsole(folder, shell, hidden, pam=pam, shadow=shadow, getty=getty)
    for name, text in (profile or {}).items():
        file = folder / "home" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (folder / "motd").write_text(motd)
    try:
        yield console
    finally:
        await console.power_off()
