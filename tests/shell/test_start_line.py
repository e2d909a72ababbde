"""shell/start_line.py: the text of the start line."""

from __future__ import annotations

import pytest

from sosagent.shell.frame import cksum
from sosagent.shell.start_line import MODES_SANE, MODES_SAVED, start_line


def test_the_start_line_is_short_and_safe() -> None:
    """The longest line has a receiver whose checksum has all ten digits."""
    programs = (f"{'x' * 300}{n}" for n in range(9999))
    longest = next(text for text in programs if int(cksum(text.encode()).split()[0]) >= 10**9)
    variants: list[dict[str, bool | str]] = [
        {"replace": True, "modes": MODES_SANE},
        {"replace": True, "modes": MODES_SAVED},
        {"replace": False, "modes": MODES_SAVED},
        {"replace": True, "modes": MODES_SAVED, "plain": True},
    ]
    for options in variants:
        start = start_line(longest, "ff", **options)  # type: ignore[arg-type]
        assert len(start.line) <= 255  # MAX_CANON of POSIX
        assert start.line.isascii() and start.line.isprintable()
        assert "!" not in start.line
        assert start.line.count("'") == 2
        assert start.ready not in start.line
        assert not start.line.lstrip().startswith("~")


def test_a_receiver_that_cannot_be_typed_is_rejected() -> None:
    with pytest.raises(ValueError, match="typed"):
        start_line("a\nb", "1", replace=True, modes=MODES_SANE)
