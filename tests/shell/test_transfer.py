"""shell/transfer.py: paths on the machine, answers of programs, and the size of pieces."""

from __future__ import annotations

import pytest

import sosagent
from sosagent.shell.transfer import MIN_PIECE, PieceSize, parse_answers, remote_word


@pytest.mark.parametrize("path", ["", "file", "~", "~root/x", "/", "/etc/", "~/", "/x/..", "/a\nb", "/" + "x" * 5000])
def test_invalid_paths_are_rejected(path: str) -> None:
    with pytest.raises(sosagent.UsageError):
        remote_word(path)


def test_paths_become_words_of_the_shell() -> None:
    assert remote_word("/etc/fstab") == "/etc/fstab"
    assert remote_word("~/a b") == "~/'a b'"
    assert remote_word("/x!") == "$(printf '/x\\041')"
    assert remote_word("~/\u00fc") == "~/$(printf '\\303\\274')"


def test_answers_and_complaints_are_told_apart() -> None:
    lines = ["n 3", "cat: x: No such file", "", "n 4", "k", "no answer"]
    assert parse_answers(lines) == ({"n": "4", "k": ""}, ["cat: x: No such file", "no answer"])


def test_pieces_grow_and_shrink() -> None:
    pieces = PieceSize(base64=True)
    sizes = []
    for _ in range(8):
        sizes.append(pieces.size)
        pieces.note_intact(0.1 if pieces.size < 8192 else 5.0)
    assert sizes == [2048, 8192, 16384, 32768, 49152, 49152, 49152, 49152]
    pieces.note_intact(20.0)
    assert pieces.size == 24576
    error = sosagent.LineDamaged("damaged")
    while pieces.size > MIN_PIECE:
        pieces.note_damaged(error)
        assert pieces.send_options
    for _ in range(3):
        pieces.note_damaged(error)
    assert not pieces.send_options
    with pytest.raises(sosagent.LineDamaged):
        pieces.note_damaged(error)
    with pytest.raises(sosagent.EndpointLost):
        PieceSize(base64=False).note_damaged(sosagent.EndpointLost("gone"))
