"""authorized_keys/connections.py: about which connections sshd is asked."""

from __future__ import annotations

import pytest

from sosagent.authorized_keys.config_lines import arguments
from sosagent.authorized_keys.connections import Connection, client_places

#: Lines, and "ADDRESS LOCAL PORT HOST" of each further connection.
LINES = [
    ("Match User bob", []),
    ("Match Address 10.0.0.0/8", ["10.0.0.1 192.0.2.2 - -"]),
    ("match address=10.0.0.0/8", ["10.0.0.1 192.0.2.2 - -"]),
    ("Match Address = 10.0.0.0/8", ["10.0.0.1 192.0.2.2 - -"]),
    ('Match "Address" "10.0.0.0/8"', ["10.0.0.1 192.0.2.2 - -"]),
    ("Match Address 127.0.0.1,::1", []),
    ("Match Address 10.1.2.3,192.168.*", ["10.1.2.3 192.0.2.2 - -", "192.168.1.1 192.0.2.2 - -"]),
    ("Match Address !10.0.0.0/8,*", []),
    ("Match Address 2001:db8::/32", ["2001:db8::1 192.0.2.2 - -"]),
    ("Match Address 10.0.0.5/32", ["10.0.0.5 192.0.2.2 - -"]),
    ("Match LocalPort 2222", ["192.0.2.1 192.0.2.2 2222 -"]),
    ("Match LocalAddress 10.0.0.9", ["192.0.2.1 10.0.0.9 - -"]),
    ("Match User root Address 10.0.0.0/8 LocalPort 22", ["10.0.0.1 192.0.2.2 22 -"]),
    ("Match Host *.example.net", ["192.0.2.1 192.0.2.2 - 1.example.net"]),
    ("Match all", []),
    ("#Match Address 10.0.0.0/8", []),
    ("Match Address 10.0.0.0/8$(reboot)", []),
]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_one_for_each_condition(line: str, expected: list[str]) -> None:
    found = [
        f"{one.address} {one.local_address} {one.port or '-'} {one.host or '-'}"
        for one in client_places(Connection(), [line], [])
    ]
    assert found == expected


def test_hosts_of_allowusers_and_repetitions() -> None:
    users = ["root@10.0.0.0/8", "root", "bob@10.0.0.0/8", "al@*.example.net", "x@127.0.0.1"]
    assert [one.words for one in client_places(Connection(), ["Match Address 10.0.0.0/8"], users)] == ["10.0.0.0/8"]
    many = [f"Match Address 10.0.0.{n}" for n in range(50)]
    assert len(client_places(Connection(), many, [])) == 8


def test_the_words_for_sshd() -> None:
    assert Connection().spec == "host=192.0.2.1,addr=192.0.2.1,laddr=192.0.2.2"
    there = Connection("10.0.0.1", "10.0.0.2", 2222, "a.example.net", "vrf1")
    assert there.spec == "host=a.example.net,addr=10.0.0.1,laddr=10.0.0.2,lport=2222,rdomain=vrf1"
    assert ";" not in Connection("10.0.0.1;reboot").spec


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("AllowUsers a b", ["a", "b"]),
        ("  AllowUsers\ta  b\t", ["a", "b"]),
        ("AllowUsers=a", ["a"]),
        ("AllowUsers = a", ["a"]),
        ('"AllowUsers" "a b" c', ["a b", "c"]),
        ("AllowUsers 'a \"b' c", ['a "b', "c"]),
        ("AllowUsers a\\ b", ["a b"]),
        ('AllowUsers a"b c"d', ["ab cd"]),
        ("AllowUsers a # b", ["a"]),
        ("AllowUsers a#b", ["a#b"]),
        ('AllowUsers "a', []),
        ("# AllowUsers a", []),
    ],
)
def test_arguments(line: str, words: list[str]) -> None:
    keyword, found = arguments(line)
    assert found == words and (keyword == "allowusers" or not words)
