"""`sosagent replay`: exit statuses, output and errors."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from sosagent.printable import is_clean

from ..support.cli import Ended, run_sosagent

BOOK = {
    "name": "greet",
    "parameters": {"who": {"default": "me"}},
    "steps": [{"name": "greet", "run": 'echo "hello $who"'}],
}


def replay(*arguments: object) -> Ended:
    done = run_sosagent("replay", *arguments)
    assert all(map(is_clean, [*done.out.splitlines(), *done.err.splitlines()]))
    return done


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.yml"
    path.write_text(json.dumps(BOOK))
    return path


@pytest.fixture
def cast(book: Path, tmp_path: Path) -> Path:
    """The recording of a run on a lab."""
    path = tmp_path / "run.cast"
    assert run_sosagent("run", book, "--against", "lab", "--transcript", path).status == 0
    return path


def test_the_exit_status_shows_whether_there_are_differences(cast: Path, book: Path) -> None:
    done = replay(cast, book)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "No differences."
    done = replay(cast, book, "-p", "who=\u202eyou")
    assert done.status == 1
    assert "differs                 1 greet  would run" in done.out
    done = replay(cast, book, "-p", "who=you", "--json")
    fields = json.loads(done.out)
    assert (done.status, fields["status"], fields["steps"][0]["verdict"]) == (1, "differs", "differs")


def test_usage_errors(cast: Path, book: Path, tmp_path: Path) -> None:
    assert replay(cast, book, "-p", "unknown=you").status == 2
    assert replay(book, cast).status == 2
    assert replay(tmp_path / "none", book).status == 2
    text = cast.read_bytes()
    cast.write_bytes(text + b"\xff\n")
    done = replay(cast, book, "--json")
    assert (done.status, json.loads(done.out)["error"]["code"]) == (2, "usage")
    assert f":{len(text.splitlines()) + 1}:" in done.out


def test_what_is_no_recording_is_refused(book: Path, tmp_path: Path) -> None:
    """Deep and wrongly typed JSON, a device, a folder: one sentence, whatever somebody passes as a recording."""
    first = '{"version": 2, "width": 80, "height": 24}\n'
    for text in ("[" * 100_000, '{"version": []}', first + '[1, "o", []]', first + '{"a": ' * 20_000):
        (tmp_path / "odd").write_text(text)
        done = replay(tmp_path / "odd", book)
        assert (done.status, "Traceback" in done.err) == (2, False), text[:60]
    for device in ("/dev/zero", tmp_path):
        done = replay(device, book)
        assert done.status == 2
        assert "the recording" in done.err


def test_a_recording_from_a_pipe(cast: Path, book: Path, tmp_path: Path) -> None:
    """A shell's <(zcat FILE) works; the program does not wait for ever for a pipe that nobody writes to."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cp", cast, pipe]):
        assert replay(pipe, book).status == 0


def test_incomparable_steps_are_no_differences(tmp_path: Path) -> None:
    path, cast = tmp_path / "book.yml", tmp_path / "run.cast"
    steps = [{"run": 'echo "$word" | wc -c'}]
    path.write_text(json.dumps({"name": "secret", "parameters": {"word": {"type": "secret"}}, "steps": steps}))
    call = ["run", path, "--against", "lab", "--transcript", cast, "-p", "word=env:WORD"]
    assert run_sosagent(*call, WORD="s3cret-word").status == 0
    done = replay(cast, path)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "No differences among the steps that can be compared."
