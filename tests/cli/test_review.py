"""Changes are shown before they are made: dry runs, and questions on a real terminal, with the lab's machine."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from sosagent.lab import ThreadedLab, lab_in_thread

from ..conftest import new_key
from ..support.commands import SOSAGENT, invoke
from ..support.forks import forked

ONE, TWO, THREE = new_key("one"), new_key("two"), new_key("three")
_SECONDS = 120
_QUESTION = r"\[y/N\] "
_HOST_KEYS = pytest.mark.skipif(
    not list(Path("/etc/ssh").glob("ssh_host_*_key.pub")), reason="the lab has the host's keys"
)


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[ThreadedLab]:
    """One lab for all tests of the module; each test writes the files that it needs."""
    with lab_in_thread() as lab:
        lab.authorized_keys_file.parent.mkdir(mode=0o700)
        give(lab.authorized_keys_file.parent)
        yield lab


def give(path: Path) -> None:
    """Give a file or folder to the user of the lab's shell, to whom its folder belongs."""
    owner = path.parent.stat()
    os.chown(path, owner.st_uid, owner.st_gid)


@pytest.fixture
def arguments(shared_lab: ThreadedLab) -> list[str]:
    """Options and HOST of the shared lab."""
    return shared_lab.arguments


@pytest.fixture
def file(shared_lab: ThreadedLab) -> Path:
    """An authorized_keys file with three keys, in a folder without backups."""
    path = shared_lab.authorized_keys_file
    for other in path.parent.iterdir():
        other.unlink()
    path.write_text(f"# ours\n{ONE.line}\n{TWO.line}\n{THREE.line}\n")
    path.chmod(0o600)
    give(path)
    return path


@pytest.fixture
def old(shared_lab: ThreadedLab) -> Path:
    """A file on the machine that is to be replaced."""
    path = shared_lab.authorized_keys_file.parent.parent / "old.conf"
    path.write_text("Port 22\nUsePAM yes\n")
    path.chmod(0o666)
    give(path)
    return path


