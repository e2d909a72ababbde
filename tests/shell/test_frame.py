"""shell/frame.py and shell/programs.py: requests, replies, checksums, and the programs' short form."""

from __future__ import annotations

import os
import random
import subprocess
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sosagent.shell.frame import Ended, Reply, ReplyReader, Up, cksum, cksum_appended, portions, request
from sosagent.shell.programs import program, shrink
from sosagent.shell.start_line import MODES_SANE, MODES_SAVED, start_line


@pytest.mark.parametrize("data", [b"", b"a", b"hello\n", bytes(range(256)) * 300])
def test_cksum_is_what_cksum_prints(data: bytes) -> None:
    assert subprocess.run(["cksum"], input=data, stdout=subprocess.PIPE, check=True).stdout.decode().strip() == cksum(
        data
    )


@given(st.binary(max_size=600), st.binary(max_size=300))
def test_an_append_is_foretold(before: bytes, added: bytes) -> None:
    assert cksum_appended(cksum(before), added) == cksum(before + added)


def reply(number: int, status: int, output: bytes, end: bytes = b"\r\n") -> bytes:
    checksum = cksum(f"{number} {status} ".encode() + output)
    return b":" + output.replace(b"\n", end) + end + f"={number} {status} {checksum}".encode() + end


OUTPUTS = [
    b"", b"one", b"one\ntwo", b"\n\n", b":x\n:y", b"=R", b"=3 0 1 2\nmore", b"caf\xc3\xa9\xff", b"a\r\nb\r",
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\r\n"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_an_output_arrives_exactly(output: bytes, end: bytes, size: int) -> None:
    data = b"echoed: noise\r\n:not ours\r\n" + reply(3, 5, output, end)
    reader = ReplyReader()
    events = [event for at in range(0, len(data), size) for event in reader.feed(data[at : at + size])]
    assert Reply(3, 5, output) in events


def test_kernel_lines_in_the_middle_are_taken_out() -> None:
    data = reply(1, 0, b"one\ntwo").replace(b"two", b"[   12.345678] usb 1-1: hello: world\r\ntwo")
    assert ReplyReader().feed(data) == [Reply(1, 0, b"one\ntwo")]


@given(st.integers(0, 10**6))
def test_damage_is_seen(seed: int) -> None:
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
def test_noise_is_no_exception(data: bytes) -> None:
    ReplyReader().feed(data + b"\n")


def test_a_flood_of_what_looks_like_replies_costs_little() -> None:
    """Quadratic, this would take minutes (no time is asserted: the suite's own limit ends it)."""
    flood = b":x\r\n" * 60_000 + b"=1 0 1 1\r\n" + b"=" + b"9" * 9000 + b" 0 1 1\r\n"
    assert ReplyReader().feed(flood) == [Reply(1, 0, None)]


def test_marks() -> None:
    assert ReplyReader().feed(b"x\r\n=R\r\n=Z\r\n") == [Up(), Ended()]


@given(st.text(alphabet="ab \\'\";$", max_size=900))
def test_portions_join_to_the_program(text: str) -> None:
    lines = portions(text).decode().split("\r")[:-1]
    assert "".join(line[1:] for line in lines) == text
    assert all(line[0] == ")" and len(line) <= 200 for line in lines)
    # `read` would strip a blank, a shell continue after a backslash (unless all of a line is such)
    assert all(line[-1] not in " \\" or not line[1:].strip(" \\") for line in lines[:-1])


def test_a_request_names_its_number_checksum_and_length() -> None:
    assert request(4, "echo hi") == b")echo hi\r" + f"]4 {cksum(b'4echo hi')}\r".encode()


NAMES = sorted(entry.name.removesuffix(".sh") for entry in files("sosagent.shell").joinpath("remote").iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_every_program_is_syntax_for_every_shell(name: str, sh: list[str]) -> None:
    text = program(name)
    assert "\n" not in text
    assert "sos_" not in text
    assert "!" not in text.replace("$!", "").replace("!=", "")
    done = subprocess.run([*sh, "-n"], input=text.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_shrink_keeps_what_is_quoted() -> None:
    source = "# a comment\nif true; then\n  echo 'a  &&  b' && echo \"c ; d\"\nfi\n"
    assert shrink(source) == "if true; then echo 'a  &&  b'&&echo \"c ; d\";fi".replace("; then", ";then")


def test_the_start_line_is_short_and_safe() -> None:
    """At its longest: a receiver whose checksum has all ten digits."""
    programs = (f"{'x' * 300}{n}" for n in range(9999))
    longest = next(text for text in programs if int(cksum(text.encode()).split()[0]) >= 10**9)
    ways: list[dict[str, bool | str]] = [
        {"replace": True, "modes": MODES_SANE},
        {"replace": True, "modes": MODES_SAVED},
        {"replace": False, "modes": MODES_SAVED},
        {"replace": True, "modes": MODES_SAVED, "plain": True},
    ]
    for way in ways:
        start = start_line(longest, "ff", **way)  # type: ignore[arg-type]
        assert len(start.line) <= 255  # MAX_CANON of POSIX
        assert start.line.isascii() and start.line.isprintable()
        assert "!" not in start.line
        assert start.line.count("'") == 2
        assert start.ready not in start.line
        assert not start.line.lstrip().startswith("~")
    with pytest.raises(ValueError, match="typed"):
        start_line("a\nb", "1", replace=True, modes=MODES_SANE)


def test_random_bytes_foretold_at_length() -> None:
    big = os.urandom(300_000)
    assert cksum_appended(cksum(big), b"line\n") == cksum(big + b"line\n")
