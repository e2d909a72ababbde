"""What lines in the file do otherwise than requested, and their replacement, in real shells on real files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import sosagent
from sosagent.authorized_keys.outcome import Appended

from ..conftest import new_key
from ..support.authorized_keys import ONE, add, keys_file

HOUR = timedelta(hours=1)


async def replaced(sh: list[str], home: Path, *keys: sosagent.PublicKey, until: datetime | None = None) -> Appended:
    return await add(sh, home, *keys, until=until, replace_lines=True)


async def test_a_dry_run_refuses_a_rewrite_of_a_file_with_other_names(tmp_path: Path) -> None:
    key = new_key()
    file = keys_file(tmp_path, f"{key.line}\n")
    (tmp_path / "other").hardlink_to(file)
    limited = replace(key, options=("restrict",))
    for dry_run in (True, False):
        with pytest.raises(sosagent.EditRefused, match="has 2 hard links"):
            await add(["dash"], tmp_path, limited, replace_lines=True, dry_run=dry_run)
    assert file.read_text() == f"{key.line}\n"


async def test_access_that_does_not_end_is_a_problem(sh: list[str], tmp_path: Path) -> None:
    key = new_key()
    file = keys_file(tmp_path, f"{ONE.line}\n{key.line}\n")
    until = datetime.now(UTC) + 2 * HOUR
    done = await add(sh, tmp_path, key, until=until)
    assert (done.keys[0].result, done.refusals) == ("present", ())
    assert [f"without expiry-time: its access does not end at {until:%Y%m%d%H%M%S}Z" in one for one in done.unmet] == [
        True
    ]
    assert "--replace" in done.remedies[0]
    assert file.read_text() == f"{ONE.line}\n{key.line}\n"
    done = await replaced(sh, tmp_path, key, until=until)
    assert (done.keys[0].result, done.problems, done.before, done.after) == ("replaced", (), 2, 2)
    assert file.read_text() == f'{ONE.line}\nexpiry-time="{until:%Y%m%d%H%M%S}Z" {key.line}\n'
    assert Path(done.backup).read_text() == f"{ONE.line}\n{key.line}\n"
    again = await replaced(sh, tmp_path, key, until=until)
    assert (again.keys[0].result, again.problems, again.backup) == ("present", (), "")


async def test_a_line_that_ends_later_is_a_problem(tmp_path: Path) -> None:
    key, until = new_key(), datetime.now(UTC) + 2 * HOUR
    file = keys_file(tmp_path, f'expiry-time="20991231Z" {key.line}\n')
    done = await add(["dash"], tmp_path, key, until=until)
    assert ["with expiry-time=20991231Z" in one for one in done.unmet] == [True]
    done = await replaced(["dash"], tmp_path, key, until=until)
    assert (done.keys[0].result, done.problems) == ("replaced", ())
    assert file.read_text() == f'expiry-time="{until:%Y%m%d%H%M%S}Z" {key.line}\n'


async def test_a_line_that_ends_earlier_is_no_problem(tmp_path: Path) -> None:
    key, until = new_key(), datetime.now(UTC) + 2 * HOUR
    keys_file(tmp_path, f'expiry-time="{until - HOUR:%Y%m%d%H%M%S}Z" {key.line}\n')
    done = await add(["dash"], tmp_path, key, until=until)
    assert (done.keys[0].result, done.problems) == ("added", ())


CONTENTS = {
    "restricted": ('from="10.0.0.1" {key}\n', "{new}\n"),
    "a command": ('# a\ncommand="echo no" {key}\n{one}\n', "# a\n{new}\n{one}\n"),
    "no newline at the end": ("{one}\n{key}", "{one}\n{new}\n"),
    "several lines": ("{key}\n{one}\nno-pty {key}\n# {key}\n", "{new}\n{one}\n# {key}\n"),
}


@pytest.mark.parametrize("name", CONTENTS)
async def test_lines_are_replaced_and_others_are_kept(sh: list[str], tmp_path: Path, name: str) -> None:
    key = new_key("it's 100% \\n mine")
    wanted = replace(key, options=("restrict", "pty"))
    old, new = CONTENTS[name]
    words = {"key": key.line, "one": ONE.line, "new": wanted.line}
    file = keys_file(tmp_path, old.format(**words))
    done = await replaced(sh, tmp_path, wanted)
    assert (done.keys[0].result, done.problems) == ("replaced", ())
    assert file.read_text() == new.format(**words)
    assert Path(done.backup).read_text() == old.format(**words)


async def test_one_rewrite_replaces_and_adds(sh: list[str], tmp_path: Path) -> None:
    key, absent = new_key(), new_key("new")
    wanted = replace(key, options=("restrict",))
    for end in ("", "\n"):
        file = tmp_path / ".ssh" / "authorized_keys"
        file = file if file.parent.exists() else keys_file(tmp_path)
        file.write_text(f"{key.line}\n{ONE.line}{end}")
        absent = new_key("new")
        done = await replaced(sh, tmp_path, wanted, absent)
        assert [one.result for one in done.keys] == ["replaced", "added"]
        assert file.read_text() == f"{wanted.line}\n{ONE.line}\n{absent.line}\n"


async def test_without_replace_a_missing_option_is_a_problem(tmp_path: Path) -> None:
    key = new_key()
    file = keys_file(tmp_path, f"{key.line}\n")
    done = await add(["dash"], tmp_path, replace(key, options=("restrict",)))
    assert ["without restrict" in one for one in done.unmet] == [True]
    assert file.read_text() == f"{key.line}\n"


async def test_a_dry_run_replaces_nothing(tmp_path: Path) -> None:
    key = new_key()
    file = keys_file(tmp_path, f"no-pty {key.line}\n")
    done = await add(["dash"], tmp_path, key, dry_run=True, replace_lines=True)
    assert (done.keys[0].result, done.backup) == ("would-replace", "")
    assert file.read_text() == f"no-pty {key.line}\n"


async def test_replace_adds_a_key_that_is_absent(sh: list[str], tmp_path: Path) -> None:
    key = new_key()
    file = keys_file(tmp_path, f"{ONE.line}\n")
    done = await replaced(sh, tmp_path, key)
    assert (done.keys[0].result, done.backup) == ("added", "")
    assert file.read_text() == f"{ONE.line}\n{key.line}\n"
