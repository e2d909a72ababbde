"""The record of an open login, which a later run compares with the shell on the console."""

from __future__ import annotations

import json
import time
from pathlib import Path

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
    assert record.is_it(20) and record.is_it(60) and not record.is_it(100)
    record.path.write_text(json.dumps({"since": time.time() - 60, "open": True}))
    assert record.is_it(58) and not record.is_it(20)
    record.forget()
    assert record.seconds() is None
