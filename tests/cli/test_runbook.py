"""`sosagent run` and `sosagent runbook`: parameters, questions, exit statuses and output."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest

from sosagent.runbook.schema import runbook_schema

from ..runbook.runs import SECRET, write_runbook
from ..runbook.test_check import FILES
from ..support.cli import run_sosagent
from ..support.forks import forked


def test_a_new_runbook_is_valid_and_runs(tmp_path: Path) -> None:
    path = tmp_path / "new.yml"
    assert run_sosagent("runbook", "new", path).status == 0
    assert run_sosagent("runbook", "new", path).status == 2
    done = run_sosagent("runbook", "check", path)
    assert (done.status, done.err) == (0, "")
    assert "no mistakes" in done.out
    done = run_sosagent("run", path, "--against", "lab", "--yes")
    assert done.status == 0, done.err
    done = run_sosagent("run", path, "--dry-run", "--json", "host")
    assert (done.status, json.loads(done.out)["status"], done.err) == (0, "planned", "")
    done = run_sosagent("run", path, "--against", "lab")
    assert done.status == 9
    assert "no user is present to confirm: Restart ssh" in done.err
    assert "\n! [2] confirm Restart" in done.err
    assert "--yes answers yes" in done.err


@pytest.mark.parametrize("name", ["my book.yml", "it's.yml", "a;reboot.yml", "-n.yml", "$(id).yml", "ü.yml"])
def test_a_new_runbook_prints_a_command_that_a_shell_accepts(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [*forked(), "runbook", "new", "--", name],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    command = done.stdout.partition("next: ")[2]
    words = shlex.split(command)
    assert words[:3] == ["sosagent", "runbook", "check"]
    assert [tmp_path / one for one in words[3:]] == [tmp_path / name]
    assert not words[3].startswith("-")
    assert run_sosagent("runbook", "check", tmp_path / words[3]).status == 0


@pytest.mark.parametrize("steps", ["  - run: 'true'", "  - run: exit 1"], ids=["done", "failed"])
def test_report_says_where_it_wrote(steps: str, tmp_path: Path) -> None:
    path, report = write_runbook(tmp_path, steps), tmp_path / "the report.html"
    for extra, shown in ([], True), (["--json"], True), (["-q"], False):
        report.unlink(missing_ok=True)
        done = run_sosagent("run", path, "--against", "lab", "--report", report, *extra)
        assert report.exists()
        assert (f"wrote the report to '{report}'" in done.err) is shown
        assert str(report) not in done.out
    done = run_sosagent("run", tmp_path / "none.yml", "--against", "lab", "--report", report)
    assert "wrote the report" not in done.err


@pytest.mark.parametrize("command", [["run"], ["run", "--json"], ["runbook", "show"]], ids=["run", "json", "show"])
def test_an_invalid_runbook_is_exit_status_2(command: list[str]) -> None:
    lab = ["--against", "lab"] if command[0] == "run" else []
    done = run_sosagent(*command, FILES["shape-action-near-miss"], *lab)
    assert done.status == 2
    assert ":4:5: unknown key 'sned'; did you mean 'send'?" in done.out + done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
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
    ids=["missing", "twice", "unknown", "secret", "not set", "no name", "pattern", "bytes"],
)
def test_invalid_parameters_are_refused(arguments: list[Any], message: str, tmp_path: Path) -> None:
    path = write_runbook(
        tmp_path, "  - run: echo $who $pw", "parameters: {who: {pattern: '[a-z]+'}, pw: {type: secret}}"
    )
    for extra in ([], ["--json"]):
        done = run_sosagent("run", path, "--against", "lab", *arguments, *extra)
        shown = done.out + done.err
        assert done.status == 2, shown
        assert message in shown
        assert SECRET not in shown
        assert "connected" not in done.err
        assert not extra or json.loads(done.out)["status"] == "failed"


def test_parameters_are_checked_before_the_password_is_read(tmp_path: Path) -> None:
    path = write_runbook(tmp_path, "  - run: echo $who", "parameters: {who: {}}")
    done = run_sosagent("run", path, "127.0.0.1:1", "-F", "/dev/null")
    assert (done.status, done.out) == (2, "")
    assert "needs a value for who" in done.err


def test_a_failed_step_is_exit_status_9_and_its_secret_is_not_shown(tmp_path: Path) -> None:
    path = write_runbook(tmp_path, "  - run: 'echo \"$pw\"; exit 1'", "parameters: {pw: {type: secret}}")
    report, cast = tmp_path / "a.html", tmp_path / "cast"
    call = ["run", path, "--against", "lab", "-p", "pw=env:PW", "--report", report, "--transcript", cast]
    for extra in ([], ["--json"], ["-v"]):
        done = run_sosagent(*call, *extra, PW=SECRET)
        assert done.status == 9
        assert SECRET not in done.out + done.err + report.read_text() + cast.read_text()
        assert extra != ["--json"] or json.loads(done.out)["error"]["code"] == "step-failed"


def test_ctrl_c_cleans_up_and_shows_the_record(tmp_path: Path) -> None:
    path = write_runbook(tmp_path, "  - run: echo a\n  - {run: sleep 20, timeout: 2}", "finally: [{run: echo cleaned}]")
    process = subprocess.Popen(
        [*forked(), "run", str(path), "--against", "lab"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    while b"[1]" not in (line := process.stderr.readline()):
        assert line
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert b"logged out" in err
    assert b"ok       finally 1 run echo cleaned" in out


def test_the_user_is_asked_for_parameters_and_before_steps(tmp_path: Path) -> None:
    path = write_runbook(
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


def test_the_end_of_input_is_no_value(tmp_path: Path) -> None:
    path = write_runbook(tmp_path, "  - run: 'echo \"$who\"'", "parameters: {who: {description: the name}}")
    call = ["-m", "sosagent", "run", str(path), "--against", "lab"]
    child = pexpect.spawn(sys.executable, call, timeout=20, encoding="utf-8")
    child.expect_exact("the name (who): ")
    child.sendeof()
    child.expect_exact("no value was entered for the parameter who")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2


def test_schema_prints_the_schema() -> None:
    done = run_sosagent("runbook", "schema")
    assert (done.status, json.loads(done.out)) == (0, runbook_schema())
