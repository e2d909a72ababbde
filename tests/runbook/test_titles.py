"""The names of steps: placeholders in them are filled in wherever a step is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sosagent.console.events import Event
from sosagent.errors import StepFailed, UsageError
from sosagent.lab import Lab
from sosagent.runbook.load import load_runbook
from sosagent.runbook.plan import planned
from sosagent.runbook.recording_reader import read_recording
from sosagent.runbook.replay import replay
from sosagent.runbook.run import find_first_step
from sosagent.runbook.template import fill_known
from sosagent.runbook.values import parameter_values
from sosagent.secrets.secret import Secret

from ..support.cli import run_sosagent
from .runs import SECRET, fail_on, run_on, write_runbook

HEAD = "parameters: {service: {default: ssh}, pw: {type: secret}}"
STEPS = """
  - name: 'look at {{ service }} on {{ hostname }}'
    run: {program: 'printf "85\\n<b>\\n"', store: used}
  - name: 'at {{ used | first }} %, status {{ used.status }}'
    run: {program: 'echo 3', store: used}
  - confirm: 'Restart {{ service }} ({{ used }})?'
  - wait_for: {state: login}
  - send: '{{ pw }}'
  - run: 'echo "$service" "$pw"'
"""


async def test_names_are_filled_in_where_a_step_is_named(lab: Lab, tmp_path: Path) -> None:
    inner = write_runbook(tmp_path, "  - {name: 'inner {{ service }}', run: exit 3}", "parameters: {service: {}}")
    path = write_runbook(
        tmp_path,
        f"{STEPS}  - include: {{runbook: {inner.name}, parameters: {{service: 'not {{{{ service }}}}'}}}}\n"
        "  - {name: 'never {{ service }}', run: {program: id, store: late}}\n"
        "  - {name: 'with {{ late }}', run: id}",
        f"{HEAD}\non_failure: [{{name: 'after {{{{ error }}}}', run: id}}]",
    )
    cast, events = tmp_path / "run.cast", list[Event]()
    error, record = await fail_on(
        lab, path, StepFailed, parameters={"pw": Secret(SECRET)}, confirm=True, on_event=events.append, transcript=cast
    )
    names = {step.number: step.name for step in record.steps}
    failure = "step 7.1, inner not ssh: the program ended with exit status 3"
    assert names == {
        "1": "look at ssh on vm", "2": "at 85 %, status 0", "3": "confirm Restart ssh (3)?", "4": "wait_for login",
        "5": "send {{ pw }}", "6": 'run echo "$service" "$pw"', "7": f"include {inner.name}", "7.1": "inner not ssh",
        "8": "never ssh", "9": "with {{ late }}", "on_failure 1": f"after {failure}",
    }  # fmt: skip
    assert error.message == failure
    shown = [event.text for event in events if event.kind in ("start", "done", "failed")]
    assert "[1] look at ssh on {{ hostname }}" in shown  # it logs in first
    assert "[1] look at ssh on vm: exit status 0" in shown
    assert any(text.startswith("[7.1] inner not ssh: failed") for text in shown)
    assert SECRET not in repr(record) + repr(events)
    # A recording keeps the names of the runbook: its values may be unknown when it is compared.
    markers = [json.loads(line)[2] for line in cast.read_text().splitlines()[1:] if '"m",' in line]
    assert "1 look at {{ service }} on {{ hostname }}" in markers
    compared = await replay(read_recording(cast.read_text(), str(cast)), load_runbook(path), {})
    assert [step.name for step in compared.steps][:2] == ["look at ssh on vm", "at 85 %, status 0"]
    assert compared.steps[0].verdict == "same"


async def test_a_value_cannot_spoil_a_name(lab: Lab, tmp_path: Path) -> None:
    program = r"printf 'a\n\033[31m|\342\200\256 %0300d' 1"
    path = write_runbook(
        tmp_path,
        f"  - run: {{program: {json.dumps(program)}, store: s}}\n  - {{name: 'x {{{{ s }}}} y', run: 'true'}}",
    )
    record = await run_on(lab, path)
    name = record.steps[1].name
    assert name.startswith("x a | 000000")
    assert name.endswith("…") and len(name) < 200


async def test_a_hidden_output_does_not_appear_in_a_title(lab: Lab, tmp_path: Path) -> None:
    path = write_runbook(
        tmp_path,
        f"  - run: {{program: 'echo {SECRET}', store: token, secret: true}}\n  - logout\n  - send: '{{{{ token }}}}'",
    )
    record = await run_on(lab, path)
    assert record.steps[2].name == "send {{ token }}"
    assert record.steps[0].program == "echo (a secret)"


def test_a_plan_fills_in_what_is_known(tmp_path: Path) -> None:
    inner = write_runbook(
        tmp_path, "  - {name: 'do {{ who }} {{ word }}', run: echo $who $word}\n  - confirm: 'Sure, {{ who }}?'",
        "parameters: {who: {default: inner}, word: {default: w}}",
    )  # fmt: skip
    path = write_runbook(
        tmp_path,
        f"  - {{name: 'ask {{{{ who }}}} on {{{{ hostname }}}}', confirm: 'Is {{{{ who }}}} {{{{ hostname }}}}?'}}\n"
        f"  - include: {inner.name}\n"
        f"  - include: {{runbook: {inner.name}, parameters: {{word: '<{{{{ who }}}}>'}}}}",
        "parameters: {who: {}}",
    )
    loaded = load_runbook(path)
    plan = planned(loaded, parameter_values(loaded.runbook, {"who": "me"}), "host", "root")
    assert [(step.number, step.name) for step in plan.steps] == [
        ("1", "ask me on {{ hostname }}"), ("2", f"include {inner.name}"), ("2.1", "do inner w"),
        ("2.2", "confirm Sure, inner?"), ("3", f"include {inner.name}"), ("3.1", "do inner <me>"),
        ("3.2", "confirm Sure, inner?"),
    ]  # fmt: skip
    assert plan.steps[0].output == "Is me {{ hostname }}?"
    assert plan.steps[3].output == "Sure, inner?"
    done = run_sosagent("run", path, "--dry-run", "-p", "who=me")
    assert "[1] ask me on {{ hostname }}" in done.out
    done = run_sosagent("runbook", "show", path)
    assert "ask {{ who }} on {{ hostname }}" in done.out


def test_a_run_can_start_at_a_filled_name(tmp_path: Path) -> None:
    path = write_runbook(
        tmp_path,
        "  - {name: 'look at {{ a }}', run: id}\n  - {name: 'look at {{ a }} and {{ b }}', run: id}\n"
        "  - {name: look at x and y, run: id}\n  - {name: 'restart {{ a }}', run: id}",
        "parameters: {a: {}, b: {}}",
    )
    loaded = load_runbook(path)
    for start_at, place in (
        ("look at {{ a }}", 0), ("look at x and y", 2), ("restart ssh", 3), ("restart {{ a }}", 3), ("2", 1),
    ):  # fmt: skip
        assert find_first_step(loaded, start_at) == place
    many = write_runbook(
        tmp_path, f"  - {{name: '{'{{ a }}' * 20}[*]x', run: id}}\n  - run: 'true'", "parameters: {a: {}}"
    )
    with pytest.raises(UsageError, match="there is no step"):
        find_first_step(load_runbook(many), "a" * 5000)
    assert find_first_step(load_runbook(many), "a" * 200 + "[*]x") == 0
    with pytest.raises(UsageError, match="there is no step 'reload ssh'"):
        find_first_step(loaded, "reload ssh")
    with pytest.raises(UsageError, match="'look at p and q' may be any of the steps 1, 2"):
        find_first_step(loaded, "look at p and q")


def test_a_name_does_not_make_a_step_need_another(tmp_path: Path) -> None:
    path = write_runbook(
        tmp_path, "  - run: {program: id, store: who}\n  - {name: 'as {{ who }}', run: id}\n  - run: echo $who"
    )
    loaded = load_runbook(path)
    with pytest.raises(UsageError, match="step 3 needs who"):
        find_first_step(loaded, "2")


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("a {{ x }} {{ y }}", "a 1 {{ y }}"),
        ("{{ y | default:none }}", "none"),
        ("{{ x | upper }} {{ '{{' }}", "1 {{"),
        ("{{ s.status }} {{ s }} {{s.other}}", "0 out {{s.other}}"),
        ("{{ not closed", "{{ not closed"),
        ("{{ x }} {{ y", "{{ x }} {{ y"),
    ],
)
def test_known_values_are_filled_in(text: str, filled: str) -> None:
    assert fill_known(text, {"x": 1, "s": {"output": "out", "status": 0}}) == filled
