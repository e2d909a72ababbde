"""Adds a key on a machine whose output stalls once: `make soak`, or `python -m tests.support.stalls [--seconds N]`.

A machine that swaps, or whose disk is stuck, stops in the middle of a line. Each run logs in through the real agetty,
login and bash; the output stalls before one byte. The key must be added, and no shell may stay open. It needs root.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Iterable
from pathlib import Path

import sosagent

from .logins import PASSWORD, RealConsole

__all__ = ["SHELL", "add_with_a_stall"]

#: Bytes that the machine prints during one run.
_MOST = 1250
SHELL = "/bin/bash"
_AT_ONCE = 8
_KEY = sosagent.parse_public_keys(f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43} new")[0]


class _Stalling(RealConsole):
    """A console whose output stalls once.

    Args:
        folder: see `RealConsole`.
        at: the byte before which it stalls.
        seconds: for how long.
    """

    def __init__(self, folder: Path, at: int, seconds: float) -> None:
        super().__init__(folder, SHELL)
        self._late: asyncio.Queue[bytes] = asyncio.Queue()
        self._tasks.append(asyncio.ensure_future(self._pass_on(at, seconds)))

    async def _pass_on(self, at: int, seconds: float) -> None:
        passed = 0
        while True:
            data = await super().read()
            before = at - passed
            passed += len(data)
            if 0 <= before < len(data):
                self._late.put_nowait(data[:before])
                await asyncio.sleep(seconds)
                data = data[before:]
            self._late.put_nowait(data)

    async def started(self, seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            self._late.put_nowait(await self._late.get())

    async def read(self) -> bytes:
        while not (data := await self._late.get()):
            pass
        return data


async def add_with_a_stall(folder: Path, at: int, seconds: float) -> str:
    """Add a key on a machine whose output stalls for `seconds` before the byte `at`; return what is wrong."""
    machine = _Stalling(folder, at, seconds)
    try:
        await machine.started()
        done = await sosagent.add_key(machine, _KEY, password=PASSWORD, timeout=120)
        wrong = "" if done.status == "added" and done.logged_out else f"{done.status}, logged out: {done.logged_out}"
    except sosagent.SosError as error:
        wrong = f"{type(error).__name__}: {error.message}"
    finally:
        left = machine.shell_open
        await machine.power_off()
    return f"{wrong}; a shell is open" if left else wrong


async def _all(places: Iterable[int], seconds: float) -> None:
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(at: int) -> bool:
        async with limit:
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                wrong = await add_with_a_stall(Path(folder), at, seconds)
        if wrong:
            print(f"before byte {at}: {wrong}", flush=True)
        return not wrong

    good = await asyncio.gather(*map(one, places))
    print(f"stalls of {seconds:g} s: {sum(good)} of {len(good)} runs added the key")


def main() -> None:
    """Print each fault, and a count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--every", type=int, default=25, help="bytes between two places")
    options = parser.parse_args()
    asyncio.run(_all(range(0, _MOST, options.every), options.seconds))


if __name__ == "__main__":
    main()
