"""The connection is cut after any byte: a sample of the cuts that `tests.support.cuts` tries."""

from __future__ import annotations

import pytest

from ..support.cuts import sweep, whole_run

_EVERY = 100  # bytes between two cuts; `make soak` cuts after every byte
_PARTS = 2


@pytest.mark.sample(2)
@pytest.mark.parametrize("part", range(_PARTS))
async def test_cut_after_every_hundredth_byte(part: int) -> None:
    """Make all cuts at once: after many of them the machine waits 25 s for more input before it logs out."""
    cuts = range(_EVERY * (part + 1), await whole_run(), _EVERY * _PARTS)
    assert await sweep(cuts, at_once=len(cuts)) == []
