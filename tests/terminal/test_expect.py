"""Patterns in growing text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sosagent.terminal.expect import EOF, TIMEOUT, Expecter, Match, compile_patterns

CHUNKS = [1, 7, 0]


def find(data: bytes, patterns: list[str], size: int) -> Match | None:
    expecter, compiled = Expecter(), compile_patterns(patterns)
    for start in range(0, len(data), size or len(data) or 1):
        expecter.feed(data[start : start + (size or len(data))])
        if (match := expecter.find(compiled)) is not None:
            return match
    return None


@pytest.mark.parametrize("size", CHUNKS)
def test_a_prompt_matches_on_the_open_line_only(size: int) -> None:
    match = find(b"motd says login: \r\nDebian\r\nvm login: ", [r"login: $"], size)
    if size == 0:
        assert match == Match(0, "login: ", "motd says login: \nDebian\nvm ", ())
    assert match is not None


def test_a_prompt_on_a_finished_line_does_not_match() -> None:
    assert find(b"vm login: \r\n", [r"login: $"], 0) is None


@pytest.mark.parametrize("size", CHUNKS)
def test_the_first_message_in_the_text_matches(size: int) -> None:
    match = find(b"x\r\nLogin incorrect\r\nvm login: ", ["never", r"Login (\w+)", "incorrect"], size)
    assert match is not None
    assert match.index == 1
    if size == 0:
        assert (match.before, match.groups) == ("x\n", ("incorrect",))


@pytest.mark.parametrize("size", CHUNKS)
def test_a_message_may_span_lines(size: int) -> None:
    match = find(b"noise\r\none\r\ntwo three", [r"one\ntwo"], size)
    assert match is not None
    assert match.before == "noise\n"


def test_text_after_a_match_is_kept() -> None:
    expecter = Expecter()
    expecter.feed(b"a1 b2 c3\r\nd4")
    assert [expecter.find(compile_patterns([p])) is not None for p in ("a1", "b2", "a1", "c3", "d4", "d4")] == [
        True, True, False, True, True, False,
    ]  # fmt: skip


def test_skip_consumes_everything() -> None:
    expecter = Expecter()
    expecter.feed(b"secret\r\nsecret login: ")
    expecter.skip()
    assert expecter.find(compile_patterns(["secret"])) is None
    expecter.feed(b"\r\nsecret")
    assert expecter.find(compile_patterns(["secret"])) == Match(0, "secret", "\n")


def test_a_prompt_matches_once() -> None:
    expecter, prompt = Expecter(), compile_patterns(["# $"])
    expecter.feed(b"root@vm:~# ")
    assert expecter.find(prompt) == Match(0, "# ", "root@vm:~")
    assert expecter.find(prompt) is None
    expecter.feed(b"\r\nroot@vm:~# ")
    assert expecter.find(prompt) == Match(0, "# ", "\nroot@vm:~")


def test_other_patterns_search_unmatched_text_again() -> None:
    expecter = Expecter()
    expecter.feed(b"alpha\r\nbeta\r\n")
    assert expecter.find(compile_patterns(["gamma"])) is None
    assert expecter.find(compile_patterns(["alpha"])) is not None


def test_the_text_before_a_match_is_bounded() -> None:
    expecter, patterns = Expecter(), compile_patterns(["end"])
    for _ in range(300):
        expecter.feed(b"x" * 999 + b"\r\n")
        assert expecter.find(patterns) is None
    expecter.feed(b"end")
    match = expecter.find(patterns)
    assert match is not None
    assert len(match.before) <= 64 * 1024


def test_a_caret_matches_only_at_the_start_of_the_line() -> None:
    # pexpect with searchwindowsize=10 reports a prompt here
    assert find(b"x" * 2000 + b"root@h:~# ", [r"^root@h:~# $"], 7) is None


def test_endings_keep_their_index() -> None:
    compiled = compile_patterns(["a", TIMEOUT, re.compile("b"), EOF])
    assert (compiled.timeout, compiled.eof) == (1, 3)
    assert [index for index, _ in compiled.messages] == [0, 2]


def test_a_pattern_with_an_escaped_dollar_is_a_message() -> None:
    compiled = compile_patterns([r"cost: 5\$", r"root\\$"])
    assert ([index for index, _ in compiled.messages], [index for index, _ in compiled.prompts]) == ([0], [1])
    assert find(b"cost: 5$ (net)\r\n", [r"cost: 5\$"], 0) is not None


def test_exact_texts_match_literally() -> None:
    expecter = Expecter()
    expecter.feed(b"cost: 5$ (net)")
    assert expecter.find(compile_patterns(["5$ (n"], exact=True)) is not None


@given(st.lists(st.sampled_from(["ab", "b\r\n", "a", "\r\n", "cab", "abc\r\n"]), max_size=30))
def test_portions_match_as_the_whole_text_does(parts: list[str]) -> None:
    data = "".join(parts).encode()
    whole = find(data, ["abc", r"b\na"], 0)
    assert (find(data, ["abc", r"b\na"], 1) is None) == (whole is None)
