"""The result of a program that ran on the verified shell."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Result"]


@dataclass(frozen=True)
class Result:
    """The result of a program.

    Fields:
        status: its exit status.
        output: its standard output and standard error, without trailing newlines.
    """

    status: int
    output: bytes

    @property
    def lines(self) -> list[str]:
        """The lines of the output, decoded as UTF-8 with replacement characters."""
        return self.output.decode("utf-8", "replace").split("\n")
