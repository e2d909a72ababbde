"""authorized_keys/sshd_rules.py: which file sshd reads, and what makes it refuse a key."""

from __future__ import annotations

import pytest

from sosagent.authorized_keys.report import PathInfo, Report
from sosagent.authorized_keys.sshd_rules import keys_path, login_obstacles, mode_faults


@pytest.mark.parametrize(
    ("listed", "path"),
    [
        (".ssh/authorized_keys .ssh/authorized_keys2", "/home/al/.ssh/authorized_keys"),
        ("none .ssh/keys", "/home/al/.ssh/keys"),
        ("/etc/ssh/keys/%u", "/etc/ssh/keys/al"),
        ("%h/k%%", "/home/al/k%"),
        ("/etc/ssh/authorized_keys .ssh/k", "/home/al/.ssh/k"),
        ("/etc/ssh/authorized_keys", None),
        ("none", None),
    ],
)
def test_the_file_that_sshd_reads(listed: str, path: str | None) -> None:
    assert keys_path(Report(home="/home/al", sshd={"authorizedkeysfile": listed}), "al") == path


def test_each_obstacle_is_reported() -> None:
    report = Report(
        home="/root",
        sshd={
            "permitrootlogin": "no", "pubkeyauthentication": "no", "authenticationmethods": "publickey,password",
            "allowusers": "alice", "denygroups": "root",
        },
        paths=(PathInfo("/root", "d", "rwx---rwx", 0), PathInfo("/root/.ssh", "d", "rwx------", 1000)),
        lines=("\ufeffssh-ed25519",),
    )  # fmt: skip
    text = " ".join(login_obstacles(report, "root", "/root/.ssh/authorized_keys"))
    for words in (
        "PermitRootLogin no", "PubkeyAuthentication no", "publickey,password", "allowusers alice", "denygroups root",
        "other users may write to /root ", "/root/.ssh belongs to uid 1000", "byte order mark",
    ):  # fmt: skip
        assert words in text


def test_a_silent_sshd_is_reported_unless_its_configuration_is_plain() -> None:
    assert "sshd did not report" in login_obstacles(Report(home="/root"), "root", "/k")[0]
    assert login_obstacles(Report(home="/root", plain=True), "root", "/root/.ssh/authorized_keys") == []


def test_owners_are_compared_with_the_user() -> None:
    paths = tuple(PathInfo(path, "d", "rwx------", 1000) for path in ("/home/al", "/home/al/.ssh", "/home/al/.ssh/k"))
    report = Report(home="/home/al", paths=paths)
    assert mode_faults(report, "al", "/home/al/.ssh/k") == []
    assert len(mode_faults(Report(home="/home/al", paths=paths, uid=1001), "al", "/home/al/.ssh/k")) == 3
