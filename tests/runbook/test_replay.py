"""runbook/replay.py: runbooks are compared with recordings of runs on the lab."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sosagent
from sosagent.errors import SosError, UsageError
from sosagent.lab import Faults, Lab, open_lab
from sosagent.runbook.api import run_runbook
from sosagent.runbook.load import load_runbook
from sosagent.runbook.recording import Program
from sosagent.runbook.recording_reader import read_recording
from sosagent.runbook.replay import Replayed, replay

from ..conftest import new_key, target_of

BOOK: dict[str, Any] = {
    "name": "try",
    "parameters": {"who": {"default": "it's \"me\" & you!"}, "word": {"type": "secret"}},
    "steps": [
        {"name": "greet", "run": {"program": 'echo "hello $who"\necho  "two  lines"', "store": "hi"}},
        {"assert": {"that": "{{ hi }}", "contains": "hello it's"}},
        {"run": {"program": "echo one; (exit 3)", "status": 3, "store": "one"}},
        {"when": {"that": "{{ one.status }}", "equals": 0}, "run": "echo never"},
        {"repeat": {"until": {"that": "{{ n }}", "matches": "3$"}, "times": 4, "pause": 0},
         "run": {"program": "echo x >> cnt; wc -l < cnt", "store": "n"}},
        {"run": "rm cnt; printf 'got %s\\n' \"$n\""},
        {"logout": {}},
        {"wait_for": {"state": "login"}},
        {"send": {"text": "no-such-user"}},
        {"expect": "assword: $"},
        {"send": {"text": "{{ word }}"}},
        {"expect": "incorrect"},
        {"name": "again", "run": "echo bye"},
    ],
    "finally": [{"run": "echo at the end"}],
}  # fmt: skip
WORD = {"word": sosagent.Secret("no-such-p4ssword")}


def write_book(tmp_path: Path, book: dict[str, Any], name: str = "book.yml") -> Path:
    path = tmp_path / name
    path.write_text(json.dumps(book))
    return path


async def record(lab: Lab, tmp_path: Path, book: dict[str, Any], values: dict[str, Any]) -> str:
    """Run a runbook on a lab, and return the recording even if the run fails."""
    path = tmp_path / "run.cast"
    try:
        await run_runbook(
            target_of(lab), write_book(tmp_path, book), values, password=lab.password, timeout=60, transcript=path
        )
    except SosError as error:
        assert error.record is not None, error
    return path.read_text("utf-8")


async def compare(tmp_path: Path, cast: str, book: dict[str, Any], values: dict[str, Any] | None = None) -> Replayed:
    loaded = load_runbook(write_book(tmp_path, book, "other.yml"))
    return await replay(read_recording(cast, "run.cast"), loaded, values or {})


def different(replayed: Replayed) -> dict[str, str]:
    """Return the verdicts of the steps that are not the same."""
    return {step.number: step.verdict for step in replayed.steps if step.verdict != "same"}


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The recording of a run of `BOOK`."""
    folder = tmp_path_factory.mktemp("recording")

    async def run() -> str:
        async with open_lab() as lab:
            return await record(lab, folder, BOOK, WORD)

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HOME", str(folder))
        return asyncio.run(run())


async def test_the_same_runbook_does_not_differ(cast: str, tmp_path: Path) -> None:
    replayed = await compare(tmp_path, cast, BOOK)
    assert different(replayed) == {"11": "cannot be compared"}
    assert (replayed.same, replayed.also, len(replayed.steps)) == (True, (), 14)
    assert WORD["word"].reveal() not in cast


