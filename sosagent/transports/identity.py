"""Load private keys for the login at an endpoint: OpenSSH's and PuTTY's, and ask for their passphrases."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh

from ..errors import UsageError
from ..keys.putty import PuttyFile, WrongPassphrase, is_putty
from ..paths import expanded
from ..printable import printable
from ..secrets.secret import Secret
from .base import Ask
from .remember import opened_keys

__all__ = ["unlocked"]

_ATTEMPTS = 3
_MAX_BYTES = 1 << 20
_USE_AGENT = "Add it to your agent (ssh-add FILE, or Pageant) and run again."


async def unlocked(path: Path, ask: Ask | None, *, and_certificate: bool = True) -> Any:
    """Load the private key in `path`, in a form that asyncssh accepts.

    Args:
        path: an OpenSSH, PEM or PuTTY private key.
        ask: asks the user for the passphrase; None if no user is present.
        and_certificate: return the path for a key without a passphrase, so that asyncssh uses a certificate beside it.

    Returns:
        An `asyncssh.SSHKey`, or the path as a string.

    Raises:
        UsageError: the file cannot be read, or the passphrase is wrong or missing.
    """
    unlocked_keys = opened_keys()
    if path in unlocked_keys:
        return unlocked_keys[path]
    key = await _unlock(path, ask)
    if key is None:
        return str(path) if and_certificate else _import(path)
    unlocked_keys[path] = key
    return key


async def _unlock(path: Path, ask: Ask | None) -> asyncssh.SSHKey | None:
    """Return the key if it is a PuTTY file or needs a passphrase, else None."""
    shown = printable(str(path))
    unlock = _unlocker(path, shown)
    if unlock is None:
        return None
    try:
        return await asyncio.to_thread(unlock, None)
    except WrongPassphrase:
        pass
    for _ in range(_ATTEMPTS):
        answer = await ask("", f"Passphrase of {shown}:", False) if ask is not None else None
        if answer is None:
            raise UsageError(f"the identity {shown} is encrypted", hint=_USE_AGENT)
        try:
            return await asyncio.to_thread(unlock, Secret(answer))
        except WrongPassphrase:
            continue
    raise UsageError(f"wrong passphrase for {shown}")


def _unlocker(path: Path, shown: str) -> Callable[[Secret | None], asyncssh.SSHKey] | None:
    """Return a function that unlocks the key; None if no passphrase is needed and asyncssh can read the file."""
    data = _read(path, shown)
    lines = re.split("\r\n|\n|\r", data.decode("latin-1"))
    if is_putty(lines[0]):
        file = PuttyFile.read(lines, shown)
        return lambda phrase: asyncssh.import_private_key(file.openssh(phrase))

    def openssh(phrase: Secret | None) -> asyncssh.SSHKey:
        try:
            return asyncssh.import_private_key(data, None if phrase is None else phrase.reveal())
        except (asyncssh.KeyImportError, ValueError) as error:
            # A PEM file that is decrypted with a wrong passphrase may cause any error.
            if phrase is not None or _concerns_passphrase(error):
                raise WrongPassphrase(str(error)) from None
            raise UsageError(f"the identity {shown} cannot be used: {printable(str(error))}", hint=_USE_AGENT) from None

    try:
        openssh(None)
    except WrongPassphrase:
        return openssh
    except UsageError:
        pass  # asyncssh reports what is wrong with the file
    return None


def _concerns_passphrase(error: Exception) -> bool:
    # asyncssh has a class for a wrong passphrase of an OpenSSH key; for PEM and PKCS#8, and for a missing passphrase,
    # there is only the message.
    return (
        isinstance(error, asyncssh.KeyEncryptionError)
        or re.search(r"assphrase|Unable to decrypt", str(error)) is not None
    )


def _import(path: Path) -> asyncssh.SSHKey:
    shown = printable(str(path))
    try:
        return asyncssh.import_private_key(_read(path, shown))
    except (asyncssh.KeyImportError, ValueError) as error:
        raise UsageError(f"the key {shown} cannot be used: {printable(str(error))}", hint=_USE_AGENT) from None


def _read(path: Path, shown: str) -> bytes:
    try:
        with expanded(path).open("rb") as opened:
            return opened.read(_MAX_BYTES)
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}", hint="Check -i and -F.") from None
