"""The states in which the lab's console can be found, each with its real program, and what a job does there."""

from __future__ import annotations

import pytest

import sosagent
from sosagent.jobs.state import console_state
from sosagent.lab import open_lab
from sosagent.lab.states import STATES, checked_state

from ..conftest import new_key, target_of

#: State -> the states that `sosagent state --poke` may report, and the result of adding a key: the state that the job
#: finds and leaves, or the code of its error.
EXPECTED = {
    "login": ({"login"}, "login"),
    "password": ({"password", "login"}, "login"),
    "root-shell": ({"shell"}, "shell"),
    "user-shell": ({"shell"}, "occupied"),
    "plain-shell": ({"reading"}, "occupied"),
    "unfinished": ({"shell"}, "shell"),
    "vim": ({"full-screen", "editor-insert"}, "kept"),
    "vim-insert": ({"full-screen", "editor-insert"}, "kept"),
    "nano": ({"full-screen"}, "kept"),
    "less": ({"pager"}, "kept"),
    "more": ({"pager"}, "kept"),
    "man": ({"pager"}, "kept"),
    "top": ({"full-screen"}, "kept"),
    "tmux": ({"full-screen"}, "occupied"),
    "screen": ({"shell", "full-screen"}, "kept"),
    "python": ({"repl"}, "kept"),
    "cat": ({"reading"}, "kept"),
    "question": ({"reading"}, "occupied"),
    "busy": ({"reading", "running"}, "kept"),
    "locked": ({"password"}, "occupied"),
    "maintenance": ({"maintenance"}, "maintenance"),
    "boot-loader": ({"boot-prompt"}, "occupied"),
    "silent": ({"silent"}, "silent"),
}


def test_every_state_is_tested() -> None:
    assert EXPECTED.keys() == STATES.keys()


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", STATES)
async def test_a_job_in_a_state(name: str) -> None:
    shown, result = EXPECTED[name]
    try:
        checked_state(name)
    except sosagent.UsageError as error:
        pytest.skip(error.message)
    async with open_lab(machine="web-1", own_system=True, state=name) as lab:
        if lab.no_system:
            pytest.skip(lab.no_system)
        assert (await console_state(target_of(lab), poke=True)).name in shown
        try:
            done = await sosagent.add_key(target_of(lab), [new_key()], password=lab.password)
        except sosagent.ConsoleError as error:
            assert error.code.removeprefix("console-") == result
            assert not lab.authorized_keys.exists()
            return
        assert (done.status, done.logged_out) == ("added", True)
        assert result == done.state_found or (result == "kept" and done.state_found != "login")
        assert lab.machine.in_use == (result != "login")


def test_an_unknown_state_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(sosagent.UsageError, match="the state 'vin'; did you mean 'vim'") as caught:
        checked_state("vin")
    assert "less, more" in caught.value.hint
