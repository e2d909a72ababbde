"""Run the `sosagent` command in the test process: a process of its own would take a second to start."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import typer

from sosagent.cli.app import sosagent_app
from sosagent.cli.conversion import convert_plainly
from sosagent.cli.usage import run_command

__all__ = ["Ended", "run_sosagent"]


@dataclass(frozen=True)
class Ended:
    """The result of a command.

    Fields:
        status: its exit status.
        out, err: what it printed to standard output and standard error.
    """

    status: int
    out: str
    err: str


def run_sosagent(*arguments: object, **environment: str) -> Ended:
    """Run `sosagent` with `arguments`, without a terminal. Only for the main thread, and without a running loop.

    Args:
        arguments: words of the command line; bytes are decoded as the interpreter decodes ``sys.argv``.
        environment: variables to set in addition to those of the test.
    """
    words = [os.fsdecode(one) if isinstance(one, bytes) else str(one) for one in arguments]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err), _surroundings(environment):
        status = _run(words)
    texts = []
    for stream in (out, err):
        stream.flush()
        stream.seek(0)
        texts.append(stream.read())
    assert "Traceback" not in "".join(texts)
    return Ended(status, *texts)


def _run(words: list[str]) -> int:
    command = typer.main.get_command(sosagent_app())
    convert_plainly(command)
    return run_command(command, words)


@contextmanager
def _surroundings(environment: dict[str, str]) -> Iterator[None]:
    before, stdin = dict(os.environ), sys.stdin
    os.environ.update(environment)
    try:
        with Path(os.devnull).open(encoding="ascii") as sys.stdin:
            yield
    finally:
        sys.stdin = stdin
        os.environ.clear()
        os.environ.update(before)
