"""Secrets that were sent are neither shown nor recorded."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sosagent.console.redact import EchoMask, Redactor
from sosagent.console.split_secrets import redact_split
from sosagent.secrets.secret import Secret

PASSWORD = b"s3cret-Passw0rd"


def _redactor(*values: str) -> Redactor:
    redactor = Redactor()
    for value in values:
        redactor.add(Secret(value))
    return redactor


def test_a_secret_may_be_a_prefix_of_another() -> None:
    redactor = _redactor("hunter2", "hunter2-long", "hunter2")
    assert redactor.redact("hunter2-long, hunter2") == "(a secret), (a secret)"


def test_a_short_secret_is_not_replaced() -> None:
    assert _redactor("abc").redact("abcdef") == "abcdef"


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_secret_in_a_stream_of_any_portions(size: int) -> None:
    redactor, data = _redactor("hunter2", "hunter2-long"), b"a hunter2-long, hunter2; hunt"
    shown = b"".join(redactor.redact_stream(data[start : start + size]) for start in range(0, len(data), size))
    assert shown + redactor.flush() in (
        b"a (a secret), (a secret); hunt",
        b"a (a secret)-long, (a secret); hunt",  # the shorter secret was complete first
    )


def test_the_start_of_a_secret_is_held_back() -> None:
    redactor = _redactor("hunter2")
    assert redactor.redact_stream(b"a hunt") == b"a "
    assert redactor.redact_stream(b"ing") == b"hunting"
    assert redactor.flush() == b""


#: What may be between two characters of a secret -> what remains of it.
SPLITS = {
    "a colour": b"\x1b[1;31m",
    "a colour written with colons": b"\x1b[38:2::1:2:3m",
    "a NUL": b"\0",
    "several": b"\0\x1b[0m\x7f\x1b[K\x0f",
    "a cursor movement": b"\x1b[5;40H",
    "a cursor movement of one column": b"\x1b[C",
    "a carriage return": b"\r",
    "a new row": b"\r\n",
    "a full row of readline": b" \r",
    "a saved cursor": b"\x1b7",
    "a character set": b"\x1b(B",
    "a title": b"\x1b]0;t\x07",
    "a title that ends with ST": b"\x1b]0;t\x1b\\",
    "a title without an end": b"\x1b]0;t\n",
    "a bell": b"\a",
    "a zero-width space": "\u200b".encode(),
    "a soft hyphen": "\xad".encode(),
    "a byte order mark": "\ufeff".encode(),
    "a tag": "\U000e0041".encode(),
}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
@pytest.mark.parametrize("secret", ["hunter2", "Grüße 17 €"])
def test_a_secret_that_is_split(secret: str, split: bytes, size: int) -> None:
    """At each place, in each portion. What is between stays."""
    value = secret.encode()
    for at in range(1, len(value)):
        redactor = _redactor(secret)
        data = b"sh: " + value[:at] + split + value[at:] + b": not found\r\n# "
        portions = [data[start : start + size] for start in range(0, len(data), size)]
        shown = b"".join([*map(redactor.redact_stream, portions), redactor.flush()])
        assert shown == b"sh: (a secret)" + split + b": not found\r\n# ", at
    assert _redactor(secret).redact(f"a {secret[:3]}\n{secret[3:]}") == "a (a secret)\n"


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize("secret", ["hunter2", "Grüße 17", "ab  cd"])
def test_a_secret_in_a_row_that_a_line_editor_has_filled(secret: str, size: int) -> None:
    """As bash and zsh print it: the first character of the next row is printed twice."""
    for at in range(1, len(secret) - 1):
        for end in (b"", b" \r\x1b[K"):
            data = b"# " + secret[:at].encode() + end + secret[at].encode() + b"\r" + secret[at:].encode() + b"."
            redactor = _redactor(secret)
            portions = [data[start : start + size] for start in range(0, len(data), size)]
            shown = b"".join([*map(redactor.redact_stream, portions), redactor.flush()])
            assert shown.replace(b" ", b"") == b"#(asecret)" + end.strip(b" ") + b"\r.", (at, end)


@given(words=st.lists(st.sampled_from([b"hunter2", b"h", b"hunt", b"x", b" ", *SPLITS.values()])), draw=st.data())
def test_no_portions_show_a_secret_or_lose_anything_else(words: list[bytes], draw: st.DataObject) -> None:
    whole = b"".join(words)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(whole)))))
    redactor = _redactor("hunter2")
    portions = [whole[start:end] for start, end in itertools.pairwise([0, *cuts, len(whole)])]
    shown = b"".join([*map(redactor.redact_stream, portions), redactor.flush()])
    assert shown == redact_split(whole, re.compile(b"hunter2"), b"(a secret)")


def test_an_endless_gap_is_shown_at_last() -> None:
    redactor = _redactor("hunter2")
    shown = redactor.redact_stream(b"hunt")
    for _ in range(100):
        shown += redactor.redact_stream(b"\x1b[0m" * 100)
    assert len(shown) > 30000
    assert shown + redactor.flush() == b"hunt" + b"\x1b[0m" * 10000


@pytest.mark.parametrize("size", [1, 4, 100])
@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (PASSWORD + b"\r\nLast login\r\n# ", b"\r\nLast login\r\n# "),
        (b"damaged-Passw\r\n# ", b"\r\n# "),
        (b"[   12.345678] usb 1-1: new device\r\n" + PASSWORD + b"\r\n# ", b"\r\n# "),
        (b"[   12.4] usb\r\n[   13.5] usb\r\n" + PASSWORD + b"\r\n# ", b"\r\n# "),
        (PASSWORD, b""),
    ],
)
def test_the_echo_of_a_secret_is_masked_up_to_its_newline(data: bytes, shown: bytes, size: int) -> None:
    mask = EchoMask()
    mask.start()
    assert b"".join(mask.apply(data[start : start + size]) for start in range(0, len(data), size)) == shown
    assert mask.active == (not shown)


def test_a_mask_that_was_not_started_hides_nothing() -> None:
    assert EchoMask().apply(PASSWORD) == PASSWORD
