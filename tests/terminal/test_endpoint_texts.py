"""The table of texts by which endpoints end."""

from __future__ import annotations

import pytest

from sosagent.terminal.endpoint_texts import TEXTS, Means, Text, find_text
from sosagent.terminal.states import classify

NAMES = [f"{text.program}: {text.example[:40]}" for text in TEXTS]


@pytest.mark.parametrize("text", TEXTS, ids=NAMES)
def test_an_entry_matches_its_example(text: Text) -> None:
    assert find_text(["web1 login: ", text.example, ""]) == (text, text.example)
    assert find_text(["x", f"{text.example}\r", "", "  "]) == (text, text.example)
    assert find_text([text.example, *"123456"]) is None


@pytest.mark.parametrize("text", TEXTS, ids=NAMES)
def test_an_entry_says_what_to_do(text: Text) -> None:
    """Where a session only ends, the error adds what to do next."""
    assert text.hint.endswith(".") or text.means is Means.ENDED
    assert not text.hint or text.hint.rstrip().endswith((".", ":"))


@pytest.mark.parametrize("text", TEXTS, ids=NAMES)
def test_a_text_counts_on_an_open_connection_only_if_it_stays(text: Text) -> None:
    states = {classify([text.example], "", connecting=True).state.name, classify([], text.example).state.name}
    if text.stays:
        assert states == {text.means.state}
    else:
        assert not any(name.startswith("endpoint-") for name in states), states


@pytest.mark.parametrize(
    "line",
    ["", "root@vm:~# ", "web1 login: ", "bash: foo: command not found", "-bash: /x: Permission denied", "Password: ",
     "cat: x: Permission denied", "[    1.2] usb 1-1: Connection refused", "[root@vm ~]# ", "[read-write]",
     "Disconnected from user root"],
)  # fmt: skip
def test_other_lines_are_no_texts_of_endpoints(line: str) -> None:
    assert find_text([line]) is None
