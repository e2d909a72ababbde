"""Generated files of conserver: the consoles and their masters are those of conserver -SS."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from sosagent.config.import_files import import_file
from sosagent.config.imports import Imported
from sosagent.config.machine import is_name

from ..conftest import installed
from ..support.conserver_files import COUNT, RECORD, SEED, ask, write

_RECORD = json.loads(RECORD.read_text())
ANSWERS: list[dict[str, str]] = _RECORD["answers"]


def masters(imported: Imported) -> dict[str, str]:
    """Return the master of each machine."""
    machines = tomllib.loads("\n".join(imported.machines.values())).get("machines", {})
    return {name: shlex.split(one["console"])[2] for name, one in machines.items()}


def test_the_record_is_that_of_these_files() -> None:
    assert (_RECORD["seed"], _RECORD["count"], len(ANSWERS)) == (SEED, COUNT, COUNT), "record the answers again"
    assert COUNT >= 100 and sum(map(len, ANSWERS)) > COUNT


@pytest.mark.parametrize("number", range(COUNT))
def test_consoles_are_those_of_conserver(number: int, tmp_path: Path) -> None:
    imported = import_file(str(write(number, tmp_path)), "conserver")
    ours, answer = masters(imported), ANSWERS[number]
    skipped = {one.name for one in imported.skipped}
    for name, master in answer.items():
        # A name that no command can have is reported.
        assert ours.get(name) == master or (name in skipped and not (is_name(name) and is_name(master))), name
    assert set(ours) <= set(answer)
    # Whatever conserver complains of is reported with its line.
    assert all(re.search(r":\d+$", one.where) for one in imported.skipped)


def test_conserver_gives_the_recorded_answers() -> None:
    installed(["conserver"])
    assert [ask(number) for number in range(0, COUNT, 50)] == ANSWERS[::50]
