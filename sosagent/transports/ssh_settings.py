"""The settings of ssh_config(5) for one host, as ssh itself reads them: ``ssh -G``.

asyncssh has a reader of its own, which differs: a comment behind a value, ``Match final``, the order of included files,
``ProxyJump`` before ``ProxyCommand``, and lines that ssh refuses. So ssh reads the files where it is installed, and
asyncssh gets what differs from ssh's defaults. Without ssh, asyncssh reads the files.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from ..errors import UsageError
from ..printable import printable

__all__ = ["readable_by_asyncssh"]

_SECONDS = 20.0  # Match exec runs a program
#: Keywords that asyncssh applies, by their names in the output of `ssh -G`.
_ONE_VALUE = (
    "addressfamily", "bindaddress", "casignaturealgorithms", "ciphers", "compression", "enablesshkeysign",
    "gssapiauthentication", "gssapidelegatecredentials", "gssapikeyexchange", "hostbasedauthentication",
    "hostkeyalgorithms", "hostkeyalias", "hostname", "identitiesonly", "identityagent", "kbdinteractiveauthentication",
    "kexalgorithms", "macs", "passwordauthentication", "pkcs11provider", "port", "preferredauthentications",
    "proxycommand", "proxyjump", "pubkeyauthentication", "tcpkeepalive", "user",
)  # fmt: skip
_REPEATED = ("certificatefile", "identityfile")
_LISTS = ("globalknownhostsfile", "userknownhostsfile")
_DEFAULTS_FOR = "localhost"
#: Passed even if they are the defaults: a file may name that host, and asyncssh has another default user (LOGNAME).
_ALWAYS = ("hostname", "user")
_MEMORY_FILE = "/proc/self/fd/{}"


@contextmanager
def readable_by_asyncssh(
    files: Sequence[str], host: str, user: str | None, port: int | None
) -> Iterator[tuple[str, ...]]:
    """Make the settings for a host available to asyncssh while the context is open.

    Args:
        files: the files of ssh_config, none or one.
        host, user, port: as given to ssh; None for those of the file.

    Yields:
        The names of the files that asyncssh is to read.

    Raises:
        UsageError: ssh refuses the file, or does not read it in time.
    """
    settings = _settings(files[0], host, user, port) if files else None
    if settings is None:
        yield tuple(files)
        return
    with _as_file("".join(f"{line}\n" for line in _lines(settings, _defaults()))) as name:
        yield (name,)


def _settings(file: str, host: str, user: str | None, port: int | None) -> dict[str, list[str]] | None:
    """Return the values of each keyword, or None if ssh is not installed."""
    command = ["ssh", "-G", "-T", "-F", file]
    command += ["-l", user] if user is not None else []
    command += ["-p", str(port)] if port is not None else []
    try:
        done = subprocess.run(
            [*command, "--", host], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"ssh did not read {printable(file)} within {_SECONDS:.0f} s", hint="Does a program of Match exec hang?"
        ) from None
    except OSError as error:
        raise UsageError(f"ssh, which reads {printable(file)}, cannot be started: {error.strerror}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"status {done.returncode}"]
        raise UsageError(
            f"ssh refuses its configuration for {printable(host, 100)}: {printable(lines[0], 300)}",
            hint="Correct that line, or choose another file with -F.",
        )
    values: dict[str, list[str]] = {}
    for line in os.fsdecode(done.stdout).splitlines():
        keyword, _, value = line.partition(" ")
        values.setdefault(keyword.lower(), []).append(value)
    return values


@cache
def _defaults() -> dict[str, list[str]]:
    return _settings(os.devnull, _DEFAULTS_FOR, None, None) or {}


def _lines(settings: dict[str, list[str]], defaults: dict[str, list[str]]) -> Iterator[str]:
    """Yield lines of ssh_config for the settings that are not ssh's defaults."""
    for keyword, values in settings.items():
        if values == defaults.get(keyword) and keyword not in _ALWAYS:
            continue
        if keyword == "proxycommand":
            yield f"{keyword} {values[0]}"
        elif keyword in _LISTS:
            yield f"{keyword} {shlex.join(_paths(values[0]))}"
        elif keyword == "rekeylimit":
            size, _, seconds = values[0].partition(" ")
            yield f"{keyword} {'default' if size == '0' else size} {'none' if seconds == '0' else seconds}"
        elif keyword in _REPEATED:
            yield from (f"{keyword} {shlex.quote(value)}" for value in values)
        elif keyword in _ONE_VALUE:
            # ssh knows two more values of this keyword, which both include yes.
            value = "yes" if keyword == "pubkeyauthentication" and values[0] != "false" else values[0]
            yield f"{keyword} {shlex.quote(value)}"


def _paths(text: str) -> list[str]:
    """Split a list of files, which ssh prints without quotes: a word that starts no path continues the one before."""
    paths: list[str] = []
    for word in text.split(" "):
        if paths and not word.startswith(("/", "~")) and word != "none":
            paths[-1] += f" {word}"
        else:
            paths.append(word)
    return paths


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """Yield the name of a file with this text, in memory where the system can do that: a disk may be full."""
    descriptor = _in_memory(text)
    if descriptor is None:
        with tempfile.TemporaryDirectory(prefix="sosagent-") as folder:
            path = Path(folder) / "ssh_config"
            path.write_bytes(os.fsencode(text))
            yield str(path)
        return
    try:
        yield _MEMORY_FILE.format(descriptor)
    finally:
        os.close(descriptor)


def _in_memory(text: str) -> int | None:
    """Return the descriptor of a file in memory, or None if the system has none that can be opened by name."""
    try:
        descriptor = os.memfd_create("ssh_config")
    except (AttributeError, OSError):
        return None
    if not Path(_MEMORY_FILE.format(descriptor)).exists():
        os.close(descriptor)
        return None
    os.write(descriptor, os.fsencode(text))
    return descriptor
