"""Test a program of your own that uses sosagent: the fixture `sos_lab` is a console with a machine behind it.

Run:  pytest test_with_lab.py   (the fixture comes with sosagent)
"""

from __future__ import annotations

import pytest

import sosagent
import sosagent.blocking
from sosagent.lab import ThreadedLab

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl you@laptop"


def give_access(target: str | sosagent.Target, password: sosagent.Secret) -> str:
    """The program that is tested: yours."""
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
def test_somebody_else_has_the_console(sos_lab: ThreadedLab) -> None:
    assert give_access(sos_lab.target, sos_lab.password) == "later"
