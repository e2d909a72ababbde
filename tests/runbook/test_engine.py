"""runbook/engine.py: steps run in order on the lab, with conditions, repetitions, includes and time limits."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from sosagent.console.events import Event
from sosagent.errors import DeadlineExceeded, StepFailed, UsageError
from sosagent.lab import Lab
from sosagent.runbook.record import record_fields
from sosagent.secrets.secret import Secret

from ..conftest import new_key, until
from ..support.forks import forked
from .runs import SECRET, fail_on, output_of, run_on, statuses, write_runbook


async def test_steps_store_values_and_confirm_asks(lab: Lab, tmp_path: Path) -> None:
    path = write_runbook(
        tmp_path,
        """
  - run: {program: 'printf "a b\\n%s\\n" "$who"; exit 3', store: first, status: [0, 3], expect: '^{{ who }}$'}
  - assert: {that: '{{ first.status }}', equals: 3}
  - assert: {that: '{{ first }}', contains: 'it''s', not: false}
  - {when: {that: '{{ first.status }}', equals: 0}, run: exit 9}
  - {when: '{{ off }}', run: exit 9}
  - repeat: {until: {that: '{{ n }}', matches: '^3$'}, times: 4, pause: 0}
    run: {program: 'echo x >> cnt; grep -c x cnt', store: n}
  - run: 'echo "$first_status $n $result_status"'
  - confirm: 'Continue with {{ who }}?'
  - add_key: '{{ key }}'
  - logout
  - wait_for: {state: login}
  - send: {text: '', enter: true}
  - expect: 'login: $'
