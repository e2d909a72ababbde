"""tests/support/virtual_time.py: its clock, its order, and all that it refuses."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import pytest

from .virtual_time import RealWork, VirtualTimeLoop


@pytest.mark.virtual_time
async def test_hours_pass_at_once() -> None:
    loop, real = asyncio.get_running_loop(), time.monotonic()
    start = loop.time()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(7200):
            await asyncio.Event().wait()
    assert loop.time() - start == pytest.approx(7200, abs=0.01)
    assert time.monotonic() - real < 60


@pytest.mark.virtual_time
async def test_timers_fire_in_order_and_ready_tasks_run_before_the_clock_jumps() -> None:
    loop, order = asyncio.get_running_loop(), list[str]()

    async def step(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        for _ in range(100):
            await asyncio.sleep(0)
        order.append(f"{name} at {loop.time():.1f}")

    await asyncio.gather(step("third", 3), step("first", 1), step("second", 2))
    assert order == ["first at 1.0", "second at 2.0", "third at 3.0"]


@pytest.mark.virtual_time
async def test_polling_reaches_a_deadline() -> None:
    deadline = asyncio.get_running_loop().time() + 0.001
    while asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0)


@pytest.mark.virtual_time
async def test_a_callback_from_the_same_process_wakes_it() -> None:
    done = asyncio.Event()
    asyncio.get_running_loop().call_soon_threadsafe(done.set)
    await done.wait()


async def test_the_loop_is_a_real_one_without_the_marker() -> None:
    assert not isinstance(asyncio.get_running_loop(), VirtualTimeLoop)


async def read_a_pipe() -> None:
    ours, theirs = os.pipe()
    try:
        asyncio.get_running_loop().add_reader(ours, print)
    finally:
        os.close(ours)
        os.close(theirs)


async def write_a_pipe() -> None:
    ours, theirs = os.pipe()
    try:
        asyncio.get_running_loop().add_writer(theirs, print)
    finally:
        os.close(ours)
        os.close(theirs)


REFUSED: dict[str, Callable[[], Awaitable[object]]] = {
    "reader": read_a_pipe,
    "writer": write_a_pipe,
    "thread": lambda: asyncio.to_thread(print),
    "name lookup": lambda: asyncio.open_connection("localhost", 9),
    "connection": lambda: asyncio.open_connection("127.0.0.1", 9),
    "program": lambda: asyncio.create_subprocess_exec(sys.executable, "-V", stdout=subprocess.DEVNULL),
    "shell": lambda: asyncio.create_subprocess_shell("true"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_real_work_is_refused_and_cannot_be_hidden(name: str) -> None:
    """The code under test may catch the error; the loop raises it again when it closes."""

    async def swallow() -> None:
        with pytest.raises(RealWork):
            await REFUSED[name]()

    loop = VirtualTimeLoop()
    loop.run_until_complete(swallow())
    with pytest.raises(RealWork):
        loop.close()


def test_a_wait_that_nothing_can_end_is_an_error() -> None:
    loop = VirtualTimeLoop()
    with pytest.raises(RealWork, match="never ends"):
        loop.run_until_complete(asyncio.Event().wait())
    for task in asyncio.all_tasks(loop):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
    loop.close()
