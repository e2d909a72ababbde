"""An event loop in a thread."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest

from sosagent.loop_thread import LoopThread


def test_tasks_are_cancelled_at_the_end() -> None:
    ended: list[str] = []

    async def start() -> asyncio.Task[None]:
        async def long() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("long")

        task = asyncio.create_task(long())
        await asyncio.sleep(0)
        return task

    async def fails() -> None:
        raise KeyError("x")

    with LoopThread("test") as loop:
        loop.call(start())
        with pytest.raises(KeyError, match="x"):
            loop.call(fails())
    assert ended == ["long"]


def test_an_interruption_before_the_first_step() -> None:
    ended: list[str] = []

    async def work() -> None:
        ended.append("started")
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("ended")

    with LoopThread("test") as loop:

        async def busy() -> None:
            asyncio.get_running_loop().call_soon(time.sleep, 0.4)

        loop.call(busy())
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            loop.call(work())
    assert ended in (["started", "ended"], [])
    assert time.monotonic() - started < 30


def test_calls_from_a_callback_and_after_the_end_are_rejected() -> None:
    async def nothing() -> int:
        return 1

    with LoopThread("test") as loop:

        async def within() -> int:
            return loop.call(nothing())

        with pytest.raises(RuntimeError, match="test cannot wait for itself"):
            loop.call(within())
        assert loop.call(nothing()) == 1
    with pytest.raises(RuntimeError, match="test has ended"):
        loop.call(nothing())
