"""How to log in to a machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..secrets.secret import Secret

__all__ = ["Entry"]


@dataclass(frozen=True)
class Entry:
    """How to log in.

    Fields:
        login: the user to log in as.
        expect_host: the machine's host name; compared with the console's before the password is typed.
        become: the command by which `login` becomes root; None to stay that user.
        become_password: the password for `become`; the login's password by default.
        take_over: discard what another user left on the console, and log their shell out.
        continue_boot: end a maintenance shell afterwards, so that the boot continues.
        remount: in an initramfs, make a root file system that is mounted read-only writable during the job.
    """

    login: str = "root"
    expect_host: str | None = None
    become: Literal["sudo", "su"] | None = None
    become_password: Secret | None = None
    take_over: bool = False
    continue_boot: bool = False
    remount: bool = False
