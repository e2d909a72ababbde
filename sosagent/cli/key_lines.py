"""Additions of the command line to the keys' lines in authorized_keys: a comment, options, a time of expiry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ..errors import UsageError
from ..keys.key import PublicKey
from ..keys.options import OptionInvalid, check_option, check_options
from ..keys.read import MAX_COMMENT
from ..printable import is_clean, printable
from .duration import span_seconds

__all__ = ["apply_options", "parse_expiry"]

_LAST_YEAR = 2105  # some machines count seconds in 32 bits


def apply_options(
    keys: Sequence[PublicKey], comment: str | None, options: Sequence[str], restrict: bool
) -> list[PublicKey]:
    """Return `keys` with another comment and more options.

    Args:
        keys: the keys.
        comment: replaces the keys' comments; None keeps them.
        options: options to add, such as ``from="10.0.0.0/8"``; those that a key has already are not repeated.
        restrict: add the option ``restrict`` as well.

    Raises:
        UsageError: the comment or an option is invalid.
    """
    if comment is not None and (not is_clean(comment) or len(comment) > MAX_COMMENT):
        raise UsageError(f"the comment {printable(comment, 80)!r} contains control characters, or is too long")
    try:
        more = [check_option(option) for option in options]
        if restrict:
            more.insert(0, "restrict")
        return [
            replace(
                key,
                comment=key.comment if comment is None else comment.strip(),
                options=check_options((*key.options, *(option for option in more if option not in key.options))),
            )
            for key in keys
        ]
    except OptionInvalid as error:
        raise UsageError(str(error), hint="sshd(8), AUTHORIZED_KEYS FILE FORMAT, lists the options.") from None


def parse_expiry(text: str, now: datetime | None = None) -> datetime:
    """Parse a time of expiry: ``90m``, ``1h30m``, ``3d`` or ``1w`` from now, or a date and time in ISO 8601 format.

    Args:
        text: the time; without a time zone it is local time.
        now: the current time, for tests.

    Raises:
        UsageError: `text` is not a time, or not a time in the future that sshd can handle.
    """
    now = now or datetime.now(UTC)
    shown = printable(text, 60)
    span = span_seconds(text.strip())
    try:
        until = datetime.fromisoformat(text.strip()).astimezone() if span is None else now + timedelta(seconds=span)
    except (ValueError, OverflowError):
        raise UsageError(
            f"invalid time {shown!r}",
            hint="Write a duration (90m, 1h30m, 3d, 1w) or a point in time such as 2026-12-01T00:00Z.",
        ) from None
    if until <= now:
        raise UsageError(f"{shown} is in the past: the key would never work")
    if until.year > _LAST_YEAR:
        raise UsageError(f"{shown} is too far in the future for sshd")
    return until
