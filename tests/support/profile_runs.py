"""Adds a key to accounts with odd prompts and profiles: `make soak`, or `python -m tests.support.profile_runs`.

Each account of `profiles` has a machine of its own, with the real agetty, login and shell on a pty. Either the key is
added, or the error names the cause; in both cases, the account is logged out, and no line of ours is in its history. It
needs root.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sosagent
from sosagent.console.events import Event

from .logins import PASSWORD, real_console
from .profiles import PROFILES, Profile

__all__ = ["Outcome", "add_once"]

_KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'B' * 43} new@host"
_ADDED = "added"
_LIMIT = 120.0
_LOGOUT_SECONDS = 5.0
#: Texts of the lines that we type.
_OURS = ("S\\O", "HISTFILE=", "/bin/sh")


@dataclass(frozen=True)
class Outcome:
    """What adding a key led to.

    Fields:
        error: the error; None if the key was added.
        problem: a broken promise, or an empty string.
        seconds: how long it took.
    """

    error: sosagent.SosError | None
    problem: str
    seconds: float

    @property
    def line(self) -> str:
        """The outcome in one line."""
        return _ADDED if self.error is None else f"{type(self.error).__name__}: {self.error} [{self.error.hint}]"


def _programs_of(home: Path) -> set[int]:
    """Return the process IDs of the programs with this home."""
    found = set()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and f"HOME={home}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.add(int(entry.name))
    return found


def _history(home: Path) -> str:
    """Return the first line of ours in a history of the account."""
    for file in home.rglob("*hist*"):
        if file.is_file():
            for line in file.read_text(errors="replace").splitlines():
                if any(text in line for text in _OURS):
                    return f"in {file.name}: {line[:60]}"
    return ""


async def add_once(profile: Profile, folder: Path, on_event: Callable[[Event], None] | None = None) -> Outcome:
    """Add a key to the account on a machine of its own."""
    folder.chmod(0o755)
    shell = profile.shell
    if shell.startswith("#!"):
        (folder / "shell").write_text(shell)
        (folder / "shell").chmod(0o755)
        shell = str(folder / "shell")
    home, error = folder / "home", None
    async with real_console(folder, shell, profile.files, motd=profile.motd) as console:
        started = time.monotonic()
        try:
            result = await sosagent.add_key(console, _KEY, password=PASSWORD, timeout=_LIMIT, on_event=on_event)
        except sosagent.SosError as raised:
            error = raised
        seconds = time.monotonic() - started
        file = home / ".ssh" / "authorized_keys"
        is_there = file.exists() and _KEY in file.read_text()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOGOUT_SECONDS):
                while console.shell_open:
                    await asyncio.sleep(0.05)
        problems = [
            "false success" * (error is None and not is_there),
            "added in spite of the error" * (error is not None and is_there),
            "a shell is open" * console.shell_open,
            "a menu was answered" * (home / "chosen").exists(),
            _history(home),
            "not logged out" * (error is None and not result.logged_out),
            f"announced: {error.open_shell}" if error is not None and error.open_shell else "",
        ]
        says = profile.says
        if error is None and says:
            problems.append("added")
        elif error is not None and (not says or says not in f"{error} {error.hint}"):
            problems.append("refused")
    for number in _programs_of(home):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    return Outcome(error, "; ".join(filter(None, problems)), seconds)


async def _add_all(names: Sequence[str], at_once: int, verbose: bool) -> int:
    slots, failures = asyncio.Semaphore(at_once), 0

    async def one(name: str) -> Outcome:
        async with slots:
            folder = Path(tempfile.mkdtemp(prefix="sosagent-profile-"))
            try:
                outcome = await add_once(PROFILES[name], folder, print if verbose else None)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            print(
                f"{outcome.seconds:6.1f} s  {name}: {outcome.line}\n{'':10}!! {outcome.problem}"
                if outcome.problem
                else f"{outcome.seconds:6.1f} s  {name}: {outcome.line}",
                flush=True,
            )
            if verbose and outcome.error is not None:
                print("\n".join(getattr(outcome.error, "tail", ())), getattr(outcome.error, "__notes__", ""))
            return outcome

    outcomes = await asyncio.gather(*map(one, names))
    failures = sum(bool(outcome.problem) for outcome in outcomes)
    added = sum(outcome.error is None for outcome in outcomes)
    print(f"{len(outcomes)} accounts: {added} added, {len(outcomes) - added} refused, {failures} problems")
    return failures


def main() -> None:
    """Add a key to each account, or to those whose name contains a text; print a line for each."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("texts", nargs="*")
    parser.add_argument("--at-once", type=int, default=6)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    names = [name for name in PROFILES if not options.texts or any(text in name for text in options.texts)]
    raise SystemExit(min(asyncio.run(_add_all(names, options.at_once, options.verbose)), 1))


if __name__ == "__main__":
    main()
