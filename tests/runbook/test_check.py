"""runbook/check.py and load.py: each file of bad_runbooks starts with the messages that it must cause."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sosagent.errors import ConfigInvalid, UsageError
from sosagent.printable import is_clean
from sosagent.runbook.conditions import Condition
from sosagent.runbook.load import load_runbook

from ..support.cli import run_sosagent

FOLDER = Path(__file__).with_name("bad_runbooks")
FILES = {path.stem: path for path in sorted(FOLDER.glob("*.yml"))}
#: Wording of libraries, which a user of runbooks would not understand.
FOREIGN = re.compile(
    r"pydantic|Input should|Value error|validation error|literal\[|tuple\[|found character|while (?:scanning|parsing)"
    r"|Errno|NoneType|Traceback|Extra inputs|Field required|'str'|recursion"
)


def expected(path: Path) -> list[tuple[str, str]]:
    """Return the places and messages in the first lines of a file."""
    heads = re.findall(r"^# expect: (\d+):(\d+) (.+)$", path.read_bytes().decode("utf-8", "replace"), re.MULTILINE)
    assert heads
    return [(f"{line}:{column}: ", words) for line, column, words in heads]


@pytest.mark.parametrize("name", FILES)
def test_each_mistake_is_reported_with_its_place(name: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load_runbook(FILES[name])
    mistakes = caught.value.mistakes or (caught.value.message,)
    wanted = expected(FILES[name])
    assert len(mistakes) == len(wanted), mistakes
    for mistake, (place, words) in zip(mistakes, wanted, strict=True):
        assert mistake.startswith(f"{FILES[name]}:{place}"), mistake
        assert words in mistake.replace(f"{FOLDER}/", "")
        assert is_clean(mistake)
        assert not FOREIGN.search(mistake), mistake
        assert len(mistake) < 1200
    assert caught.value.message == mistakes[0]


def test_the_files_cover_all_kinds_of_mistakes() -> None:
    kinds = [name.partition("-")[0] for name in FILES]
    assert len(FILES) >= 60
    assert set(kinds) >= {"yaml", "shape", "regex", "parameter", "template", "secret", "include", "text"}


def test_the_check_command_reports_all_of_them() -> None:
    done = run_sosagent("runbook", "check", *FILES.values())
    assert (done.status, done.out) == (2, "")
    lines = done.err.splitlines()
    wanted = [(path, place, words) for path in FILES.values() for place, words in expected(path)]
    assert len(lines) == len(wanted)
    for line, (path, place, words) in zip(lines, wanted, strict=True):
        assert line.startswith(f"sosagent: {path}:{place}"), line
        assert words in line.replace(f"{FOLDER}/", "")
        assert is_clean(line)


@pytest.mark.parametrize("size", [1 << 18, 1 << 21], ids=["256 KiB", "2 MiB"])
def test_a_file_that_is_too_large_is_refused(size: int, tmp_path: Path) -> None:
    path = tmp_path / "large.yml"
    path.write_text("name: x\nsteps:\n  - run: uptime\n" + "#" * size)
    with pytest.raises(ConfigInvalid, match="is larger than"):
        load_runbook(path)


def test_an_endless_device_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match=r"is larger than|is not allowed"):
        load_runbook("/dev/zero")


@pytest.mark.parametrize("name", ["none.yml", "a\0b", "~nobody-is-called-so/x.yml", "x" * 5000, "/", "/etc/passwd/x"])
def test_a_file_that_cannot_be_read_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_runbook(name)
    assert is_clean(caught.value.message)


VALID = {
    "windows newlines": b"name: x\r\nsteps:\r\n  - run: |\r\n      echo a\r\n      echo b\r\n",
    "a byte order mark": b"\xef\xbb\xbfname: x\nsteps:\n  - run: uptime\n",
    "words that YAML 1.1 would convert": b"name: x\nsteps:\n  - run: {program: uptime, expect: no}\n  - send: on\n",
    "a trailing document mark": b"---\nname: x\nsteps:\n  - run: uptime\n...\n",
    "a list at the key's column": b"name: x\nsteps:\n- run: uptime\n",
    "a folded program": b"name: x\nsteps:\n  - run: >\n      echo\n      a: b\n",
    "own variables": b'name: x\nparameters: {file: {}}\nsteps:\n  - run: for files in "$file"; do ls "$files"; done\n',
    "braces of another tool": b"name: x\nsteps:\n  - run: \"docker ps --format '{{.Names}} {{ json .Ports }}'\"\n",
}


@pytest.mark.parametrize("name", VALID)
def test_valid_files_are_accepted(name: str, tmp_path: Path) -> None:
    (tmp_path / "good.yml").write_bytes(VALID[name])
    loaded = load_runbook(tmp_path / "good.yml")
    assert "\r" not in str(loaded.runbook)


def test_a_number_keeps_its_spelling(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text(
        "name: x\nparameters: {v: {default: 1.50}, n: {type: number, default: 2.50}}\ntimeout: 1.50\nsteps:\n"
        "  - assert: {that: '{{ v }} {{ n }}', equals: 007}\n"
    )
    runbook = load_runbook(file).runbook
    assert runbook.parameters["v"].default == "1.50"
    assert runbook.timeout == 1.5
    options = runbook.steps[0].options
    assert isinstance(options, Condition) and options.equals == "007"


def test_an_invalid_step_causes_no_further_messages(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text(
        "name: x\nparameters:\n  who: {}\nsteps:\n  - run: {program: 'echo $who', store: up, colour: red}\n"
        "  - confirm: '{{ up }}'\n"
    )
    with pytest.raises(ConfigInvalid) as caught:
        load_runbook(file)
    assert [one.partition(": ")[2] for one in caught.value.mistakes] == [
        "unknown key 'colour'; the keys are program, expect, status, store, secret"
    ]
