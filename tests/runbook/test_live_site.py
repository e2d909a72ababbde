"""runbook/live_site.py: logins, and what happens when the console or the caller goes away."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from sosagent.errors import EndpointLost, LoginRefused, StepFailed
from sosagent.lab import Lab
from sosagent.runbook.record import record_fields
from sosagent.secrets.secret import Secret

from ..conftest import until
from .runs import SECRET, fail_on, recorded, run_on, statuses, typed_on, write_runbook


async def test_a_wrong_password_is_typed_once(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = typed_on(lab, monkeypatch)
    path = write_runbook(tmp_path, "  - run: id", "on_failure: [{run: id}, {run: id}]\nfinally: [{run: id}]")
    error, record = await fail_on(lab, path, LoginRefused, password="not-the-one")
    assert error.exit_code == 5
    assert typed.count(b"not-the-one") == 1
    assert set(statuses(record).values()) == {"failed", "not run"}
    assert "not-the-one" not in repr(record) + repr(error)


async def test_a_lost_connection_leaves_a_record(lab: Lab, tmp_path: Path) -> None:
    path = write_runbook(
        tmp_path,
        "  - run: echo a\n  - run: touch here; sleep 3\n  - run: echo c",
        "on_failure: [{run: id}]\nfinally: [{run: id}]",
    )
    task = asyncio.ensure_future(run_on(lab, path))
    await until((lab.machine.home / "here").exists)
    lab.hang_up()
    with pytest.raises(EndpointLost) as caught:
        await task
    assert caught.value.exit_code == 3
    assert statuses(recorded(caught.value)) == {
        "1": "done", "2": "failed", "3": "not run", "on_failure 1": "not run", "finally 1": "not run"
    }  # fmt: skip


async def test_a_cancelled_run_cleans_up_and_logs_out(lab: Lab, tmp_path: Path) -> None:
    inner = write_runbook(tmp_path, "  - {run: touch here; sleep 30, timeout: 2}", "finally: [{run: echo inner}]")
    path = write_runbook(
        tmp_path, f"  - include: {inner.name}\n  - run: id", "on_failure: [{run: id}]\nfinally: [{run: touch end}]"
    )
    task = asyncio.ensure_future(run_on(lab, path))
    await until((lab.machine.home / "here").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert statuses(recorded(caught.value)) == {
        "1": "failed", "1.1": "failed", "1.finally 1": "done", "2": "not run", "finally 1": "done"
    }  # fmt: skip
    assert (lab.machine.home / "end").exists()
    await until(lambda: lab.machine._shell is None)


async def test_another_users_password_is_typed_for_that_user(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = typed_on(lab, monkeypatch)
    path = write_runbook(
        tmp_path,
        "  - login: {user: admin, password: '{{ word }}'}\n  - run: id",
        "parameters: {word: {type: secret}}\nfinally: [{run: echo in}, {login: {user: admin, password: '{{ word }}'}}]",
    )
    error, record = await fail_on(lab, path, LoginRefused, parameters={"word": Secret(SECRET)})
    assert (typed.count(SECRET.encode()), typed.count(lab.password.reveal().encode())) == (1, 1)
    assert typed.find(b"admin") < typed.find(SECRET.encode()) < typed.find(b"root")
    assert typed.find(b"root") < typed.find(lab.password.reveal().encode())
    # The cleanup logs in as the caller. A password that was refused is not typed again.
    assert statuses(record) == {"1": "failed", "2": "not run", "finally 1": "done", "finally 2": "failed"}
    assert "admin was refused before" in "".join(error.__notes__)
    assert SECRET not in repr(record) + json.dumps(record_fields(record))


@pytest.mark.parametrize("password", ["", "two\nlines"], ids=["empty", "newline"])
async def test_a_password_that_cannot_be_typed_is_refused(
    password: str, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = typed_on(lab, monkeypatch)
    path = write_runbook(
        tmp_path, "  - login: {user: admin, password: '{{ word }}'}", "parameters: {word: {type: secret}}"
    )
    error, _ = await fail_on(lab, path, StepFailed, parameters={"word": Secret(password)})
    assert "cannot be typed" in error.message
    assert b"admin" not in typed
