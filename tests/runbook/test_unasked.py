"""Which runbooks change the machine before they ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from sosagent.errors import ConfigInvalid
from sosagent.runbook.load import load_runbook
from sosagent.runbook.unasked import changes_unasked

_FLAG = "{type: flag, default: false}"
_HEAD = f"name: x\nparameters:\n  f: {_FLAG}\n  g: {_FLAG}\nsteps:\n- run: true $f $g\n"
_CHANGE = "- changes: true\n  run: rm x\n"
_IF = "  when: '{{ f }}'\n"


@pytest.mark.parametrize(
    ("steps", "unasked"),
    [
        ("- run: 'true'\n", False),
        (_CHANGE, True),
        ("- confirm: Sure?\n" + _CHANGE, False),
        (_CHANGE + "- confirm: Sure?\n", True),
        ("- confirm: Sure?\n" + _IF + _CHANGE, True),
        ("- confirm: Sure?\n" + _IF + _CHANGE + _IF, False),
        ("- confirm: Sure?\n" + _IF + _CHANGE + _IF.replace("f", "g"), True),
        ("- confirm: Sure?\n" + _CHANGE + _IF, False),
        ("- add_key: ssh-ed25519 AAAA\n", True),
        ("- add_key: ssh-ed25519 AAAA\n  changes: false\n", False),
        ("- remove_key: SHA256:x\n", True),
        ("- upload: {from: a, to: /b}\n", True),
        ("- download: {from: /a, to: b}\n", False),
        ("- send_break\n", True),
        ("- send_break: {sysrq: b}\n", True),
        ("- include: ./change.yml\n", True),
        ("- include: ./asks.yml\n", False),
        ("- include: ./asks.yml\n" + _CHANGE, False),
        ("- include: ./asks.yml\n" + _IF + _CHANGE, True),
        ("- include: ./asks.yml\n" + _IF + _CHANGE + _IF, False),
        ("- include: ./asks-if.yml\n" + _CHANGE + _IF, True),
        ("- confirm: Sure?\n- include: ./change.yml\n", False),
        ("- run: 'true'\nfinally:\n" + _CHANGE, False),
    ],
)
def test_whether_a_runbook_changes_the_machine_before_it_asks(tmp_path: Path, steps: str, unasked: bool) -> None:
    for name, text in (
        ("change", _CHANGE),
        ("asks", "- confirm: Sure?\n" + _CHANGE),
        ("asks-if", "- confirm: Sure?\n" + _IF + _CHANGE + _IF),
        ("book", steps),
    ):
        (tmp_path / f"{name}.yml").write_text(_HEAD + text)
    assert changes_unasked(load_runbook(tmp_path / "book.yml")) is unasked


def test_a_question_that_is_skipped_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "book.yml").write_text(_HEAD + "- confirm: Sure?\n" + _CHANGE)
    assert changes_unasked(load_runbook(tmp_path / "book.yml"), first=2)


@pytest.mark.parametrize(
    ("name", "unasked"),
    [
        ("add-key", True), ("boot-errors", False), ("disk-space", False), ("network-dhcp", True), ("reboot", False),
        ("reset-password", True), ("reset-sshd", True), ("support-bundle", False), ("unban", True),
    ],
)  # fmt: skip
def test_shipped_runbooks(name: str, unasked: bool) -> None:
    assert changes_unasked(load_runbook(name)) is unasked


@pytest.mark.parametrize("value", ["sometimes", "[true]"])
def test_changes_must_be_true_or_false(tmp_path: Path, value: str) -> None:
    (tmp_path / "book.yml").write_text(f"name: x\nsteps:\n- run: 'true'\n  changes: {value}\n")
    with pytest.raises(ConfigInvalid, match=r"book.yml:4:\d+: .*changes"):
        load_runbook(tmp_path / "book.yml")
