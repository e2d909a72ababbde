"""Questions go to the user's terminal, whatever standard input is."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from pathlib import Path

import pexpect
import pytest

import sosagent
from sosagent.lab import Lab

_SECONDS = 60


def _in_terminal(words: list[str], answer: str, *, question: str) -> tuple[str, int | None]:
    """Run a command whose standard input is a pipe, answer its question on the terminal; return output and status."""
    env = {name: value for name, value in os.environ.items() if name != "SOS_PASSWORD"}
    command = f"cat key | {shlex.join([sys.executable, '-m', 'sosagent', *words])}"
    child = pexpect.spawn("sh", ["-c", command], encoding="utf-8", timeout=_SECONDS, env=env | {"NO_COLOR": "1"})
    child.expect(question)
    child.waitnoecho(1) if "assword" in question else None
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    return child.before or "", child.exitstatus


@pytest.fixture(autouse=True)
def _with_key(tmp_path: Path, key: sosagent.PublicKey, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text(f"{key.line}\n")
    monkeypatch.chdir(tmp_path)


async def test_the_password_is_asked_for_where_standard_input_has_the_key(
    lab: Lab, arguments: list[str], key: sosagent.PublicKey
) -> None:
    at = arguments.index("--password-file")
    words = ["addkey", *arguments[:at], *arguments[at + 2 :], "-"]
    output, status = await asyncio.to_thread(_in_terminal, words, lab.password.reveal(), question="[Pp]assword.*: ")
    assert status == 0, output
    assert key.line in (lab.machine.home / ".ssh" / "authorized_keys").read_text()
    assert lab.password.reveal() not in output


async def test_a_runbook_asks_where_standard_input_is_a_pipe(lab: Lab, arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "ask.yml").write_text("name: Ask\nsteps:\n  - confirm: Really go on?\n")
    words = ["run", "./ask.yml", *arguments]
    for answer, expected in (("y", 0), ("n", 9)):
        output, status = await asyncio.to_thread(_in_terminal, words, answer, question=r"Really go on\? \[y/N\] ")
        assert status == expected, output


async def test_a_change_is_asked_about_where_standard_input_is_a_pipe(
    lab: Lab, arguments: list[str], key: sosagent.PublicKey
) -> None:
    file = lab.machine.home / ".ssh" / "authorized_keys"
    file.parent.mkdir(mode=0o700)
    file.write_text(f"{key.line}\n")
    for path in (file.parent, file):
        os.chown(path, lab.machine.home.stat().st_uid, -1)
    words = ["keys", "remove", *arguments, key.fingerprint, "--force"]
    for answer, expected in (("n", 2), ("y", 0)):
        output, status = await asyncio.to_thread(_in_terminal, words, answer, question=r"Remove this line.*\[y/N\] ")
        assert status == expected, output
        assert (key.line in file.read_text()) == (expected == 2)
