"""Lines with options against sshd: what `list`, `audit`, `add` and `--option` say is what sshd does.

The answers of the sshd of Debian 11, 12, 13 and sid are recorded; tests/support/sshd_answers.py tells how.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import sosagent
from sosagent.authorized_keys.line import Presence, judge
from sosagent.cli.key_lines import apply_options
from sosagent.jobs.keys import ListedKey, classify_lines
from sosagent.keys.from_patterns import admits, nobody_because, useless_patterns
from sosagent.keys.option_values import is_utc
from sosagent.keys.options import PERMISSIONS, permissions, split_options, value_of
from sosagent.printable import is_clean

from ..conftest import new_key
from ..support.option_lines import COUNT, blob_of, option_lines
from ..support.sshd import running_sshd
from ..support.sshd_answers import RECORD, accepted, recorded

NOW = datetime(2026, 11, 27, tzinfo=UTC)
LINES = option_lines()
ANSWERS = recorded()


def listed(line: str) -> ListedKey | None:
    """Return what `keys list` says of a line; None if it is a comment."""
    return next(iter(classify_lines([line], NOW)), None)


def from_values(one: ListedKey | None) -> list[str]:
    """Return the values of `from` of a line."""
    options = () if one is None or one.entry is None else one.entry.options
    return [value_of(option) for option in options if option.lower().startswith("from=")]


def logs_in(line: str) -> bool:
    """Whether we say that the key of a line logs in from 127.0.0.1."""
    one = listed(line)
    if one is None or one.entry is None or one.why_not:
        return False
    return all(admits(value, "127.0.0.1") for value in from_values(one))


def agreed(number: int) -> str:
    """Return the answers of all releases to a line, without repetitions."""
    return "".join(sorted({answers[number] for answers in ANSWERS.values()}))


def test_there_are_many_lines_of_both_kinds() -> None:
    assert set(ANSWERS) == {"11", "12", "13", "sid"} and len(LINES) == COUNT >= 500
    assert all(0.3 < answers.count("1") / COUNT < 0.7 for answers in ANSWERS.values())


def test_list_and_audit_say_what_every_sshd_does() -> None:
    wrong = [
        line for number, line in enumerate(LINES) if agreed(number) != "01" and agreed(number) != "01"[logs_in(line)]
    ]
    assert not wrong, "\n".join(map(ascii, wrong))


def test_where_releases_differ_the_stricter_answer_is_given() -> None:
    differing = [number for number in range(COUNT) if agreed(number) == "01"]
    assert 5 < len(differing) < 30
    for number in differing:
        one = listed(LINES[number])
        if logs_in(LINES[number]):
            # Times in UTC, since OpenSSH 9.1. `list` says so, and `add` checks the version.
            assert one is not None and any("sshd before 9.1 ignores the whole line" in limit for limit in one.limits)
            assert [ANSWERS[release][number] for release in ANSWERS] == ["0", "1", "1", "1"]
        assert not logs_in(LINES[number]) or is_utc(LINES[number].split('"')[1])


def test_permissions_are_those_of_sshd() -> None:
    for release in json.loads(RECORD.read_text())["releases"].values():
        for number, said in release["flags"].items():
            one = listed(LINES[int(number)])
            if one is not None and one.entry is not None:
                theirs = set(said.replace("expires", " ").split()) & set(PERMISSIONS)
                assert permissions(one.entry.options) == theirs, LINES[int(number)]


def test_a_list_that_admits_nobody_admits_nobody() -> None:
    values = {(number, value) for number, line in enumerate(LINES) for value in from_values(listed(line))}
    for number, value in values:
        if nobody_because(value):
            assert ANSWERS["12"][number] == "0", value
        for address in ("127.0.0.1", "10.1.2.3", "::1", "2001:db8::1"):
            assert not (admits(value, address) and nobody_because(value)), value
    assert len(values) > 150


def test_options_of_the_command_line_are_accepted_where_sshd_accepts_them() -> None:
    key, tried, wrong = new_key(), 0, list[str]()
    for number, line in enumerate(LINES):
        split = split_options(line.lstrip())
        if split is None or agreed(number) == "01":
            continue
        options = split[0]
        try:
            added = apply_options([key], None, options, False)[0]
        except sosagent.UsageError:
            added = None
        # `--option` adds quotes where they are missing, and accepts cert-authority and lists without this client.
        restricts = "cert-authority" in line.lower() or any(
            not admits(one, "127.0.0.1") for one in from_values(listed(line))
        )
        unquoted = any("=" in option and '"' not in option for option in options)
        said = listed(line)
        expired = said is not None and said.why_not.startswith("it expired")  # `add` checks that
        controls = not all(map(is_clean, options))  # those are never typed on a console
        is_key = split[1].lstrip(" \t").startswith("ssh-")
        if is_key and not (restricts or unquoted or expired or controls) and line.lstrip()[0] != "#":
            tried += 1
            if (added is not None) != (agreed(number) == "1"):
                wrong.append(line)
        if added is not None and agreed(number) == "1":
            assert logs_in(added.line)
    assert not wrong, "\n".join(map(ascii, wrong))
    assert tried > 500


def test_key_files_are_accepted_where_sshd_accepts_the_line() -> None:
    wrong = []
    for number, line in enumerate(LINES):
        one = listed(line)
        restricts = "cert-authority" in line.lower() or any(
            not admits(value, "127.0.0.1") for value in from_values(one)
        )
        expired = one is not None and one.why_not.startswith("it expired")
        if agreed(number) == "01" or restricts or expired or '="a\tb"' in line:
            continue
        try:
            key = sosagent.parse_public_keys(line, cert_authority=True)[0]
        except sosagent.KeyInvalid:
            key = None
        # Quotes around a value are added where they are missing, so the line that is written is accepted.
        if (key is not None and logs_in(replace(key, options=key.options[1:]).line)) != (agreed(number) == "1"):
            wrong.append(line)
    assert all(re.search(r"=[^\",]+[, \t]", line) for line in wrong), "\n".join(map(ascii, wrong))
    assert len(wrong) < 10


def test_many_patterns_take_little_time() -> None:
    value = ",".join(f"10.{n // 250}.{n % 250}.1,!10.{n // 250}.{n % 250}.2" for n in range(5000))
    started = time.process_time()
    assert nobody_because(value) == "" and not useless_patterns(value)
    assert time.process_time() - started < 20


def test_add_is_blocked_only_by_lines_that_sshd_uses() -> None:
    for number, line in enumerate(LINES):
        key = sosagent.PublicKey("ssh-ed25519", blob_of(number))
        presence = judge([line], key).presence
        if presence is Presence.USABLE:
            assert agreed(number) == "1", line
        if presence is Presence.RESTRICTED:
            assert agreed(number) == "1" or from_values(listed(line)), line


@pytest.mark.timeout(120)
async def test_the_sshd_of_this_machine_gives_the_recorded_answers(tmp_path: Path) -> None:
    sample = {number: LINES[number] for number in range(0, COUNT, 9)}
    with running_sshd(tmp_path, settings="MaxAuthTries 1000\nLoginGraceTime 0\n") as (port, file):
        found = await accepted(port, file, sample)
    answers = ANSWERS["12"]
    differing = [LINES[n] for n in sample if (n in found) != (answers[n] == "1") and agreed(n) != "01"]
    assert not differing, "\n".join(map(ascii, differing))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("10.1.2.3/24", "has host bits set: sshd would refuse every client; write 10.1.2.0/24"),
        ("192.168.0.0/255.255.0.0", "the prefix length after the slash"),
        ("10/8", "has host bits set"),
        ("10.0.0.0/33", "at most 32"),
        ("10.0.0.1,", "an empty pattern"),
        ("!10.0.0.0/8", "a list of exclusions only"),
        ("!10.0.0.0/8,10.1.0.0/16", "excluded by another"),
        ("[::1]", "neither an address nor a pattern"),
        ("10.0.0.0/8,!10.0.0.0/16", ""),
        ("10.0.0.1, 10.0.0.2", ""),
        ("*.example.net", ""),
    ],
)
def test_lists_that_admit_nobody(value: str, words: str) -> None:
    reason = nobody_because(value)
    assert words in reason and bool(reason) == bool(words)
    line = f'from="{value}" {new_key().line}'
    one = listed(line)
    assert one is not None and one.why_not == reason
    if words:
        with pytest.raises(sosagent.UsageError, match="from"):
            apply_options([new_key()], None, [f"from={value}"], False)
        assert judge([line], new_key()).presence is Presence.ABSENT
    assert bool(useless_patterns("10.0.0.1, 10.0.0.2")) and not useless_patterns("10.0.0.1,10.0.0.2")


def test_names_in_from_need_usedns() -> None:
    one = listed(f'from="*.example.net" {new_key().line}')
    assert one is not None and one.limits == ("from *.example.net only, whose names need UseDNS yes",)


def test_audit_names_a_pattern_that_matches_no_client() -> None:
    one = listed(f'from="10.0.0.1, 10.0.0.2" {new_key().line}')
    assert one is not None and not one.why_not
    assert one.faults == ("' 10.0.0.2' is neither an address nor a pattern of host names; it matches no client",)
