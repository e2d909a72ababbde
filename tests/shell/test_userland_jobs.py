"""Every program of sosagent/shell/remote on machines with the tools of one userland."""

from __future__ import annotations

from pathlib import Path

import pytest

from sosagent.shell.programs import _sources

from ..support.userland_jobs import JOBS, run_jobs

#: Those that differ most from Debian's; `make soak` runs all.
_SAMPLE = ("mksh and toybox", "no checksums, stty, env, id, od, hexdump")


def test_each_program_belongs_to_a_job() -> None:
    listed = [name for programs, _ in JOBS.values() for name in programs]
    assert sorted(listed) == sorted(_sources()[0])


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", _SAMPLE)
async def test_the_jobs_on_a_sample_of_userlands(name: str, tmp_path: Path) -> None:
    assert await run_jobs(name, tmp_path) == {}
