"""Recordings of a console."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sosagent.console.transcript import Transcript
from sosagent.errors import UsageError


def test_a_recording_replaces_only_another_recording(tmp_path: Path) -> None:
    key, device, old = tmp_path / "key", tmp_path / "null", tmp_path / "old"
    key.write_text("PRIVATE KEY")
    os.mkfifo(device)
    for path in (key, device):
        with pytest.raises(UsageError, match="is not a recording"):
            Transcript(path, "title")
    assert (key.read_text(), device.is_fifo()) == ("PRIVATE KEY", True)
    for title in ("first", "second"):
        Transcript(old, title).close()
    assert "second" in old.read_text()