""",
        "parameters: {who: {}, key: {}, off: {type: flag, default: false}}\nfinally: [{run: 'echo end'}]",
    )
    questions: list[str] = []

    async def ask(question: str) -> bool:
        questions.append(question)
        return True

    key = new_key().line
    record = await run_on(lab, path, {"who": "it's", "key": key}, confirm=ask)
    assert record.status == "done"
    assert {number for number, status in statuses(record).items() if status == "skipped"} == {"4", "5"}
    assert next(step.times for step in record.steps if step.number == "6") == 3
    assert output_of(record, "7") == "3 3 0"
    assert questions == ["Continue with it's?"]
    assert key in lab.authorized_keys.read_text()
    assert (record.logged_out, record.hostname) == (True, "vm")
    assert json.loads(json.dumps(record_fields(record)))["status"] == "done"


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("run: exit 5", "exit status 5"),
        ("run: {program: 'echo a', expect: '^b'}", "does not match '^b'"),
        ("assert: {that: a, equals: b, message: 'as {{ host }} says'}", "as lab@"),
        ("{run: 'echo x', repeat: {until: {that: '{{ result }}', equals: y}, times: 2, pause: 0}}", "after 2 times"),
    ],
    ids=["status", "output", "assert", "repeat"],
)
async def test_a_failed_step_ends_the_run(step: str, message: str, lab: Lab, tmp_path: Path) -> None:
    path = write_runbook(
        tmp_path, f"  - {step}\n  - run: echo no", "on_failure: [{run: 'echo \"$error\"'}]\nfinally: [{run: id}]"
    )
    error, record = await fail_on(lab, path, StepFailed)
    assert error.exit_code == 9
    assert message in error.message
    assert statuses(record) == {"1": "failed", "2": "not run", "on_failure 1": "done", "finally 1": "done"}
    assert "step 1" in output_of(record, "on_failure 1")
    await until(lambda: lab.machine._shell is None)


async def test_the_message_names_the_innermost_step_once(lab: Lab, tmp_path: Path) -> None:
    inner = write_runbook(tmp_path, "  - assert: {that: a, equals: b, message: 'step by step'}")
    path = write_runbook(tmp_path, f"  - include: {inner.name}")
    error, _ = await fail_on(lab, path, StepFailed)
    assert error.message == "step 1.1, assert a: step by step"


@pytest.mark.parametrize(
    "step",
    ["expect: '^(a+)+$'", "store: x}, repeat: {until: {that: '{{ x }}', matches: '^(a+)+$'}"],
    ids=["expect", "matches"],
)
async def test_a_pattern_that_would_take_years_is_stopped(step: str, tmp_path: Path) -> None:
    """In a process of its own, because the alarm of this one may be pytest's."""
    path = write_runbook(
        tmp_path, f"  - {{run: {{program: 'echo {'a' * 60}!', {step}}}}}", "on_failure: [{run: 'echo cleaned'}]"
    )
    process = await asyncio.create_subprocess_exec(
        *forked(), "run", path, "--against", "lab", "--json",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode == 9, err
    record = json.loads(out)
    assert "did not finish on" in record["error"]["message"]
    assert record["steps"][-1]["output"] == ["cleaned"]


async def test_confirm_fails_without_a_user_or_after_a_no(lab: Lab, tmp_path: Path) -> None:
    path = write_runbook(tmp_path, "  - confirm: Really?\n  - run: id")
    error, record = await fail_on(lab, path, StepFailed)
    assert error.message == "step 1, confirm Really?: no user is present to confirm: Really?"
    assert "--yes" in error.hint
    assert statuses(record) == {"1": "failed", "2": "not run"}

    async def no(_question: str) -> bool:
        return False

    _, record = await fail_on(lab, path, StepFailed, confirm=no)
    assert statuses(record) == {"1": "failed", "2": "not run"}


async def test_a_confirm_that_nobody_answers_in_its_time_is_a_failed_step(lab: Lab, tmp_path: Path) -> None:
    path = write_runbook(tmp_path, "  - {confirm: 'Really?', timeout: 0.2}\n  - run: id")

    async def never(_question: str) -> bool:
        await asyncio.get_running_loop().create_future()
        return True

    error, record = await fail_on(lab, path, StepFailed, confirm=never)
    assert "nobody answered within 0.2 s: Really?" in error.message
    assert statuses(record) == {"1": "failed", "2": "not run"}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("upload: {from: none.txt, to: /tmp/t}", "none.txt: No such file"),
        ("upload: {from: ., to: /tmp/t}", "Is a directory"),
        ("upload: {from: 'a{{ name }}.txt', to: /tmp/t}", "a1.txt: No such file"),
        ("download: {from: /etc/hostname, to: /nowhere/t}", "its folder does not exist"),
        ("add_key: none.pub", "none.pub: No such file"),
        ("remove_key: 'SHA256:AAAA'", "contains SHA256:AAAA"),
        ("{when: '{{ no }}', run: {program: 'true', store: s}}\n  - assert: '{{ s }}'", "'s' has no value"),
        ("add_key: {key: none.pub, user: 'a b'}", "is not a user name"),
    ],
    ids=["upload", "folder", "filled", "download", "add_key", "remove_key", "no value", "user"],
)
async def test_what_is_wrong_on_this_computer_fails_the_step(step: str, message: str, lab: Lab, tmp_path: Path) -> None:
    """A usage error would mean that nothing was sent, but the steps before have run."""
    path = write_runbook(
        tmp_path,
        f"  - run: echo $name\n  - {step}\n  - run: echo no",
        "parameters: {name: {default: '1'}, no: {type: flag, default: false}}\non_failure: [{assert: '{{ no }}x'}]",
    )
    error, record = await fail_on(lab, path, StepFailed)
    assert (error.exit_code, error.code) == (9, "step-failed")
    assert message in error.message
    assert error.message.startswith("step ")
    assert error.hint
    assert (statuses(record)["1"], statuses(record)["on_failure 1"]) == ("done", "done")
    assert record.steps[-2].status == "not run"


