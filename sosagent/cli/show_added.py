"""Show the result of adding keys, and claim no more than what was checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..printable import printable
from .review import show_diff

if TYPE_CHECKING:
    from ..jobs.add_key import AddKeyResult
    from ..jobs.verify import Verification

__all__ = ["show_result"]

_OUTCOMES = {"works": "Works", "not-tried": "Not proved"}
#: Options that restrict a login, and what they say about it.
_RESTRICTING = {
    "from": "from {}",
    "expiry-time": "until {}",
    "command": "for the command {!r}",
    "cert-authority": "with a certificate of this authority",
    "principals": "for the principals {}",
}


def show_result(result: AddKeyResult, address: str, *, dry_run: bool) -> None:
    """Print the file, the outcome of each key, and the command that should work now, if that was checked.

    Args:
        result: the result.
        address: the address of the machine's sshd; empty if unknown.
        dry_run: whether nothing was to be changed.
    """
    where = f"{printable(result.file)} on {printable(result.hostname)}"
    if result.machine_id:
        where += f" (machine-id {printable(result.machine_id)})"
    print(where)
    for outcome in result.keys:
        print(f"  {outcome.result:<9} {outcome.key.fingerprint} {printable(outcome.key.comment)}".rstrip())
    for warning in result.warnings:
        print(f"  {'problem' if warning in result.problems else 'warning'}: {printable(warning, 500)}")
    for change in result.changes:
        print(f"  changed: {printable(change)}")
    if result.backup:
        print(f"  backup of the old file: {printable(result.backup)}")
    for remedy in result.remedies:
        print(f"  {printable(remedy, 400)}")
    if result.verification is not None:
        _show_verification(result.verification)
    elif dry_run:
        show_diff(result.change)
    elif result.problems:
        there = "was there already" if result.status == "present" else "is in the file"
        print(f"The key {there}, but this is not what you asked for: see above.")
    elif not result.warnings:
        print(_claim(result, address))


def _claim(result: AddKeyResult, address: str) -> str:
    """Return the command that should work, and what restricts it."""
    command = f"ssh {_place(result, address)}"
    limits = [_limits(one.options if one.result == "present" else one.key.options) for one in result.keys]
    if not all(limits):
        return f"This should work now:  {command}"
    if len(set(limits)) == 1:
        return f"This should work {limits[0]} only:  {command}"
    each = [f"  {one.key.fingerprint}: {limit} only" for one, limit in zip(result.keys, limits, strict=True)]
    return "\n".join([f"This should work within limits:  {command}", *each])


def _limits(options: Sequence[str]) -> str:
    """Return what the options of a key restrict, such as "from 10.0.0.0/8, until 20301231"; empty if nothing."""
    from ..keys.options import value_of

    parts = []
    for option in options:
        words = _RESTRICTING.get(option.partition("=")[0].lower())
        if words:
            parts.append(words.format(printable(value_of(option), 120)))
    return ", ".join(parts)


def _place(result: AddKeyResult, address: str) -> str:
    """Return USER@HOST for ssh, with the port. The user may paste it, so a shell must run nothing in it."""
    from ..keys.known_hosts import address_of

    try:
        host, port = address_of(address or result.hostname)
    except UsageError:
        return f"{result.user}@HOST"
    if re.fullmatch(r"[\w.:%-]+", host, re.ASCII) is None:
        return f"{result.user}@HOST"
    return f"-p {port} {result.user}@{host}" if port not in (None, 22) else f"{result.user}@{host}"


def _show_verification(verification: Verification) -> None:
    print(f"{_OUTCOMES.get(verification.outcome, 'Does not work')}:  {printable(verification.command)}")
    print(f"  {printable(verification.message)}")
    if verification.outcome == "host-key-differs":
        print("  DANGER: another machine may be answering at this address. Do not type a password.")
    for cause in verification.causes:
        print(f"  cause: {printable(cause)}")
