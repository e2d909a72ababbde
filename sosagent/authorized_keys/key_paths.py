"""Which file of keys sshd reads for a user (sshd_config(5), AuthorizedKeysFile and TOKENS). No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .config_lines import arguments

__all__ = ["expanded", "key_patterns", "path_of", "unknown_token"]

_TOKEN = re.compile(r"%(.?)")
_GLOB = re.compile(r"[*?\[]")


def key_patterns(value: str, config: Iterable[str]) -> list[str]:
    """Return the entries of AuthorizedKeysFile.

    Args:
        value: as ``sshd -T`` prints it: separated by blanks, without the quotes of entries that contain blanks.
        config: lines of the configuration, which has the quotes.
    """
    for line in config:
        keyword, words = arguments(line)
        if keyword == "authorizedkeysfile" and " ".join(words) == value:
            return words
    return value.split()


def path_of(patterns: Iterable[str], *, user: str, home: str, uid: int, globs: bool = False) -> str | None:
    """Return the first file that belongs to this user alone.

    Args:
        patterns: the entries of AuthorizedKeysFile.
        user, home, uid: the user's account.
        globs: whether sshd expands wildcards, as since OpenSSH 10.0.

    Returns:
        The path; None if all users share every listed file, or the list is ``none``.
    """
    for pattern in patterns:
        if unknown_token(pattern):
            return None
        if pattern.lower() == "none" or (globs and _GLOB.search(pattern)):
            continue
        path = expanded(pattern, user=user, home=home, uid=uid)
        if not path.startswith("/"):
            path = f"{home}/{path}"
        own = {token[1] for token in _TOKEN.finditer(pattern)} & {"h", "u", "U"}
        if own or path.startswith(f"{home}/"):
            return path
    return None


def expanded(pattern: str, *, user: str, home: str, uid: int) -> str:
    """Return `pattern` with the values of its tokens, which are all known."""
    values = {"h": home, "u": user, "U": str(uid), "%": "%"}
    return _TOKEN.sub(lambda token: values[token[1]], pattern)


def unknown_token(pattern: str) -> str:
    """Return the first unknown token, which makes sshd end every login, or an empty string."""
    return next((token[0] for token in _TOKEN.finditer(pattern) if token[1] not in ("h", "u", "U", "%")), "")
