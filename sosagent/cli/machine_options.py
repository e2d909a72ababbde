"""The options that all commands share which get to a shell on a machine, and how such a command runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from ..endpoint.target import ProviderTarget, Target
from ..errors import PasswordMissing, SosError, UsageError, WrongMachine
from ..printable import printable
from ..secrets.secret import Secret
from ..secrets.sources import PasswordSource, find_password, parse_source
from .endpoint_options import EndpointOptions, JsonOption, TimeoutOption, VerboseOption, checked_timeout
from .exits import Reported, expected_errors_only, prefix_errors
from .run import run_job
from .show import Progress, show_error

if TYPE_CHECKING:
    from ..session.machine import Access

__all__ = ["LOGIN", "MachineOptions"]

LOGIN = "root"  # where neither the command line nor the file of machines says who

T = TypeVar("T")


@dataclass(frozen=True)
class MachineOptions(EndpointOptions):
    """What a command was told of the machine and the way to it."""

    login: Annotated[
        str | None,
        typer.Option("-l", "--login", metavar="NAME", help="Log in at the console as NAME.", show_default=LOGIN),
    ] = None
    user: Annotated[
        str | None,
        typer.Option(
            "-u",
            "--user",
            metavar="NAME",
            help="Whose authorized_keys; the login's by default.",
            show_default=False,
        ),
    ] = None
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file",
            metavar="FILE",
            help="Its only line is the machine's password; one with more is refused.",
            show_default=False,
        ),
    ] = None
    password_command: Annotated[
        str | None,
        typer.Option(
            "--password-command",
            metavar="COMMAND",
            help="The first line of what it prints is the machine's password.",
            show_default=False,
        ),
    ] = None
    become: Annotated[
        str | None,
        typer.Option(
            "--become",
            metavar="sudo|su",
            help="How NAME becomes root, where the job needs that.",
            show_default=False,
        ),
    ] = None
    become_password_file: Annotated[
        Path | None,
        typer.Option(
            "--become-password-file",
            metavar="FILE",
            help="What sudo or su ask for; the login's password by default.",
            show_default=False,
        ),
    ] = None
    timeout: TimeoutOption = 120.0
    expect_host: Annotated[
        str | None,
        typer.Option(
            "--expect-host",
            metavar="NAME",
            help="The machine's name; compared with the console's before the password is typed.",
            show_default=False,
        ),
    ] = None
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Discard what somebody left on the console, and log their shell out."),
    ] = False
    continue_boot: Annotated[
        bool, typer.Option("--continue-boot", help="End a maintenance shell afterwards, so that the boot goes on.")
    ] = False
    transcript: Annotated[
        Path | None,
        typer.Option(
            "--transcript",
            metavar="FILE",
            help="Record the console (asciicast v2), without secrets.",
            show_default=False,
        ),
    ] = None
    json: JsonOption = False
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False
    verbose: VerboseOption = False

    def check(self) -> tuple[Target, Literal["sudo", "su"] | None]:
        """Where it goes, and how to become root; before anything is read or asked.

        Raises:
            UsageError: an option is wrong.
        """
        checked_timeout(self.timeout)
        return self.target(), self._become()

    def access(self, progress: Progress, *, remount: bool = False, password: bool = True) -> Access:
        """The way to the machine; finds the passwords, and asks for one if need be.

        Args:
            progress: is told of it.
            remount: see `Entry`.
            password: whether one is needed.

        Raises:
            UsageError: an option is wrong, or there is no password.
        """
        _, way = self.check()
        if self.near:
            progress.note(f"{self.near} Going on with the host {printable(self.host)}")
        target = self.reached(progress)
        # A provider may know what would be asked for; it is asked before the user is.
        provided = isinstance(target, ProviderTarget)
        secret = self._password() if password and (not provided or self._gives_password()) else None
        second = self._become_password(way)
        from ..login.transitions import Entry
        from ..session.machine import Access

        name = self._of("expect_host", "hostname")
        entry = Entry(self.login_name, name, way, second, self.take_over, self.continue_boot, remount)
        access = Access(
            target,
            secret,
            entry,
            self.timeout,
            transcript=self.transcript,
            on_event=progress,
            ask=self.asking(progress),
            kick=self.kick,
        )
        return self._resolved(access, progress) if provided and password else access

    def password_at_hand(self) -> Secret | None:
        """The machine's password, where nobody has to be asked for it.

        Raises:
            UsageError: it is not where it should be.
        """
        source = self._source("password")
        asked = source is None or source.kind == "prompt"
        return self._password() if self._gives_password() and not (asked and "SOS_PASSWORD" not in os.environ) else None

    def _gives_password(self) -> bool:
        told = (self.password_file, self.password_command, self._source("password"))
        return any(one is not None for one in told) or "SOS_PASSWORD" in os.environ

    def _resolved(self, access: Access, progress: Progress) -> Access:
        from ..session.machine import resolved

        access = asyncio.run(resolved(access))
        progress.stop()
        return access if access.password is not None else replace(access, password=self._password())

    def run(
        self,
        job: Callable[[Progress], Coroutine[Any, Any, T]],
        error_json: Callable[[SosError], str],
    ) -> T:
        """Make a job and run it to its end; an error is shown, and ends the program.

        Args:
            job: makes it; may raise what is wrong with the command line.
            error_json: the one object of ``--json`` for an error.
        """
        progress = Progress(quiet=self.quiet, verbose=self.verbose)
        try:
            with expected_errors_only(self.verbose), self.near_names():
                return run_job(job(progress))
        except SosError as error:
            progress.stop()
            if isinstance(error, WrongMachine) and self.expect_host is None and self.named and self.named.hostname:
                error.hint = (
                    "The name that is expected is hostname in the file of machines; check that and the endpoint's "
                    "address. --expect-host NAME goes before it, and --expect-host '' compares nothing."
                )
            if self.json:
                print(error_json(error))
            else:
                show_error(error)
            raise Reported(error.exit_code) from None
        finally:
            progress.stop()

    @property
    def login_name(self) -> str:
        """Who logs in at the console."""
        return self._of("login") or LOGIN

    @property
    def user_name(self) -> str | None:
        """Whose authorized_keys, where that was told."""
        return self._of("user")

    def whose(self) -> str:
        """The same for an error, which may be that the file of machines cannot be used."""
        try:
            return self.user_name or self.login_name
        except SosError:
            return self.user or self.login or LOGIN

    def _of(self, option: str, field: str | None = None) -> str | None:
        """The option; where it is not there, the machine's field (of the same name, if none is told)."""
        told: str | None = getattr(self, option)
        return getattr(self.named, field or option, None) if told is None else told

    def _source(self, field: str) -> PasswordSource | None:
        """Where a password of the machine comes from; those of its own login are nobody else's."""
        named = self.named
        text = None if named is None else getattr(named, field)
        if text is None or named is None or self.login not in (None, named.login or LOGIN):
            return None
        return parse_source(text)

    def _password(self) -> Secret:
        given = self.password_file is not None or self.password_command is not None
        source = None if given else self._source("password")
        prompt = f"{printable(self.login_name)}'s password on the machine: "
        try:
            with prefix_errors("" if source is None else self.where("password")):
                return find_password(
                    file=self.password_file, command=self.password_command, source=source, prompt=prompt
                )
        except PasswordMissing as error:
            named = self.named
            if source is None and not given and named is not None and named.password is not None:
                error.hint += f" The one in the file of machines is for {printable(named.login or LOGIN)} only."
            raise

    def _become_password(self, way: Literal["sudo", "su"] | None) -> Secret | None:
        if self.become_password_file is not None:
            return find_password(file=self.become_password_file)
        source = None if way is None else self._source("become_password")
        if source is None:
            return None
        with prefix_errors(self.where("become_password")):
            return find_password(source=source, prompt=f"What {way} asks for on the machine: ")

    def _become(self) -> Literal["sudo", "su"] | None:
        become = self._of("become")
        if become in (None, "sudo", "su"):
            return become  # type: ignore[return-value]
        raise UsageError(f"--become is sudo or su, not {printable(become or '', 60)!r}")
