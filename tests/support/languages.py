"""Real agetty, login, su, sudo and sulogin in every language of their catalogues, in the root of Debian 12.

`python -m tests.support.languages` runs the whole table (part of `make soak`); with names of languages, those.
It needs root, and the root file system that `python -m tests.support.roots` builds.
"""

from __future__ import annotations

import asyncio
import re
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import sosagent
from sosagent.session.connect import connect

from .logins import RealConsole
from .ptys import PtyTransport
from .roots import PASSWORD, ROOTS, locales

__all__ = ["CHECKS", "GETTY", "SULOGIN", "Cell", "Machine", "check_language", "root_console"]

GETTY = "/sbin/agetty -L 115200 {name} vt220"
SULOGIN = "/sbin/sulogin"
_WRONG = "wrong horse 8"
_SECONDS = 120.0
_AT_ONCE = 4
_NAMESPACE = """
mount --make-rprivate / && mount --bind {root} {root} && cd {root} && mount --rbind /dev dev &&
mount -t proc none proc && mount -t tmpfs none run && mount -t tmpfs none var/log && mount --bind {folder}/home root &&
>run/utmp && mkdir -p run/faillock && cp {folder}/tally run/faillock/locked && {more} &&
PATH=/usr/sbin:/usr/bin:/sbin:/bin exec env -i {env} TERM=vt220 PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
unshare --uts chroot . sh -c 'hostname web1; exec {program}'
"""


class Shown:
    """What a console has shown.

    Attributes:
        shown: everything that was received.
    """

    shown: bytearray


class RootConsole(RealConsole, Shown):
    """The console of a machine with getty and login from a root file system; see `root_console`."""

    def __init__(self, folder: Path, text: str) -> None:
        super().__init__(folder, "/bin/bash")
        self.shown = bytearray()
        self._program = text.replace("{tty}", self.tty).replace("{name}", self.tty.removeprefix("/dev/"))

    async def read(self) -> bytes:
        data = await super().read()
        self.shown += data
        return data


