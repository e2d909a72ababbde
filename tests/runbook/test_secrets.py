"""Secrets of a run appear in no record, event, recording or error."""

from __future__ import annotations

import json
import traceback
from pathlib import Path

import pytest

from sosagent.errors import StepFailed, UsageError
from sosagent.lab import Lab
from sosagent.runbook.load import load_runbook
from sosagent.runbook.record import record_fields
from sosagent.runbook.values import parameter_values
from sosagent.secrets.secret import Secret

from .runs import SECRET, fail_on, statuses, write_runbook

STEPS = f"""
  - run: {{program: 'echo "<$pw>"; printf %s "$pw" > kept', store: seen}}
  - run: cat kept
  - confirm: 'It said {{{{ seen }}}}'
  - run: {{program: 'echo made-{SECRET[:4]}$(echo ed-here)', store: token, secret: true}}
  - run: 'echo made-{SECRET[:4]}$(echo ed-here)'
  - run: 'echo "$token"'
  - run: {{program: 'echo "$pin"; exit 0', store: pin_seen}}
  - logout
  - wait_for: {{state: login}}
  - send: '{{{{ pw }}}}'
  - expect: 'assword: $'
  - send: {{text: '{{{{ token }}}}'}}
  - expect: incorrect
  - run: 'echo "$pw" >&2; exit 4'
"""


async def test_secrets_are_never_shown_or_recorded(lab: Lab, tmp_path: Path) -> None:
    path = write_runbook(tmp_path, STEPS, "parameters: {pw: {type: secret}, pin: {type: secret}}")
    cast = tmp_path / "cast"
    events: list[object] = []
    secrets = {"pw": Secret(SECRET), "pin": Secret("9z7")}
    error, record = await fail_on(
        lab, path, StepFailed, parameters=secrets, confirm=True, transcript=cast, on_event=events.append
    )
    assert (lab.machine.home / "kept").read_text() == SECRET
    assert statuses(record)["14"] == "failed"
    assert set(list(statuses(record).values())[:13]) == {"done"}
    shown = repr(record) + repr(events) + json.dumps(record_fields(record)) + cast.read_text() + repr(error.tail)
    shown += "".join(traceback.format_exception(error)) + repr(getattr(error, "__notes__", ""))
    shown += b"".join(step.screen for step in record.steps).decode(errors="replace")
    for word in (SECRET, f"made-{SECRET[:4]}ed-here", "9z7"):
        assert word not in shown
    assert "(a secret)" in shown or "(…)" in shown


def test_a_secret_is_refused_for_a_parameter_that_would_be_shown(tmp_path: Path) -> None:
    runbook = load_runbook(write_runbook(tmp_path, "  - run: echo $who", "parameters: {who: {}}")).runbook
    with pytest.raises(UsageError, match="is not a secret in this runbook") as caught:
        parameter_values(runbook, {"who": Secret(SECRET)})
    assert SECRET not in str(caught.value)
    for value, message in (("a\0b", "NUL"), ("\udc80", "not UTF-8"), ("x" * 70000, "longer than")):
        with pytest.raises(UsageError, match=message):
            parameter_values(runbook, {"who": value})
