"""jobs/reach.py: how this computer reaches the machine's sshd."""

from __future__ import annotations

import pytest

from sosagent.authorized_keys.connections import Connection
from sosagent.jobs import reach
from sosagent.jobs.reach import connection_to


def test_nothing_is_known() -> None:
    assert connection_to("") == Connection()
    assert connection_to("no-such-host.invalid:2222") == Connection(port=2222)
    assert connection_to("127.0.0.1:2222") == Connection(port=2222)


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("10.0.0.1", "192.168.1.1", True),
        ("10.0.0.1", "8.8.8.8", False),  # NAT
        ("8.8.4.4", "8.8.8.8", True),
        ("127.0.0.1", "127.0.0.1", False),
        ("fe80::1", "fe80::2", False),
        ("x", "8.8.8.8", False),
    ],
)
def test_whether_the_machine_sees_our_address(ours: str, theirs: str, same: bool) -> None:
    assert reach._is_same_network(ours, theirs) == same
