"""Run a job from the command line: what its end does not wait for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sosagent.cli.run import run_job
from sosagent.errors import DeadlineExceeded


def test_the_end_does_not_wait_for_a_thread_that_was_abandoned() -> None:
    """As for a name whose servers do not answer: its look-up runs in a thread, and may take minutes."""
    answered = threading.Event()

    async def job() -> None:
        try:
            async with asyncio.timeout(0.05):
                await asyncio.to_thread(answered.wait)
        except TimeoutError:
            raise DeadlineExceeded("too late") from None

    with pytest.raises(DeadlineExceeded):
        run_job(job())
    assert not answered.is_set()
    answered.set()