class Terminal:
    """A command on a terminal of its own.

    Args:
        words: the words after ``sosagent``.
    """

    def __init__(self, *words: object) -> None:
        command = [*forked(), *map(str, words)]
        env = {**os.environ, "NO_COLOR": "1", "TERM": "xterm"}
        self.child = pexpect.spawn(
            command[0], command[1:], encoding="utf-8", timeout=_SECONDS, env=env, dimensions=(50, 400)
        )
        self.shown = ""

    def question(self) -> str:
        """Wait for the question, and return all that was shown before it."""
        self.child.expect(_QUESTION)
        return str(self.child.before)

    def end(self) -> tuple[int | None, str]:
        """Wait for the end, and return the exit status and what was shown."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus, str(self.child.before)

    def answer(self, text: str) -> tuple[int | None, str]:
        """Type a line, and wait for the end."""
        self.child.sendline(text)
        return self.end()

    def interrupt(self) -> tuple[int | None, str]:
        """Press Ctrl-C, and wait for the end."""
        self.child.sendintr()
        return self.end()


def is_logged_out(arguments: list[str]) -> bool:
    """Whether the console shows a login prompt, as a run that types nothing but Enter sees it."""
    at = arguments.index("--password-file")
    status, out, err = invoke("state", *arguments[:at], *arguments[at + 2 :], "--poke", "--json")
    assert status == 0, err
    return bool(json.loads(out)["name"] == "login")


# -- keys remove ------------------------------------------------------------------------------


def test_a_dry_run_of_keys_remove_prints_a_diff_and_changes_nothing(arguments: list[str], file: Path) -> None:
    before = file.read_text()
    status, out, err = invoke("keys", "remove", *arguments, TWO.fingerprint, "--dry-run")
    assert status == 0, err
    diff = [
        f"--- {file}",
        f"+++ {file}",
        "@@ -1,4 +1,3 @@",
        " # ours",
        f" {ONE.line}",
        f"-{TWO.line}",
        f" {THREE.line}",
    ]
    assert "\n".join([*diff, "Nothing was changed (--dry-run).", ""]) in out
    status, out, _ = invoke("keys", "remove", *arguments, TWO.fingerprint, "-n", "--json")
    done = json.loads(out)
    assert (status, done["status"], done["diff"], done["backup"]) == (0, "would-remove", diff, "")
    assert (done["removed"], done["left"], done["logged_out"], done["error"]) == ([TWO.line], 2, True, None)
    assert (file.read_text(), list(file.parent.iterdir())) == (before, [file])


def test_a_dry_run_of_keys_remove_fails_as_the_change_would(arguments: list[str], file: Path) -> None:
    file.write_text(f"{ONE.line}\n")
    status, _, err = invoke("keys", "remove", *arguments, ONE.fingerprint, "--dry-run")
    assert (status, "no key that gives" in err) == (6, True)
    status, out, _ = invoke("keys", "remove", *arguments, ONE.fingerprint, "--dry-run", "--force", "--json")
    assert (status, json.loads(out)["left"]) == (0, 0)


def test_a_diff_of_keys_is_printable(arguments: list[str], file: Path) -> None:
    file.write_bytes(
        f"{ONE.line}\x1b]0;evil\x07\r\n{TWO.line} \u202eevil\n".encode() + b"# \xff\n" + f"{THREE.line}\n".encode()
    )
    status, out, err = invoke("keys", "remove", *arguments, TWO.fingerprint, "--dry-run")
    assert status == 0, err
    assert f"-{TWO.line} \\u202eevil\n" in out
    assert f" {ONE.line}\\x1b]0;evil\\x07\\x0d\n" in out
    assert " # \\xff\n" in out
    assert not set(out) & {"\x1b", "\x07", "\r", "\u202e"}


def test_a_large_file_of_keys_has_a_diff_of_the_lines_that_change(arguments: list[str], file: Path) -> None:
    file.write_text("#" * 70_000 + f"\n{ONE.line}\n{TWO.line}\n")
    status, out, err = invoke("keys", "remove", *arguments, TWO.fingerprint, "--dry-run", "--json")
    assert status == 0, err
    assert json.loads(out)["diff"][3:] == [f"-{TWO.line}"]


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2), ("\x04", 2)])
def test_keys_remove_asks_on_a_terminal(arguments: list[str], file: Path, answer: str, code: int) -> None:
    before = file.read_text()
    terminal = Terminal("keys", "remove", *arguments, TWO.fingerprint)
    shown = terminal.question()
    assert f"-{TWO.line}\r\n" in shown
    assert f"Remove this line from {file} on {arguments[-1]}?" in shown
    status, after = terminal.answer(answer)
    assert status == code, after
    assert file.read_text() == (before.replace(f"{TWO.line}\n", "") if code == 0 else before)
    if code:
        assert f"not confirmed; {file} is unchanged" in after
        assert list(file.parent.iterdir()) == [file]
        assert is_logged_out(arguments)


def test_what_is_typed_before_the_question_is_no_answer(arguments: list[str], file: Path) -> None:
    before = file.read_text()
    terminal = Terminal("keys", "remove", *arguments, TWO.fingerprint)
    terminal.child.sendline("y")  # the command is still connecting
    terminal.question()
    status, after = terminal.answer("n")
    assert (status, file.read_text()) == (2, before), after


def test_no_question_is_asked_in_the_background_of_a_terminal(arguments: list[str], file: Path) -> None:
    before = file.read_text()
    words = shlex.join([SOSAGENT, "keys", "remove", *arguments, TWO.fingerprint])
    shown = str(pexpect.run(f"bash -c {shlex.quote(f'set -m; {words} & wait $!; echo status $?')}", timeout=_SECONDS))
    assert "status 2" in shown and "in the background of a terminal" in shown, shown
    assert file.read_text() == before


def test_ctrl_c_at_the_question_of_keys_remove_logs_out(arguments: list[str], file: Path) -> None:
    before = file.read_text()
    terminal = Terminal("keys", "remove", *arguments, TWO.fingerprint)
    terminal.question()
    status, after = terminal.interrupt()
    assert (status, file.read_text()) == (130, before)
    assert "may be open" not in after
    assert is_logged_out(arguments)


def test_keys_are_not_removed_from_a_file_that_changed_after_it_was_shown(arguments: list[str], file: Path) -> None:
    terminal = Terminal("keys", "remove", *arguments, TWO.fingerprint)
    terminal.question()
    changed = f"{file.read_text()}# another\n"
    file.write_text(changed)
    status, after = terminal.answer("y")
    assert (status, file.read_text(), list(file.parent.iterdir())) == (6, changed, [file]), after
    assert "another program changed" in after


def test_yes_skips_the_question(arguments: list[str], file: Path) -> None:
    status, shown = Terminal("keys", "remove", *arguments, TWO.fingerprint, "--yes").end()
    assert (status, "[y/N]" in shown) == (0, False), shown
    assert TWO.line not in file.read_text()


def test_other_options_do_not_skip_the_question(arguments: list[str], file: Path) -> None:
    terminal = Terminal("keys", "remove", *arguments, TWO.fingerprint, "--json", "-q")
    assert f"-{TWO.line}\r\n" in terminal.question()
    status, after = terminal.answer("n")
    printed, _ = json.JSONDecoder().raw_decode(after, after.index("{"))
    assert (status, printed["error"]["code"]) == (2, "not-confirmed")


def test_nothing_is_asked_if_no_line_contains_the_key(arguments: list[str], file: Path, tmp_path: Path) -> None:
    (tmp_path / "k.pub").write_text(f"{new_key().line}\n")
    status, shown = Terminal("keys", "remove", *arguments, tmp_path / "k.pub").end()
    assert (status, "[y/N]" in shown) == (0, False), shown


# -- addkey -----------------------------------------------------------------------------------


def test_a_dry_run_of_addkey_prints_a_diff(arguments: list[str], file: Path, tmp_path: Path) -> None:
    new = new_key("new")
    (tmp_path / "new.pub").write_text(f"{new.line}\n")
    (tmp_path / "two.pub").write_text(f"{TWO.line}\n")
    before = file.read_text()
    status, out, err = invoke("addkey", *arguments, tmp_path / "new.pub", "--dry-run")
    assert status == 0, err
    assert f"@@ -2,3 +2,4 @@\n {ONE.line}\n {TWO.line}\n {THREE.line}\n+{new.line}\nNothing was changed" in out
    words = ["addkey", *arguments, tmp_path / "two.pub", "--replace", "--restrict", "--dry-run", "--json"]
    status, out, err = invoke(*words)
    assert json.loads(out)["diff"][5:7] == [f"-{TWO.line}", f"+restrict {TWO.line}"], err
    assert file.read_text() == before
    file.write_text(before.rstrip("\n"))
    status, out, err = invoke("addkey", *arguments, tmp_path / "new.pub", "--dry-run")
    assert f"-{THREE.line}\n\\ No newline at end of file\n+{THREE.line}\n+{new.line}\n" in out
    file.unlink()
    status, out, err = invoke("addkey", *arguments, tmp_path / "new.pub", "--dry-run")
    assert f"--- /dev/null\n+++ {file}\n@@ -0,0 +1 @@\n+{new.line}\n" in out
    assert not file.exists()


# -- upload -----------------------------------------------------------------------------------


def test_a_dry_run_of_upload_prints_a_diff(arguments: list[str], old: Path, tmp_path: Path) -> None:
    source, before = tmp_path / "new.conf", old.read_text()
    source.write_text("Port 2222\nUsePAM yes\n\x1b[2J\n")
    status, out, err = invoke("upload", *arguments, source, "~/old.conf", "--dry-run")
    assert status == 0, err
    diff = ["@@ -1,2 +1,3 @@", "-Port 22", "+Port 2222", " UsePAM yes", "+\\x1b[2J"]
    assert "\n".join(diff) in out
    status, out, _ = invoke("upload", *arguments, source, "~/old.conf", "--dry-run", "--mode", "0600", "--json")
    done = json.loads(out)
    assert (status, done["status"], done["logged_out"]) == (0, "would-upload", True)
    assert done["diff"] == ["--- ~/old.conf", "+++ ~/old.conf", *diff, "-(mode 0666)", "+(mode 0600)"]
    status, out, _ = invoke("upload", *arguments, source, "~/brand-new", "-n")
    assert (status, "--- /dev/null\n+++ ~/brand-new\n@@ -0,0 +1,3 @@\n+Port 2222\n" in out) == (0, True)
    source.write_text(before)
    status, out, _ = invoke("upload", *arguments, source, "~/old.conf", "-n")
    assert out == "~/old.conf would stay as it is.\nNothing was changed (--dry-run).\n"
    assert old.read_text() == before
    assert not [path.name for path in old.parent.iterdir() if "part" in path.name or path.name == "brand-new"]


@pytest.mark.parametrize(
    "data",
    [b"x" * 40_000, b"-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n"],
    ids=["large", "private"],
)
def test_files_without_a_diff_are_shown_by_size_and_checksum(
    arguments: list[str], old: Path, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "source").write_bytes(data)
    status, out, err = invoke("upload", *arguments, tmp_path / "source", "~/old.conf", "--dry-run", "--json")
    assert status == 0, err
    sums = [
        subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]
        for path in (old, tmp_path / "source")
    ]
    assert json.loads(out)["diff"][2:] == [
        f"-(19 bytes, SHA-256 {sums[0]})",
        f"+({len(data):,} bytes, SHA-256 {sums[1]})",
    ]


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2)])
def test_upload_asks_before_it_replaces_a_file(
    arguments: list[str], old: Path, tmp_path: Path, answer: str, code: int
) -> None:
    source, before = tmp_path / "new.conf", old.read_text()
    source.write_text("".join(f"line {number}\n" for number in range(100)))
    terminal = Terminal("upload", *arguments, source, "~/old.conf")
    shown = terminal.question()
    assert "-Port 22\r\n" in shown
    assert "+line 30\r\n" in shown
    assert "+line 60" not in shown
    assert "more lines; --dry-run shows all of them)\r\nReplace ~/old.conf on " in shown
    status, after = terminal.answer(answer)
    assert status == code, after
    assert old.read_text() == (source.read_text() if code == 0 else before)
    assert not list(old.parent.glob(".*part*"))


def test_ctrl_c_at_the_question_of_upload_logs_out(arguments: list[str], old: Path, tmp_path: Path) -> None:
    (tmp_path / "new.conf").write_text("new\n")
    before = old.read_text()
    terminal = Terminal("upload", *arguments, tmp_path / "new.conf", "~/old.conf")
    terminal.question()
    status, _ = terminal.interrupt()
    assert (status, old.read_text()) == (130, before)
    assert is_logged_out(arguments)


def test_a_file_that_changed_after_it_was_shown_is_not_replaced(
    arguments: list[str], old: Path, tmp_path: Path
) -> None:
    (tmp_path / "new.conf").write_text("new\n")
    terminal = Terminal("upload", *arguments, tmp_path / "new.conf", "~/old.conf")
    terminal.question()
    old.write_text("another\n")
    status, after = terminal.answer("y")
    assert (status, old.read_text()) == (6, "another\n"), after
    assert "another program changed ~/old.conf after it was shown" in after
    terminal = Terminal("upload", *arguments, tmp_path / "new.conf", "~/old.conf")
    assert "-another\r\n" in terminal.question()
    status, after = terminal.answer("y")
    assert (status, old.read_text()) == (0, "new\n"), after
    assert not list(old.parent.glob(".*part*"))


def test_upload_does_not_ask_where_nothing_is_replaced(arguments: list[str], old: Path, tmp_path: Path) -> None:
    source = tmp_path / "new.conf"
    source.write_bytes(old.read_bytes())
    (old.parent / "created").unlink(missing_ok=True)
    for words in (["~/created"], ["~/old.conf"], ["~/old.conf", "--mode", "0644", "--yes"]):
        status, shown = Terminal("upload", *arguments, source, *words).end()
        assert (status, "[y/N]" in shown) == (0, False), shown
    source.write_text("other\n")
    assert invoke("upload", *arguments, source, "~/old.conf")[0] == 0  # without a terminal
    assert old.read_text() == "other\n"


# -- hostkeys ---------------------------------------------------------------------------------


@_HOST_KEYS
def test_hostkeys_shows_the_change_of_known_hosts_and_asks(arguments: list[str], tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("# mine\n")
    words = ["hostkeys", *arguments, "--name", "web1", "--into", known]
    status, out, _ = invoke(*words, "--dry-run", "--json")
    done = json.loads(out)
    assert (status, done["diff"][3], done["file"]) == (0, " # mine", None)
    assert done["diff"][4:] == [f"+{line}" for line in done["added"]]
    assert known.read_text() == "# mine\n"
    for answer, code in (("n", 2), ("y", 0)):
        terminal = Terminal(*words, "--write")
        assert "+web1 " in terminal.question()
        assert terminal.answer(answer)[0] == code
        assert ("web1 " in known.read_text()) == (code == 0)
    status, out, err = invoke(*words, "--write", "--dry-run")
    assert (status, out) == (0, f"{known} would stay as it is.\nNothing was changed (--dry-run).\n"), err


@_HOST_KEYS
def test_hostkeys_creates_known_hosts_after_the_question(arguments: list[str], tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    terminal = Terminal("hostkeys", *arguments, "--name", "web1", "--into", known, "--write")
    assert "--- /dev/null" in terminal.question()
    assert terminal.answer("y")[0] == 0
    assert known.read_text().startswith("web1 ")


@_HOST_KEYS
def test_known_hosts_is_not_written_if_it_changed_after_it_was_shown(arguments: list[str], tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    words = ["hostkeys", *arguments, "--name", "web1", "--into", known, "--write"]
    terminal = Terminal(*words)
    assert "--- /dev/null" in terminal.question()
    known.write_text("# another\n")
    code, after = terminal.answer("y")
    assert (code, known.read_text()) == (2, "# another\n"), after


# -- runbooks ---------------------------------------------------------------------------------

_CHANGES = """name: Make a file
steps:
  - name: look
    run: "true"
  - name: make the file
    changes: true
    run: echo hi >"$HOME/made"
