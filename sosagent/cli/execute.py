"""`sosagent exec HOST -- COMMAND...`: run one command on a machine."""

from __future__ import annotations

import base64
import codecs
import sys
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import SosError, UsageError
from ..printable import clean, printable
from .background import do_in_background, wait_for_output
from .exits import Reported
from .machine_options import MachineOptions, user_option
from .options import with_options
from .show import as_json
from .streams import keep_status

if TYPE_CHECKING:
    from ..jobs.execute import ExecResult
    from ..shell.command import Command
    from .show import Progress

__all__ = ["execute"]

_STANDARD = Path("-")
_FAILED = 255  # as ssh(1) does, so that it is not taken for the command's own status
_NOT_FOUND = 127
_MAY_HAVE_RUN = "The command may have run. Find out what it did before you run it again."


@dataclass(frozen=True)
class ExecMachineOptions(MachineOptions):
    """The options of other commands, but --user is who runs the command."""

    user: Annotated[str | None, user_option("Run the command as NAME. Only root can run it as another user.")] = None


@with_options(ExecMachineOptions)
def execute(
    machine: ExecMachineOptions,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND [ARG...]",
            help="The command and its arguments, which reach it unchanged.",
            show_default=False,
        ),
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option(
            "--script",
            metavar="FILE",
            help="Run the POSIX shell script in FILE instead of a command; - reads it from standard input.",
            show_default=False,
        ),
    ] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Pass standard input to the command.")] = False,
    chdir: Annotated[
        str | None,
        typer.Option(
            "--chdir", metavar="FOLDER", help="Run it in FOLDER; by default the login's home.", show_default=False
        ),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env", metavar="NAME=VALUE", help="Set an environment variable; repeatable.", show_default=False
        ),
    ] = None,
) -> None:
    """Run one command on a machine over its console.

    Standard output, standard error and the exit status are those of the command. After an error of sosagent
    itself, the exit status is 255. On a terminal, control characters are left out, and progress is shown.
    """
    if not machine.verbose and not sys.stderr.isatty():
        machine = replace(machine, quiet=True)  # standard error is that of the command
    output = _Output(to_json=machine.json)

    async def prepare(progress: Progress) -> Coroutine[Any, Any, ExecResult]:
        machine.check()
        prepared = _command(command or [], script, stdin, chdir, env or [], machine.user)
        from ..jobs.execute import run_command

        return run_command(await machine.access(progress), prepared, output)

    try:
        done = machine.run(prepare, partial(_failed_fields, machine), _MAY_HAVE_RUN)
    except Reported:
        wait_for_output(None)
        raise Reported(_FAILED) from None
    wait_for_output(None)
    _show(machine, done)
    if done.status == _NOT_FOUND and command is not None and len(command) == 1 and " " in command[0]:
        print(f"sosagent: to run a line of shell, use: exec HOST -- sh -c {command[0]!r}", file=sys.stderr)
    raise Reported(done.status)


def _show(machine: MachineOptions, done: ExecResult) -> None:
    keep_status()
    if machine.json:
        fields = {"status": "exited", "host": done.host, "exit_status": done.status}
        fields |= {"warnings": list(done.warnings), "logged_out": done.logged_out, "error": None}
        print(as_json(fields, exact=_exact("stdout", done.stdout) | _exact("stderr", done.stderr)))
        return
    for warning in done.warnings:
        print(f"warning: {printable(warning)}", file=sys.stderr)


def _command(
    words: list[str], script: Path | None, stdin: bool, chdir: str | None, env: list[str], user: str | None
) -> Command:
    if bool(words) == (script is not None):
        problem = "COMMAND and --script exclude each other" if words else "no command"
        raise UsageError(problem, hint="Write: sosagent exec HOST -- COMMAND [ARG...], or --script FILE.")
    if stdin and script == _STANDARD:
        raise UsageError("--stdin and --script - both read standard input", hint="Put the script into a file.")
    from ..shell.command import Command, command_script

    text = None if script is None else _read(script)
    settings = dict(map(_setting, env))
    return Command(
        command_script(words if text is None else text, chdir=chdir, env=settings),
        _read(_STANDARD) if stdin else b"",
        user,
    )


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--env {printable(text, 60)!r} has no value", hint="Write --env NAME=VALUE.")
    return name, value


def _read(file: Path) -> bytes:
    """Read a file or standard input, and at most one byte more than `run_command` accepts."""
    from ..jobs.execute import MOST_INPUT

    try:
        if file == _STANDARD:
            return sys.stdin.buffer.read(MOST_INPUT + 1)
        with file.open("rb") as opened:
            return opened.read(MOST_INPUT + 1)
    except OSError as error:
        name = "standard input" if file == _STANDARD else printable(str(file))
        raise UsageError(f"cannot read {name}: {error.strerror}") from None


class _Output:
    """Writes what the command prints to our own streams, in the background: a reader that is slow stops no job.

    Args:
        to_json: write nothing; the JSON object contains the output.
    """

    def __init__(self, *, to_json: bool) -> None:
        self._to_json = to_json
        self._decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")}

    def __call__(self, stream: str, data: bytes) -> None:
        if not self._to_json:
            do_in_background(lambda: self._write(stream, data))

    def _write(self, stream: str, data: bytes) -> None:
        target = sys.stdout if stream == "stdout" else sys.stderr
        if target.isatty():
            lines = self._decoders[stream].decode(data).expandtabs().split("\n")
            data = "\n".join(map(clean, lines)).encode(target.encoding, "replace")
        target.buffer.write(data)
        target.buffer.flush()


def _exact(name: str, data: bytes) -> dict[str, str | None]:
    """Return the JSON fields for the output of a command: as text if it is UTF-8, otherwise in base64."""
    try:
        return {name: data.decode(), f"{name}_base64": None}
    except UnicodeDecodeError:
        return {name: None, f"{name}_base64": base64.b64encode(data).decode()}


def _failed_fields(machine: MachineOptions, error: SosError) -> dict[str, Any]:
    empty = dict.fromkeys(("exit_status", "stdout", "stdout_base64", "stderr", "stderr_base64", "logged_out"))
    notes = list(getattr(error, "__notes__", ()))
    return {"status": "failed", "host": machine.host} | empty | {"warnings": notes}
