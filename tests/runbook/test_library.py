"""The shipped runbooks, as far as the lab can run them; tests/vm/test_runbooks.py runs them on a real machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sosagent.errors import SosError, UsageError
from sosagent.lab import Lab
from sosagent.runbook.actions import Run
from sosagent.runbook.api import run_runbook
from sosagent.runbook.load import load_runbook

from ..conftest import target_of
from .runs import output_of, recorded, statuses


@pytest.mark.parametrize("password", ["", "one\nroot:two", "a\tb"], ids=["empty", "newline", "tab"])
def test_reset_password_refuses_control_characters(sh: list[str], password: str, tmp_path: Path) -> None:
    """chpasswd would read the second line as another user's password."""
    (tmp_path / "chpasswd").write_text("#!/bin/sh\ncat\n")
    (tmp_path / "chpasswd").chmod(0o755)
    options = load_runbook("reset-password").runbook.steps[1].options
    assert isinstance(options, Run)
    for word, accepted in ((password, False), ("a:b c", True)):
        done = subprocess.run(
            [*sh, "-c", f'PATH="{tmp_path}:$PATH" new_password=$1 user=me; {options.program}', "sh", word],
            capture_output=True, text=True, check=False, timeout=20,
        )  # fmt: skip
        assert (done.returncode == 0, done.stdout == f"me:{word}\n") == (accepted, accepted), done


async def test_unban_normalises_the_address(lab: Lab) -> None:
    record = await run_runbook(target_of(lab), "unban", {"address": "2001:DB8:0::7"}, password=lab.password)
    assert output_of(record, "1") == "2001:db8::7"
    for invalid in ("dead.beef", "1.2.3", "::1;id", "host"):
        with pytest.raises(UsageError, match="must match"):
            await run_runbook(target_of(lab), "unban", {"address": invalid}, password=lab.password)


async def test_a_failed_support_bundle_leaves_no_files_on_the_machine(lab: Lab, tmp_path: Path) -> None:
    folders = [Path(name) for name in ("/run", "/dev/shm", "/tmp")]
    before = {one for folder in folders for one in folder.glob("sosagent-bundle.*")}
    with pytest.raises(SosError) as caught:
        await run_runbook(
            target_of(lab), "support-bundle", {"to": str(tmp_path / "no" / "x"), "lines": 5}, password=lab.password
        )
    assert statuses(recorded(caught.value))["finally 1"] == "done"
    assert {one for folder in folders for one in folder.glob("sosagent-bundle.*")} <= before
