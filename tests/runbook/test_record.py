"""The record of a run: programs, coloured output, and secrets that are split by control characters."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from sosagent.cli.report import page
from sosagent.cli.report_markdown import markdown
from sosagent.errors import EndpointUnreachable, StepFailed
from sosagent.lab import Lab
from sosagent.runbook.load import load_runbook
from sosagent.runbook.plan import planned
from sosagent.runbook.record import record_fields
from sosagent.runbook.values import Value, parameter_values
from sosagent.secrets.secret import Secret
from sosagent.terminal.screen import screen_of

from ..conftest import target_of
from .runs import SECRET, fail_on, output_of, run_on, write_runbook

HEAD = "parameters: {pw: {type: secret}, who: {default: me}}"


async def test_the_record_has_the_program_of_each_step(lab: Lab, tmp_path: Path) -> None:
    inner = write_runbook(tmp_path, "  - run: echo inner")
    path = write_runbook(
        tmp_path,
        f"""
  - name: first
    run: |
      for one in a b; do
      \techo "$one <&>"
      done
  - {{when: '{{{{ off }}}}', run: {{program: echo skipped}}}}
  - include: {inner.name}
  - assert: 'true'
  - run: exit 3
  - run: echo not run
""",
        "parameters: {off: {type: flag, default: false}}\nfinally: [{run: echo end}]",
    )
    _, record = await fail_on(lab, path, StepFailed)
    programs = {step.number: step.program for step in record.steps}
    assert programs == {
        "1": 'for one in a b; do\n    echo "$one <&>"\ndone', "2": "echo skipped", "3.1": "echo inner", "3": "",
        "4": "", "5": "exit 3", "6": "echo not run", "finally 1": "echo end",
    }  # fmt: skip
    fields = json.loads(json.dumps(record_fields(record)))["steps"]
    assert fields[0]["program"] == ["for one in a b; do", '    echo "$one <&>"', "done"]
    assert fields[2]["program"] == []
    loaded = load_runbook(path)
    plan = planned(loaded, parameter_values(loaded.runbook, {}), "host", "root")
    assert {step.number: step.program for step in plan.steps} == {**programs, "3.1": "echo inner"}


async def test_colours_are_kept_apart_from_the_output(lab: Lab, tmp_path: Path) -> None:
    program = r"printf '\033[1;31mred\033[0m plain\033[2J\033]0;t\007\n\033[32mgreen\n'"
    path = write_runbook(tmp_path, f"  - run: {json.dumps(program)}\n  - run: echo plain")
    record = await run_on(lab, path)
    assert output_of(record, "1") == "red plain\ngreen"
    assert record.steps[0].coloured.startswith("\x1b[0;1;38;2;204;85;90mred\x1b[0m plain\n\x1b[0;38;2;")
    assert record.steps[1].coloured == ""
    assert "coloured" not in json.dumps(record_fields(record))


async def test_long_output_keeps_its_end_and_its_colours(lab: Lab, tmp_path: Path) -> None:
    path = write_runbook(
        tmp_path, r"""  - run: printf '\033[31m'; i=0; while [ $i -lt 700 ]; do i=$((i+1)); printf "%0100d" $i; done"""
    )
    record = await run_on(lab, path)
    first, _, rest = record.steps[0].output.partition("\n")
    assert first == "(the first 4464 characters are left out)"
    assert len(rest) == 65536 and rest.endswith("0700")
    assert "31m" not in rest
    assert "\x1b[0;38;2;204;85;90m" in record.steps[0].coloured


SPLIT = {
    "colour": r"\033[31m".join((SECRET[:5], SECRET[5:])),
    "reset": r"\033[m".join((SECRET[:5], SECRET[5:])),
    "a control character": r"\000".join((SECRET[:5], SECRET[5:])),
    "a carriage return": r"\r".join((SECRET[:5], SECRET[5:])),
    "a title": r"\033]0;x\007".join((SECRET[:5], SECRET[5:])),
    "the cursor": r"\033[C".join((SECRET[:5], SECRET[5:])),
    "a zero-width space": r"\342\200\213".join((SECRET[:5], SECRET[5:])),
}


@pytest.mark.parametrize("how", SPLIT)
async def test_a_secret_that_is_split_by_controls_is_redacted(how: str, lab: Lab, tmp_path: Path) -> None:
    program = f"printf '{SPLIT[how]}\\n'; : \"$pw\"; printf '\\033[32mok\\n'"
    path = write_runbook(
        tmp_path,
        f"  - run: {{program: {json.dumps(program)}, store: s}}\n  - run: {json.dumps('echo ' + SECRET + ' $who')}\n"
        "  - {name: 'got {{ s }}', run: exit 3}\n  - {name: 'not {{ s }}', run: id}",
        HEAD,
    )
    events: list[object] = []
    error, record = await fail_on(
        lab, path, StepFailed, parameters={"pw": Secret(SECRET), "who": f"x{SECRET}"}, on_event=events.append
    )
    shown = repr(record) + json.dumps(record_fields(record)) + repr(events) + error.message
    assert record.steps[2].name.startswith("got ")
    assert SECRET not in shown
    for report in page(record), markdown(record):
        assert SECRET not in report
        assert SECRET not in re.sub(r"<[^>]*>", "", report)
    assert "(a secret)" in record.steps[0].output
    assert record.steps[1].program == "echo (a secret) $who"
    assert record.parameters["who"] == "x(a secret)"


@pytest.mark.parametrize("how", SPLIT)
async def test_a_screen_that_shows_a_split_secret_is_left_out(how: str, lab: Lab, tmp_path: Path) -> None:
    """A program that does not use the secret is recorded, and its output is on the screen."""
    program = f"printf '{SPLIT[how]}\\n'"
    path = write_runbook(
        tmp_path, f"  - run: {json.dumps(program)}\n  - run: ': \"$pw$who\"'\n  - run: echo visible", HEAD
    )
    record = await run_on(lab, path, {"pw": Secret(SECRET)})
    assert b"visible" in b"".join(step.screen for step in record.steps) or not record.steps[-1].screen
    for step in record.steps:
        assert SECRET not in "".join(screen_of(step.screen, 80, 24))
    assert SECRET not in re.sub(r"<[^>]*>", "", page(record))


async def test_secrets_are_redacted_before_there_is_a_console_and_in_a_plan(lab: Lab, tmp_path: Path) -> None:
    path = write_runbook(tmp_path, f"  - {{name: it is {SECRET}, run: 'echo $pw {SECRET} $who'}}", HEAD)
    values: dict[str, Value] = {"pw": Secret(SECRET), "who": SECRET}
    loaded = load_runbook(path)
    plan = planned(loaded, parameter_values(loaded.runbook, values), "host", "root")
    assert SECRET not in repr(plan) + json.dumps(record_fields(plan))
    closed = replace(target_of(lab), port=1)
    with pytest.raises(EndpointUnreachable) as caught:
        from sosagent.runbook.api import run_runbook

        await run_runbook(closed, path, values, password=lab.password)
    assert SECRET not in repr(caught.value.record)
    assert caught.value.record is not None
