"""Private keys for the endpoint: OpenSSH's and PuTTY's, with their passphrases."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh

from ..errors import UsageError
from ..keys.putty import PuttyFile, WrongPassphrase, is_putty
from ..printable import printable
from ..secrets.secret import Secret
from .base import Ask
from .remember import opened_keys

__all__ = ["unlocked"]

_TRIES = 3
_MOST_BYTES = 1 << 20
_TO_THE_AGENT = "Add it to your agent (ssh-add FILE, or Pageant) and run again."


async def unlocked(path: Path, ask: Ask | None, *, and_certificate: bool = True) -> Any:
    """What asyncssh takes for the key in `path`.

    Args:
        path: of an OpenSSH, PEM or PuTTY private key.
        ask: asks the user for the passphrase; None where nobody is there.
        and_certificate: give the path itself where no passphrase is needed, so that a certificate beside it counts.

    Raises:
        UsageError: it cannot be read, or the passphrase is wrong or missing.
    """
    opened = opened_keys()
    if path in opened:
        return opened[path]
    key = await _opened(path, ask)
    if key is None:
        return str(path) if and_certificate else _imported(path)
    opened[path] = key
    return key


async def _opened(path: Path, ask: Ask | None) -> asyncssh.SSHKey | None:
    """The key, if it is PuTTY's or needs a passphrase."""
    shown = printable(str(path))
    opener = _opener(path, shown)
    if opener is None:
        return None
    try:
        return await asyncio.to_thread(opener, None)
    except WrongPassphrase:
        pass
    for _ in range(_TRIES):
        answer = await ask("", f"Passphrase of {shown}:", False) if ask is not None else None
        if answer is None:
            raise UsageError(f"the identity {shown} is encrypted", hint=_TO_THE_AGENT)
        try:
            return await asyncio.to_thread(opener, Secret(answer))
        except WrongPassphrase:
            continue
    raise UsageError(f"that is not the passphrase of {shown}")


def _opener(path: Path, shown: str) -> Callable[[Secret | None], asyncssh.SSHKey] | None:
    """How the key is opened; None where that takes no passphrase, and asyncssh is to read the file itself."""
    data = _read(path, shown)
    lines = re.split("\r\n|\n|\r", data.decode("latin-1"))
    if is_putty(lines[0]):
        file = PuttyFile.read(lines, shown)
        return lambda phrase: asyncssh.import_private_key(file.openssh(phrase))

    def openssh(phrase: Secret | None) -> asyncssh.SSHKey:
        try:
            return asyncssh.import_private_key(data, None if phrase is None else phrase.reveal())
        except (asyncssh.KeyImportError, ValueError) as error:
            # With a wrong one, PEM may come out as anything.
            if phrase is not None or _is_about_the_passphrase(error):
                raise WrongPassphrase(str(error)) from None
            raise UsageError(
                f"the identity {shown} cannot be used: {printable(str(error))}", hint=_TO_THE_AGENT
            ) from None

    try:
        openssh(None)
    except WrongPassphrase:
        return openssh
    except UsageError:
        pass  # asyncssh has words of its own for what is wrong with it
    return None


def _is_about_the_passphrase(error: Exception) -> bool:
    # A class of its own says that one is wrong in OpenSSH's form, words in PEM and PKCS#8 and where there is none.
    return (
        isinstance(error, asyncssh.KeyEncryptionError)
        or re.search(r"assphrase|Unable to decrypt", str(error)) is not None
    )


def _imported(path: Path) -> asyncssh.SSHKey:
    shown = printable(str(path))
    try:
        return asyncssh.import_private_key(_read(path, shown))
    except (asyncssh.KeyImportError, ValueError) as error:
        raise UsageError(f"the key {shown} cannot be used: {printable(str(error))}", hint=_TO_THE_AGENT) from None


def _read(path: Path, shown: str) -> bytes:
    try:
        with path.expanduser().open("rb") as opened:
            return opened.read(_MOST_BYTES)
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}", hint="Check -i and -F.") from None
