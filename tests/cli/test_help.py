"""The help as a user calls it: real processes."""

from __future__ import annotations

import pexpect
import pytest

import sosagent

from ..support.commands import ADDKEY, SOSAGENT, run_process


@pytest.mark.parametrize("words", ["", "keys list", "runbook"])
async def test_help_in_three_forms(words: str) -> None:
    long = await run_process(*words.split(), "--help", command=SOSAGENT, COLUMNS="72")
    assert (long[0], long[2]) == (0, "")
    assert f"Usage:\n  sosagent{' ' * bool(words)}{words} " in long[1]
    assert max(map(len, long[1].splitlines())) <= 72
    assert await run_process(*words.split(), "-h", command=SOSAGENT, COLUMNS="72") == long
    assert await run_process("help", *words.split(), command=SOSAGENT, COLUMNS="72") == long
    assert await run_process("help", words, command=SOSAGENT, COLUMNS="72") == long


@pytest.mark.parametrize("command", [ADDKEY, SOSAGENT])
async def test_the_short_option_for_the_version(command: str) -> None:
    for option in ("-V", "--version"):
        assert await run_process(option, command=command) == (0, f"sosagent {sosagent.__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("keyz", "no command 'keyz'; did you mean 'key'?"),
        ("keys lst", "no command 'keys lst'; did you mean 'list'?"),
        ("keys list root", "no command 'keys list root'"),
        ("\x1b[31m", r"no command '\\x1b[31m'"),
    ],
)
async def test_help_on_an_unknown_command(words: str, message: str) -> None:
    status, out, err = await run_process("help", *words.split(" "), command=SOSAGENT)
    assert (status, out) == (2, "")
    assert err.startswith(f"sosagent: {message}\n") and "`sosagent help` lists the commands." in err


@pytest.mark.parametrize("words", [[], ["keys"]])
async def test_no_command_shows_the_short_help(words: list[str]) -> None:
    status, out, err = await run_process(*words, command=SOSAGENT, COLUMNS="60")
    assert (status, out) == (2, "")
    assert "More about a command: " in err and "Exit status" not in err
    assert max(map(len, err.splitlines())) <= 60


async def test_the_usage_line_of_an_error_is_that_of_the_help() -> None:
    status, _, err = await run_process("keys", "list", command=SOSAGENT, COLUMNS="80")
    assert status == 2
    assert "Usage: sosagent keys list [OPTIONS] HOST\n" in err


@pytest.mark.parametrize(
    ("environment", "bold"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_the_width_and_the_headings_on_a_terminal(environment: dict[str, str], bold: bool) -> None:
    child = pexpect.spawn(ADDKEY, ["--help"], env=environment, dimensions=(24, 52), encoding="utf-8")
    text = child.read()
    child.close()
    assert child.exitstatus == 0
    assert ("\x1b[1mUsage:\x1b[0m" in text) is bold
    assert ("\x1b" in text) is bold
    widest = max(len(line.replace("\x1b[1m", "").replace("\x1b[0m", "")) for line in text.splitlines())
    assert 45 < widest <= 52
