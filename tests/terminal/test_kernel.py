"""Distinguishing kernel lines from other output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sosagent.terminal.kernel import (
    FilteredOutput,
    KernelFilter,
    contains_kernel_stamp,
    is_kernel_banner,
    is_kernel_line,
    looks_like_kernel_line,
    without_kernel_lines,
)

KERNEL = b"[   12.345678] usb 1-1: new device\r\n"
CALLER = b"[   12.345678][    T1] usb 1-1: new device\r\n"


@given(
    st.lists(
        st.sampled_from([KERNEL, CALLER, b"vm login: ", b"\r\n", b"root", b"[sudo] x: ", b"\x1b[1;31m", b"[", b"\r"])
    ),
    st.integers(1, 40),
)
def test_kernel_lines_are_removed_from_the_middle_of_others(parts: list[bytes], size: int) -> None:
    data = b"".join(parts)
    kept, kernel_lines = b"", 0
    kernel_filter = KernelFilter()
    for start in range(0, len(data), size):
        filtered = kernel_filter.feed(data[start : start + size])
        kept += filtered.data
        kernel_lines += len(filtered.kernel_lines)
    kept += kernel_filter.feed(b"x").data  # releases what looked like the start of a kernel line
    uninterrupted = sum(is_kernel_line(line) for line in kept.decode().split("\r\n")[:-1])
    assert kernel_lines + uninterrupted == data.count(b"usb 1-1")
    others = b"".join(part for part in parts if part not in (KERNEL, CALLER)) + b"x"
    assert kept.replace(KERNEL, b"").replace(CALLER, b"") == others


@pytest.mark.parametrize("message", [b"Kernel panic - not syncing: x\r\n", b"reboot: Restarting system\r\n"])
def test_a_panic_and_a_reboot_end_the_interrupted_line(message: bytes) -> None:
    filtered = KernelFilter().feed(b"vm login: [   12.345678] " + message)
    assert filtered.data.endswith(message)
    assert filtered.kernel_lines == ()


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_reply_may_contain_kernel_lines(size: int) -> None:
    """The output of dmesg follows the colon that starts a reply of our shell."""
    reply = b":[    0.000000] Linux\r\n[    1.000000] usb\r\n=1 0 1 2\r\n"
    kernel_filter = KernelFilter()
    portions = [reply[start : start + size] for start in range(0, len(reply), size)]
    assert b"".join(kernel_filter.feed(portion).data for portion in portions) == reply


@pytest.mark.parametrize(
    ("data", "filtered", "pending"),
    [
        (b"root", FilteredOutput(b"root"), False),
        (b"ro" + KERNEL + b"ot", FilteredOutput(b"root", (KERNEL.decode().strip(),), interruptions=(2,)), False),
        (KERNEL, FilteredOutput(KERNEL, (), True), False),
        (b"ro[   12.34", FilteredOutput(b"ro"), True),
        (b"[", FilteredOutput(b"", (), True), True),
        (b"\x1b[", FilteredOutput(b"\x1b["), False),
        (b"[sudo] ", FilteredOutput(b"[sudo] "), False),
    ],
)
def test_filtering_one_portion(data: bytes, filtered: FilteredOutput, pending: bool) -> None:
    kernel_filter = KernelFilter()
    assert kernel_filter.feed(data) == filtered
    assert kernel_filter.holds_partial_line == pending


def test_a_partial_line_is_held_back_only_up_to_a_limit() -> None:
    kernel_filter = KernelFilter()
    kernel_filter.feed(b"x[   12.345678] ")
    assert kernel_filter.feed(b"a" * 3000).data.endswith(b"a" * 3000)


@pytest.mark.parametrize(
    ("line", "kernel", "loose", "banner"),
    [
        ("[   12.345678] usb 1-1: new device", True, True, False),
        ("[   12.345678][    T1] usb 1-1: new device", True, False, False),
        ("[   12.4] usb 1-1: new device", False, True, False),
        ("[    0.000000] Linux version 6.1.0", True, True, True),
        ("vm login: [   12.345678] usb", False, False, False),
        ("[  OK  ] Started ssh.service.", False, False, False),
    ],
)
def test_recognising_one_line(line: str, kernel: bool, loose: bool, banner: bool) -> None:
    assert (is_kernel_line(line), looks_like_kernel_line(line), is_kernel_banner(line)) == (kernel, loose, banner)


def test_kernel_lines_anywhere() -> None:
    assert contains_kernel_stamp("vm login: [   12.345678] usb")
    assert not contains_kernel_stamp("vm login: [sudo]")
    assert without_kernel_lines(b"a" + KERNEL + b"b") == b"ab"
