"""console/recorder.py: which data is recorded, and which is not."""

from __future__ import annotations

import json
from pathlib import Path

from sosagent.console.recorder import Recorder
from sosagent.console.transcript import Transcript
from sosagent.secrets.secret import Secret


def _events(path: Path) -> list[tuple[str, str]]:
    return [(kind, text) for _, kind, text in map(json.loads, path.read_text().splitlines()[1:])]


def test_output_input_and_markers_are_recorded(tmp_path: Path) -> None:
    recorder = Recorder(Transcript(tmp_path / "cast", "t"))
    recorder.record_input(b"root\r")
    recorder.record_output(b"Password: ")
    recorder.add_marker("logged in")
    recorder.close()
    assert _events(tmp_path / "cast") == [("i", "root\r"), ("o", "Password: "), ("m", "logged in")]
    assert recorder.output == b"Password: "


def test_nothing_is_recorded_in_private(tmp_path: Path) -> None:
    recorder = Recorder(Transcript(tmp_path / "cast", "t"))
    private = []
    with recorder.unrecorded(Secret("hunter2")):
        with recorder.unrecorded():
            private.append(recorder.private)
        private.append(recorder.private)
        recorder.record_input(b"key\r")
        recorder.record_output(b"contents\r\n")
    recorder.record_output(b"hunter2 and more\r\n")
    recorder.close()
    assert [*private, recorder.private] == [True, True, False]
    assert _events(tmp_path / "cast") == [("i", "(not recorded)"), ("o", "(a secret) and more\r\n")]
    assert recorder.output == b"(a secret) and more\r\n"
    assert recorder.redact("hunter2") == "(a secret)"


def test_the_output_kept_in_memory_is_bounded() -> None:
    recorder = Recorder(None)
    for number in range(100):
        recorder.record_output(b"%6d\r\n" % number * 1000)
    assert 64 * 1024 <= len(recorder.output) <= 128 * 1024
    assert recorder.output.endswith(b"    99\r\n")
    recorder.clear_output()
    assert recorder.output == b""


def test_another_transcript_continues_the_recording(tmp_path: Path) -> None:
    first, second = Transcript(tmp_path / "1", "t"), Transcript(tmp_path / "2", "t")
    recorder = Recorder(first)
    recorder.add_secret(Secret("hunter2"))
    recorder.record_output(b"one hunt")
    recorder.switch_to(second)
    recorder.record_output(b"two")
    recorder.switch_to(None)
    recorder.record_output(b"three")
    assert _events(tmp_path / "1") == [("o", "one "), ("o", "hunt")]
    assert _events(tmp_path / "2") == [("o", "two")]
    first.close()
    second.close()
