"""The error that the user sees for an exception of the system: too many open files, a full disk, a bug."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator

from ..errors import SosError, UsageError
from ..printable import printable
from .colour import in_colour

__all__ = ["Unexpected", "check_descriptors", "error_of", "show_plainly"]

#: A job with a recording, jump hosts and --verify needs fewer open files, but not many.
_NEEDED = 24
_RAISE = "Raise the limit and run again: ulimit -n 1024."
_TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)


class Unexpected(SosError):
    """An exception that is not a `SosError`: a bug in sosagent, or a failure of the system it runs on."""

    code = "unforeseen"
    default_hint = "This is a bug in sosagent. Run with -v to see the traceback, and please report it."

    def __init__(self, error: BaseException) -> None:
        # An error of the operating system that nothing expects may not be ours to correct: a full disk, for example.
        system = isinstance(error, OSError) and error.errno is not None
        super().__init__(
            f"unexpected error: {type(error).__name__}: {printable(str(error))}",
            hint="The operating system reported this. Run with -v to see where." if system else None,
        )


def error_of(error: BaseException) -> SosError:
    """Return the error to show for an exception that is not a `SosError`."""
    if any(map(_is_about_descriptors, _causes(error))):
        return UsageError(f"this process may not open more files{_limit()}", hint=_RAISE)
    return Unexpected(error)


def check_descriptors() -> None:
    """Check before a job that it may open enough files: it must not fail for that while a shell is open.

    Raises:
        UsageError: the limit is too low.
    """
    try:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < _NEEDED <= hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (_NEEDED, hard))
            return
    except ImportError:  # on Windows
        return
    except OSError as error:
        raise error_of(error) from None
    if soft < _NEEDED and soft != resource.RLIM_INFINITY:
        raise UsageError(f"this process may open only {soft} files; sosagent needs {_NEEDED}", hint=_RAISE)


def show_plainly(error: SosError) -> int:
    """Print an error with nothing but this module, and return the exit status."""
    print(f"{in_colour('sosagent:', 'error', sys.stderr)} {error.message}", file=sys.stderr)
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
