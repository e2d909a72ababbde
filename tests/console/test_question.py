"""Questions before a change, while the console waits."""

from __future__ import annotations

import asyncio

import pytest

from sosagent.console import Console
from sosagent.console.question import QUESTION_SECONDS, ask_before
from sosagent.errors import NotConfirmed
from sosagent.file_change import FileChange
from sosagent.transports.memory import memory_pair

pytestmark = pytest.mark.virtual_time
_CHANGE = FileChange("/f", ("--- /f", "+++ /f", "-a"))


async def test_the_time_limit_does_not_count_the_answer() -> None:
    transport, _ = memory_pair()
    async with Console(transport) as console:
        console.set_deadline(5)

        async def confirm(change: FileChange) -> bool:
            assert change is _CHANGE
            await asyncio.sleep(200)
            return True

        await asyncio.sleep(2)
        assert await ask_before(_CHANGE, confirm, console) == pytest.approx(200, abs=0.1)
        assert console.time_left() == pytest.approx(3, abs=0.1)
        assert console.deadline.seconds == 5


@pytest.mark.parametrize("seconds", [0, QUESTION_SECONDS + 1])
async def test_no_and_no_answer_are_errors(seconds: float) -> None:
    transport, _ = memory_pair()
    async with Console(transport) as console:
        console.set_deadline(5)

        async def confirm(_: FileChange) -> bool:
            await asyncio.sleep(seconds)
            return False

        with pytest.raises(NotConfirmed, match="nobody answered within 5 minutes" if seconds else "not confirmed"):
            await ask_before(_CHANGE, confirm, console)
        assert console.time_left() == pytest.approx(5, abs=0.1)


async def test_nobody_is_asked_about_nothing() -> None:
    transport, _ = memory_pair()
    async with Console(transport) as console:

        async def confirm(_: FileChange) -> bool:
            raise AssertionError

        assert await ask_before(FileChange("/f", ()), confirm, console) == 0
        assert await ask_before(_CHANGE, None, console) == 0


async def test_a_timeout_of_the_callers_is_not_ours() -> None:
    transport, _ = memory_pair()
    async with Console(transport) as console:

        async def confirm(_: FileChange) -> bool:
            raise TimeoutError

        with pytest.raises(TimeoutError):
            await ask_before(_CHANGE, confirm, console)
