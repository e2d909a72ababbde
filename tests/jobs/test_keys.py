"""jobs/keys.py: what sshd reads in each line of a file."""

from __future__ import annotations

from datetime import UTC, datetime

from sosagent.jobs.keys import classify_lines

from ..conftest import new_key

ONE, TWO, THREE = new_key("one"), new_key("two"), new_key("three")


def test_each_line_is_classified() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    reasons = {
        f"cert-authority {ONE.line}": "belongs to an authority",
        f'expiry-time="20260101" {TWO.line}': "it expired at",
        f'expiry-time="20270101Z" {TWO.line}': "",
        f"no-such {THREE.line}": "unknown option",
        "ssh-ed25519": "not a public key",
        f"ssh-ed25519-cert-v01@openssh.com {ONE.base64} c": "certificate",
        f"\ufeff{THREE.line}": "",
    }
    listed = classify_lines(list(reasons), now)
    assert len(listed) == len(reasons)
    for one, (line, words) in zip(listed, reasons.items(), strict=True):
        assert one.text == line
        assert words in one.why_not
        assert bool(one.why_not) == (bool(words) or one.entry is None)
        assert ":1" not in one.why_not
    assert listed[2].limits == ("until 20270101Z; sshd before 9.1 ignores the whole line",)


def test_a_repeated_key_is_usable_once() -> None:
    first, second = classify_lines([ONE.line, f"restrict {ONE.line}"], datetime.now(UTC))
    assert (first.why_not, first.allows_shell) == ("", True)
    assert "an earlier line contains the same key" in second.why_not


def test_limited_keys_do_not_count_as_shells() -> None:
    lines = [f"{option} {new_key('x').line}" for option in ('from="10.0.0.1"', 'command="x"', 'expiry-time="20990101"')]
    assert [one.allows_shell for one in classify_lines([*lines, f"no-pty {TWO.line}"], datetime.now(UTC))] == [
        False, False, False, True,
    ]  # fmt: skip
