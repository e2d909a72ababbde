"""cli/show_added.py: no claim that was not checked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sosagent.authorized_keys.outcome import KeyOutcome, Outcome
from sosagent.cli.show_added import show_result
from sosagent.jobs.add_key import AddKeyResult, Status

from ..conftest import new_key

CLAIM = "This should work"


def result(*options: str, status: Status = "added", key_result: Outcome = "added", **fields: object) -> AddKeyResult:
    key = replace(new_key(), options=options if key_result == "added" else ())
    done = AddKeyResult(
        status, "host", "root", "/root/.ssh/authorized_keys", (KeyOutcome(key, key_result, options),), "login", True,
        1, 2, "vm", None, (), 1.0, 1, 1, 6,
    )  # fmt: skip
    return replace(done, **fields)  # type: ignore[arg-type]


#: The result, the address, the last line.
CLAIMS = [
    (result(), "", "This should work now:  ssh root@vm"),
    (result(), "192.0.2.7", "This should work now:  ssh root@192.0.2.7"),
    (result(), "web1.example.net:2222", "This should work now:  ssh -p 2222 root@web1.example.net"),
    (result(), "[2001:db8::1]:22", "This should work now:  ssh root@2001:db8::1"),
    (result(hostname="$(reboot)"), "", "This should work now:  ssh root@HOST"),
    (result(hostname="-oProxyCommand=x"), "", "This should work now:  ssh root@HOST"),
    (result('from="10.0.0.0/8"'), "a", "This should work from 10.0.0.0/8 only:  ssh root@a"),
    (result('from="10.0.0.0/8"', key_result="present"), "a", "This should work from 10.0.0.0/8 only:  ssh root@a"),
    (result('command="uptime"'), "a", "This should work for the command 'uptime' only:  ssh root@a"),
    (result('expiry-time="20301231Z"', "no-pty"), "a", "This should work until 20301231Z only:  ssh root@a"),
    (result("cert-authority"), "a", "This should work with a certificate of this authority only:  ssh root@a"),
    (result("restrict"), "a", "This should work now:  ssh root@a"),
]


@pytest.mark.parametrize(("done", "address", "line"), CLAIMS)
def test_the_claim(done: AddKeyResult, address: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_result(done, address, dry_run=False)
    assert capsys.readouterr().out.splitlines()[-1] == line


@pytest.mark.parametrize(
    ("done", "dry_run"),
    [
        (result(), True),
        (result(status="present"), True),
        (result(warnings=("a",)), False),
        (result(warnings=("a",), problems=("a",), remedies=("do b",)), False),
    ],
)
def test_no_claim(done: AddKeyResult, dry_run: bool, capsys: pytest.CaptureFixture[str]) -> None:
    show_result(done, "", dry_run=dry_run)
    out = capsys.readouterr().out
    assert CLAIM not in out
    assert ("  problem: a" in out) == bool(done.problems) and ("  do b" in out) == bool(done.remedies)


def test_each_key_has_its_own_limits(capsys: pytest.CaptureFixture[str]) -> None:
    one, two = result('from="10.0.0.1"').keys[0], result('from="10.0.0.2"').keys[0]
    show_result(result(keys=(one, two)), "a", dry_run=False)
    out = capsys.readouterr().out
    assert f"{CLAIM} within limits:  ssh root@a\n" in out
    assert f"  {two.key.fingerprint}: from 10.0.0.2 only\n" in out
