"""Conditions of steps: each comparison, and its negation."""

from __future__ import annotations

from typing import Any

import pytest

from sosagent.runbook.conditions import Condition
from sosagent.runbook.load import load_runbook
from sosagent.runbook.scope import Scope


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        ({}, True),
        ({"equals": "web1"}, True),
        ({"equals": "web"}, False),
        ({"contains": "eb"}, True),
        ({"contains": "x"}, False),
        ({"matches": "^w.*1$"}, True),
        ({"matches": "^1"}, False),
    ],
)
@pytest.mark.parametrize("negate", [False, True])
def test_a_condition_holds_or_its_negation_does(comparison: dict[str, str], expected: bool, negate: bool) -> None:
    fields: dict[str, Any] = {"that": "{{ host }}", "not": negate, **comparison}
    scope = Scope(load_runbook("boot-errors"), {}, {"host": "web1"})
    assert scope.holds(Condition.model_validate(fields)) is (expected != negate)


@pytest.mark.parametrize("text", ["", " ", "0", "no", "False"])
def test_a_condition_without_comparison_is_false_for_these_values(text: str) -> None:
    scope = Scope(load_runbook("boot-errors"), {}, {"host": text})
    assert not scope.holds(Condition.model_validate({"that": "{{ host }}"}))