async def test_each_step_has_a_live_line_even_if_it_fails(lab: Lab, tmp_path: Path) -> None:
    inner = write_runbook(tmp_path, "  - {name: deep, run: exit 3}")
    path = write_runbook(
        tmp_path,
        f"  - run: 'true'\n  - {{when: '{{{{ off }}}}', run: id}}\n  - include: {inner.name}\n  - run: id",
        "parameters: {off: {type: flag, default: false}}\nfinally: [{name: last, run: exit 4}]",
    )
    events: list[Event] = []
    await fail_on(lab, path, StepFailed, on_event=events.append)
    shown = [(event.kind, event.text) for event in events if event.text.startswith("[") and event.kind != "start"]
    assert shown == [
        ("done", "[1] run true: exit status 0"),
        ("detail", "[2] run id: skipped: its condition is false"),
        ("failed", "[3.1] deep: failed: the program ended with exit status 3"),
        ("failed", f"[3] include {inner.name}: failed: step 3.1, deep: the program ended with exit status 3"),
        ("failed", "[finally 1] last: failed: the program ended with exit status 4"),
    ]


async def test_an_included_runbook_has_names_of_its_own(lab: Lab, tmp_path: Path) -> None:
    inner = write_runbook(
        tmp_path,
        "  - run: {program: 'echo \"$who $pw\"', store: own}\n  - assert: {that: '{{ who }}', equals: inner}",
        "parameters: {who: {}, pw: {type: secret}}\nfinally: [{run: 'echo end of it'}]",
    )
    path = write_runbook(
        tmp_path,
        f"  - run: {{program: echo outer, store: who}}\n"
        f"  - include: {{runbook: {inner.name}, parameters: {{who: inner, pw: '{{{{ word }}}}'}}}}\n"
        f"  - run: 'echo \"$who $own\"'",
        "parameters: {word: {type: secret}}",
    )
    record = await run_on(lab, path, {"word": Secret(SECRET)})
    assert output_of(record, "2.1").startswith("inner (")
    assert output_of(record, "2.finally 1") == "end of it"
    assert output_of(record, "3") == "outer "
    assert SECRET not in repr(record)


async def test_an_included_runbook_cleans_up_when_the_time_is_up(lab: Lab, tmp_path: Path) -> None:
    inner = write_runbook(tmp_path, "  - {run: sleep 30, timeout: 3}", "finally: [{run: echo cleaned}]")
    path = write_runbook(tmp_path, f"  - include: {inner.name}\n  - run: id", "finally: [{logout: }, {run: echo end}]")
    _, record = await fail_on(lab, path, DeadlineExceeded, timeout=2.0)
    assert statuses(record) == {
        "1": "failed", "1.1": "failed", "1.finally 1": "done", "2": "not run", "finally 1": "done", "finally 2": "done",
    }  # fmt: skip
    assert record.logged_out


async def test_a_program_that_hangs_is_killed_and_the_cleanup_runs(lab: Lab, tmp_path: Path) -> None:
    path = write_runbook(
        tmp_path, "  - {run: 'echo so far; sleep 60; echo no', timeout: 1}", "on_failure: [{run: 'echo cleaned'}]"
    )
    error, record = await fail_on(lab, path, DeadlineExceeded)
    assert error.exit_code == 8
    assert output_of(record, "1") == "so far"
    assert output_of(record, "on_failure 1") == "cleaned"
    assert record.seconds < 15


async def test_a_pause_ends_with_the_time_of_the_run(lab: Lab, tmp_path: Path) -> None:
    path = write_runbook(
        tmp_path, "  - {run: {program: id, store: a}, repeat: {until: {that: x, equals: y}, pause: 600}}"
    )
    async with asyncio.timeout(30):
        await fail_on(lab, path, DeadlineExceeded, timeout=2.0)


async def test_a_run_can_start_at_a_later_step(lab: Lab, tmp_path: Path) -> None:
    path = write_runbook(
        tmp_path, "  - run: {program: echo a, store: a}\n  - {name: second, run: echo b}\n  - run: 'echo $a'"
    )
    with pytest.raises(UsageError, match="step 3 needs a, which step 1 stores"):
        await run_on(lab, path, start_at="second")
    with pytest.raises(UsageError, match="there is no step 'third'"):
        await run_on(lab, path, start_at="third")
    assert statuses(await run_on(lab, path, start_at="1"))["1"] == "done"
    path = write_runbook(tmp_path, "  - run: exit 1\n  - {name: second, run: echo b}")
    assert statuses(await run_on(lab, path, start_at="second")) == {"1": "skipped", "2": "done"}
