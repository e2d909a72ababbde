"""The connection is cut at any byte: `cuts.py`, here at every twentieth."""

from __future__ import annotations

import pytest

from ..support.cuts import sweep, whole_run

_EVERY = 20  # bytes between two cuts


@pytest.mark.timeout(400)  # a collector that was cut off ends after 25 s of silence
@pytest.mark.parametrize("part", range(4))
async def test_cut_after_every_twentieth_byte(part: int) -> None:
    assert await sweep(range(_EVERY * (part + 1), await whole_run(), _EVERY * 4)) == []
