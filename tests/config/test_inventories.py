"""Generated inventories: every variable and group of every host is what ansible-inventory says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import sosagent
from sosagent.config.imports import Source, import_machines
from sosagent.config.imports.ansible_ini import read_ini
from sosagent.config.imports.inventory import Unsafe

from ..support.inventories import COUNT, RECORD, SEED, inventory

_RECORD = json.loads(RECORD.read_text())
ANSWERS: list[dict[str, Any] | None] = _RECORD["answers"]
TEXTS = [inventory(number) for number in range(COUNT)]
ACCEPTED = [number for number in range(COUNT) if ANSWERS[number] is not None]


def hosts_of(answer: dict[str, Any]) -> dict[str, tuple[Any, list[str]]]:
    """Return the variables and the groups of each host in the output of ansible-inventory."""
    variables = answer["_meta"]["hostvars"]
    parents: dict[str, set[str]] = {}
    for group, fields in answer.items():
        for name in (*fields.get("children", ()), *(f"host {one}" for one in fields.get("hosts", ()))):
            parents.setdefault(name, set()).add(group)

    def above(name: str) -> set[str]:
        return {group for near in parents.get(name, ()) for group in (near, *above(near))}

    hosts = {name.removeprefix("host ") for name in parents if name.startswith("host ")} | set(variables)
    return {one: (variables.get(one, {}), sorted(above(f"host {one}") - {"all", "ungrouped"})) for one in hosts}


def plain(value: object) -> object:
    """Return a value as JSON has it."""
    if isinstance(value, (tuple, list)):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, Unsafe):
        return {"__ansible_unsafe": str(value)}
    if isinstance(value, complex) or value is ...:
        return "..." if value is ... else str(value)
    return value


def test_the_record_is_that_of_these_files() -> None:
    assert (_RECORD["seed"], _RECORD["count"]) == (SEED, COUNT), "record the answers again"
    assert COUNT >= 100 and COUNT / 2 < len(ACCEPTED) < COUNT - 30


def test_ansible_and_we_refuse_the_same_files() -> None:
    refused = []
    for number, text in enumerate(TEXTS):
        try:
            read_ini(text, "hosts", lambda *_: None)
        except sosagent.UsageError as error:
            assert re.match(r"hosts:\d+: ", error.message) or "contains itself" in error.message
            refused.append(number)
    assert refused == [number for number in range(COUNT) if number not in ACCEPTED]


@pytest.mark.parametrize("number", ACCEPTED)
def test_hosts_variables_and_groups_are_those_of_ansible(number: int) -> None:
    answer = ANSWERS[number]
    assert answer is not None
    read = read_ini(TEXTS[number], "hosts", lambda *_: None)
    ours = {host: (plain(dict(read.values(host))), read.groups_of(host)) for host in read.hosts}
    assert ours == hosts_of(answer)
    # The output of ansible-inventory --list gives the same machines, and every host is imported or skipped.
    from_ini = import_machines(Source("hosts", TEXTS[number]), "ansible")
    from_json = import_machines(Source("hosts", json.dumps(answer)), "ansible")
    assert from_ini.machines == from_json.machines
    assert {one.name for one in from_ini.skipped} == {one.name for one in from_json.skipped}
    assert len(from_ini.machines) + len(from_ini.skipped) == len(read.hosts)
