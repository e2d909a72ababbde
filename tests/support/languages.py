"""Real agetty, login, su, sudo and sulogin in every language of their catalogues, in the root of Debian 12.

`python -m tests.support.languages` runs the whole table (part of `make soak`) and writes it into docs/reliability.md.
It needs root, and the root file system that `python -m tests.support.roots` builds.
"""

from __future__ import annotations

import asyncio
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import sosagent
from sosagent.session.connect import connect

from .logins import RealConsole
from .roots import PASSWORD, ROOTS, locales

__all__ = ["CHECKS", "GETTY", "SULOGIN", "Cell", "RootConsole", "check_language", "root_console"]

GETTY = "/sbin/agetty -L 115200 {name} vt220"
SULOGIN = "/sbin/sulogin {tty}"
_WRONG = "wrong horse 8"
_SECONDS = 120.0
_AT_ONCE = 6
_NAMESPACE = """
mount --make-rprivate / && mount --bind {root} {root} && cd {root} && mount --rbind /dev dev &&
mount -t proc none proc && mount -t tmpfs none run && mount -t tmpfs none var/log && mount --bind {folder}/home root &&
>run/utmp && mkdir -p run/faillock && cp {folder}/tally run/faillock/locked && {more}
PATH=/usr/sbin:/usr/bin:/sbin:/bin exec env -i {env} TERM=vt220 PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
unshare --uts chroot . sh -c 'hostname web1; exec {program} <{tty} >{tty} 2>&1'
"""


class RootConsole(RealConsole):
    """The console of a machine that has the programs of a root file system.

    Args:
        folder: for the files of the machine; root's home is its folder ``home``.
        root: the root file system.
        program: what runs on the console; ``{tty}`` and ``{name}`` are the path and the name of the tty.
        more: a shell command that prepares the root, which is the working directory.
        env: the environment of the programs.

    Attributes:
        shown: everything that the console has shown.
    """

    def __init__(self, folder: Path, root: Path, program: str = GETTY, *, more: str = ":", **env: str) -> None:
        super().__init__(folder, "/bin/bash")
        self.shown = bytearray()
        # Three failed logins of the user "locked", as pam_faillock records them.
        (folder / "tally").write_bytes(struct.pack("<52sHHQ", b"tty", 0, 5, int(time.time())) * 3)
        self._program = _NAMESPACE.format(
            root=root, folder=folder, tty=self.tty, more=f"{more} &&" if more != ":" else "",
            program=program.format(tty=self.tty, name=self.tty.removeprefix("/dev/")),
            env=" ".join(f"{key}={value}" for key, value in env.items()),
        )  # fmt: skip

    async def read(self) -> bytes:
        data = await super().read()
        self.shown += data
        return data


@asynccontextmanager
async def root_console(
    folder: Path, root: Path, program: str = GETTY, *, more: str = ":", **env: str
) -> AsyncIterator[RootConsole]:
    """Open such a console, and end everything that runs on it at the end."""
    console = RootConsole(folder, root, program, more=more, **env)
    try:
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


async def _error(console: RootConsole, user: str, password: str = PASSWORD, **options: str) -> str:
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


async def _refused(console: RootConsole) -> str:
    return _differs(await _error(console, "alice", _WRONG), "LoginRefused: the machine refused the password: ")


async def _again(console: RootConsole) -> str:
    """At the prompt that login itself shows after a refusal."""
    await _error(console, "alice", _WRONG)
    return await _error(console, "alice")


async def _become(console: RootConsole, how: str) -> str:
    wrong = await _error(console, "alice", become=how, become_password=_WRONG)
    return _differs(wrong, "LoginRefused: the machine refused the password: ") or await _error(
        console, "alice", become=how
    )


async def _sulogin(console: RootConsole) -> str:
    wrong = await _error(console, "root", _WRONG)
    return _differs(wrong, "LoginRefused: the machine refused the password: ") or await _error(console, "root")


async def _expired(console: RootConsole) -> str:
    return _differs(await _error(console, "aged"), "LoginRefused: the password has expired")


async def _gone(console: RootConsole) -> str:
    return _differs(await _error(console, "gone"), "LoginRefused: the account has expired")


async def _locked(console: RootConsole) -> str:
    return _differs(await _error(console, "locked"), "LoginRefused: the account is locked")


#: For each column: the program on the console, the English texts that a translated console does not show, the check.
CHECKS: dict[str, tuple[str, tuple[str, ...], Callable[[RootConsole], Awaitable[str]]]] = {
    "password, and `Login incorrect`": (GETTY, ("Password: ", "Login incorrect"), _refused),
    "login's own name prompt": (GETTY, ("\nweb1 login: ",), _again),
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
        # The first prompt is agetty's, which has no translations.
        translated = any(text not in shown.partition("login: ")[2] for text in english)
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
