"""Run one command on a machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Unpack

from ..access import Access, AccessOptions, access_to
from ..authorized_keys.key_file import check_user
from ..console.events import Event
from ..endpoint.located import Locatable
from ..errors import SosError, UsageError
from ..session.machine import on_machine, rights_of
from ..session.root_shell import RootShell
from ..shell.command import Command, Executed, OnOutput, command_script, execute
from ..transports import Transport

__all__ = ["MOST_INPUT", "ExecResult", "exec", "run_command"]

#: The most bytes of a script or of standard input.
MOST_INPUT = 16 << 20


@dataclass(frozen=True)
class ExecResult:
    """The result of a command on a machine.

    Fields:
        host: the endpoint.
        status: the exit status; 128 and the number of the signal if a signal ended the command.
        stdout, stderr: what the command printed, exactly.
        logged_out: whether the console was seen to return to its initial state.
        warnings: sentences about the state of the console and about failures on this computer.
    """

    host: str
    status: int
    stdout: bytes
    stderr: bytes
    logged_out: bool
    warnings: tuple[str, ...] = ()


async def exec(
    target: Locatable | Transport,
    command: str | Sequence[str],
    *,
    stdin: bytes = b"",
    user: str | None = None,
    chdir: str | None = None,
    env: Mapping[str, str] | None = None,
    on_output: OnOutput | None = None,
    **options: Unpack[AccessOptions],
) -> ExecResult:
    """Run one command on a machine over its console::

        done = await sosagent.exec("user@sos.example.net", ["df", "-h", "/"], password=password)

    The command has no terminal. Its environment has HOME, PATH and `env`. The machine runs it at most once.

    Args:
        target: HOST as on the command line, a `Target`, or a connected transport.
        command: the words of a command, which reach it unchanged; or a string, which is a script in POSIX sh.
        stdin: its standard input.
        user: who runs it, if that is not the user who logs in; root may run it as anybody.
        chdir: the folder to run it in; by default the home of the login.
        env: environment variables to set.
        on_output: is called with ``"stdout"`` or ``"stderr"`` and bytes, as they arrive.
        options: how to get to the shell: ``password=`` and others, see `AccessOptions`.

    Returns:
        Its exact output and its exit status, whatever that is.

    Raises:
        UsageError: a value is invalid; nothing was sent.
        EditRefused: the machine has no room for the output, or the command printed more than 16 MiB.
        NotVerified: the command may have run, and its result is unknown.
        SosError: any other failure.

    If it is cancelled, or the time limit passes, it logs out with a deadline of its own; the machine then ends the
    command within a few seconds.
    """
    words = command.encode("utf-8", "surrogateescape") if isinstance(command, str) else list(command)
    prepared = Command(command_script(words, chdir=chdir, env=env), stdin, user)
    return await run_command(access_to(target, **options), prepared, on_output)


async def run_command(access: Access, command: Command, on_output: OnOutput | None = None) -> ExecResult:
    """Run `command` on the machine that `access` describes; see `exec`."""
    if command.user is not None:
        check_user(command.user)
    if len(command.script) + len(command.stdin) > MOST_INPUT:
        raise UsageError(
            f"the script and the standard input have more than {MOST_INPUT >> 20} MiB",
            hint="Copy the data to the machine with sosagent upload first.",
        )

    async def run(session: RootShell) -> Executed:
        user = command.user
        own = user is None or rights_of(access, session, user)["own"]
        if not own and not session.root:
            raise UsageError(f"only root may run a command as {user}", hint="Log in as root, or use --become.")
        session.shell.console.emit(Event("start", "run the command"))
        try:
            done = await execute(session.shell, replace(command, user=None if own else user), on_output)
        except SosError as error:
            error.add_note("if the command still runs, the machine ends it within a few seconds")
            raise
        session.shell.console.emit(Event("done", f"the command ended with exit status {done.status}"))
        return done

    done = await on_machine(access, run)
    executed = done.value
    return ExecResult(done.host, executed.status, executed.stdout, executed.stderr, done.session.left, done.warnings)
