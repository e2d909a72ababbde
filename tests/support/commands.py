"""Run the commands, as processes or inside the test's process, and write files for them."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import typer

import sosagent
from sosagent.cli.app import sosagent_app
from sosagent.cli.conversion import convert_plainly
from sosagent.cli.usage import run_command

from .forks import forked

__all__ = ["ADDKEY", "PACKAGES", "SOSAGENT", "Write", "command", "invoke", "run_process", "writer"]

ADDKEY = str(Path(sys.executable).with_name("sos-addkey"))
SOSAGENT = str(Path(sys.executable).with_name("sosagent"))

#: The folder that has the package, for PYTHONPATH.
PACKAGES = str(Path(sosagent.__file__).parents[1])

#: ``write(text, name, mode)`` writes a file in the test's folder, and returns its path.
Write = Callable[..., Path]


def writer(folder: Path) -> Write:
    """Return a function that writes files in `folder`."""

    def write(text: str | bytes, name: str = "machines.toml", mode: int = 0o600) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    return write


async def run_process(
    *arguments: object, stdin: bytes | None = None, command: str = ADDKEY, **env: str
) -> tuple[int, str, str]:
    """Run a command as a user does, without the test's environment. Our own commands run in a fork (see forks.py).

    Args:
        arguments: the arguments of the command.
        stdin: its standard input; empty by default.
        command: the program.
        env: environment variables besides PATH and HOME.

    Returns:
        The exit status, standard output and standard error.
    """
    name = Path(command).name
    own = name in ("sosagent", "sos-addkey") and not any(one.startswith("PYTHON") for one in env)
    words = forked(name) if own else [command]
    process = await asyncio.create_subprocess_exec(
        *words, *map(str, arguments),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **env},
    )  # fmt: skip
    out, err = await process.communicate(stdin or b"")
    assert process.returncode is not None
    assert b"Traceback" not in out + err
    return process.returncode, out.decode(), err.decode()


async def command(
    *arguments: object, name: str = SOSAGENT, SOS_PASSWORD: str = "", SOSAGENT_CONFIG: str = ""
) -> tuple[int, str, str]:
    """Run the command. Return its exit status and what it printed on standard output and error."""
    env = {"SOS_PASSWORD": SOS_PASSWORD} if SOS_PASSWORD else {}
    env["SOSAGENT_CONFIG"] = SOSAGENT_CONFIG
    return await run_process(*arguments, stdin=None, command=name, **env)


@cache
def _command() -> Any:
    command = typer.main.get_command(sosagent_app())
    convert_plainly(command)
    return command


def invoke(
    *arguments: object, stdin: bytes | None = None, env: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Run ``sosagent ARGUMENTS`` inside the test's process, which takes a twentieth of the time of a new process.

    The command must not need a terminal, and the test must not run in an event loop.

    Args:
        arguments: the arguments of the command.
        stdin: its standard input; empty by default.
        env: environment variables to add.

    Returns:
        The exit status, standard output and standard error.
    """
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, env or {}),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin or b""), "utf-8")),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        status = run_command(_command(), [str(argument) for argument in arguments], "sosagent")
    assert "Traceback" not in out.getvalue() + err.getvalue()
    return status, out.getvalue(), err.getvalue()
