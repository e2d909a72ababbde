"""shell/start_line.py: the text of the start line."""

from __future__ import annotations

import pytest

from sosagent.shell.checksums import ALPHABET, known_answers
from sosagent.shell.programs import Expanded, program
from sosagent.shell.start_line import MODES_SANE, MODES_SAVED, StartLine, start_line, start_line_of_plain_shell


@pytest.mark.parametrize(
    "start",
    [
        start_line("ff", replace=True, modes=MODES_SANE),
        start_line("ff", replace=True, modes=MODES_SAVED),
        start_line("ff", replace=False, modes=MODES_SAVED),
        start_line_of_plain_shell("ff", modes=MODES_SAVED),
        start_line_of_plain_shell("ff", modes=MODES_SANE),
    ],
)
def test_the_start_line_is_short_and_safe(start: StartLine) -> None:
    assert len(start.line) <= 255  # MAX_CANON of POSIX
    assert start.line.isascii() and start.line.isprintable()
    assert "!" not in start.line
    assert start.line.count("'") in (0, 2)
    assert start.ready not in start.line
    assert not start.line.lstrip().startswith("~")


@pytest.mark.parametrize("with_crc", [True, False])
def test_no_text_for_the_collector_has_a_backslash(with_crc: bool) -> None:
    """The collector reads and prints it with `read` and `echo`, which may interpret backslashes."""
    crc = program("crc") if with_crc else ""
    values = {"known": Expanded(known_answers("a\n")), "crc": crc, "alphabet": ALPHABET, "modes": Expanded(MODES_SAVED)}
    for text in (program("sum_with_cksum", "receiver"), program("adapt", "receiver", **values)):
        assert "\\" not in text
