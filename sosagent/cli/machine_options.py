"""The options of every command that gets to a shell on a machine, and how such a command runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from ..errors import PasswordMissing, SosError, UsageError, WrongMachine
from ..printable import printable
from ..secrets.secret import Secret
from ..secrets.sources import COMMAND_SECONDS, PasswordSource, find_password, parse_source
from .ask import ask_code_on_terminal, run_in_thread
from .duration import parse_duration
from .endpoint_options import EndpointOptions
from .exits import prefix_errors
from .help.groups import OBSTACLES, OUTPUT, PASSWORD, SAFETY
from .run import RUN_AGAIN, run_prepared

if TYPE_CHECKING:
    from ..access import Access, Become, Permissions
    from .progress import Progress

__all__ = ["LOGIN", "LoginOnlyOptions", "MachineOptions", "user_option"]

_LEAST_SECONDS = 0.001
_DEFAULT_SECONDS = 120.0
LOGIN = "root"  # unless the command line or machines.toml names another user

T = TypeVar("T")


def user_option(help_text: str) -> Any:
    """Return the option --user, for a command that uses the name as `help_text` describes."""
    return typer.Option("-u", "--user", metavar="NAME", help=help_text, show_default=False, rich_help_panel=PASSWORD)


@dataclass(frozen=True)
class MachineOptions(EndpointOptions):
    """Options for getting to a root shell on a machine."""

    login: Annotated[
        str | None,
        typer.Option(
            "-l",
            "--login",
            metavar="NAME",
            help="Log in at the console as NAME.",
            show_default=LOGIN,
            rich_help_panel=PASSWORD,
        ),
    ] = None
    user: Annotated[str | None, user_option("The user whose authorized_keys is used; by default the login.")] = None
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file",
            metavar="FILE",
            help="Read the machine's password from FILE, which must have exactly one line.",
            show_default=False,
            rich_help_panel=PASSWORD,
        ),
    ] = None
    password_command: Annotated[
        str | None,
        typer.Option(
            "--password-command",
            metavar="COMMAND",
            help="Run COMMAND; the first line of its output is the machine's password.",
            show_default=False,
            rich_help_panel=PASSWORD,
        ),
    ] = None
    become: Annotated[
        str | None,
        typer.Option(
            "--become",
            metavar="sudo|su",
            help="How the login becomes root, if the job needs root; not used in a shell that was already open.",
            show_default=False,
            rich_help_panel=PASSWORD,
        ),
    ] = None
    become_password_file: Annotated[
        Path | None,
        typer.Option(
            "--become-password-file",
            metavar="FILE",
            help="Read the password for sudo or su from FILE; by default the login's password.",
            show_default=False,
            rich_help_panel=PASSWORD,
        ),
    ] = None
    timeout: Annotated[
        str | None,
        typer.Option(
            "--timeout",
            metavar="TIME",
            help="Time limit for the job, 2m by default, more for a large payload; logging out may take 10 s more.",
            show_default=False,
            rich_help_panel=SAFETY,
        ),
    ] = None
    expect_host: Annotated[
        str | None,
        typer.Option(
            "--expect-host",
            metavar="NAME",
            help="The machine's name; sosagent compares it with the console before it types the password.",
            show_default=False,
            rich_help_panel=SAFETY,
        ),
    ] = None
    ask: Annotated[
        bool,
        typer.Option(
            "--ask",
            help="Let you type a second factor, such as a code, if the machine asks for one.",
            rich_help_panel=PASSWORD,
        ),
    ] = False
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over",
            help="Discard another user's program on the console, or log out that user's shell.",
            rich_help_panel=OBSTACLES,
        ),
    ] = False
    continue_boot: Annotated[
        bool,
        typer.Option(
            "--continue-boot",
            help="End a maintenance shell afterwards, which continues the boot.",
            rich_help_panel=PASSWORD,
        ),
    ] = False
    transcript: Annotated[
        Path | None,
        typer.Option(
            "--transcript",
            metavar="FILE",
            help="Record the console (asciicast v2), without secrets.",
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = None

    @property
    def seconds(self) -> float:
        """The time limit for the job.

        Raises:
            UsageError: --timeout is no time.
        """
        return _DEFAULT_SECONDS if self.timeout is None else parse_duration(self.timeout, "--timeout")

    def check(self) -> Become | None:
        """Check the options before anything is read or asked, and return how to become root.

        Raises:
            UsageError: an option is invalid.
        """
        _ = self.seconds, self.lookup
        become = self._value("become")
        if become not in (None, "sudo", "su"):
            raise UsageError(f"--become must be sudo or su, not {printable(become, 60)!r}")
        return cast("Become | None", become)

    async def access(
        self, progress: Progress, *, permissions: Permissions | None = None, password: bool = True
    ) -> Access:
        """Locate the machine, and find the passwords; ask the user for one that is missing.

        Args:
            progress: shows notes.
            permissions: what the job may change to get past an obstacle; nothing by default.
            password: whether the job needs a password.

        Raises:
            UsageError: an option is wrong, or there is no password.
            SosError: from the provider.
        """
        become = self.check()
        if self.lookup.machine is not None and self.lookup.machines is not None:
            progress.detail(f"{self.host} is a machine in {self.lookup.machines.file}")
        if self.suggestion:
            progress.note(f"{self.suggestion} Using {printable(self.host)} as a host name")
        started = time.monotonic()
        located = await self.locate(progress, self.seconds)
        # The user is not asked for a password that the provider has.
        provided = located.password is not None and self.login_name == LOGIN and not self._has_source
        waited = time.monotonic() - started
        if password:
            progress.detail(f"password: {'from the provider' if provided else self._origin()}")
        with progress.paused():
            secret = await run_in_thread(self._password) if password and not provided else None
            second = await run_in_thread(lambda: self._become_password(become))
        if not self._asks:  # a user who types does not use up the time limit
            waited = time.monotonic() - started
        from ..access import Access, Permissions
        from ..session.machine import with_located

        access = Access(
            located,
            secret,
            login=self.login_name,
            become=become,
            become_password=second,
            ask_code=ask_code_on_terminal(progress) if self.ask else None,
            expect_host=self._value("expect_host", "hostname"),
            take_over=self.take_over,
            continue_boot=self.continue_boot,
            permissions=permissions or Permissions(),
            timeout=max(self.seconds - waited, _LEAST_SECONDS),
            extend_timeout=self.timeout is None,
            **self.connecting(progress, self.transcript),
        )
        return with_located(access, located)

    def available_password(self) -> Secret | None:
        """Return the machine's password if the user does not have to be asked for it, else None.

        Raises:
            UsageError: it cannot be read from its source.
        """
        return self._password() if self._has_source and not self._asks else None

    @property
    def _asks(self) -> bool:
        """Whether the user is asked for the machine's password."""
        source = self._source("password")
        by_option = self.password_file is not None or self.password_command is not None
        return not by_option and (source is None or source.kind == "prompt") and "SOS_PASSWORD" not in os.environ

    def _origin(self) -> str:
        """Say where the machine's password comes from."""
        source = self._source("password")
        if self.password_file is not None:
            return "--password-file"
        if self.password_command is not None:
            return "--password-command"
        if source is not None:
            return f"{self.lookup.field('password')} in the machines file ({source.kind})"
        return "SOS_PASSWORD" if "SOS_PASSWORD" in os.environ else "asked for"

    @property
    def _has_source(self) -> bool:
        """Whether the user or machines.toml says where the machine's password comes from."""
        sources = (self.password_file, self.password_command, self._source("password"))
        return any(one is not None for one in sources) or "SOS_PASSWORD" in os.environ

    def run(
        self,
        prepare: Callable[[Progress], Coroutine[Any, Any, Coroutine[Any, Any, T]]],
        fields: Callable[[SosError], Mapping[str, object]],
        hint: str = RUN_AGAIN,
    ) -> T:
        """Run a command to its end. An error is shown, and ends the program.

        Args:
            prepare: checks the command line, gets the `access`, and returns the job.
            fields: returns the command's own fields of the JSON object for an error.
            hint: what the user should know after an interruption.
        """
        with self.reporting(fields) as progress, self._explaining(), self.suggesting():
            return run_prepared(prepare(progress), hint=hint)

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Say in an error where the expected name of the machine comes from."""
        try:
            yield
        except WrongMachine as error:
            if self.expect_host is None and self.entry and self.entry.hostname:
                error.hint = (
                    "The expected name is hostname in the machines file; check it, and the endpoint's address. "
                    "--expect-host NAME overrides it, and --expect-host '' allows any name."
                )
            raise

    @property
    def login_name(self) -> str:
        """The user who logs in on the console."""
        return self._value("login") or LOGIN

    @property
    def user_name(self) -> str | None:
        """The user of authorized_keys, if the command line or machines.toml names one."""
        return self._value("user")

    def user_or_login(self) -> str:
        """Return the user of authorized_keys, also if machines.toml cannot be read."""
        try:
            return self.user_name or self.login_name
        except SosError:
            return self.user or self.login or LOGIN

    def _value(self, option: str, field: str | None = None) -> str | None:
        """Return the option, or else the field of the machine's entry, which has the same name by default."""
        value: str | None = getattr(self, option)
        return getattr(self.entry, field or option, None) if value is None else value

    def _source(self, field: str) -> PasswordSource | None:
        """Return the source of a password in machines.toml, which applies only to the login in the same entry."""
        entry = self.entry
        text = None if entry is None else getattr(entry, field)
        if text is None or entry is None or self.login not in (None, entry.login or LOGIN):
            return None
        return parse_source(text)

    def _password(self) -> Secret:
        by_option = self.password_file is not None or self.password_command is not None
        source = None if by_option else self._source("password")
        prompt = f"{printable(self.login_name)}'s password on the machine: "
        try:
            with prefix_errors("" if source is None else self.lookup.field("password")):
                return find_password(
                    file=self.password_file,
                    command=self.password_command,
                    source=source,
                    prompt=prompt,
                    seconds=min(self.seconds, COMMAND_SECONDS),
                )
        except PasswordMissing as error:
            entry = self.entry
            if source is None and not by_option and entry is not None and entry.password is not None:
                error.hint += f" The one in the machines file is only for {printable(entry.login or LOGIN)}."
            raise

    def _become_password(self, become: Become | None) -> Secret | None:
        if self.become_password_file is not None:
            return find_password(file=self.become_password_file)
        source = None if become is None else self._source("become_password")
        if source is None:
            return None
        with prefix_errors(self.lookup.field("become_password")):
            return find_password(source=source, prompt=f"Password for {become} on the machine: ")


@dataclass(frozen=True)
class LoginOnlyOptions(MachineOptions):
    """The options of a job for which only the login counts, so that the help does not show --user."""

    user: Annotated[str | None, typer.Option("-u", "--user", metavar="NAME", hidden=True)] = None

    def check(self) -> Become | None:
        """Check the options; see `MachineOptions.check`.

        Raises:
            UsageError: an option is invalid, or is --user.
        """
        if self.user is not None:
            raise UsageError(
                "--user selects an authorized_keys file, which this command does not use",
                hint="The command works as the user who logs in (--login), or as root with --become.",
            )
        return super().check()
