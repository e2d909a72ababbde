"""The imports of the commands, and how they convert option values without pydantic."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from sosagent.cli.app import sosagent_app
from sosagent.cli.help.page import page_of

from ..support.commands import run_process

ROOT = Path(__file__).parents[2]
_CODE = """
import os, sys
import sosagent.cli.main as main
def end(status):
    print("STATUS", status, "MODULES", *sys.modules, flush=True)
    os._exit(0)  # as the command does: a thread may still be importing
main._exit = end
sys.argv = {argv!r}
main.{entry}()
"""
_SLOW = ("asyncio", "asyncssh", "cryptography", "json", "pexpect", "pydantic", "pyte", "rich", "serial", "yaml")


def modules_after(entry: str, *argv: str) -> tuple[str, set[str]]:
    """Return the exit status, and the modules that the command has imported."""
    code = _CODE.format(argv=[entry, *argv], entry=entry)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    status, _, modules = done.stdout.rpartition("STATUS ")[2].partition(" MODULES ")
    return status, set(modules.split())


def test_help_imports_only_what_it_needs() -> None:
    status, modules = modules_after("addkey_main", "--help")
    assert status == "0"
    assert not modules & set(_SLOW)
    for package in ("console", "keys", "jobs", "login", "session", "shell", "terminal"):
        assert f"sosagent.{package}" not in modules


@pytest.mark.parametrize("words", [(), ("--help",), ("help", "keys", "list")])
def test_help_on_all_commands_imports_nothing_slow(words: tuple[str, ...]) -> None:
    status, modules = modules_after("main", *words)
    assert status == ("0" if words else "2")
    assert modules & set(_SLOW) <= {"json"}


@pytest.mark.parametrize("words", [("state", "--help"), ("help", "state")])
def test_only_the_command_that_is_named_is_imported(words: tuple[str, ...]) -> None:
    status, modules = modules_after("main", *words)
    assert (status, "sosagent.cli.state" in modules) == ("0", True)
    assert not modules & {f"sosagent.cli.{name}" for name in ("execute", "keys", "machines", "replay", "runbook")}


@pytest.mark.parametrize("words", [[], ["--help"], ["stat"], ["state"]])
def test_the_list_of_commands_is_the_same(words: list[str]) -> None:
    complete, short = (typer.main.get_command(app) for app in (sosagent_app(), sosagent_app(words)))
    assert page_of("sosagent", short) == page_of("sosagent", complete)


def test_a_wrong_command_line_imports_no_more() -> None:
    status, modules = modules_after("addkey_main", "--no-such-option")
    assert status == "2"
    assert not modules & set(_SLOW)


def test_option_values_need_no_pydantic() -> None:
    """The command gets as far as the key file, which does not exist."""
    status, modules = modules_after("addkey_main", "user@host", "/no/such/file", "--timeout", "5", "--option", "no-pty")
    assert status == "2"
    assert "sosagent.keys" in modules
    assert not modules & {"pydantic", "rich"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--timeout", "soon"], "invalid --timeout 'soon'"),
        (["--timeout"], "option '--timeout' requires an argument"),
        (["--no-such-option"], "no such option"),
    ],
)
async def test_an_invalid_option_is_reported(options: list[str], message: str) -> None:
    status, out, err = await run_process("user@host", "key.pub", *options)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


async def test_options_of_every_type(tmp_path: Path) -> None:
    """Repeated options, paths and numbers reach the command; here up to the first error of the command itself."""
    keyfile = tmp_path / "no.pub"
    status, _, err = await run_process(
        "user@host",
        keyfile,
        "--timeout",
        "1m30s",
        "--option",
        "no-pty",
        "--option",
        "restrict",
        "-F",
        tmp_path / "none",
    )
    assert (status, f"cannot read {keyfile}" in err) == (2, True), err
