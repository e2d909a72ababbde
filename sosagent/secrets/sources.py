"""Sources of passwords: a file, a command, the environment, the keyring or the terminal."""

from __future__ import annotations

import getpass
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import PasswordMissing, UsageError
from ..paths import StrPath, expanded
from ..printable import printable
from ..user_terminal import has_terminal
from .file import read_file
from .secret import Secret

__all__ = ["COMMAND_SECONDS", "PasswordSource", "environment_for_children", "find_password", "parse_source"]

COMMAND_SECONDS = 60.0
_MAX_CHARACTERS = 512
_KINDS = ("prompt", "env", "file", "command", "keyring")
_SHELL_WORD = re.compile(r"^((?:\|\|?|&&?)$|[0-9&]?[<>]|\$\(|`)|(?<!\\)(;)$")
_NO_SHELL = "it runs without a shell, so {} has no special meaning; write sh -c '...'"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Environment variables that hold secrets; `parse_source` adds every variable that an ``env:`` source names.
_SECRET_VARIABLES = {"SOS_PASSWORD", "METAL_AUTH_TOKEN", "PACKET_AUTH_TOKEN"}


@dataclass(frozen=True)
class PasswordSource:
    """The source of a password.

    Fields:
        kind: see `parse_source`.
        value: the part after the colon.
    """

    #: The accepted forms, for messages.
    FORMS = "prompt, env:NAME, file:PATH, command:PROGRAM ARGS, keyring:SERVICE/USER"

    kind: Literal["prompt", "env", "file", "command", "keyring"]
    value: str = ""


def parse_source(text: str) -> PasswordSource:
    """Parse ``prompt``, ``env:NAME``, ``file:PATH``, ``command:PROGRAM ARGS`` or ``keyring:SERVICE/USER``.

    Raises:
        ValueError: `text` has another form. The message does not quote it, because it may be a password.
    """
    kind, colon, value = text.partition(":")
    if kind not in _KINDS or (kind == "prompt" and colon):
        raise ValueError(f"the file must not contain a password; name its source instead: {PasswordSource.FORMS}")
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
    """Return the first unquoted word of `command` that only a shell understands, or an empty string."""
    try:
        words = shlex.split(command, posix=False)
    except ValueError:  # reported when the command runs
        return ""
    for word in words:
        if match := _SHELL_WORD.search(word):
            return match[1] or match[2]
    return ""


def environment_for_children() -> dict[str, str]:
    """Return the environment for child processes, without the variables that hold secrets for sosagent."""
    return {name: value for name, value in os.environ.items() if name not in _SECRET_VARIABLES}


def find_password(
    *,
    file: StrPath | None = None,
    command: str | None = None,
    source: PasswordSource | None = None,
    environment: str = "SOS_PASSWORD",
    prompt: str = "Password: ",
    seconds: float = COMMAND_SECONDS,
) -> Secret:
    """Read the password from the first of these that is set: file, command, `source`, environment, terminal.

    Args:
        file: a file whose only line is the password; refused if other users can read it.
        command: run without a shell; the first line of its output is the password, the rest is ignored.
        source: the source that the machines file names. ``prompt`` asks on the terminal even if `environment`
            is set.
        environment: the name of the variable to read.
        prompt: the question on the terminal; the answer is not echoed.
        seconds: how long a command may take; a minute at most.

    Raises:
        PasswordMissing: no source is set and there is no terminal.
        UsageError: the source did not yield a password that can be typed.
    """
    if file is not None:
        return _checked(_from_file(Path(file)), f"the password file {printable(str(file))}")
    if command is not None:
        return _checked(_from_command(command, seconds), "the password command")
    if source is not None and source.kind == "command":
        return find_password(command=source.value, seconds=seconds)
    if source is not None:
        return _READERS[source.kind](source.value, prompt)
    if environment in os.environ:
        return _from_environment(environment)
    return _from_terminal(prompt)


def _from_terminal(prompt: str) -> Secret:
    if not has_terminal():
        raise PasswordMissing("no password for the machine, and no terminal to ask for one on")
    try:
        return _checked(getpass.getpass(prompt), "the answer")
    except EOFError:
        raise PasswordMissing("no password was typed") from None


def _from_environment(name: str) -> Secret:
    if name not in os.environ:
        raise PasswordMissing(f"the password's variable {name} is not set", hint=f"Set {name}.")
    return _checked(os.environ[name], f"the variable {name}")


def _from_keyring(value: str) -> Secret:
    service, _, user = value.rpartition("/")
    entry = f"{printable(user, 80)!r} of {printable(service, 80)!r}"
    try:
        import keyring  # an optional dependency
    except ImportError:
        raise UsageError(
            "a password from the keyring needs the package keyring, which is not installed",
            hint="pip install keyring",
        ) from None
    try:
        password = keyring.get_password(service, user)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - backends raise what they like
        raise UsageError(
            f"cannot read the password of {entry} from the keyring: {printable(str(error)) or type(error).__name__}",
            hint="Unlock the keyring; `keyring diagnose` shows which one is in use.",
        ) from None
    if password is None:
        raise PasswordMissing(
            f"the keyring has no password of {entry}",
            hint=f"keyring set {shlex.quote(printable(service, 80))} {shlex.quote(printable(user, 80))}",
        )
    if not isinstance(password, str):
        raise UsageError(f"the keyring's password of {entry} is not text")
    return _checked(password, "the keyring's entry")


#: Kind of source -> function that reads the password, from the source's value and the prompt to ask with.
_READERS: dict[str, Callable[[str, str], Secret]] = {
    "prompt": lambda _, prompt: _from_terminal(prompt),
    "env": lambda name, _: _from_environment(name),
    "file": lambda path, _: find_password(file=expanded(path)),
    "keyring": lambda value, _: _from_keyring(value),
}


def _checked(value: str, source: str) -> Secret:
    """Return `value` as a secret, if a console would accept it as one line."""
    first, _, rest = value.partition("\n")
    first = first.removesuffix("\r")
    if not first:
        raise PasswordMissing(f"{source} holds no password: its first line is empty")
    if rest.strip():
        raise UsageError(f"{source} holds more than one line", hint="Put only the password in it.")
    if len(first) > _MAX_CHARACTERS:
        raise UsageError(f"{source} holds a password of more than {_MAX_CHARACTERS} characters")
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


def _from_command(command: str, seconds: float = COMMAND_SECONDS) -> str:
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
            arguments, stdout=subprocess.PIPE, timeout=seconds, check=False, env=environment_for_children()
        )
    except ValueError:  # a NUL in it
        raise UsageError("the password command holds control characters") from None
    except OSError as error:
        raise UsageError(f"the password command {printable(arguments[0])} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"the password command did not end within {seconds:g} s") from None
    if done.returncode != 0:
        raise UsageError(f"the password command {printable(arguments[0])} ended with status {done.returncode}")
    try:
        # Further lines may hold other fields, such as the user's name in an entry of pass.
        return done.stdout.partition(b"\n")[0].decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("the password command printed something that is not UTF-8 text") from None
