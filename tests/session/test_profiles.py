"""A key is added to accounts with odd prompts and profiles, or the error names the cause; no shell stays open."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support.profile_runs import add_once
from ..support.profiles import PROFILES

#: One of each kind; `make soak` tries all.
_SAMPLE = (
    "bash, prompt 'uboot => '",
    "dash, prompt 'Password: '",
    "bash, functions",
    "bash, starts zsh",
    "dash, asks for the size",
    "zsh, two lines, vi mode, a right prompt",
    "rbash",
)


@pytest.mark.sample(2)
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", _SAMPLE)
async def test_a_profile(name: str, tmp_path: Path) -> None:
    outcome = await add_once(PROFILES[name], tmp_path)
    assert not outcome.problem, (outcome.problem, outcome.error)
