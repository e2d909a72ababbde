"""The transitions of a login from a booting machine, a silent line, and an endpoint that provides no console."""

from __future__ import annotations

import pytest

from sosagent.errors import (
    ConsoleOccupied,
    ConsoleSilent,
    ConsoleStateUnknown,
    EndpointBusy,
    EndpointReadOnly,
    EndpointRefused,
)

from .conversation import ASK_LOGIN, CLEAR, LOG_IN, LOG_OUT, LOGIN, REDRAW, TYPE_NAME, WAKE, Case, key, play

pytestmark = pytest.mark.virtual_time

GRUB_COUNTDOWN = "\x1b[21;1H" + " " * 60 + "\x1b[21;1H"

CASES = {
    # -- a boot
    "boot menu": Case(
        ("The highlighted entry will be executed automatically in 5s.\r\n", 5.0,
         "[    0.000000] Linux version 6.1.0\r\n", 1.5, "Starting cron ...\r\n", 1.0, LOGIN),
        ASK_LOGIN + LOG_IN, LOG_OUT, state="login",
    ),
    "booting in silence": Case(
        ("Starting cron ...\r\n",), key(WAKE, "\r\n" + LOGIN) + LOG_IN, LOG_OUT, state="login"
    ),
    "kernel messages of a machine that runs": Case(
        ("[ 1234.567890] usb 1-1: new device\r\n",), key(REDRAW, REDRAW) + key(WAKE, "\r\n" + LOGIN) + LOG_IN,
        LOG_OUT, state="login",
    ),
    "GRUB counts down in silence": Case(
        (), key(REDRAW, GRUB_COUNTDOWN) + key("\r", "\r\nBooting `Debian'\r\n", 1.0, LOGIN) + LOG_IN,
        LOG_OUT, state="login",
    ),
    "U-Boot counts down in silence": Case(
        (), key(REDRAW, "\b\b\b 0 \r\n=> ") + key("boot\r", "boot\r\nStarting kernel ...\r\n", 1.0, LOGIN) + LOG_IN,
        LOG_OUT, state="login",
    ),
    # -- silence
    "nothing": Case((), key(REDRAW) + key(WAKE) * 3, error=ConsoleSilent, message="nothing answers on it"),
    "no answer to Enter": Case(
        ("Debian GNU/Linux\r\n",), key(REDRAW) + key(WAKE) * 3, error=ConsoleSilent,
        message="no prompt appeared after Enter",
    ),
    "garbled": Case(("\x00" * 16,), key(REDRAW) + key(WAKE) * 3, error=ConsoleOccupied, message="unreadable"),
    "a damaged login prompt": Case(
        (), key(REDRAW) + key(WAKE, "\r\nweb-1 lgin: ") + key(WAKE, "\r\n" + LOGIN) + LOG_IN, LOG_OUT,
        state="login",
    ),
    "text without meaning": Case(("Hello. ",), key(CLEAR), state="unknown", error=ConsoleStateUnknown),
    "a boot that starts while the password prompt is tested": Case(
        (LOGIN,),
        ASK_LOGIN + TYPE_NAME + key("^", "[    0.000000] Linux versio", 0.1, "n 6.1.0\r\n")
        + key(CLEAR, "Starting cron ...\r\n", 1.0, LOGIN),
        state="login", error=ConsoleOccupied, message="a booting machine",
    ),
    # -- messages of the endpoint
    "read-only endpoint": Case(
        ("[Read-only SOS Session. Use ~? for help.]\r\n",), state="endpoint-read-only", error=EndpointReadOnly
    ),
    "busy endpoint": Case(
        ("Virtual Serial Port is currently in use by another session.\r\n",), state="endpoint-busy", error=EndpointBusy
    ),
    "a disk that clevis unlocks": Case(
        ("Please unlock disk vda5_crypt: ", 8.0, "\r\ncryptsetup: vda5_crypt: set up successfully\r\n", 1.0,
         "[  OK  ] Started ssh.service.\r\n", 0.5, LOGIN),
        ASK_LOGIN + LOG_IN, LOG_OUT, state="login",
    ),
    "a disk that clevis unlocks, during a quiet boot": Case(
        ("\U0001f510 Please enter passphrase for disk vda5 (root): (press TAB for no echo) ", 8.0, "\r\n"),
        key(WAKE, "\r\n" + LOGIN) + LOG_IN, LOG_OUT, state="login",
    ),
    "a disk that stays locked": Case(
        ("Please unlock disk vda5_crypt: ", 3.0, "\r\nNo key available with this passphrase.\r\n"
         "Please unlock disk vda5_crypt: "),
        state="disk-passphrase", error=ConsoleOccupied, message="a disk's passphrase",
    ),
    "closed endpoint": Case(("Info: SOL payload disabled\r\n",), state="endpoint-closed", error=EndpointRefused),
    "an endpoint's own prompt": Case(("racadm>>",), error=ConsoleOccupied, message="the endpoint's own prompt"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_from_a_boot_or_silence(name: str) -> None:
    await play(CASES[name])
