"""The order of the tests for `pytest -n N --dist worksteal`, which gives each worker a part of the list to begin with.

Long tests and those that wait start first, so that the processors are busy from the start, and no long test is the last
one to run.
"""

from __future__ import annotations

from itertools import islice

import pytest

__all__ = ["ordered"]

#: Modules whose tests wait for most of their time, the longest first.
_WAITING = (
    "login.test_attacks", "session.test_leaving", "shell.test_start", "login.test_existing", "lab.test_states",
    "login.test_odd_prompts", "login.test_without_password", "login.test_cut_prompts", "login.test_real_languages",
    "endpoint.test_dialects", "lab.test_lab", "lab.test_faults", "login.test_refusals", "shell.test_userlands",
    "shell.test_command", "lab.test_cuts", "cli.test_execute", "endpoint.test_wrong_endpoints",
    "endpoint.test_conserver", "interactive.test_session", "login.test_states", "jobs.test_transfer",
    "shell.test_receiver", "login.test_leftover", "session.test_profiles",
)  # fmt: skip
#: The longest tests on the virtual machine, and then its modules.
_ON_THE_MACHINE = (
    "vm.test_runbooks.test_reboot", "vm.test_states.test_a_program_that_cannot_be_suspended",
    "vm.test_states.test_emergency", "vm.test_states.test_a_job_waits", "vm.test_states.test_a_machine_that_reboots",
    "vm.test_kills", "vm.test_keys", "vm.test_runbooks", "vm.test_verify", "vm.test_endpoints", "vm.test_add_key",
)  # fmt: skip


def ordered(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Return the tests in the order in which `workers` workers get them.

    Two thirds of the workers start with tests that wait, and the others with those that compute. On the virtual machine
    all start with long tests.
    """
    ranks = {item: rank for item in items if (rank := _rank(item)) is not None}
    first = sorted(ranks, key=lambda item: ranks[item])
    hands = workers if any(item.get_closest_marker("vm") for item in first) else max(workers * 2 // 3, 1)
    rest = iter([item for item in items if item not in ranks])
    result: list[pytest.Item] = []
    for number in range(workers):
        size = (len(items) - len(result)) // (workers - number)
        part = first[number::hands] if number < hands else []
        result += [*part, *islice(rest, max(size - len(part), 0))]
    return result + list(rest)


def _rank(item: pytest.Item) -> int | None:
    if not isinstance(item, pytest.Function):
        return None
    name = f"{item.module.__name__.removeprefix('tests.')}.{item.name}"
    names = _ON_THE_MACHINE if item.get_closest_marker("vm") else _WAITING
    return next((number for number, one in enumerate(names) if name.startswith(one)), None)
