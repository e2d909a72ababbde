"""Private keys for the endpoint: OpenSSH's and PuTTY's, with their passphrases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh

from ..errors import UsageError
from ..keys.putty import PuttyFile, WrongPassphrase, is_putty
from ..printable import printable
from ..secret import Secret
from .base import Ask

__all__ = ["unlocked"]

_TRIES = 3
_MOST_BYTES = 1 << 20
_TO_THE_AGENT = "Add it to your agent (ssh-add FILE, or Pageant) and run again."


async def unlocked(path: Path, ask: Ask | None) -> Any:
    """What asyncssh takes for the key in `path`: the path itself where no passphrase is needed.

    Args:
        path: of an OpenSSH, PEM or PuTTY private key.
        ask: asks the user for the passphrase; None where nobody is there.

    Raises:
        UsageError: it cannot be read, or the passphrase is wrong or missing.
    """
    shown = printable(str(path))
    opened = _opener(path, shown)
    if opened is None:
        return str(path)
    try:
        return opened(None)
    except (WrongPassphrase, asyncssh.KeyEncryptionError):
        pass
    for _ in range(_TRIES):
        answer = await ask("", f"Passphrase of {shown}:", False) if ask is not None else None
        if answer is None:
            raise UsageError(f"the identity {shown} is encrypted", hint=_TO_THE_AGENT)
        try:
            return opened(Secret(answer))
        except (WrongPassphrase, asyncssh.KeyEncryptionError):
            continue
        except asyncssh.KeyImportError as error:
            raise UsageError(
                f"the identity {shown} cannot be used: {printable(str(error))}", hint=_TO_THE_AGENT
            ) from None
    raise UsageError(f"that is not the passphrase of {shown}")


def _opener(path: Path, shown: str) -> Callable[[Secret | None], Any] | None:
    """How the key is opened; None where asyncssh is to read the file itself, and a certificate beside it."""
    try:
        with path.expanduser().open("rb") as opened:
            data = opened.read(_MOST_BYTES)
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}", hint="Check -i and -F.") from None
    lines = data.decode("utf-8", "replace").splitlines()
    if lines and is_putty(lines[0]):
        file = PuttyFile.read(lines, shown)
        return lambda phrase: asyncssh.import_private_key(file.openssh(phrase))
    try:
        asyncssh.import_private_key(data)
    except (asyncssh.KeyImportError, ValueError) as error:
        # A class of its own says that a passphrase is wrong, the words that there is none.
        if isinstance(error, asyncssh.KeyEncryptionError) or "assphrase" in str(error):
            return lambda phrase: asyncssh.import_private_key(data, "" if phrase is None else phrase.reveal())
    return None  # asyncssh has words of its own for what else is wrong
