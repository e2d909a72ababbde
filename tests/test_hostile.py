"""Jobs against hostile consoles: a sample of what `make soak` runs for an hour."""

from __future__ import annotations

import pytest

from .support.hostile import once

#: Seeds with which an earlier version typed the password at the wrong place, or took too long to log out.
_FOUND = (45, 189, 227, 257, 263, 270, 383, 400, 430, 632, 635, 744, 827, 841, 538334)


@pytest.mark.parametrize("first", range(0, 200, 25))
def test_no_hostile_console_breaks_a_promise(first: int) -> None:
    assert {seed: wrong for seed in range(first, first + 25) if (wrong := once(seed).wrong)} == {}


@pytest.mark.parametrize("seed", _FOUND)
def test_what_was_found_stays_mended(seed: int) -> None:
    assert not once(seed).wrong
