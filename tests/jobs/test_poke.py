"""`state --poke` and `screen --poke` while somebody is about to answer a question on the console."""

from __future__ import annotations

from pathlib import Path

import pytest

from sosagent.jobs.state import _observe

from ..conftest import until
from ..support.ptys import on_pty

#: How a program of the machine reads a line.
READERS = {
    "dash": ["dash", "-c", 'read -r a; echo "$a" >"$HOME/answer"'],
    "dash with a question": ["dash", "-c", """printf 'Continue? '; read -r a; echo "$a" >"$HOME/answer\""""],
    "bash": ["bash", "-c", 'read -r a; echo "$a" >"$HOME/answer"'],
    "bash with a line editor": ["bash", "-c", """read -e -p 'Which? ' a; echo "$a" >"$HOME/answer\""""],
    "bash with a line editor and no question": ["bash", "-c", 'read -e a; echo "$a" >"$HOME/answer"'],
    "head": ["sh", "-c", 'head -n 1 >"$HOME/answer"'],
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("program", READERS.values(), ids=READERS)
async def test_the_answer_is_what_the_person_types(program: list[str], tmp_path: Path) -> None:
    async with on_pty(program, tmp_path) as (console, _):
        await console.quiet(0.3, 5.0)
        await _observe(console, "host", poke=True, seconds=0.3)
        answer = tmp_path / "answer"
        assert not answer.exists() or not answer.read_text()  # nothing was entered
        await console.send("yes\r")
        await until(lambda: answer.exists() and answer.read_text().endswith("\n"))
    assert answer.read_text() == "yes\n"
