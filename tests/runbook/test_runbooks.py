"""Runbooks as they run: texts with holes, values in programs, steps on the lab, and the commands."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pexpect
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

import sosagent
from sosagent.errors import (
    ConfigInvalid,
    DeadlineExceeded,
    EndpointLost,
    LoginRefused,
    SosError,
    StepFailed,
    UsageError,
)
from sosagent.lab import Lab
from sosagent.runbook.actions import Run
from sosagent.runbook.api import run_runbook
from sosagent.runbook.load import Loaded, load_runbook
from sosagent.runbook.record import RunRecord, record_fields, record_of
from sosagent.runbook.schema import runbook_schema
from sosagent.runbook.scope import Scope, with_time_limit
from sosagent.runbook.template import NameNotSet, TemplateInvalid, parse_template
from sosagent.runbook.text import parse_yaml
from sosagent.runbook.values import parameter_values
from sosagent.secrets.secret import Secret

from ..conftest import SHELLS, installed, new_key, target_of, until
from .test_bad_runbooks import FILES

EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SECRET = "Tr0ub4dor-and-3"
#: All that a shell can be given: no NUL, and no half of a pair.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def book(tmp_path: Path, steps: str, head: str = "") -> Path:
    """A runbook of one's own."""
    number = len(list(tmp_path.glob("*.yml")))
    path = tmp_path / f"book{number}.yml"
    path.write_text(f"name: try\n{head}\nsteps:\n{steps}\n")
    return path


async def ran(lab: Lab, path: Path, parameters: Mapping[str, Any] | None = None, **options: Any) -> RunRecord:
    return await run_runbook(target_of(lab), path, parameters, **{"password": lab.password, **options})


async def failed(lab: Lab, path: Path, kind: type[SosError], **options: Any) -> tuple[SosError, RunRecord]:
    with pytest.raises(kind) as caught:
        await ran(lab, path, **options)
    return caught.value, recorded(caught.value)


def recorded(error: BaseException) -> RunRecord:
    record = record_of(error)
    assert record is not None
    return record


def became(record: RunRecord) -> dict[str, str]:
    return {step.number: step.status for step in record.steps}


def output(record: RunRecord, number: str) -> str:
    return next(step.output for step in record.steps if step.number == number)


async def command(*arguments: object, stdin: bytes = b"", **env: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sosagent", *map(str, arguments),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **env},
    )  # fmt: skip
    out, err = await process.communicate(stdin)
    assert b"Traceback" not in out + err
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


# -- texts with holes ----------------------------------------------------------------------------

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


@pytest.mark.parametrize(("text", "wanted"), FILLED)
def test_holes_are_filled(text: str, wanted: str) -> None:
    values = {"a": "it's", "r": {"output": " b \nc", "status": 3}, "yes": True, "braces": "{{ a }}"}
    assert parse_template(text).fill(values) == wanted


@given(st.text().filter(lambda text: "{{" not in text))
@EXAMPLES
def test_a_text_without_holes_is_itself(text: str) -> None:
    assert parse_template(text).fill({}) == text


@given(st.text())
@example("{{ a }} {{ '{{' }} (a|b)+ $")
@EXAMPLES
def test_a_value_is_not_read_again_and_stands_for_itself_in_a_pattern(value: str) -> None:
    assert parse_template("<{{ v }}>").fill({"v": value}) == f"<{value}>"
    assert re.fullmatch(parse_template("^{{ v }}$").fill({"v": value}, re.escape), value) or "\n" in value


@pytest.mark.parametrize("text", ["{{ a", "{{ }}", "{{ a b }}", "{{ a | }}", "{{ a | no }}", "{{ a-b }}", "{{ a. }}"])
def test_what_is_no_hole_is_refused(text: str) -> None:
    with pytest.raises(TemplateInvalid):
        parse_template(text)


def test_a_name_without_a_value_is_no_empty_text() -> None:
    with pytest.raises(NameNotSet):
        parse_template("{{ a.b }}").fill({"a": "x"})


# -- values in programs --------------------------------------------------------------------------


def scope(parameters: Mapping[str, str | Secret], **known: Any) -> Scope:
    return Scope(Loaded.__new__(Loaded), parameters, dict(known))


