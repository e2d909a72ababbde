"""A file to import, and the files that it includes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["NOT_FOLLOWED", "Source"]

NOT_FOLLOWED = "{} is not followed; import those files too"


@dataclass(frozen=True)
class Source:
    """A file.

    Fields:
        name: its name for messages.
        text: its contents.
        included: returns the files that a pattern names, in their order, and raises OSError or UsageError if one cannot
            be read. None if included files cannot be found.
    """

    name: str
    text: str
    included: Callable[[str], Sequence[Source]] | None = None
