"""The error that the user sees for an exception of the system: too many open files, a full disk, a bug."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator

from ..errors import SosError, UsageError
from ..printable import printable

__all__ = ["Unexpected", "error_of", "show_plainly"]

_TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)


class Unexpected(SosError):
    """An exception that is not a `SosError`: a bug in sosagent, or a failure of the system it runs on."""

    code = "unforeseen"
    default_hint = "This is a bug in sosagent. Run with -v to see the traceback, and please report it."

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"unexpected error: {type(error).__name__}: {printable(str(error))}")


def error_of(error: BaseException) -> SosError:
    """Return the error to show for an exception that is not a `SosError`."""
    if any(map(_is_about_descriptors, _causes(error))):
        return UsageError(
            "this process may not open more files" + _limit(), hint="Raise the limit and run again: ulimit -n 1024."
        )
    return Unexpected(error)


def show_plainly(error: SosError) -> int:
    """Print an error with nothing but this module, and return the exit status."""
    print(f"sosagent: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)
    return error.exit_code


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and those that it came from."""
    seen: list[BaseException] = []
    next_one: BaseException | None = error
    while next_one is not None and next_one not in seen:
        seen.append(next_one)
        yield next_one
        next_one = next_one.__cause__ or next_one.__context__


def _is_about_descriptors(error: BaseException) -> bool:
    # The loader of shared libraries has only a message.
    return getattr(error, "errno", None) in _TOO_MANY_FILES or "Too many open files" in str(error)


def _limit() -> str:
    try:
        import resource

        return f": its limit is {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}"
    except (ImportError, OSError):  # on Windows; or no descriptor is free for the module
        return ""
