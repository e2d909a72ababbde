"""The connection is cut at any byte: the file is whole, the next run succeeds, and no shell stays."""

from __future__ import annotations

import asyncio

import pytest

import sosagent
from sosagent.lab import Faults, Lab, open_lab

from .conftest import target_of, until
from .soak import KEY, OLD, with_old_keys

_SWITCH = 3  # seconds, of the dead-man's switch
_EVERY = 20  # bytes between two cuts
_AT_ONCE = 6


async def add(lab: Lab, dead_man: int | None = None) -> sosagent.AddKeyResult:
    return await sosagent.add_key(target_of(lab), KEY, password=lab.password, dead_man=dead_man)


async def cut_at(byte: int) -> str:
    """What is wrong after a cut behind `byte` bytes, both ways together; nothing, if all is as it must be."""
    async with open_lab(faults=Faults(cut=byte)) as lab:
        file = with_old_keys(lab.machine.home)
        printed = spy_on(lab)
        said: str
        try:
            said = (await add(lab, _SWITCH)).status
        except sosagent.EndpointLost:
            said = "lost"
        text = file.read_text()
        if text not in (OLD, f"{OLD}{KEY.line}\n") or (said == "added" and text == OLD):
            return f"{byte}: said {said}, and the file is {text!r}"
        try:
            await until(lambda: not lab.machine.in_use, _SWITCH + 4)
        except TimeoutError:
            if b"=R" in printed:
                return f"{byte}: said {said}, and a shell is open behind the mark"
        try:
            done = await add(lab)
        except sosagent.EndpointLost:  # the first run was done before
            done = await add(lab)
        if not done.logged_out or lab.machine.in_use or file.read_text() != f"{OLD}{KEY.line}\n":
            return f"{byte}: said {said}, then {done.status}, and the file is {file.read_text()!r}"
    return ""


def spy_on(lab: Lab) -> bytearray:
    """What the machine prints, whoever is there to see it."""
    printed, show = bytearray(), lab.machine._print

    def spy(text: bytes) -> None:
        printed.extend(text)
        show(text)

    lab.machine._print = spy  # type: ignore[method-assign]
    return printed


async def sweep(cuts: range) -> list[str]:
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(byte: int) -> str:
        async with slots:
            return await cut_at(byte)

    return [wrong for wrong in await asyncio.gather(*map(one, cuts)) if wrong]


@pytest.mark.timeout(400)  # a collector that was cut off ends after 25 s of silence
@pytest.mark.parametrize("part", range(4))
async def test_cut_after_every_twentieth_byte(part: int) -> None:
    async with open_lab() as lab:
        with_old_keys(lab.machine.home)
        done = await add(lab)
        whole = done.bytes_sent + done.bytes_received
    assert await sweep(range(_EVERY * (part + 1), whole, _EVERY * 4)) == []
