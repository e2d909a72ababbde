"""Which cases of a kind each run of the tests has, and which only `make soak`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from _pytest.mark.structures import ParameterSet

__all__ = ["mark_samples", "sampled"]


def sampled(cases: Iterable[object], *kept: object) -> list[ParameterSet]:
    """Return `cases` for `parametrize`: those that are not in `kept` have the mark `long`."""
    found = list(cases)
    assert set(kept) <= set(found), set(kept) - set(found)
    return [pytest.param(one, marks=[] if one in kept else [pytest.mark.long]) for one in found]


def mark_samples(items: Iterable[pytest.Item]) -> None:
    """Give the mark `long` to all but one in N cases of each test that has the mark `sample(N)`."""
    seen: Counter[str] = Counter()
    for item in items:
        if (mark := item.get_closest_marker("sample")) is not None:
            test = item.nodeid.partition("[")[0]
            if seen[test] % mark.args[0]:
                item.add_marker(pytest.mark.long)
            seen[test] += 1