class RootPty(PtyTransport, Shown):
    """A program of a root file system on a pty, for one that needs the pty from its start; see `root_console`."""

    def __init__(self, text: str) -> None:
        super().__init__(["unshare", "-m", "sh", "-c", text], {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        self.shown = bytearray()

    async def read(self) -> bytes:
        data = await super().read()
        self.shown += data
        return data

    async def aclose(self) -> None:
        """Keep the program running."""


Machine: TypeAlias = RootConsole | RootPty


@asynccontextmanager
async def root_console(
    folder: Path, root: Path, program: str = GETTY, *, more: str = ":", **env: str
) -> AsyncIterator[Machine]:
    """Open the console of a machine that has the programs of a root file system.

    Args:
        folder: for the files of the machine; root's home is its folder ``home``.
        root: the root file system.
        program: what runs on the console; ``{tty}`` and ``{name}`` are the path and the name of the tty.
        more: a shell command that prepares the root, which is the working directory.
        env: the environment of the programs.
    """
    (folder / "home").mkdir(exist_ok=True)
    # Three failed logins of the user "locked", as pam_faillock records them.
    (folder / "tally").write_bytes(struct.pack("<52sHHQ", b"tty", 0, 5, int(time.time())) * 3)
    words = " ".join(f"{key}={value}" for key, value in env.items())
    text = _NAMESPACE.format(root=root, folder=folder, more=more, env=words, program=program)
    if "{" not in program:
        pty = RootPty(text)
        try:
            yield pty
        finally:
            await PtyTransport.aclose(pty)
        return
    console = RootConsole(folder, text)
    try:
        await console.started()
        yield console
    finally:
        await console.power_off()


@dataclass(frozen=True)
class Cell:
    """The result of one check in one language.

    Fields:
        problem: what went wrong; empty if the text was recognised.
        translated: whether the programs printed the text in the language, and not in English.
    """

    problem: str
    translated: bool


async def _error(console: Machine, user: str, password: str = PASSWORD, **options: str) -> str:
    """Log in and out again; return the error's class, message and reason, or an empty string."""
    try:
        async with connect(console, timeout=_SECONDS) as connected:
            await connected.login(password, login=user, **options)  # type: ignore[arg-type]
    except sosagent.SosError as error:
        return f"{type(error).__name__}: {error.message}"
    return ""


def _differs(found: str, *wanted: str) -> str:
    """Return `found` if it does not have the wanted parts, else an empty string."""
    if not any(wanted):
        return found
    return "" if found and all(part in found for part in wanted) else found or "no error"


async def _refused(console: Machine) -> str:
    return _differs(await _error(console, "alice", _WRONG), "LoginRefused: the machine refused the password: ")


async def _again(console: Machine) -> str:
    """At the prompt that login itself shows after a refusal."""
    try:
        async with connect(console, timeout=_SECONDS) as connected:
            with suppress(sosagent.LoginRefused):
                await connected.login(_WRONG, login="alice")
            await connected.logout()
            await connected.login(PASSWORD, login="alice")
    except sosagent.SosError as error:
        return f"{type(error).__name__}: {error.message}"
    return ""


async def _become(console: Machine, how: str) -> str:
    wrong = await _error(console, "alice", become=how, become_password=_WRONG)
    return _differs(wrong, "LoginRefused: the machine refused the password: ") or await _error(
        console, "alice", become=how
    )


async def _sulogin(console: Machine) -> str:
    wrong = await _error(console, "root", _WRONG)
    return _differs(wrong, "LoginRefused: the machine refused the password: ") or await _error(console, "root")


async def _expired(console: Machine) -> str:
    return _differs(await _error(console, "aged"), "LoginRefused: the password has expired")


async def _gone(console: Machine) -> str:
    return _differs(await _error(console, "gone"), "LoginRefused: the account has expired")


async def _locked(console: Machine) -> str:
    return _differs(await _error(console, "locked"), "LoginRefused: the account is locked")


#: For each column: the program on the console, patterns of English texts that a translated console does not show, and
#: the check.
CHECKS: dict[str, tuple[str, tuple[str, ...], Callable[[Machine], Awaitable[str]]]] = {
    "password, and `Login incorrect`": (GETTY, ("Password: ",), _refused),
    "login's own name prompt": (GETTY, (r"\S\r\nweb1 login: ",), _again),
    "expired password": (GETTY, ("You are required to change your password",), _expired),
    "expired account": (GETTY, ("Your account has expired",), _gone),
    "locked account": (GETTY, ("The account is locked",), _locked),
    "sulogin": (SULOGIN, ("Give root password for maintenance",), _sulogin),
    "sudo": (GETTY, ("Sorry, try again",), lambda console: _become(console, "sudo")),
    "su": (GETTY, ("Authentication failure",), lambda console: _become(console, "su")),
}  # fmt: skip


async def check_language(root: Path, name: str, check: str, folder: Path) -> Cell:
    """Run one check in one language.

    Args:
        root: the root file system of Debian 12.
        name: the locale, such as ``de_DE.UTF-8``.
        check: a key of `CHECKS`.
        folder: for the files of the machine.
    """
    program, english, run = CHECKS[check]
    folder.mkdir(parents=True)
    async with root_console(folder, root, program, LANG=name) as console:
        problem = await run(console)
        shown = console.shown.decode("utf-8", "replace")
        translated = not any(re.search(text, shown) for text in english)
    return Cell(problem, translated)


async def table(root: Path, chosen: dict[str, str], folder: Path) -> dict[str, dict[str, Cell]]:
    """Run all checks in the chosen languages (language: locale); print what is not recognised."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(language: str, check: str, number: int) -> Cell:
        async with slots:
            cell = await check_language(root, chosen[language], check, folder / f"{language}-{number}")
            if cell.problem:
                print(f"{language}, {check}: {cell.problem}", flush=True)
            return cell

    cells = await asyncio.gather(
        *(one(language, check, number) for language in chosen for number, check in enumerate(CHECKS))
    )
    rows = iter(cells)
    return {language: {check: next(rows) for check in CHECKS} for language in chosen}


def _main() -> None:
    root = ROOTS["bookworm"].folder
    if not root.exists():
        raise SystemExit(f"{root} does not exist: python -m tests.support.roots")
    found = locales(root)
    chosen = {language: found[language] for language in sys.argv[1:] or found}
    with tempfile.TemporaryDirectory(prefix="sosagent-languages-") as text:
        folder = Path(text)
        folder.chmod(0o755)
        results = asyncio.run(table(root, chosen, folder))
    for check in CHECKS:
        cells = [row[check] for row in results.values()]
        recognised = sum(not cell.problem for cell in cells)
        print(f"{check}: {recognised} of {len(cells)} recognised, {sum(cell.translated for cell in cells)} translated")


if __name__ == "__main__":
    _main()