def harmless(program: str) -> bool:
    return program.isascii() and program.isprintable()


def shown_by(sh: list[str], program: str) -> bytes:
    # As the receiver does: it evaluates what it has collected, of which the shell itself knows nothing.
    done = subprocess.run([*sh, "-c", 'eval "$1"', "sh", program], capture_output=True, check=False, timeout=20)
    assert done.stderr == b"", done.stderr
    return done.stdout


HARD = ["-é", "-n", "%s\\n", "a\n\n", "\n", "$(touch x)`id`", "'\"\\", "!~.&", "é\u202e", "\\0101\\c", "é123", "", " "]


@pytest.mark.parametrize("shell", [*SHELLS, "mksh"])
@pytest.mark.parametrize("value", HARD, ids=map(ascii, HARD))
def test_a_hard_value_arrives_as_it_is(shell: str, value: str) -> None:
    sh = installed(SHELLS.get(shell, [shell]))
    program, _ = scope({"v": value}).program('printf "<%s>" "$v"')
    assert harmless(program)
    assert shown_by(sh, program) == f"<{value}>".encode()


@given(value=TEXTS)
@EXAMPLES
def test_any_value_arrives_as_it_is(sh: list[str], value: str) -> None:
    program, _ = scope({"v": value}).program('printf %s "$v"')
    assert harmless(program)
    assert not set("!~") & set(program)
    assert "&" not in program
    assert shown_by(sh, program) == value.encode()


@given(text=TEXTS)
@EXAMPLES
def test_any_program_arrives_as_it_is(sh: list[str], text: str) -> None:
    """A here-document shows what the shell has read. Its delimiter is long, so that the text cannot end it."""
    # dash 0.5.12 loses a byte of a character that follows the start of the delimiter on a line.
    assume(not re.search("^n", text, re.MULTILINE))
    body = f"cat <<'no such line'\n{text}\nend\nno such line"
    program, _ = scope({}).program(body)
    assert harmless(program)
    assert not set("!~&") & set(program)
    assert shown_by(sh, program) == f"{text}\nend\n".encode()


def test_a_program_sees_what_was_stored_and_nothing_of_the_receiver(sh: list[str]) -> None:
    program, secrets = scope(
        {"who": "me", "pw": Secret(SECRET)}, disk={"output": "a b\n", "status": 4}, token={"output": Secret("tok")}
    ).program('printf "%s|" "$who" "$pw" "$disk" "$disk_status" "$token" "${x-none}" "$other"')
    assert shown_by(sh, f"x=1;{program}") == f"me|{SECRET}|a b\n|4|tok|none||".encode()
    assert [one.reveal() for one in secrets] == [SECRET, "tok"]


@pytest.mark.parametrize("text", ["sleep 50", "sleep 50 | cat; echo no", "(sleep 50; :) & wait"])
def test_a_program_ends_with_its_time_and_all_that_it_started(sh: list[str], text: str) -> None:
    program, _ = scope({}).program(f"echo begun; {text}")
    done = subprocess.run(
        [*sh, "-c", 'eval "$1"', "sh", with_time_limit(program, 1)], capture_output=True, check=False, timeout=20
    )
    assert (done.returncode, done.stdout, done.stderr) == (137, b"begun\n", b"")


def test_a_program_within_its_time_is_itself(sh: list[str]) -> None:
    program, _ = scope({}).program("echo out; echo err >&2; exit 7")
    done = subprocess.run(
        [*sh, "-c", 'eval "$1"', "sh", with_time_limit(program, 30)], capture_output=True, check=False, timeout=20
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"err\n")


# -- what steps do -------------------------------------------------------------------------------


