"""Commands that are stopped on lines of several speeds leave no shell unannounced: a sample of tests.support.sweep."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from ..support.logins import real_console
from ..support.sweep import STOPS, Run, stop_once

_ADD_SECONDS = 4.0  # of the whole command at 9600 baud


@pytest.mark.timeout(120)
async def test_stopped_commands_leave_no_shell_unannounced(tmp_path: Path) -> None:
    async with real_console(tmp_path, "/bin/bash"):
        pass  # skip the test where that is not possible
    chance = random.Random(2)
    runs = [Run("add", stop, 9600, chance.uniform(0, _ADD_SECONDS)) for stop in STOPS]
    runs += [Run("upload", "SIGTERM", 9600, 2.0), Run("run", "SIGINT", 9600, 1.5), Run("add", "deadline", 300, 6.0)]
    outcomes = await asyncio.gather(*map(stop_once, runs))
    assert [f"{outcome.run}: {outcome.wrong} {outcome.said}" for outcome in outcomes if outcome.wrong] == []
