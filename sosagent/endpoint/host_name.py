"""Check a host name before it is looked up. No I/O."""

from __future__ import annotations

from ..errors import TargetInvalid
from ..printable import is_clean, printable

__all__ = ["check_host_name"]

_LONGEST_LABEL = 63


def check_host_name(host: str) -> None:
    """Check that a name can be looked up; Python raises `UnicodeError` for one that cannot (RFC 1035, 2.3.4).

    Raises:
        TargetInvalid: it cannot.
    """
    if not is_clean(host):
        raise TargetInvalid(f"{printable(host, 100)!r} is not a valid host name: it has control characters")
    try:
        host.encode("idna")
    except UnicodeError as error:
        labels = host.removesuffix(".").split(".")
        if not all(labels):
            reason = "a part between its dots is empty"
        elif any(len(label) > _LONGEST_LABEL for label in labels):
            reason = f"a part of it has more than {_LONGEST_LABEL} characters"
        else:
            reason = printable(str(error), 200)
        raise TargetInvalid(f"{printable(host, 100)!r} is not a valid host name: {reason}") from None