def edit(change: Callable[[list[Any]], object]) -> Callable[[dict[str, Any]], object]:
    return lambda book: change(book["steps"])


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], dict[str, str], str]] = {
    "a program": (edit(lambda steps: steps[5].update(run="echo other")), {"6": "differs"}, "would run 'echo other'"),
    "a program with a name": (
        edit(lambda steps: steps[0]["run"].update(program='echo "bye $who"')), {"1": "differs"}, "the recording ran",
    ),
    "a value": (
        lambda book: book["parameters"]["who"].update(default="it's you"), {"1": "differs"}, "with who=",
    ),
    "the expected output": (
        edit(lambda steps: steps[12].update(run={"program": "echo bye", "expect": "good"})), {"13": "differs"},
        "does not match 'good'",
    ),
    "the expected exit status": (
        edit(lambda steps: steps[2]["run"].update(status=0)), {"3": "differs"}, "exit status 3",
    ),
    "an assertion": (edit(lambda steps: steps[1]["assert"].update(contains="no")), {"2": "differs"}, "would fail"),
    "a condition": (edit(lambda steps: steps[3]["when"].update(equals=3)), {"4": "not in the recording"}, "no such"),
    "an expect": (
        edit(lambda steps: steps[9].update(expect="passphrase: $")), {"10": "differs"}, "lab login: no-such-user",
    ),
    "the last expect": (edit(lambda steps: steps[11].update(expect="welcome")), {"12": "differs"}, "never came"),
    "a state": (
        edit(lambda steps: steps[7].update(wait_for={"state": "grub"})), {"8": "differs"}, "the state grub",
    ),
    "a typed text": (
        edit(lambda steps: steps[8].update(send={"text": "other-user"})), {"9": "differs"},
        "would type 'other-user' and Enter; the recording typed 'no-such-user' and Enter",
    ),
    "a new program": (
        edit(lambda steps: steps.insert(1, {"run": "echo new"})), {"2": "not in the recording"}, "echo new",
    ),
    "a program in another alphabet": (
        edit(lambda steps: steps[5].update(run="echo 100% 'größer'\n")), {"6": "differs"}, "'echo 100% 'größer''",
    ),
    "a new text": (
        edit(lambda steps: steps.insert(8, {"send": "new"})), {"9": "not in the recording"}, "would type 'new",
    ),
    "more repetitions": (
        edit(lambda steps: steps[4]["repeat"].update(until={"that": "{{ n }}", "matches": "4$"})),
        {"5": "not in the recording"}, "wc -l < cnt",
    ),
    "another user": (
        edit(lambda steps: steps.insert(0, {"login": {"user": "admin", "password": "{{ word }}"}})),
        {"1": "differs"}, "'admin'",
    ),
}  # fmt: skip


async def test_each_change_is_found_in_its_step_and_in_no_other(cast: str, tmp_path: Path) -> None:
    for name, (change, expected, words) in CHANGES.items():
        book = copy.deepcopy(BOOK)
        change(book)
        replayed = await compare(tmp_path, cast, book)
        verdicts = different(replayed)
        secret = next(step.number for step in replayed.steps if step.name == "send {{ word }}")
        assert verdicts.pop(secret) == "cannot be compared", name
        assert (name, verdicts) == (name, expected)
        reason = next(step.said for step in replayed.steps if step.number in expected)
        assert words in reason, name
        assert not replayed.same


REMOVED = {
    "a program": (5, "ran 'rm cnt; printf"),
    "a text": (8, "typed 'no-such-user' and Enter"),
    "a secret": (10, "typed '(a secret)' and Enter"),
}


async def test_what_only_the_recording_did_is_reported(cast: str, tmp_path: Path) -> None:
    for name, (at, words) in REMOVED.items():
        book = copy.deepcopy(BOOK)
        del book["steps"][at]
        if name == "a secret":
            del book["parameters"]["word"]
        replayed = await compare(tmp_path, cast, book)
        assert [one for one in replayed.also if words in one], (name, replayed)
        assert not replayed.same


FAILS: dict[str, Any] = {
    "name": "fails",
    "parameters": {"word": {"type": "secret"}},
    "steps": [
        {"run": {"program": 'echo "$word" | wc -c', "store": "size"}},
        {"run": "echo x$size"},
        {"assert": {"that": "{{ size }}", "equals": "17"}},
        {"run": "echo before; exit 4"},
        {"run": "echo after"},
    ],
    "on_failure": [{"run": 'echo "failed: $error"'}],
    "finally": [{"run": "echo at the end"}],
}


