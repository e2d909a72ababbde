"""The record of an open login, which a later run compares with the shell on the console."""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sosagent.login.record import OpenLogin


def test_an_invalid_record_is_ignored(tmp_path: Path) -> None:
    record = OpenLogin("x")
    record.path.parent.mkdir(parents=True)
    for odd in ("", "[]", "{", '{"since": 1' + "0" * 400 + "}", "[" * 5000, '{"since": "x"}', '{"since": -1}'):
        record.path.write_text(odd)
        assert record.seconds() is None
        assert not record.is_it(10**400)
    record.remember(is_open=False)
    assert record.is_it(0) and not record.is_it(30)  # a login takes a while: the shell is younger than the record
    record.path.write_text(json.dumps({"since": time.time() - 60, "open": False}))
    assert record.is_it(42) and record.is_it(60) and not record.is_it(30) and not record.is_it(70)
    assert record.is_it(30, asked=10)  # the answer may have been asked for again
    record.path.write_text(json.dumps({"since": time.time() - 60, "open": True}))
    assert record.is_it(58) and not record.is_it(50) and not record.is_it(70)
    record.forget()
    assert record.seconds() is None


def test_the_wall_clock_may_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour, a day or years forward or back, between the record and the next run."""
    record, wall = OpenLogin("x"), time.time
    for is_open in (False, True):
        for jump in (-3e8, -86400, -3600, -5, 5, 3600, 86400, 3e8):
            record.remember(is_open=is_open)
            with monkeypatch.context() as patch:
                patch.setattr(time, "time", lambda jump=jump: wall() + jump)
                assert record.is_it(0) and not record.is_it(60)
                ago = record.seconds()
                assert ago is not None and 0 <= ago < 60


def test_a_record_of_an_earlier_boot_is_compared_by_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    record = OpenLogin("x")
    record.remember(is_open=True)
    stored = json.loads(record.path.read_text()) | {"boot": "another", "since": time.time() - 1000}
    record.path.write_text(json.dumps(stored))
    assert record.is_it(1000) and not record.is_it(10)


def test_the_time_of_a_slow_login_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell started at some time between the password and the prompt."""
    record = OpenLogin("x")
    record.remember(is_open=False)
    stored = json.loads(record.path.read_text())
    record.path.write_text(json.dumps(stored | {"uptime": stored["uptime"] - 15, "since": stored["since"] - 15}))
    record.remember(is_open=True)
    assert record.is_it(0) and record.is_it(14) and not record.is_it(30)


@pytest.mark.parametrize("kept", [True, False])
def test_a_full_disk(kept: bool, tmp_path: Path) -> None:
    """An earlier record is written over, which needs no space; without one, the reason is returned."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    record = OpenLogin("x")
    state = record.path.parent
    state.mkdir(parents=True, mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k,mode=700", "none", state], check=True)
    try:
        if kept:
            assert record.remember(is_open=False) == ""
        with suppress(OSError):
            (state / "other").write_bytes(bytes(1 << 16))
        trouble = record.remember(is_open=True)
        assert ("No space left on device" in trouble) is not kept
        assert record.is_it(0) is kept
    finally:
        subprocess.run(["umount", state], check=True)
