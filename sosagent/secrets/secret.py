"""A secret that never shows itself, and where a password comes from."""

from __future__ import annotations

import getpass
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from ..errors import PasswordMissing, UsageError
from ..printable import printable
from .file import read_file

__all__ = ["HIDDEN", "PasswordSource", "Secret", "environment_for_children", "find_password", "hidden", "parse_source"]

_COMMAND_SECONDS = 60.0
_MOST_CHARACTERS = 512
_LEAST_HIDDEN = 6
#: What stands for a secret that was left out.
HIDDEN = "(…)"
_KINDS = ("prompt", "env", "file", "command", "keyring")
_SHELL_WORD = re.compile(r"^((?:\|\|?|&&?)$|[0-9&]?[<>]|\$\(|`)|(?<!\\)(;)$")
_NO_SHELL = "no shell is between that would understand {}; write sh -c '...'"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Variables that hold secrets; `parse_source` adds those that an env: names.
_SECRET_VARIABLES = {"SOS_PASSWORD", "METAL_AUTH_TOKEN", "PACKET_AUTH_TOKEN"}


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


def hidden(text: str, secrets: Iterable[Secret]) -> str:
    """`text`, which came from outside, without secrets that it may repeat. Before it is cut, or part of one stays."""
    for secret in secrets:
        # Of fewer characters it would be found in words that have nothing to do with it.
        if len(secret.reveal()) >= _LEAST_HIDDEN:
            text = re.sub(re.escape(secret.reveal()), HIDDEN, text, flags=re.IGNORECASE)
    return text


@dataclass(frozen=True)
class PasswordSource:
    """Where a password comes from.

    Fields:
        kind: see `parse_source`.
        value: what stands behind the colon.
    """

    #: How they are written.
    FORMS = "prompt, env:NAME, file:PATH, command:PROGRAM ARGS, keyring:SERVICE/USER"

    kind: Literal["prompt", "env", "file", "command", "keyring"]
    value: str = ""


def parse_source(text: str) -> PasswordSource:
    """Read ``prompt``, ``env:NAME``, ``file:PATH``, ``command:PROGRAM ARGS`` or ``keyring:SERVICE/USER``.

    Raises:
        ValueError: it is none of these; the words do not hold the text, which may be a password.
    """
    kind, colon, value = text.partition(":")
    if kind not in _KINDS or (kind == "prompt" and colon):
        raise ValueError(
            f"a password itself has no place in this file; say where it comes from: {PasswordSource.FORMS}"
        )
    if kind == "env" and _VARIABLE.fullmatch(value) is None:
        raise ValueError("env: needs the name of a variable")
    if kind in ("file", "command") and not value.strip():
        raise ValueError(f"{kind}: needs {'a path' if kind == 'file' else 'a program'}")
    if kind == "keyring" and not all(value.rpartition("/")[::2]):
        raise ValueError("keyring: needs SERVICE/USER")
    if kind == "command" and (word := _shell_word(value)):
        raise ValueError(f"command: {_NO_SHELL.format(word)}")
    if kind == "env":
        _SECRET_VARIABLES.add(value)
    return PasswordSource(kind, value)  # type: ignore[arg-type]


def _shell_word(command: str) -> str:
    """The first word of a command that only a shell understands, and that stands in no quotes; else nothing."""
    try:
        words = shlex.split(command, posix=False)
    except ValueError:  # which is told when it is run
        return ""
    for word in words:
        if found := _SHELL_WORD.search(word):
            return found[1] or found[2]
    return ""


def environment_for_children() -> dict[str, str]:
    """The environment for programs that are run: what is in it for sosagent alone is held back."""
    return {name: value for name, value in os.environ.items() if name not in _SECRET_VARIABLES}


def find_password(
    *,
    file: Path | None = None,
    command: str | None = None,
    source: PasswordSource | None = None,
    environment: str = "SOS_PASSWORD",
    prompt: str = "Password: ",
) -> Secret:
    """Take the password from the first source that is given: file, command, `source`, environment, terminal.

    Args:
        file: its only line is the password; refused when others can read it.
        command: run without a shell; the first line of what it prints is the password, others are not looked at.
        source: where the file of machines says that it comes from; ``prompt`` is the terminal, whatever
            the environment holds.
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
    if source is not None:
        return _TAKE[source.kind](source.value, prompt)
    if environment in os.environ:
        return _from_environment(environment)
    return _typed(prompt)


def _typed(prompt: str) -> Secret:
    if not sys.stdin.isatty():
        raise PasswordMissing("no password for the machine was given, and there is no terminal to ask on")
    try:
        return _checked(getpass.getpass(prompt), "what was typed")
    except EOFError:
        raise PasswordMissing("no password was typed") from None


def _from_environment(name: str) -> Secret:
    if name not in os.environ:
        raise PasswordMissing(f"the variable {name}, from which the password is to come, is not set", hint="Set it.")
    return _checked(os.environ[name], f"the variable {name}")


def _from_keyring(value: str) -> Secret:
    service, _, user = value.rpartition("/")
    shown = f"{printable(user, 80)!r} of {printable(service, 80)!r}"
    try:
        import keyring
    except ImportError:
        raise UsageError(
            "a password from the keyring needs the package keyring, which is not installed",
            hint="pip install 'sosagent[keyring]'",
        ) from None
    try:
        found = keyring.get_password(service, user)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - backends raise what they like
        raise UsageError(
            f"the keyring does not give the password of {shown}: {printable(str(error)) or type(error).__name__}",
            hint="Unlock it; `keyring diagnose` tells which one is used.",
        ) from None
    if found is None:
        raise PasswordMissing(
            f"the keyring has no password of {shown}",
            hint=f"keyring set {shlex.quote(printable(service, 80))} {shlex.quote(printable(user, 80))}",
        )
    if not isinstance(found, str):
        raise UsageError(f"the keyring gives no text as the password of {shown}")
    return _checked(found, "the keyring's entry")


#: Kind of source -> what takes the password from it, given its value and the words to ask with.
_TAKE: dict[str, Callable[[str, str], Secret]] = {
    "prompt": lambda _, prompt: _typed(prompt),
    "env": lambda name, _: _from_environment(name),
    "file": lambda path, _: find_password(file=_at_home(path)),
    "command": lambda command, _: find_password(command=command),
    "keyring": lambda value, _: _from_keyring(value),
}


def _at_home(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(f"{printable(path)}: ~ stands for the home of a user who is not there") from None


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
        return read_file(path, "the password file").decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"the password file {printable(str(path))} is not UTF-8 text") from None


def _from_command(command: str) -> str:
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"the password command cannot be split into words: {error}") from None
    if not arguments:
        raise UsageError("the password command is empty")
    if word := _shell_word(command):
        raise UsageError(f"the password command: {_NO_SHELL.format(word)}")
    try:
        done = subprocess.run(
            arguments, stdout=subprocess.PIPE, timeout=_COMMAND_SECONDS, check=False, env=environment_for_children()
        )
    except ValueError:  # a NUL in it
        raise UsageError("the password command holds control characters") from None
    except OSError as error:
        raise UsageError(f"the password command {printable(arguments[0])} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"the password command did not end within {_COMMAND_SECONDS:.0f} s") from None
    if done.returncode != 0:
        raise UsageError(f"the password command {printable(arguments[0])} ended with status {done.returncode}")
    try:
        # What stands in further lines, such as the user's name in an entry of pass, is nothing to us.
        return done.stdout.partition(b"\n")[0].decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("the password command printed something that is not UTF-8 text") from None
