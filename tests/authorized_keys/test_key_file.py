"""authorized_keys/key_file.py: names of users, and the commands around a write."""

from __future__ import annotations

import pytest

import sosagent
from sosagent.authorized_keys.key_file import Unlock, check_user, key_file_of, printf_format


@pytest.mark.parametrize("name", ["a b", "$(id)", "-x", "", "a;b", "\u00e9"])
def test_invalid_user_names_are_rejected(name: str) -> None:
    with pytest.raises(sosagent.UsageError, match="not a user name"):
        check_user(name)


def test_protection_is_removed_and_restored_in_reverse_order() -> None:
    unlock = Unlock().plus("rw", "ro").plus("-i", "+i")
    assert (unlock.remove, unlock.restore) == (("rw", "-i"), ("+i", "ro"))
    assert unlock.around("write") == "{ rw&&-i&&(write);{ +i;}||echo w;{ ro;}||echo w;echo p;}&wait"
    assert Unlock().around("write") == "write"


def test_another_users_file_is_reached_through_su() -> None:
    own = key_file_of("al", own=True, logged_in=True)
    other = key_file_of("al", own=False, logged_in=True)
    assert (own.path, other.path) == ("~/.ssh/authorized_keys", "~al/.ssh/authorized_keys")
    assert own.ask("last_line").startswith("{ ")
    assert other.ask("last_line").startswith("LC_ALL=C su -s /bin/sh -c ")


def test_printf_formats_are_ascii() -> None:
    assert printf_format("a%\\\n'\u00fc") == "'a%%\\\\\\n'\"'\"'\\303\\274'"