async def test_a_run_that_failed_fails_again(lab: Lab, tmp_path: Path) -> None:
    cast = await record(lab, tmp_path, FAILS, WORD)
    replayed = await compare(tmp_path, cast, FAILS)
    unknown = "cannot be compared"
    assert different(replayed) == {"1": unknown, "3": unknown, "5": unknown}
    assert replayed.same
    repaired = copy.deepcopy(FAILS)
    repaired["steps"][3] = {"run": {"program": "echo before; exit 4", "status": 4}}
    replayed = await compare(tmp_path, cast, repaired)
    assert different(replayed) == {"1": unknown, "3": unknown, "4": "differs", "5": "not in the recording"}
    assert not replayed.same


AFTER: dict[str, Any] = {"on_failure": [{"run": "echo failed"}], "finally": [{"run": "echo end"}]}
STOPPED: dict[str, tuple[dict[str, Any], str, dict[str, str]]] = {
    "a program that exceeds its time": (
        {"run": {"program": "echo one; sleep 30", "status": "any"}, "timeout": 1}, "seed=1", {},
    ),
    "an unknown user": (
        {"login": {"user": "no-such-user", "password": "{{ word }}"}}, "seed=1", {"1": "cannot be compared"},
    ),
    "a question": ({"confirm": "Really?"}, "seed=1", {}),
    "a lost connection": (
        {"run": "seq 2000"}, "cut=4000",
        dict.fromkeys(("1", "on_failure 1", "finally 1"), "cannot be compared"),
    ),
    "a connection lost before anything was sent": (
        {"run": "seq 2000"}, "cut=400",
        dict.fromkeys(("1", "on_failure 1", "finally 1"), "cannot be compared"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STOPPED)
async def test_what_ended_the_run_ends_the_replay(name: str, tmp_path: Path) -> None:
    step, faults, expected = STOPPED[name]
    book = {"name": "stops", "steps": [step, {"run": "echo after"}], **AFTER}
    values = WORD if "login" in step else {}
    if values:
        book["parameters"] = {"word": BOOK["parameters"]["word"]}
    async with open_lab(faults=Faults.parse(faults)) as lab:
        cast = await record(lab, tmp_path, book, values)
    assert '"failed 1: ' in cast
    replayed = await compare(tmp_path, cast, book)
    assert (different(replayed), replayed.also) == ({**expected, "2": "cannot be compared"}, ())
    new = {**book, "on_failure": [{"run": "echo other"}]}
    replayed = await compare(tmp_path, cast, new)
    assert replayed.same == ("on_failure 1" in expected)


async def test_a_program_may_use_a_value_that_the_recording_lacks(lab: Lab, tmp_path: Path) -> None:
    steps = [
        {"run": {"program": "echo s3cretword; (exit 3)", "secret": True, "status": 3, "store": "pw"}},
        {"run": "echo $pw_status"},
        {"run": "echo $pw"},
        {"when": {"that": "{{ pw.status }}", "equals": 3}, "run": "echo three"},
        {"run": "echo after"},
    ]
    book = {"name": "secret", "steps": steps}
    cast = await record(lab, tmp_path, book, {})
    replayed = await compare(tmp_path, cast, book)
    assert different(replayed) == dict.fromkeys(("1", "3", "4"), "cannot be compared")
    assert (replayed.same, replayed.also) == (True, ())


async def test_output_is_known_even_if_the_recording_lacks_control_characters(lab: Lab, tmp_path: Path) -> None:
    program = "printf 'a\\033]0;title\\007b\\001c\\nsecond\\n'"
    book = {"name": "b", "steps": [{"run": {"program": program, "expect": "^second$"}}]}
    cast = await record(lab, tmp_path, book, {})
    programs = [item for item in read_recording(cast, "x").items if isinstance(item, Program)]
    assert (programs[-1].status, programs[-1].output) == (0, b"abc\nsecond")
    assert (await compare(tmp_path, cast, book)).same


WRONG: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda _: "", ":1"),
    "not JSON": (lambda _: "name: try\nsteps: []\n", ":1: expected the header"),
    "another version": (lambda text: text.replace('"version": 2', '"version": 1', 1), ":1: .* version 2"),
    "cut off": (lambda text: text[: text.rindex('"') - 3], ":{last}: expected an event"),
    "an object": (lambda text: text.replace("\n", '\n{"a": 1}\n', 2), ":2: expected an event"),
    "an event with numbers": (lambda text: text.replace("\n", '\n[1, "o", 2]\n', 1), ":2: expected an event"),
    "nested": (lambda text: text.replace("\n", "\n" + "[" * 100_000 + "\n", 1), ":2: expected an event"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_invalid_recording_is_reported_with_its_line(name: str) -> None:
    text = '{"version": 2, "width": 80, "height": 24}\n[0.1, "o", "lab login: "]\n[0.2, "i", "root"]\n'
    assert len(read_recording(text, "x").items) == 2
    change, words = WRONG[name]
    with pytest.raises(UsageError, match=r"run\.cast" + words.format(last=3)):
        read_recording(change(text), "run.cast")


async def test_a_recording_that_ends_early_can_be_compared(cast: str, tmp_path: Path) -> None:
    lines = cast.splitlines(keepends=True)
    for count in range(1, len(lines), 4):  # every fourth is quick, and cuts every kind of event
        replayed = await compare(tmp_path, "".join(lines[:count]), BOOK)
        assert len(replayed.steps) >= 14, count
    sent = next(at for at, line in enumerate(lines) if '"i"' in line and "rm cnt" in line)
    replayed = await compare(tmp_path, "".join(lines[: sent + 1]), BOOK)
    assert different(replayed)["6"] == "cannot be compared"
    assert different(replayed)["9"] == "not in the recording"


async def test_the_recording_of_another_job(lab: Lab, tmp_path: Path) -> None:
    key, other, path = new_key("me@here"), new_key("you@there"), tmp_path / "add.cast"
    await sosagent.add_key(target_of(lab), key, password=lab.password, transcript=path)
    book = {"name": "add", "steps": [{"add_key": key.line}]}
    replayed = await compare(tmp_path, path.read_text(), book)
    assert (different(replayed), replayed.also) == ({}, ())
    assert key.fingerprint in replayed.steps[0].said
    book["steps"] = [{"add_key": other.line}]
    assert different(await compare(tmp_path, path.read_text(), book)) == {"1": "differs"}
    replayed = await compare(tmp_path, path.read_text(), BOOK)
    assert different(replayed)["1"] == "differs" and not replayed.same


async def test_included_runbooks_are_compared(lab: Lab, tmp_path: Path) -> None:
    inner: dict[str, Any] = {
        "name": "inner",
        "parameters": {"text": {}},
        "steps": [{"run": 'echo "$text"'}, {"run": "echo second"}],
        "finally": [{"run": "echo inner end"}],
    }
    write_book(tmp_path, inner, "inner.yml")
    include = {"include": {"runbook": "inner.yml", "parameters": {"text": "one"}}}
    book = {"name": "outer", "steps": [include, include, {"run": "echo outer"}]}
    cast = await record(lab, tmp_path, book, {})
    replayed = await compare(tmp_path, cast, book)
    assert ([step.number for step in replayed.steps][:4], replayed.same) == (["1", "1.1", "1.2", "1.finally 1"], True)
    inner["steps"][1] = {"run": "echo other"}
    write_book(tmp_path, inner, "inner.yml")
    assert different(await compare(tmp_path, cast, book)) == {"1.2": "differs", "2.2": "differs"}


@pytest.mark.damages
async def test_a_recording_over_a_bad_line(tmp_path: Path) -> None:
    book = {"name": "b", "steps": [{"run": f"echo {number}; seq 20"} for number in range(6)]}
    async with open_lab(faults=Faults.parse("seed=3,drop=8e-4")) as lab:
        cast = await record(lab, tmp_path, book, {})
    items = read_recording(cast, "run.cast").items
    sent = [line for line in cast.splitlines() if '"i"' in line and "seq 20" in line]
    assert len(sent) > 6  # some were sent again
    assert len([item for item in items if isinstance(item, Program) and "seq 20" in item.text]) == 6
    assert (await compare(tmp_path, cast, book)).same
