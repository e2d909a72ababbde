"""What sosagent says about generated machines is what a login over SSH to a real sshd shows.

`python -m tests.support.sshd_logins` tries hundreds; docs/reliability.md has the table.
"""

from __future__ import annotations

import pytest

from ..support import sshd_logins
from ..support.sshd_worlds import world

#: A sample: Match blocks, drop-ins, an expired and a locked account, a missing file of revoked keys, and others.
SEEDS = (4, 10, 16, 28, 32, 53)


@pytest.mark.timeout(240)
def test_logins_to_a_real_sshd() -> None:
    if problem := sshd_logins.missing():
        pytest.skip(problem)
    results = sshd_logins.compare(list(SEEDS))
    assert [one.seed for one in results] == list(SEEDS)
    wrong = [(one, world(one.seed)) for one in results if one.wrong]
    assert not wrong, wrong
    assert {one.verdict for one in results} >= {"works", "refused"}
