"""runbook/scope.py: programs with values arrive unchanged in real shells, and end in time."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sosagent.runbook.load import Loaded
from sosagent.runbook.scope import Scope, with_time_limit
from sosagent.secrets.secret import Secret

from ..conftest import SHELLS, installed
from .runs import EXAMPLES, SECRET

#: Any text that can be passed to a shell: no NUL, no lone surrogates.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
HARD = ["-é", "-n", "%s\\n", "a\n\n", "\n", "$(touch x)`id`", "'\"\\", "!~.&", "é\u202e", "\\0101\\c", "é123", "", " "]


def scope(parameters: Mapping[str, str | Secret], **known: object) -> Scope:
    return Scope(Loaded.__new__(Loaded), parameters, dict(known))


def is_printable_ascii(program: str) -> bool:
    return program.isascii() and program.isprintable()


def output_of(sh: list[str], program: str) -> bytes:
    """Run a program as the receiver does: it evaluates what it has collected."""
    done = subprocess.run([*sh, "-c", 'eval "$1"', "sh", program], capture_output=True, check=False, timeout=20)
    assert done.stderr == b"", done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", [*SHELLS, "mksh"])
@pytest.mark.parametrize("value", HARD, ids=map(ascii, HARD))
def test_a_difficult_value_arrives_unchanged(shell: str, value: str) -> None:
    sh = installed(SHELLS.get(shell, [shell]))
    program, _ = scope({"v": value}).program('printf "<%s>" "$v"')
    assert is_printable_ascii(program)
    assert output_of(sh, program) == f"<{value}>".encode()


@given(value=TEXTS)
@EXAMPLES
def test_any_value_arrives_unchanged(sh: list[str], value: str) -> None:
    program, _ = scope({"v": value}).program('printf %s "$v"')
    assert is_printable_ascii(program)
    assert not set("!~") & set(program)
    assert "&" not in program
    assert output_of(sh, program) == value.encode()


@given(text=TEXTS)
@EXAMPLES
def test_any_program_arrives_unchanged(sh: list[str], text: str) -> None:
    """A here-document shows what the shell has read. Its delimiter is long, so that the text cannot end it."""
    # dash 0.5.12 loses a byte of a character that follows the start of the delimiter on a line.
    assume(not re.search("^n", text, re.MULTILINE))
    body = f"cat <<'no such line'\n{text}\nend\nno such line"
    program, _ = scope({}).program(body)
    assert is_printable_ascii(program)
    assert not set("!~&") & set(program)
    assert output_of(sh, program) == f"{text}\nend\n".encode()


def test_a_program_sees_stored_values_and_no_variables_of_the_receiver(sh: list[str]) -> None:
    program, secrets = scope(
        {"who": "me", "pw": Secret(SECRET)}, disk={"output": "a b\n", "status": 4}, token={"output": Secret("tok")}
    ).program('printf "%s|" "$who" "$pw" "$disk" "$disk_status" "$token" "${x-none}" "$other"')
    assert output_of(sh, f"x=1;{program}") == f"me|{SECRET}|a b\n|4|tok|none||".encode()
    assert [one.reveal() for one in secrets] == [SECRET, "tok"]


LONG = ("sleep 50", "sleep 50 | cat; echo no", "(sleep 50; :) & wait")


def test_a_program_and_its_children_are_killed_when_the_time_is_up() -> None:
    """All shells and programs run at the same time."""
    shells = [command for command in SHELLS.values() if shutil.which(command[0])]
    running = {
        (command[0], text): subprocess.Popen(
            [*command, "-c", 'eval "$1"', "sh", with_time_limit(scope({}).program(f"echo started; {text}")[0], 1)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for command in shells
        for text in LONG
    }
    for name, process in running.items():
        out, err = process.communicate(timeout=20)
        assert (name, process.returncode, out, err) == (name, 137, b"started\n", b"")


def test_a_program_that_ends_in_time_is_unaffected(sh: list[str]) -> None:
    program, _ = scope({}).program("echo out; echo err >&2; exit 7")
    done = subprocess.run(
        [*sh, "-c", 'eval "$1"', "sh", with_time_limit(program, 30)], capture_output=True, check=False, timeout=20
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"err\n")
