"""console/recorder.py: which data is recorded, and which is not."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path

import pexpect
import pytest

from sosagent.console.recorder import Recorder
from sosagent.console.transcript import Transcript
from sosagent.secrets.secret import Secret
from sosagent.terminal.screen import screen_of


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


SECRET = "Tr0ub4dor-and-3"


def recorded(path: Path, *portions: bytes) -> bytes:
    """Record these portions on a console that knows the secret; return what a player would print."""
    recorder = Recorder(Transcript(path, "t"))
    recorder.add_secret(Secret(SECRET))
    for one in portions:
        recorder.record_output(one)
    recorder.close()
    assert recorder.output.replace(b"\0", b"").isascii()
    return "".join(text for _, text in _events(path)).encode()


def shows_secret(played: bytes, columns: int = 80) -> bool:
    """Whether the secret stands on a terminal, on one row or across the ends of rows, or in the text of a recording."""
    screen = "".join(screen_of(played, columns, 24))
    text = re.sub(rb"\x1b\[[0-9;]*[A-Za-z]|[\0-\x1f]", b"", played).replace(b" ", b"")
    return SECRET in screen or SECRET.encode() in text


@pytest.mark.parametrize("whole", [True, False], ids=["in one portion", "byte by byte"])
@pytest.mark.parametrize(
    "split",
    [b"\x1b[1;33m", b"\0", b"\x1b[2;9H", b"\x1b[C", b"\r", b" \r", b"\r\n", b""],
    ids=["colour", "NUL", "cursor", "column", "CR", "readline", "new row", "the terminal's own wrap"],
)
def test_a_split_secret_is_not_in_a_recording(split: bytes, whole: bool, tmp_path: Path) -> None:
    """The secret is at the end of a row of 80 columns, and the split where the row is full."""
    line = b"sh: 1: " + b"x" * 66 + SECRET[:7].encode() + split + SECRET[7:].encode() + b": not found\r\n# "
    assert shows_secret(line) or split in (b"\x1b[2;9H", b"\x1b[C", b"\r")  # what would be recorded else
    portions = [line] if whole else [line[at : at + 1] for at in range(len(line))]
    played = recorded(tmp_path / "cast", *portions)
    assert not shows_secret(played)
    assert b"(a secret)" in played
    assert SECRET[7:].encode() not in played
    assert played.endswith(b": not found\r\n# ")


@pytest.mark.parametrize("shell", ["bash --norc --noprofile", "dash", "zsh -f"])
def test_a_secret_across_two_rows_of_a_real_line_editor(shell: str, tmp_path: Path) -> None:
    """It is typed at a prompt on a terminal of 80 columns, and a row ends in it."""
    program, *words = shell.split()
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here")
    for at in (1, 7, len(SECRET) - 2):
        child = pexpect.spawn(
            program, [*words, "-i"], timeout=20, dimensions=(24, 80), env={"TERM": "xterm", "PS1": "$ "}
        )
        log = io.BytesIO()
        child.logfile_read = log
        child.expect_exact("$ ")
        child.send(f"#{'x' * (77 - at)}{SECRET}y")
        child.expect_exact(f"{SECRET[-1]}y")
        child.close(force=True)
        played = log.getvalue()
        assert SECRET in "".join(screen_of(played, 80, 24))
        shown = [recorded(tmp_path / "cast", played)]
        shown += [recorded(tmp_path / "cast", *(played[one : one + 1] for one in range(len(played))))]
        assert [SECRET in "".join(screen_of(one, 80, 24)) for one in shown] == [False, False]
        assert all(b"(a secret)" in one for one in shown), shown