async def test_steps_store_and_are_asked_for(lab: Lab, tmp_path: Path) -> None:
    path = book(
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
  - confirm: 'Go on with {{ who }}?'
  - add_key: '{{ key }}'
  - logout
  - wait_for: {state: login}
  - send: {text: '', enter: true}
  - expect: 'login: $'
""",
        "parameters: {who: {}, key: {}, off: {type: flag, default: false}}\nfinally: [{run: 'echo end'}]",
    )
    asked: list[str] = []

    async def ask(question: str) -> bool:
        asked.append(question)
        return True

    key = new_key().line
    record = await ran(lab, path, {"who": "it's", "key": key}, confirm=ask)
    assert record.status == "done"
    assert {number for number, status in became(record).items() if status == "skipped"} == {"4", "5"}
    assert next(step.times for step in record.steps if step.number == "6") == 3
    assert output(record, "7") == "3 3 0"
    assert asked == ["Go on with it's?"]
    assert key in lab.authorized_keys.read_text()
    assert (record.logged_out, record.hostname) == (True, "vm")
    assert json.loads(json.dumps(record_fields(record)))["status"] == "done"


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("run: exit 5", "exit status 5"),
        ("run: {program: 'echo a', expect: '^b'}", "does not match '^b'"),
        ("assert: {that: a, equals: b, message: 'as {{ host }} says'}", "as lab@"),
        ("{run: 'echo x', repeat: {until: {that: '{{ result }}', equals: y}, times: 2, pause: 0}}", "after 2 times"),
    ],
    ids=["status", "output", "assert", "repeat"],
)
async def test_a_step_that_fails_ends_it(step: str, words: str, lab: Lab, tmp_path: Path) -> None:
    path = book(
        tmp_path, f"  - {step}\n  - run: echo no", "on_failure: [{run: 'echo \"$error\"'}]\nfinally: [{run: id}]"
    )
    error, record = await failed(lab, path, StepFailed)
    assert error.exit_code == 9
    assert words in error.message
    assert became(record) == {"1": "failed", "2": "not run", "on_failure 1": "done", "finally 1": "done"}
    assert "step 1" in output(record, "on_failure 1")
    await until(lambda: lab.machine._shell is None)


@pytest.mark.parametrize(
    "step",
    ["expect: '^(a+)+$'", "store: x}, repeat: {until: {that: '{{ x }}', matches: '^(a+)+$'}"],
    ids=["expect", "matches"],
)
async def test_a_pattern_that_needs_years_is_ended(step: str, tmp_path: Path) -> None:
    """In a process of its own: the alarm of this one may be pytest's."""
    path = book(tmp_path, f"  - {{run: {{program: 'echo {'a' * 60}!', {step}}}}}", "on_failure: [{run: 'echo swept'}]")
    async with asyncio.timeout(30):
        status, out, err = await command("run", path, "--against", "lab", "--json")
    assert status == 9, err
    record = json.loads(out)
    assert "did not finish on" in record["error"]["message"]
    assert record["steps"][-1]["output"] == ["swept"]


async def test_nobody_says_yes(lab: Lab, tmp_path: Path) -> None:
    path = book(tmp_path, "  - confirm: Really?\n  - run: id")
    error, record = await failed(lab, path, UsageError)
    assert "no user is present to confirm: Really?" in error.message

    async def no(_question: str) -> bool:
        return False

    error, record = await failed(lab, path, StepFailed, confirm=no)
    assert became(record) == {"1": "failed", "2": "not run"}


async def test_what_is_included_has_names_of_its_own(lab: Lab, tmp_path: Path) -> None:
    inner = book(
        tmp_path,
        "  - run: {program: 'echo \"$who $pw\"', store: own}\n  - assert: {that: '{{ who }}', equals: inner}",
        "parameters: {who: {}, pw: {type: secret}}\nfinally: [{run: 'echo end of it'}]",
    )
    path = book(
        tmp_path,
        f"  - run: {{program: echo outer, store: who}}\n"
        f"  - include: {{runbook: {inner.name}, parameters: {{who: inner, pw: '{{{{ word }}}}'}}}}\n"
        f"  - run: 'echo \"$who $own\"'",
        "parameters: {word: {type: secret}}",
    )
    record = await ran(lab, path, {"word": Secret(SECRET)})
    assert output(record, "2.1").startswith("inner (")
    assert output(record, "2.finally 1") == "end of it"
    assert output(record, "3") == "outer "
    assert SECRET not in repr(record)


async def test_an_included_runbook_cleans_up_when_the_time_is_up(lab: Lab, tmp_path: Path) -> None:
    inner = book(tmp_path, "  - run: {program: sleep 30}", "finally: [{run: echo swept}]")
    path = book(tmp_path, f"  - include: {inner.name}\n  - run: id", "finally: [{logout: }, {run: echo end}]")
    text = inner.read_text().replace("{program: sleep 30}", "sleep 30\n    timeout: 3")
    inner.write_text(text)
    _, record = await failed(lab, path, DeadlineExceeded, timeout=2.0)
    assert became(record) == {
        "1": "failed", "1.1": "failed", "1.finally 1": "done", "2": "not run", "finally 1": "done", "finally 2": "done",
    }  # fmt: skip
    assert record.logged_out


async def test_a_program_that_hangs_is_ended_and_the_rest_is_done(lab: Lab, tmp_path: Path) -> None:
    path = book(
        tmp_path, "  - {run: 'echo so far; sleep 60; echo no', timeout: 1}", "on_failure: [{run: 'echo swept'}]"
    )
    error, record = await failed(lab, path, DeadlineExceeded)
    assert error.exit_code == 8
    assert output(record, "1") == "so far"
    assert output(record, "on_failure 1") == "swept"
    assert record.seconds < 15


async def test_a_pause_ends_with_the_runs_time(lab: Lab, tmp_path: Path) -> None:
    path = book(tmp_path, "  - {run: {program: id, store: a}, repeat: {until: {that: x, equals: y}, pause: 600}}")
    async with asyncio.timeout(30):
        await failed(lab, path, DeadlineExceeded, timeout=2.0)


async def test_beginning_later(lab: Lab, tmp_path: Path) -> None:
    path = book(tmp_path, "  - run: {program: echo a, store: a}\n  - {name: second, run: echo b}\n  - run: 'echo $a'")
    with pytest.raises(UsageError, match="step 3 needs a, which step 1 stores"):
        await ran(lab, path, start_at="second")
    with pytest.raises(UsageError, match="there is no step 'third'"):
        await ran(lab, path, start_at="third")
    assert became(await ran(lab, path, start_at="1"))["1"] == "done"
    path = book(tmp_path, "  - run: exit 1\n  - {name: second, run: echo b}")
    assert became(await ran(lab, path, start_at="second")) == {"1": "skipped", "2": "done"}


# -- when the world ends -------------------------------------------------------------------------


async def test_a_wrong_password_is_typed_once(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = bytearray()
    real = lab.machine.type

    def heard(data: bytes) -> None:
        typed.extend(data)
        real(data)

    monkeypatch.setattr(lab.machine, "type", heard)
    path = book(tmp_path, "  - run: id", "on_failure: [{run: id}, {run: id}]\nfinally: [{run: id}]")
    error, record = await failed(lab, path, LoginRefused, password="not-the-one")
    assert error.exit_code == 5
    assert typed.count(b"not-the-one") == 1
    assert set(became(record).values()) == {"failed", "not run"}
    assert "not-the-one" not in repr(record) + repr(error)


async def test_a_line_that_dies_leaves_a_record(lab: Lab, tmp_path: Path) -> None:
    path = book(
        tmp_path,
        "  - run: echo a\n  - run: touch here; sleep 3\n  - run: echo c",
        "on_failure: [{run: id}]\nfinally: [{run: id}]",
    )
    task = asyncio.ensure_future(ran(lab, path))
    await until((lab.machine.home / "here").exists)
    lab.hang_up()
    with pytest.raises(EndpointLost) as caught:
        await task
    assert caught.value.exit_code == 3
    assert became(recorded(caught.value)) == {
        "1": "done", "2": "failed", "3": "not run", "on_failure 1": "not run", "finally 1": "not run"
    }  # fmt: skip


async def test_when_cancelled_it_cleans_up(lab: Lab, tmp_path: Path) -> None:
    inner = book(tmp_path, "  - {run: touch here; sleep 30, timeout: 2}", "finally: [{run: echo inner}]")
    path = book(
        tmp_path, f"  - include: {inner.name}\n  - run: id", "on_failure: [{run: id}]\nfinally: [{run: touch end}]"
    )
    task = asyncio.ensure_future(ran(lab, path))
    await until((lab.machine.home / "here").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    record = recorded(caught.value)
    assert became(record) == {
        "1": "failed", "1.1": "failed", "1.finally 1": "done", "2": "not run", "finally 1": "done"
    }  # fmt: skip
    assert (lab.machine.home / "end").exists()
    await until(lambda: lab.machine._shell is None)


async def test_another_users_password_is_typed_not_the_callers(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = bytearray()
    real = lab.machine.type

    def heard(data: bytes) -> None:
        typed.extend(data)
        real(data)

    monkeypatch.setattr(lab.machine, "type", heard)
    path = book(
        tmp_path,
        "  - login: {user: admin, password: '{{ word }}'}\n  - run: id",
        "parameters: {word: {type: secret}}\nfinally: [{run: echo in}, {login: {user: admin, password: '{{ word }}'}}]",
    )
    error, record = await failed(lab, path, LoginRefused, parameters={"word": Secret(SECRET)})
    assert (typed.count(SECRET.encode()), typed.count(lab.password.reveal().encode())) == (1, 1)
    assert typed.find(b"admin") < typed.find(SECRET.encode()) < typed.find(b"root")
    assert typed.find(b"root") < typed.find(lab.password.reveal().encode())
    # The caller again, for what is done at the end; and a password that was refused is not typed again.
    assert became(record) == {"1": "failed", "2": "not run", "finally 1": "done", "finally 2": "failed"}
    assert "admin was refused before" in "".join(error.__notes__)
    assert SECRET not in repr(record) + json.dumps(record_fields(record))
    for word in ("", "two\nlines"):
        typed.clear()
        error, record = await failed(lab, path, UsageError, parameters={"word": Secret(word)})
        assert "cannot be typed" in error.message
        assert b"admin" not in typed


# -- secrets -------------------------------------------------------------------------------------

SECRETIVE = f"""
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


async def test_secrets_are_seen_nowhere(lab: Lab, tmp_path: Path) -> None:
    path = book(tmp_path, SECRETIVE, "parameters: {pw: {type: secret}, pin: {type: secret}}")
    cast = tmp_path / "cast"
    events: list[object] = []
    secrets = {"pw": Secret(SECRET), "pin": Secret("9z7")}
    error, record = await failed(
        lab, path, StepFailed, parameters=secrets, confirm=True, transcript=cast, on_event=events.append
    )
    assert (lab.machine.home / "kept").read_text() == SECRET
    assert became(record)["14"] == "failed"
    assert set(list(became(record).values())[:13]) == {"done"}
    shown = repr(record) + repr(events) + json.dumps(record_fields(record)) + cast.read_text() + repr(error.tail)
    shown += "".join(traceback.format_exception(error)) + repr(getattr(error, "__notes__", ""))
    shown += b"".join(step.screen for step in record.steps).decode(errors="replace")
    for word in (SECRET, f"made-{SECRET[:4]}ed-here", "9z7"):
        assert word not in shown
    assert "(a secret)" in shown or "(…)" in shown


def test_a_secret_for_a_parameter_that_is_shown_is_refused(tmp_path: Path) -> None:
    runbook = load_runbook(book(tmp_path, "  - run: echo $who", "parameters: {who: {}}")).runbook
    with pytest.raises(UsageError, match="is not a secret in this runbook") as caught:
        parameter_values(runbook, {"who": Secret(SECRET)})
    assert SECRET not in str(caught.value)
    for value, words in (("a\0b", "NUL"), ("\udc80", "not UTF-8"), ("x" * 70000, "longer than")):
        with pytest.raises(UsageError, match=words):
            parameter_values(runbook, {"who": value})


# -- the commands --------------------------------------------------------------------------------


async def test_the_new_runbook_is_right_and_runs(tmp_path: Path) -> None:
    path = tmp_path / "new.yml"
    assert (await command("runbook", "new", path))[0] == 0
    assert (await command("runbook", "new", path))[0] == 2
    status, out, err = await command("runbook", "check", path)
    assert (status, err) == (0, "")
    assert "no mistakes" in out
    status, out, err = await command("run", path, "--against", "lab", "--yes")
    assert status == 0, err
    status, out, err = await command("run", path, "--dry-run", "--json", "host")
    assert (status, json.loads(out)["status"], err) == (0, "planned", "")
    status, out, err = await command("run", path, "--against", "lab")
    assert status == 2
    assert "no user is present to confirm: Restart ssh" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "needs a value for who, pw"),
        (["-p", "who=a", "-p", "who=b"], "used twice"),
        (["-p", "who=a", "-p", "whom=b"], "no parameter 'whom'"),
        (["-p", "who=a", "-p", f"pw={SECRET}"], "must not be on the command line"),
        (["-p", "who=a", "-p", "pw=env:NOT_SET"], "NOT_SET"),
        (["-p", SECRET], "one of them has no ="),
        (["-p", "who=A"], "must match"),
        (["-p", b"who=\xff"], "not UTF-8"),
    ],
    ids=["missing", "twice", "unknown", "secret", "not set", "no name", "wrong", "bytes"],
)
async def test_parameters_that_are_wrong(arguments: list[Any], words: str, tmp_path: Path) -> None:
    path = book(tmp_path, "  - run: echo $who $pw", "parameters: {who: {pattern: '[a-z]+'}, pw: {type: secret}}")
    for extra in ([], ["--json"]):
        done = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sosagent", "run", path, "--against", "lab", *arguments, *extra,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = (one.decode() for one in await done.communicate())
        assert done.returncode == 2, out + err
        assert words in out + err
        assert SECRET not in out + err
        assert "connected" not in err
        assert not extra or json.loads(out)["status"] == "failed"


async def test_parameters_are_looked_at_before_the_password_is(tmp_path: Path) -> None:
    path = book(tmp_path, "  - run: echo $who", "parameters: {who: {}}")
    status, out, err = await command("run", path, "127.0.0.1:1", "-F", "/dev/null")
    assert (status, out) == (2, "")
    assert "needs a value for who" in err


async def test_a_failing_step_is_exit_9_and_its_secret_is_nowhere(tmp_path: Path) -> None:
    path = book(tmp_path, "  - run: 'echo \"$pw\"; exit 1'", "parameters: {pw: {type: secret}}")
    report, cast = tmp_path / "a.html", tmp_path / "cast"
    call = ["run", path, "--against", "lab", "-p", "pw=env:PW", "--report", report, "--transcript", cast]
    for extra in ([], ["--json"], ["-v"]):
        status, out, err = await command(*call, *extra, PW=SECRET)
        assert status == 9
        assert SECRET not in out + err + report.read_text() + cast.read_text()
        assert extra != ["--json"] or json.loads(out)["error"]["code"] == "step-failed"


async def test_ctrl_c_cleans_up_and_tells_what_was_done(tmp_path: Path) -> None:
    path = book(tmp_path, "  - run: echo a\n  - {run: sleep 20, timeout: 2}", "finally: [{run: echo swept}]")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sosagent", "run", str(path), "--against", "lab",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    while b"[1]" not in (line := await process.stderr.readline()):
        assert line
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert b"logged out" in err
    assert b"ok       finally 1 run echo swept" in out


def test_a_person_is_asked(tmp_path: Path) -> None:
    path = book(
        tmp_path,
        "  - run: 'echo \"$who and $pw\"'\n  - confirm: 'Really {{ who }}?'\n  - run: echo no",
        "parameters: {who: {description: the name}, pw: {type: secret}}",
    )
    call = ["-m", "sosagent", "run", str(path), "--against", "lab", "--step"]
    child = pexpect.spawn(sys.executable, call, timeout=20, encoding="utf-8")
    child.expect_exact("the name (who): ")
    child.sendline("me")
    child.expect_exact("pw: ")
    child.waitnoecho()
    child.sendline(SECRET)
    shown = ""
    for question, answer in (("[1]", ""), ("[2]", "y"), ("Really me? [y/N] ", "y"), ("[3]", "s")):
        child.expect_exact(question)
        shown += child.before or ""
        child.sendline(answer)
    child.expect(pexpect.EOF)
    shown += child.before or ""
    child.close()
    assert child.exitstatus == 0, shown
    assert SECRET not in shown
    assert re.search(r"skipped +3 ", shown)
    child = pexpect.spawn(sys.executable, call, timeout=20, encoding="utf-8")
    child.expect_exact("the name (who): ")
    child.sendeof()
    child.expect_exact("no value was entered for the parameter who")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2


# -- the shipped ones ----------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["", "one\nroot:two", "a\tb"], ids=["empty", "line", "tab"])
def test_a_password_that_is_no_line_sets_none(sh: list[str], password: str, tmp_path: Path) -> None:
    """Its second line would be another user's."""
    (tmp_path / "chpasswd").write_text("#!/bin/sh\ncat\n")
    (tmp_path / "chpasswd").chmod(0o755)
    options = load_runbook("reset-password").runbook.steps[1].options
    assert isinstance(options, Run)
    for word, wanted in ((password, False), ("a:b c", True)):
        done = subprocess.run(
            [*sh, "-c", f'PATH="{tmp_path}:$PATH" new_password=$1 user=me; {options.program}', "sh", word],
            capture_output=True, text=True, check=False, timeout=20,
        )  # fmt: skip
        assert (done.returncode == 0, done.stdout == f"me:{word}\n") == (wanted, wanted), done


async def test_an_address_is_looked_for_as_the_machine_writes_it(lab: Lab) -> None:
    record = await run_runbook(target_of(lab), "unban", {"address": "2001:DB8:0::7"}, password=lab.password)
    assert output(record, "1") == "2001:db8::7"
    for wrong in ("dead.beef", "1.2.3", "::1;id", "host"):
        with pytest.raises(UsageError, match="must match"):
            await run_runbook(target_of(lab), "unban", {"address": wrong}, password=lab.password)


async def test_a_bundle_leaves_nothing_behind_even_when_it_fails(lab: Lab, tmp_path: Path) -> None:
    places = [Path(folder) for folder in ("/run", "/dev/shm", "/tmp")]
    before = {one for place in places for one in place.glob("sosagent-bundle.*")}
    with pytest.raises(SosError) as caught:
        await run_runbook(
            target_of(lab), "support-bundle", {"to": str(tmp_path / "no" / "x"), "lines": 5}, password=lab.password
        )
    assert became(recorded(caught.value))["finally 1"] == "done"
    assert {one for place in places for one in place.glob("sosagent-bundle.*")} <= before


# -- for editors ---------------------------------------------------------------------------------


def as_written(text: str) -> Any:
    return parse_yaml(text, "x").value


GOOD = [
    "name: x\nsteps: [login, {run: id}, {logout: }, {send: '1'}, {expect: a}, {wait_for: {state: login}}]",
    "name: x\nparameters: {a: , b: {type: choice, choices: [x]}}\nsteps: [{run: 'echo $a $b'}]",
    "name: x\nsteps: [{assert: {that: 1, equals: 1, not: true}}, {run: id, when: true, repeat: {until: x}}]",
    "name: x\nsteps: [{run: {program: id, status: any}}, {run: {program: id, status: [0]}}, {send_break: {sysrq: b}}]",
    "name: x\ntimeout: 1.5\nsteps: [{upload: {from: a, to: /a, mode: '0644'}}]\nfinally: [{confirm: a}]",
]


def test_the_schema_knows_what_is_right_and_what_is_wrong() -> None:
    schema = runbook_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    new = (Path(sosagent.__file__).parent / "runbook/library/new.yml.txt").read_text()
    for text in (*GOOD, new):
        errors = [error.message for error in validator.iter_errors(as_written(text))]
        assert not errors, (text, errors)
    seen: list[str] = []
    missed: list[str] = []
    for name, path in FILES.items():
        with contextlib.suppress(ConfigInvalid, UnicodeDecodeError):
            if name.startswith(("shape-", "parameter-")):
                (missed if validator.is_valid(as_written(path.read_text())) else seen).append(name)
    assert len(seen) > 3 * len(missed), missed


@pytest.mark.parametrize("text", GOOD)
def test_what_the_schema_takes_is_a_runbook(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(text)
    assert load_runbook(tmp_path / "a.yml").runbook.name == "x"


async def test_the_command_prints_the_schema() -> None:
    status, out, _ = await command("runbook", "schema")
    assert (status, json.loads(out)) == (0, runbook_schema())
