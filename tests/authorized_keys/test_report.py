"""authorized_keys/report.py: the output of the programs as values."""

from __future__ import annotations

from sosagent.authorized_keys.report import GroupInfo, Mount, PathInfo, parse_groups, parse_report


def test_a_whole_report() -> None:
    report = parse_report(
        [
            "m vm 0123456789abcdef0123456789abcdef /root",
            "drwx------ 5 0 0 4096 Jan  1 00:00 /root",
            "-rw------- 2 0 0 120 Jan  1 00:00 /root/.ssh/authorized_keys",
            "dr-xr-xr-x 9 1000 1000 0 Jan  1 00:00 /proc/42",
            ":a line",
            "s pxn 17 119 120 1",
            "a 18 200",
            "b 17 119",
            "k /root/.ssh/authorized_keys.sosagent.1",
            "d / ro,nosuid ext4 /dev/vda1 rw",
            "p",
        ]
    )
    assert (report.home, report.hostname, report.machine_id) == ("/root", "vm", "0123456789abcdef0123456789abcdef")
    assert report.path("/root/.ssh/authorized_keys") == PathInfo(
        "/root/.ssh/authorized_keys", "-", "rw-------", 0, 2, 0, 120
    )
    assert (report.uid, report.lines, report.count) == (1000, ("a line",), 1)
    assert (report.plain, report.ends_in_newline, report.checksum, report.length) == (True, False, "17 119", 119)
    assert (report.checksum_after, report.prefix_checksum) == ("18 200", "17 119")
    assert report.backup == "/root/.ssh/authorized_keys.sosagent.1"
    assert report.mount == Mount("/", frozenset({"ro", "nosuid"}), "ext4", "/dev/vda1", frozenset({"rw"}))
    assert (report.restored, report.not_restored, report.contains_nul) == (True, False, False)
    assert report.complaints == ()


def test_nonsense_is_an_empty_report() -> None:
    report = parse_report(["x", "s p 1 2", "m", "-rwx /etc", "a 1", "s p q"])
    assert report.checksum is None
    assert len(report.complaints) == 5


def test_attributes_of_a_file() -> None:
    assert parse_report(["----i---------e------- /root/.ssh/k"]).immutable == ("/root/.ssh/k",)


def test_a_path_may_have_blanks_and_be_a_link() -> None:
    report = parse_report(
        ["drwx------ 5 0 4 4096 Jan  1 00:00 /etc/my keys", "lrwxrwxrwx 1 0 0 1 Jan  1 2024 /a -> /b c"]
    )
    assert [(info.path, info.gid) for info in report.paths] == [("/etc/my keys", 4), ("/a", 0)]


def test_groups() -> None:
    lines = ["V OpenSSH_9.2p1 Debian-2", "Q 4 adm alice,bob", "q 4 carol 1003", "q 5 dave 1004", "Q 6 own "]
    groups = parse_groups(lines)
    assert groups == (GroupInfo(4, ("alice", "bob"), (("carol", 1003),)), GroupInfo(6))
