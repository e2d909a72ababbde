"""Test your own program that uses sosagent. The fixture `sos_lab` is a console with a simulated machine.

Run:  pytest test_with_lab.py   (installing sosagent makes the fixture available)
"""

from __future__ import annotations

import pytest

import sosagent
import sosagent.blocking
from sosagent.lab import ThreadedLab

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl you@laptop"


def give_access(target: str | sosagent.Target, password: sosagent.Secret) -> str:
    """Stand in for your program."""
    try:
        return sosagent.blocking.add_key(target, KEY, password=password).status
    except sosagent.EndpointBusy:
        return "later"


def test_a_key_is_added_once(sos_lab: ThreadedLab) -> None:
    assert give_access(sos_lab.target, sos_lab.password) == "added"
    assert give_access(sos_lab.target, sos_lab.password) == "present"
    assert sos_lab.authorized_keys == f"{KEY}\n"
    assert not sos_lab.in_use


@pytest.mark.sos_lab(faults="drop=1e-3,seed=3")
def test_on_a_bad_line(sos_lab: ThreadedLab) -> None:
    assert give_access(sos_lab.target, sos_lab.password) == "added"


@pytest.mark.sos_lab(busy=True)
def test_the_console_is_in_use(sos_lab: ThreadedLab) -> None:
    assert give_access(sos_lab.target, sos_lab.password) == "later"
