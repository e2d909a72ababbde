"""The result of adding keys, and what it does not achieve. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..file_change import FileChange
from ..keys import PublicKey
from ..keys.option_values import time_of
from ..keys.options import value_of
from ..printable import printable
from ..shell.refusal import edit_refused
from .line import Presence, Verdict, is_used, parse_line
from .obstacle import Obstacle

__all__ = ["Appended", "KeyOutcome", "Outcome", "effective", "needs_replacing", "refuse_blocked", "restrictions"]

#: Options that leave no shell to a key.
_BLOCKING = ("command=", "cert-authority", "principals=")
_REPLACE = "--replace writes the requested line in its place."

Outcome = Literal["added", "present", "replaced", "would-add", "would-replace"]


@dataclass(frozen=True)
class KeyOutcome:
    """The result for one key.

    Fields:
        key: the key.
        result: ``added``, ``present``, ``replaced``, ``would-add`` or ``would-replace``.
        options: its options in the file, if it was present.
    """

    key: PublicKey
    result: Outcome
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Appended:
    """The result of the job on the machine.

    Fields:
        file: the file that sshd reads.
        keys: one outcome for each key, in their order.
        before, after: number of key lines.
        hostname, machine_id: the identity of the machine.
        warnings: sentences about what keeps sshd from accepting the keys, or restricts them.
        changes: the commands that changed something else, with the state before each.
        refusals: those of `warnings` for which sshd will refuse the keys.
        unmet: those for which the lines in the file do otherwise than requested, such as access that does not end.
        remedies: what helps against both, in sentences.
        backup: path of the old file, if lines were replaced.
        change: what a dry run would change.
    """

    file: str
    keys: tuple[KeyOutcome, ...]
    before: int
    after: int
    hostname: str
    machine_id: str | None
    warnings: tuple[str, ...]
    changes: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    backup: str = ""
    change: FileChange | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about why the job did not succeed, though the keys are in the file."""
        return (*self.refusals, *self.unmet)


def effective(key: PublicKey, verdict: Verdict, replaced: Sequence[PublicKey]) -> PublicKey:
    """Return `key` with the options that sshd uses."""
    return key if verdict.presence is Presence.ABSENT or key in replaced else replace(key, options=verdict.options)


def needs_replacing(lines: Sequence[str], key: PublicKey, verdict: Verdict) -> bool:
    """Whether the file has a line with `key` and other options, which sshd would use."""
    if verdict.presence is Presence.ABSENT:
        return _outlasting(lines, key) is not None
    return verdict.presence is Presence.RESTRICTED or not _has_options(key, verdict) or bool(_outlasting(lines, key))


def refuse_blocked(keys: Sequence[PublicKey], verdicts: Sequence[Verdict], path: str) -> None:
    """Refuse keys that are in the file with options that leave no shell.

    Raises:
        EditRefused: there is such a key.
    """
    for key, verdict in zip(keys, verdicts, strict=True):
        if verdict.presence is not Presence.RESTRICTED:
            continue
        blocking = [option for option in verdict.options if option.lower().startswith(_BLOCKING)]
        if blocking:
            raise edit_refused(
                f"{key.fingerprint} is already in {printable(path)}, with {printable(', '.join(blocking), 120)}",
                hint="sshd uses the first line with a key, so adding it again would change nothing. "
                f"{_REPLACE} Or use another key.",
            )


def restrictions(lines: Sequence[str], keys: Sequence[PublicKey], verdicts: Sequence[Verdict]) -> Iterator[Obstacle]:
    """Yield what the lines in the file do otherwise than requested."""
    for key, verdict in zip(keys, verdicts, strict=True):
        name = key.fingerprint
        if verdict.presence is Presence.RESTRICTED:
            shown = printable(",".join(verdict.options), 160)
            yield Obstacle(f"{name} is restricted by options: {shown}", _REPLACE, refuses=False)
        until = _expiry(key.options)
        outlasting = _outlasting(lines, key)
        if outlasting is not None:
            theirs = _expiry(outlasting)
            what = f"with expiry-time={theirs}" if theirs else "without expiry-time"
            yield Obstacle(f"{name} is already in the file, {what}: its access does not end at {until}", _REPLACE)
        missing = [one for one in key.options if not one.lower().startswith("expiry-time=")]
        if verdict.presence is not Presence.ABSENT and not set(missing) <= set(verdict.options):
            shown = printable(",".join(missing), 160)
            yield Obstacle(
                f"{name} is already in the file, without {shown}: sshd uses the first line with a key", _REPLACE
            )


def _has_options(key: PublicKey, verdict: Verdict) -> bool:
    return set(key.options) <= set(verdict.options)


def _expiry(options: Sequence[str]) -> str:
    """Return the earliest time of ``expiry-time``, or an empty string."""
    values = [value_of(option) for option in options if option.lower().startswith("expiry-time=")]
    return min(values, key=lambda value: value.ljust(14, "0"), default="")


def _outlasting(lines: Sequence[str], key: PublicKey) -> tuple[str, ...] | None:
    """Return the options of the first line with which sshd accepts `key` after its time, or None."""
    until = time_of(_expiry(key.options))
    if until is None:
        return None
    for line in lines:
        entry = parse_line(line)
        if entry is None or not entry.key.same_key(key) or not is_used(entry.options, key.options):
            continue
        theirs = time_of(_expiry(entry.options))
        if theirs is None or theirs > until:
            return entry.options
    return None
