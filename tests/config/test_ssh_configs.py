"""Generated files of ssh_config: the machines are the names to which ssh -G applies a Host line that names them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sosagent
from sosagent.config.import_files import import_file
from sosagent.config.machine import is_name

from ..conftest import installed
from ..support.ssh_configs import COUNT, NAMES, RECORD, SEED, ask, write

_RECORD = json.loads(RECORD.read_text())
ANSWERS: list[list[str] | None] = _RECORD["answers"]


def test_the_record_is_that_of_these_files() -> None:
    assert (_RECORD["seed"], _RECORD["count"], len(ANSWERS)) == (SEED, COUNT, COUNT), "record the answers again"
    assert COUNT >= 100 and sum(answer is not None for answer in ANSWERS) > 80


@pytest.mark.parametrize("number", range(COUNT))
def test_machines_are_the_names_of_ssh(number: int, tmp_path: Path) -> None:
    file, answer = write(number, tmp_path), ANSWERS[number]
    if answer is None:
        with pytest.raises(sosagent.UsageError, match=r"^\S+:\d+: "):
            import_file(str(file), "ssh")
        return
    imported = import_file(str(file), "ssh")
    # A block with a wildcard has no HostName, so it does not tell whether a name in it is known.
    assert {name for name in answer if is_name(name)} <= set(imported.machines)
    assert set(imported.machines) <= set(NAMES)
    assert set(answer) - set(imported.machines) <= {one.name for one in imported.skipped}


def test_ssh_gives_the_recorded_answers() -> None:
    installed(["ssh"])
    assert [ask(number) for number in range(0, COUNT, 35)] == ANSWERS[::35]
