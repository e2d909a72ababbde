"""shell/frame.py: requests, replies and checksums."""

from __future__ import annotations

import os
import random
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sosagent.shell.checksums import CHECKSUMS
from sosagent.shell.frame import (
    EMPTY_CKSUM,
    PORTION,
    Ended,
    Reply,
    ReplyReader,
    Up,
    cksum,
    cksum_appended,
    cksum_replaced,
    portions,
    request,
)  # fmt: skip
from sosagent.terminal.own_text import RECEIVER_TOOLS
from sosagent.terminal.states import classify


@pytest.mark.parametrize("data", [b"", b"a", b"hello\n", bytes(range(256)) * 300])
def test_cksum_equals_the_command(data: bytes) -> None:
    done = subprocess.run(["cksum"], input=data, stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode().strip() == cksum(data)


def test_cksum_of_an_empty_file() -> None:
    assert cksum(b"") == EMPTY_CKSUM


@given(st.binary(max_size=600), st.binary(max_size=300))
def test_cksum_after_an_append(before: bytes, added: bytes) -> None:
    assert cksum_appended(cksum(before), added) == cksum(before + added)


def test_cksum_after_an_append_to_a_large_file() -> None:
    big = os.urandom(300_000)
    assert cksum_appended(cksum(big), b"line\n") == cksum(big + b"line\n")


@given(st.binary(max_size=300), st.binary(max_size=100), st.binary(max_size=100), st.binary(max_size=300))
def test_cksum_after_a_replacement(before: bytes, old: bytes, new: bytes, after: bytes) -> None:
    assert cksum_replaced(cksum(before + old + after), cksum(before), old, new) == cksum(before + new + after)


def reply(number: int, status: int, output: bytes, end: bytes = b"\r\n") -> bytes:
    checksum = cksum(f"{number} {status} ".encode() + output)
    return b":" + output.replace(b"\n", end) + end + f"={number} {status} {checksum}".encode() + end


OUTPUTS = [
    b"", b"one", b"one\ntwo", b"\n\n", b":x\n:y", b"=R", b"=3 0 1 2\nmore", b"caf\xc3\xa9\xff", b"a\r\nb\r",
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\r\n"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_output_arrives_exactly(output: bytes, end: bytes, size: int) -> None:
    data = b"echoed: noise\r\n:not ours\r\n" + reply(3, 5, output, end)
    reader = ReplyReader()
    events = [event for at in range(0, len(data), size) for event in reader.feed(data[at : at + size])]
    assert Reply(3, 5, output) in events


@pytest.mark.parametrize("tool", RECEIVER_TOOLS)
def test_a_later_run_recognises_the_lines_of_a_receiver(tool: str) -> None:
    assert list(CHECKSUMS).count(tool) == 1 and len(CHECKSUMS) == len(RECEIVER_TOOLS)
    last = f"=7 0 {CHECKSUMS[tool](b'7 0 done')}"
    reader = ReplyReader()
    reader.use(CHECKSUMS[tool])
    assert reader.feed(f"=R{tool}\r\n:done\r\n{last}\r\n".encode()) == [Up(tool), Reply(7, 0, b"done")]
    for line in (f"=R{tool}", last):
        assert classify([line], "").state.name == "receiver"


def test_a_reply_is_noticed_before_its_end() -> None:
    reader = ReplyReader()
    for data, in_reply in ((b"noise\n", False), (b":on", True), (b"e\ntwo\n", True)):
        reader.feed(data)
        assert reader.in_reply == in_reply
    reader.feed(reply(1, 0, b"one\ntwo").partition(b"two\r\n")[2])
    assert not reader.in_reply


def test_kernel_lines_inside_a_reply_are_removed() -> None:
    data = reply(1, 0, b"one\ntwo").replace(b"two", b"[   12.345678] usb 1-1: hello: world\r\ntwo")
    assert ReplyReader().feed(data) == [Reply(1, 0, b"one\ntwo")]


@given(st.integers(0, 10**6))
def test_damage_is_detected(seed: int) -> None:
    choice = random.Random(seed)
    output = b"the quick brown fox\njumps over the lazy dog"
    data = bytearray(reply(2, 0, output))
    at = choice.randrange(len(data))
    if choice.random() < 0.5:
        del data[at]
    else:
        data[at] ^= 1 << choice.randrange(8)
    for event in ReplyReader().feed(bytes(data)):
        assert not isinstance(event, Reply) or event.output in (None, output)


@given(st.binary(max_size=500))
def test_noise_raises_no_exception(data: bytes) -> None:
    ReplyReader().feed(data + b"\n")


def test_a_flood_of_apparent_replies_takes_linear_time() -> None:
    """In quadratic time this would take minutes, and the timeout of the suite would end it."""
    flood = b":x\r\n" * 60_000 + b"=1 0 1 1\r\n" + b"=" + b"9" * 9000 + b" 0 1 1\r\n"
    assert ReplyReader().feed(flood) == [Reply(1, 0, None)]


def test_a_reply_is_found_behind_many_damaged_ones() -> None:
    reader = ReplyReader()
    for _ in range(200):
        assert reader.feed(b":text\n=1 0 1 5\n") == [Reply(1, 0, None)]
    assert reader.feed(reply(1, 0, b"text")) == [Reply(1, 0, b"text")]


def test_a_reply_is_found_behind_more_than_is_kept() -> None:
    reader = ReplyReader()
    for _ in range(9):
        reader.feed(b":" + b"x" * (1 << 20) + b"\n")
    assert reader.feed(reply(1, 0, b"text")) == [Reply(1, 0, b"text")]


def test_marks() -> None:
    assert ReplyReader().feed(b"x\r\n=R\r\n=Z\r\n") == [Up(), Ended()]


@given(st.text(alphabet="ab \\'\";$", max_size=900))
def test_portions_join_to_the_program(text: str) -> None:
    lines = portions(text).decode().split("\r")[:-1]
    assert "".join(line[1:] for line in lines) == text
    assert all(line[0] == ")" and len(line) <= 200 for line in lines)
    # `read` strips spaces, and a shell continues a line after a backslash (unless a portion has nothing else)
    assert all(line[-1] not in " \\" or not line[1:].strip(" \\") for line in lines[:-1])


@pytest.mark.parametrize("last", [" ", "\\", " \\ "])
def test_no_portion_ends_in_what_read_would_change(last: str) -> None:
    text = "a" * (PORTION - 1 - len(last)) + last + "b" * PORTION
    lines = portions(text).decode().split("\r")[:-1]
    assert "".join(line[1:] for line in lines) == text
    assert not any(line.endswith((" ", "\\")) for line in lines)
    assert max(map(len, lines)) == PORTION


def test_a_request_contains_number_checksum_and_length() -> None:
    assert request(4, "echo hi") == b")echo hi\r" + f"]4 {cksum(b'4echo hi')}\r".encode()


def test_the_checksum_covers_the_number() -> None:
    assert request(1, "x").split(b"\r")[1] != b"]1 " + cksum(b"0x").encode()
