"""Diffs of changes that have not been made yet."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sosagent.file_change import FileChange, FileVersion, changed_file, changed_lines, shortened
from sosagent.printable import is_clean


def version(text: str | bytes) -> FileVersion:
    data = text.encode() if isinstance(text, str) else text
    return FileVersion(len(data), f"SHA-256 {len(data)}", data)


def change(old: str | bytes | None, new: str | bytes, path: str = "/f") -> FileChange:
    return changed_file(path, None if old is None else version(old), version(new))


@pytest.mark.parametrize(
    ("old", "new", "body"),
    [
        ("a\nb\n", "a\nc\n", ["@@ -1,2 +1,2 @@", " a", "-b", "+c"]),
        ("a", "a\n", ["@@ -1 +1 @@", "-a", "\\ No newline at end of file", "+a"]),
        ("a\r\n", "a\n", ["@@ -1 +1 @@", "-a\\x0d", "+a"]),
        ("a\x0cb\u2028c\n", "x\n", ["@@ -1 +1 @@", "-a\\x0cb\\u2028c", "+x"]),
        ("\ta\n", "b\n", ["@@ -1 +1 @@", "-        a", "+b"]),
        ("--- x\n", "+++ y\n", ["@@ -1 +1 @@", "---- x", "++++ y"]),
        ("\x1b[31m\n", "é\n", ["@@ -1 +1 @@", "-\\x1b[31m", "+é"]),
        ("a\n", "", ["@@ -1 +0,0 @@", "-a"]),
        ("", "a\n", ["@@ -0,0 +1 @@", "+a"]),
        ("a\n", b"\xff", ["-(2 bytes, SHA-256 2)", "+(1 bytes, SHA-256 1)"]),
        (b"a\0", "b", ["-(2 bytes, SHA-256 2)", "+(1 bytes, SHA-256 1)"]),
    ],
)
def test_diff(old: str | bytes, new: str | bytes, body: list[str]) -> None:
    assert list(change(old, new).diff) == ["--- /f", "+++ /f", *body]


def test_a_file_that_stays_as_it_is_has_no_diff() -> None:
    assert not change("a\n", "a\n")
    assert not change(b"\0", b"\0")
    assert not changed_lines("/f", [], [])
    assert change(None, "").diff == ("--- /dev/null", "+++ /f", "+(0 bytes, SHA-256 0)")


def test_private_contents_are_not_shown() -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n"
    for made in (change(key, "a\n"), change("a\n", key), change("root:$y$secret\n", "a\n", "/etc/shadow")):
        assert "secret" not in "".join(made.diff)
        assert len(made.diff) == 4


def test_secrets_are_removed_before_a_line_is_shown() -> None:
    made = changed_file("/f", version("a\n"), version("pw=hunter2\n"), lambda line: line.replace("hunter2", "***"))
    assert made.diff[-1] == "+pw=***"


def test_a_long_line_keeps_its_sign() -> None:
    made = change("a\n", "b" * 10_000 + "\n")
    assert made.diff[-1] == "+…" + "b" * 4000


def test_modes_are_a_part_of_a_change() -> None:
    old, new = (FileVersion(1, "x", b"a", mode) for mode in (0o644, 0o4755))
    assert changed_file("/f", old, new).diff == ("--- /f", "+++ /f", "-(mode 0644)", "+(mode 4755)")


def test_lines_of_a_large_file() -> None:
    made = changed_lines("/f", ["old\x07"], ["new"])
    assert (made.removed, made.added) == (("old\\x07",), ("new",))


def test_a_long_diff_is_shortened() -> None:
    diff = [str(number) for number in range(100)]
    assert shortened(diff, "HINT", most=10) == [*diff[:9], "(91 more lines; HINT)"]
    assert shortened(diff[:10], "HINT", most=10) == diff[:10]


@given(st.binary(), st.binary())
def test_a_diff_is_printable_whatever_the_files_contain(old: bytes, new: bytes) -> None:
    made = change(old, new)
    assert all(map(is_clean, made.diff))
    assert bool(made) == (old != new) or None in (version(old).text, version(new).text)


@pytest.mark.skipif(shutil.which("patch") is None, reason="patch is not installed")
@pytest.mark.parametrize(
    ("old", "new"), [("a\nb\nc\n", "a\nx\nc\nd"), ("", "a\n"), ("a", "b"), ("a\n" * 30, "a\n" * 29 + "b\n")]
)
def test_patch_understands_the_diff(tmp_path: Path, old: str, new: str) -> None:
    file = tmp_path / "f"
    file.write_text(old)
    text = "\n".join(change(old, new, str(file)).diff) + "\n"
    subprocess.run(["patch", "-s", str(file)], input=text, text=True, check=True)
    assert file.read_text() == new
