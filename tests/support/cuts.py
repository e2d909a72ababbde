"""Cuts the connection at any byte: the file stays intact, the next run succeeds, and no shell stays open.

`python -m tests.support.cuts` tries every byte (about 4,000; most of the time is spent waiting).
"""

from __future__ import annotations

import asyncio

import sosagent
from sosagent.lab import Faults, Lab, open_lab

from ..conftest import target_of, until
from .soak import KEY, OLD, with_old_keys

__all__ = ["add", "sweep", "whole_run"]

_SWITCH = 3  # seconds until the dead-man's switch closes the shell


async def add(lab: Lab, dead_man: int | None = None) -> sosagent.AddKeyResult:
    """Add the key through the lab's endpoint."""
    return await sosagent.add_key(target_of(lab), KEY, password=lab.password, dead_man=dead_man)


async def cut_at(byte: int) -> str:
    """Cut the connection at byte `byte`, counted in both directions. Return the problem, or an empty string."""
    async with open_lab(faults=Faults(cut=byte)) as lab:
        file = with_old_keys(lab.machine.home)
        printed = spy_on(lab)
        result: str
        try:
            result = (await add(lab, _SWITCH)).status
        except sosagent.EndpointLost:
            result = "lost"
        text = file.read_text()
        if text not in (OLD, f"{OLD}{KEY.line}\n") or (result == "added" and text == OLD):
            return f"{byte}: result {result}, and the file is {text!r}"
        try:
            await until(lambda: not lab.machine.in_use, _SWITCH + 4)
        except TimeoutError:
            if b"=R" in printed:
                return f"{byte}: result {result}, and a shell is open although its mark was printed"
        try:
            done = await add(lab)
        except sosagent.EndpointLost:  # the first run had finished before the cut
            done = await add(lab)
        except sosagent.ConsoleError as error:
            return f"{byte}: result {result}, then {error.code}: {error.message} {error.tail[-3:]}"
        if not done.logged_out or lab.machine.in_use or file.read_text() != f"{OLD}{KEY.line}\n":
            return f"{byte}: result {result}, then {done.status}, and the file is {file.read_text()!r}"
    return ""


def spy_on(lab: Lab) -> bytearray:
    """Collect what the machine prints, even while no client is connected."""
    printed, show = bytearray(), lab.machine._print

    def spy(text: bytes) -> None:
        printed.extend(text)
        show(text)

    lab.machine._print = spy  # type: ignore[method-assign]
    return printed


async def sweep(cuts: range, at_once: int = 6) -> list[str]:
    """Cut at each of `cuts`, and return the problems."""
    slots = asyncio.Semaphore(at_once)

    async def one(byte: int) -> str:
        async with slots:
            return await cut_at(byte)

    return [wrong for wrong in await asyncio.gather(*map(one, cuts)) if wrong]


async def whole_run() -> int:
    """Return the number of bytes that a run without a cut transfers, in both directions."""
    async with open_lab() as lab:
        with_old_keys(lab.machine.home)
        done = await add(lab)
        return done.bytes_sent + done.bytes_received


def main() -> None:
    """Cut after every byte, and print the problems."""
    whole = asyncio.run(whole_run())
    wrong = asyncio.run(sweep(range(1, whole + 1), 16))
    print(f"cut after every one of {whole} bytes: {len(wrong)} problems")
    for line in wrong:
        print(f"  {line}")


if __name__ == "__main__":
    main()
