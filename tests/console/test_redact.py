"""Secrets that were sent are neither shown nor recorded."""

from __future__ import annotations

import pytest

from sosagent.console.redact import EchoMask, Redactor
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
