"""The options that lead to a machine, which all public calls share, and the `Access` that is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Required, TypedDict

from ..console.events import EventSink
from ..endpoint.target import Target
from ..login.transitions import Entry
from ..secrets.secret import Secret
from ..transports import Ask, Transport
from .machine import Access

__all__ = ["AccessOptions", "access_to"]


class AccessOptions(TypedDict, total=False):
    """Keyword arguments that say how to get to a root shell on a machine; all but `password` may be left out.

    Fields:
        password: of `login` on the machine (not of the endpoint); None takes the one that a provider gives.
        login: the name to log in as at the console; ``root`` by default.
        become: how `login` gets root's rights, where it is not root and the job needs them.
        become_password: what that asks for; `password` by default.
        expect_host: the machine's name, compared with what the console shows before the password is typed.
        take_over: end or discard what somebody left on the console and stands in the way.
        continue_boot: leave a maintenance shell by its end, so that the boot goes on.
        remount: make a file system that is mounted read-only writable for the write, and put it back.
        timeout: seconds for the whole job, from the connection on; 120 by default.
        dead_man: seconds after which the machine closes our shell by itself, should the line be gone; the
            time limit and 30 s by default.
        transcript: a file for a recording in asciicast v2, without secrets.
        on_event: is told of progress.
        ask: asks the user what the endpoint wants to know; see `connect`.
        kick: end somebody else's session at the endpoint; see `connect`.
    """

    password: Required[Secret | str | None]
    login: str
    become: Literal["sudo", "su"] | None
    become_password: Secret | str | None
    expect_host: str | None
    take_over: bool
    continue_boot: bool
    remount: bool
    timeout: float
    dead_man: int | None
    transcript: Path | None
    on_event: EventSink | None
    ask: Ask | None
    kick: bool


def access_to(
    target: str | Target | Transport,
    *,
    password: Secret | str | None,
    login: str = "root",
    become: Literal["sudo", "su"] | None = None,
    become_password: Secret | str | None = None,
    expect_host: str | None = None,
    take_over: bool = False,
    continue_boot: bool = False,
    remount: bool = False,
    timeout: float = 120.0,
    dead_man: int | None = None,
    transcript: Path | None = None,
    on_event: EventSink | None = None,
    ask: Ask | None = None,
    kick: bool = False,
) -> Access:
    """The way to a machine, by the words of `AccessOptions`."""
    entry = Entry(login, expect_host, become, _secret(become_password), take_over, continue_boot, remount)
    return Access(target, _secret(password), entry, timeout, dead_man, transcript, on_event, ask, kick)


def _secret(password: Secret | str | None) -> Secret | None:
    return Secret(password) if isinstance(password, str) else password