"""


@pytest.fixture
def made(shared_lab: ThreadedLab) -> Path:
    """The file that the runbook makes; it is not there."""
    path = shared_lab.authorized_keys_file.parent.parent / "made"
    path.unlink(missing_ok=True)
    return path


def test_a_runbook_that_changes_the_machine_is_shown_first(arguments: list[str], made: Path, tmp_path: Path) -> None:
    book = tmp_path / "change.yml"
    book.write_text(_CHANGES)
    terminal = Terminal("run", book, *arguments)
    shown = terminal.question()
    assert "  [1] look\r\n  [2] make the file  (changes the machine)\r\nRun these steps on " in shown
    assert "connect" not in shown
    status, after = terminal.answer("n")
    assert (status, made.exists(), "not confirmed; nothing was sent" in after) == (2, False, True), after
    terminal = Terminal("run", book, *arguments)
    terminal.question()
    assert (terminal.interrupt()[0], made.exists()) == (130, False)
    terminal = Terminal("run", book, *arguments)
    terminal.question()
    status, after = terminal.answer("y")
    assert (status, made.exists()) == (0, True), after


def test_yes_and_no_terminal_run_a_runbook_at_once(arguments: list[str], made: Path, tmp_path: Path) -> None:
    book = tmp_path / "change.yml"
    book.write_text(_CHANGES)
    status, shown = Terminal("run", book, *arguments, "--yes").end()
    assert (status, "[y/N]" in shown, made.exists()) == (0, False, True), shown
    made.unlink()
    status, out, err = invoke("run", book, *arguments, "--json")
    assert (status, made.exists()) == (0, True), err
    assert [step["changes"] for step in json.loads(out)["steps"]] == [False, True]


def test_a_runbook_with_a_question_of_its_own_asks_once(arguments: list[str], made: Path, tmp_path: Path) -> None:
    book = tmp_path / "change.yml"
    book.write_text(_CHANGES.replace('    run: "true"\n', "    confirm: Really?\n"))
    terminal = Terminal("run", book, *arguments)
    assert "Really?" in terminal.question()
    status, after = terminal.answer("y")
    assert (status, made.exists(), "[y/N]" in after) == (0, True, False), after
