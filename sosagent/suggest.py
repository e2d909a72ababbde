"""Suggestions for a word that is not among the known ones: "did you mean ...?"."""

from __future__ import annotations

from collections.abc import Iterable

from .printable import printable

__all__ = ["close_matches", "did_you_mean"]


def close_matches(word: str, known: Iterable[str], *, most: int = 3, cutoff: float = 0.6) -> list[str]:
    """The known words that `word` resembles, without regard to case, the closest first."""
    from difflib import get_close_matches  # needed only after a mistake

    by_lower = {one.lower(): one for one in known}
    return [by_lower[one] for one in get_close_matches(word.lower(), by_lower, most, cutoff)]


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """``; did you mean 'x'?`` to append to a message, or an empty text if nothing is close."""
    near = close_matches(word, known, most=1, cutoff=cutoff)
    return f"; did you mean {printable(near[0], 80)!r}?" if near else ""
