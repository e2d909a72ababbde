"""`sosagent replay`: exit statuses, output and errors."""

from __future__ import annotations

import json
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
    assert f"line {len(text.splitlines()) + 1}:" in done.out


def test_incomparable_steps_are_no_differences(tmp_path: Path) -> None:
    path, cast = tmp_path / "book.yml", tmp_path / "run.cast"
    steps = [{"run": 'echo "$word" | wc -c'}]
    path.write_text(json.dumps({"name": "secret", "parameters": {"word": {"type": "secret"}}, "steps": steps}))
    call = ["run", path, "--against", "lab", "--transcript", cast, "-p", "word=env:WORD"]
    assert run_sosagent(*call, WORD="s3cret-word").status == 0
    done = replay(cast, path)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "No differences among the steps that can be compared."
