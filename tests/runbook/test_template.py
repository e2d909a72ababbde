"""runbook/template.py: placeholders in texts."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sosagent.runbook.template import NameNotSet, TemplateInvalid, parse_template

from .runs import EXAMPLES

FILLED = [
    ("{{ a }}", "it's"),
    ("{{a}}-{{ a }}", "it's-it's"),
    ("{{ r }} {{ r.status }} {{ r.output }}", " b \nc 3  b \nc"),
    ("{{ a | quote }}", "'it'\"'\"'s'"),
    ("{{ r | trim | upper }}", "B \nC"),
    ("{{ r | first }}|{{ r | last }}|{{ r | lines }}", " b |c|2"),
    ("{{ none | default:x y }}", "x y"),
    ("{{ none | default:'' }}", ""),
    ("{{ a | default:x }}", "it's"),
    ("{{ '{{' }} a }}", "{{ a }}"),
    ("{{ yes }}", "true"),
    ("{{ braces }}", "{{ a }}"),
    ("{ { a } }", "{ { a } }"),
    ("}} a {%", "}} a {%"),
]


@pytest.mark.parametrize(("text", "expected"), FILLED)
def test_placeholders_are_replaced(text: str, expected: str) -> None:
    values = {"a": "it's", "r": {"output": " b \nc", "status": 3}, "yes": True, "braces": "{{ a }}"}
    assert parse_template(text).fill(values) == expected


@given(st.text().filter(lambda text: "{{" not in text))
@EXAMPLES
def test_a_text_without_placeholders_is_unchanged(text: str) -> None:
    assert parse_template(text).fill({}) == text


@given(st.text())
@example("{{ a }} {{ '{{' }} (a|b)+ $")
@EXAMPLES
def test_a_value_is_not_parsed_again_and_matches_only_itself_in_a_pattern(value: str) -> None:
    assert parse_template("<{{ v }}>").fill({"v": value}) == f"<{value}>"
    assert re.fullmatch(parse_template("^{{ v }}$").fill({"v": value}, re.escape), value) or "\n" in value


@pytest.mark.parametrize("text", ["{{ a", "{{ }}", "{{ a b }}", "{{ a | }}", "{{ a | no }}", "{{ a-b }}", "{{ a. }}"])
def test_an_invalid_placeholder_is_refused(text: str) -> None:
    with pytest.raises(TemplateInvalid):
        parse_template(text)


def test_a_name_without_a_value_is_an_error() -> None:
    with pytest.raises(NameNotSet):
        parse_template("{{ a.b }}").fill({"a": "x"})
