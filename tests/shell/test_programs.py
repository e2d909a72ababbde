"""shell/programs.py: the programs of remote/ as they are sent."""

from __future__ import annotations

import re
import subprocess
from importlib.resources import files

import pytest

from sosagent.shell.programs import _LETTERS, Expanded, Word, program, shrink, variables

NAMES = sorted(entry.name.removesuffix(".sh") for entry in files("sosagent.shell").joinpath("remote").iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_each_program_is_valid_syntax(name: str, sh: list[str]) -> None:
    text = program(name)
    assert "\n" not in text
    assert "sos_" not in text
    assert "!" not in text.replace("$!", "").replace("!=", "")
    done = subprocess.run([*sh, "-n"], input=text.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_values_are_quoted_expanded_or_assigned() -> None:
    text = program("append", path="a b", format=Expanded("'x\\n'"), size="unused")
    path = variables("path")
    name = path[1:]
    assert text == f"{name}='a b';printf 'x\\n'>>{path}||echo f;sync {path}||sync&echo a $(cksum<{path});wait"
    assert program("append", path=Word("~/x")).startswith(f"{name}=~/x;")


def test_shrinking_keeps_quoted_text() -> None:
    source = "# a comment\nif true; then\n  echo 'a  &&  b' && echo \"c ; d\"\nfi\n"
    assert shrink(source) == "if true; then echo 'a  &&  b'&&echo \"c ; d\";fi".replace("; then", ";then")


_ASSIGNED = re.compile(r"(?:^|[\s;({&|])([A-Za-z]\w?)=|\bfor (\w+) in|\bread (?:-r )?((?:\w+ ?)+)")


@pytest.mark.parametrize("name", NAMES)
def test_no_variable_of_a_program_has_the_short_name_of_another(name: str) -> None:
    """Where cksum is a function of the shell, its own variables exist in every program."""
    source = files("sosagent.shell").joinpath("remote", f"{name}.sh").read_text("ascii")
    code = "\n".join(line for line in source.splitlines() if not line.startswith("#"))
    assigned = {word for groups in _ASSIGNED.findall(code) for group in groups for word in group.split()}
    assert assigned.isdisjoint(_LETTERS)
