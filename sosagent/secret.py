"""A secret that never shows itself, and where a password comes from."""

from __future__ import annotations

import getpass
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from .errors import PasswordMissing, UsageError
from .printable import printable

__all__ = ["Secret", "find_password"]

_COMMAND_SECONDS = 60.0
_MOST_CHARACTERS = 512


class Secret:
    """A string that no `repr`, format, log, traceback, comparison or pickle gives away.

    It is unwrapped by `reveal`, which is called at the one place that writes it to the console.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Give the value itself. Only for the write to the place that the secret is for."""
        return self.__value

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled or copied")


def find_password(
    *,
    file: Path | None = None,
    command: str | None = None,
    environment: str = "SOS_PASSWORD",
    prompt: str = "Password: ",
) -> Secret:
    """Take the password from the first source that is given: file, command, environment, terminal.

    Args:
        file: its first line is the password; refused when others can read it.
        command: run without a shell; the first line of what it prints is the password.
        environment: the name of the variable to look in.
        prompt: what is asked on the terminal, without echo.

    Raises:
        PasswordMissing: no source was given and there is no terminal to ask on.
        UsageError: the source was given but did not yield a password that can be typed.
    """
    if file is not None:
        return _checked(_from_file(file), f"the password file {printable(str(file))}")
    if command is not None:
        return _checked(_from_command(command), "the password command")
    if environment in os.environ:
        return _checked(os.environ[environment], f"the variable {environment}")
    if not sys.stdin.isatty():
        raise PasswordMissing("no password for the machine was given, and there is no terminal to ask on")
    try:
        return _checked(getpass.getpass(prompt), "what was typed")
    except EOFError:
        raise PasswordMissing("no password was typed") from None


def _checked(value: str, source: str) -> Secret:
    """Refuse what a console would not take as one line."""
    first, _, rest = value.partition("\n")
    first = first.removesuffix("\r")
    if not first:
        raise PasswordMissing(f"{source} holds no password: its first line is empty")
    if rest.strip():
        raise UsageError(f"{source} holds more than one line", hint="Put only the password in it.")
    if len(first) > _MOST_CHARACTERS:
        raise UsageError(f"{source} holds a password of more than {_MOST_CHARACTERS} characters")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in first):
        raise UsageError(
            f"{source} holds a control character, which a login prompt would take as editing",
            hint="Check the file for a tab, an escape sequence or a second encoding.",
        )
    return Secret(first)


def _from_file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as opened:
            if os.name == "posix" and os.fstat(opened.fileno()).st_mode & 0o077:
                raise UsageError(
                    f"the password file {printable(str(path))} can be read by others",
                    hint=f"chmod 600 {shlex.quote(printable(str(path)))}",
                )
            return opened.read(4096)
    except OSError as error:
        raise UsageError(f"cannot read the password file {printable(str(path))}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the password file {printable(str(path))} is not UTF-8 text") from None


def _from_command(command: str) -> str:
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--password-command cannot be split into words: {error}") from None
    if not arguments:
        raise UsageError("--password-command is empty")
    try:
        done = subprocess.run(arguments, stdout=subprocess.PIPE, timeout=_COMMAND_SECONDS, check=False)
    except OSError as error:
        raise UsageError(f"the password command {printable(arguments[0])} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"the password command did not end within {_COMMAND_SECONDS:.0f} s") from None
    if done.returncode != 0:
        raise UsageError(f"the password command {printable(arguments[0])} ended with status {done.returncode}")
    try:
        return done.stdout.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("the password command printed something that is not UTF-8 text") from None
