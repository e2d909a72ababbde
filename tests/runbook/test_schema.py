"""runbook/schema.py: the JSON Schema accepts valid runbooks, and refuses most invalid ones."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sosagent.errors import ConfigInvalid
from sosagent.runbook.library import NEW
from sosagent.runbook.load import load_runbook
from sosagent.runbook.schema import runbook_schema
from sosagent.runbook.text import parse_yaml

from .test_check import FILES

VALID = [
    "name: x\nsteps: [login, {run: id}, {logout: }, {send: '1'}, {expect: a}, {wait_for: {state: login}}]",
    "name: x\nparameters: {a: , b: {type: choice, choices: [x]}}\nsteps: [{run: 'echo $a $b'}]",
    "name: x\nsteps: [{assert: {that: 1, equals: 1, not: true}}, {run: id, when: true, repeat: {until: x}}]",
    "name: x\nsteps: [{run: {program: id, status: any}}, {run: {program: id, status: [0]}}, {send_break: {sysrq: b}}]",
    "name: x\ntimeout: 1.5\nsteps: [{upload: {from: a, to: /a, mode: '0644'}}]\nfinally: [{confirm: a}]",
]


def parsed(text: str) -> Any:
    return parse_yaml(text, "x").value


def test_the_schema_separates_valid_from_invalid_runbooks() -> None:
    schema = runbook_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for text in (*VALID, NEW):
        errors = [error.message for error in validator.iter_errors(parsed(text))]
        assert not errors, (text, errors)
    refused: list[str] = []
    accepted: list[str] = []
    for name, path in FILES.items():
        with contextlib.suppress(ConfigInvalid, UnicodeDecodeError):
            if name.startswith(("shape-", "parameter-")):
                (accepted if validator.is_valid(parsed(path.read_text())) else refused).append(name)
    assert len(refused) > 3 * len(accepted), accepted


@pytest.mark.parametrize("text", VALID)
def test_what_the_schema_accepts_can_be_loaded(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(text)
    assert load_runbook(tmp_path / "a.yml").runbook.name == "x"
