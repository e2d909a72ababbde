"""A few trials of `kills.py`: the line is cut, the client is killed, the machine's power is cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support.samples import sampled
from .kills import crash, cut_at_points, kill_clients
from .machine import machine

pytestmark = [pytest.mark.vm, pytest.mark.timeout(300)]


@pytest.mark.parametrize("part", sampled(range(3), 0))
async def test_the_line_cut_at_points_of_the_run(part: int, tmp_path: Path) -> None:
    with machine() as vm:
        assert await cut_at_points(vm, 3, tmp_path, range(part, 3, 3)) == []


async def test_the_client_killed_at_random_moments(tmp_path: Path) -> None:
    with machine() as vm:
        assert await kill_clients(vm, 4, 1, tmp_path) == []


@pytest.mark.parametrize("seed", sampled(range(2), 0))
async def test_the_machine_killed_during_the_edit(seed: int, tmp_path: Path) -> None:
    assert await crash(seed, tmp_path) == ""
