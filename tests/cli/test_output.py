"""What the commands print besides their results: progress, details, the log file, colours, errors, and times."""

from __future__ import annotations

import io
import json
import os
import re
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

import sosagent
from sosagent import blocking
from sosagent.cli.colour import colour_allowed, in_colour
from sosagent.cli.duration import parse_duration
from sosagent.cli.key_lines import parse_expiry
from sosagent.cli.log_file import LogFile
from sosagent.cli.progress import Progress
from sosagent.console.events import Event
from sosagent.console.traffic import Traffic
from sosagent.lab import ThreadedLab, lab_in_thread

from ..conftest import new_key
from ..support.commands import SOSAGENT, invoke

_PASSWORD = "wrong-p4ssword"
_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [<>!=·…✓](?: .*)?")
_RED = "\x1b[1;31m"


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[ThreadedLab]:
    """One lab for all tests of this module."""
    with lab_in_thread() as lab:
        yield lab


@pytest.fixture
def keyfile(tmp_path: Path) -> Path:
    """A file with one public key."""
    path = tmp_path / "id.pub"
    path.write_text(new_key("me@here").line + "\n")
    return path


# -- details and the log ----------------------------------------------------------------------


def test_v_shows_states_sizes_and_decisions(shared_lab: ThreadedLab, keyfile: Path) -> None:
    status, _, err = invoke("addkey", *shared_lab.arguments, keyfile, "-v")
    assert status == 0
    for words in (
        "password: --password-file", f"from {keyfile}:1", "state: login", "state: shell",
        "endpoint type: ", "bytes sent", "exchanges", "done in",
    ):  # fmt: skip
        assert words in err, words
    assert not re.search(r"^[<>] ", err, re.MULTILINE)


def test_vv_shows_what_is_sent_and_received_without_secrets(shared_lab: ThreadedLab, keyfile: Path) -> None:
    password = shared_lab.password.reveal()
    status, out, err = invoke("addkey", *shared_lab.arguments, keyfile, "-vv")
    assert status == 0
    for line in ("> root", "< lab login:", "> (a secret)\\r"):
        assert f"\n{line}" in err, line
    assert password not in out + err


@pytest.mark.parametrize("level", [[], ["-q"], ["-v"], ["--json"]])
def test_the_log_has_everything_with_times(
    level: list[str], shared_lab: ThreadedLab, keyfile: Path, tmp_path: Path
) -> None:
    log, cast = tmp_path / "log", tmp_path / "cast"
    call = ["addkey", *shared_lab.arguments, keyfile, "--log-file", log, "--transcript", cast, *level]
    assert invoke(*call)[0] == 0
    lines = log.read_text("utf-8").splitlines()
    assert all(map(_LOG_LINE.fullmatch, lines)), lines
    assert log.stat().st_mode & 0o777 == 0o600
    assert shared_lab.password.reveal() not in log.read_text("utf-8")
    # What was typed is in the log as it is in the recording, with the mark in place of the password.
    events = [json.loads(line) for line in cast.read_text("utf-8").splitlines()[1:]]
    typed = "".join(text for _, kind, text in events if kind == "i")
    sent = "".join(line[27:] for line in lines if line[25] == ">").replace("\\r", "\r")
    assert "(a secret)" in typed
    assert re.sub(r"\\x[01]\S| ", "", sent) == re.sub(r"[\x00-\x0c\x0e-\x1f ]", "", typed)
    before = len(lines)
    assert invoke(*call)[0] == 0
    assert len(log.read_text("utf-8").splitlines()) > before


def test_a_wrong_password_is_in_no_log(shared_lab: ThreadedLab, keyfile: Path, tmp_path: Path) -> None:
    arguments = list(map(str, shared_lab.arguments))
    at = arguments.index("--password-file")
    call = [*arguments[:at], *arguments[at + 2 :], keyfile, "-vv", "--log-file", tmp_path / "log"]
    status, out, err = invoke("addkey", *call, env={"SOS_PASSWORD": _PASSWORD})
    assert status == 5
    text = (tmp_path / "log").read_text("utf-8")
    assert "Login incorrect" in text and "failed after" in text
    assert _PASSWORD not in out + err + text


def test_a_secret_parameter_is_in_no_log(shared_lab: ThreadedLab, tmp_path: Path) -> None:
    book = tmp_path / "book.yml"
    book.write_text('name: x\nparameters:\n  token: {type: secret}\nsteps:\n- run: echo "$token"\n')
    call = ["run", book, *shared_lab.arguments, "-p", "token=env:TOKEN", "-vv", "--log-file", tmp_path / "log"]
    status, out, err = invoke(*call, env={"TOKEN": "s3cret-t0ken"})
    assert status == 0, err
    assert "s3cret-t0ken" not in out + err + (tmp_path / "log").read_text("utf-8")


def test_what_is_not_a_log_is_left_alone(keyfile: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, words in (
        (link, "symbolic link"),
        (keyfile, "not a log"),
        (pipe, "not a log"),
        (tmp_path, "Is a directory"),
        (tmp_path / "no" / "log", "No such file"),
        ("a\0b", "null byte"),
    ):
        before = keyfile.read_bytes()
        status, out, err = invoke("key", "show", keyfile, "--log-file", path)
        assert (status, out) == (2, ""), path
        assert words in err
        assert keyfile.read_bytes() == before
    assert not (tmp_path / "elsewhere").exists()


def test_a_log_that_others_may_read_becomes_private(keyfile: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert invoke("key", "show", keyfile, "--log-file", log)[0] == 0
    log.chmod(0o644)
    assert invoke("key", "show", keyfile, "--log-file", log)[0] == 0
    assert log.stat().st_mode & 0o777 == 0o600
    assert len(log.read_text().splitlines()) == 2


def test_a_log_that_cannot_grow_ends_and_the_command_goes_on(tmp_path: Path) -> None:
    failures: list[str] = []
    log = LogFile(tmp_path / "log", failures.append)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
        for number in range(20):
            log.write("·", f"line {number}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert len(failures) == 1 and "File too large" in failures[0]
    log.close()


def test_lines_of_traffic() -> None:
    seen: list[str] = []
    traffic = Traffic(lambda direction, text: seen.append(direction + text))
    for data in (b"one\r\ntw", b"o\xc3", b"\xa4\r\n\x1b[2Jlogin: "):
        traffic.output(data)
    traffic.input("root\r")
    traffic.input("a\nb")
    traffic.output(b"\r\n")
    traffic.close()
    assert seen == ["<one", "<twoä", "<\\x1b[2Jlogin: ", ">root\\r", ">a\\n", ">b"]


def test_other_programs_get_the_traffic_too(shared_lab: ThreadedLab) -> None:
    seen: list[tuple[str, str]] = []

    def broken(direction: str, text: str) -> None:
        seen.append((direction, text))
        raise ValueError("x")

    done = blocking.add_key(shared_lab.target, new_key(), password=shared_lab.password, on_traffic=broken)
    assert done.status == "added"
    assert (">", "root") in seen
    assert any("on_traffic failed: ValueError" in text for text in done.warnings)


# -- quiet, times, the closing line -----------------------------------------------------------


@pytest.mark.parametrize("command", ["addkey", "keys list", "exec", "state"])
def test_one_closing_line_unless_quiet(command: str, shared_lab: ThreadedLab, keyfile: Path) -> None:
    extra: dict[str, list[object]] = {"addkey": [keyfile], "exec": ["--", "true"]}
    words = list(map(str, shared_lab.arguments))
    if command == "state":
        at = words.index("--password-file")
        words = [*words[:at], *words[at + 2 :]]
    for options, closings in ((["-v"], 1), (["-q"], 0)):
        status, _, err = invoke(*command.split(), *options, *words, *extra.get(command, []))
        assert status == 0
        assert len(re.findall(r"^[ =] done in \d+\.\d\d s", err, re.MULTILINE)) == closings, err
        assert closings or err == ""


def test_durations_leave_out_what_the_user_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [1000.0]
    monkeypatch.setattr("sosagent.cli.progress.time.monotonic", lambda: now[0])
    progress = Progress()
    now[0] += 2
    with progress.paused():
        now[0] += 30
        with progress.paused():
            now[0] += 30
    now[0] += 1
    progress(Event("done", "logged in"))
    now[0] += 0.5
    progress.close()
    progress.close()
    err = capsys.readouterr().err
    assert re.search(r"logged in +3\.00 s\n", err)
    assert err.count("done in 3.50 s, of which 3.00 s: logged in\n") == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("2m", 120), ("1h30m", 5400), ("24h", 86400), ("1d", 86400), ("1h0m5s", 3605), ("90", 90),
     ("0.5", 0.5), ("1.5h", 5400), ("0.25s", 0.25)],
)  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text, "--timeout") == seconds


def test_marks_that_the_terminal_lacks_are_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    screen = io.TextIOWrapper(written, "iso-8859-1", errors="backslashreplace")
    monkeypatch.setattr(screen, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr", screen)
    progress = Progress(verbose=1)
    progress(Event("done", "logged in"))
    progress.detail("more")
    progress.stop()
    screen.flush()
    text = written.getvalue()
    assert b"\\u" not in text and b"logged in" in text
    assert re.search(rb"-(?:\x1b\[0m)? \d\.\d\d s: more", text)


_NO_TIMES = ("", "0", "0s", "-1", "5x", "m", "soon", "1e3", "nan", "inf", "5M", "1m1h", "1m1m", "90 s", "٣", "25h",
             "1h30", ".5", "5.", "9" * 20, "2d", "\x1b[31m")  # fmt: skip


@pytest.mark.parametrize("text", _NO_TIMES)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(sosagent.UsageError, match="--timeout") as caught:
        parse_duration(text, "--timeout")
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    "words",
    ["addkey h k --timeout", "exec h --timeout", "run boot-errors h --timeout", "upload h f ~/f --timeout",
     "keys list h --timeout", "state h --timeout", "state h --quiet-for", "screen h --quiet-for", "break h --timeout",
     "console h --read-only --timeout", "hostkeys h --timeout"],
)  # fmt: skip
def test_every_option_for_a_time_names_the_forms(words: str) -> None:
    status, out, err = invoke(*words.split(), "5x")
    assert (status, out) == (255 if words.startswith("exec") else 2, "")
    assert err == (
        f"sosagent: invalid {words.split()[-1]} '5x'\n  Write a time such as 90s, 2m or 1h30m, or seconds.\n"
    )


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1h30m", 5400), ("2w", 1209600), ("1d12h", 129600)])
def test_expiry_takes_the_same_forms(text: str, seconds: int) -> None:
    from datetime import UTC, datetime

    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert (parse_expiry(text, now) - now).total_seconds() == seconds


# -- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    ["--bogus", "bogus", "keys bogus", "keys list", "addkey", "addkey --timeout", "lab --port x", "lab --port 70000",
     "key show --json=1", "machines schema x", "exec", "state -x"],
)  # fmt: skip
def test_a_wrong_command_line_is_reported_like_other_errors(words: str) -> None:
    status, out, err = invoke(*words.split())
    assert (status, out) == (2, "")
    first, *rest = err.splitlines()
    assert re.match(r"sosagent: [^A-Z].*[^.]$", first), first
    assert rest[0].endswith("--help explains the options.")
    assert rest[0].startswith("  sosagent")
    assert all(line.startswith("  Usage: sosagent") for line in rest[1:])


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "allowed"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": ""}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False),
     ({"TERM": "dumb"}, False), ({"TERM": "vt220"}, True)],
)  # fmt: skip
def test_where_colour_is_allowed(environment: dict[str, str], allowed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert colour_allowed(_Terminal()) is allowed
    assert not colour_allowed(io.StringIO())
    assert in_colour("x", "error", _Terminal()) == (f"{_RED}x\x1b[0m" if allowed else "x")


@pytest.mark.parametrize("words", ["key show /none", "key show --bogus", "runbook check /none.yml"])
def test_errors_are_red_on_a_terminal(words: str) -> None:
    for extra, red in (({}, True), ({"NO_COLOR": "1"}, False)):
        environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "TERM": "xterm", **extra}
        text = str(pexpect.run(f"{SOSAGENT} {words}", env=environment, encoding="utf-8"))
        assert text.startswith(f"{_RED}sosagent:\x1b[0m " if red else "sosagent: "), text
        assert ("\x1b" in text) is red


# -- results for the next tool ----------------------------------------------------------------


@pytest.mark.skipif(not list(Path("/etc/ssh").glob("ssh_host_*_key.pub")), reason="the lab has the host's keys")
def test_hostkeys_prints_only_lines_for_known_hosts(shared_lab: ThreadedLab, tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    call = ["hostkeys", *shared_lab.arguments, "--into", file]
    status, out, err = invoke(*call, "--name", "Web1", "--name", "10.0.0.1:2222")
    assert status == 0
    lines = [line.split(" ") for line in out.splitlines()]
    assert {line[0] for line in lines} == {"web1", "[10.0.0.1]:2222"}
    assert all(len(line) == 3 and line[2].startswith("AAAA") for line in lines)
    assert "SHA256:" in err
    status, records, _ = invoke(*call, "--name", "web1", "--sshfp")
    assert all(line.startswith("web1 IN SSHFP ") for line in records.splitlines()) and records
    status, nothing, err = invoke(*call)
    assert (status, nothing) == (0, "") and "--name" in err
    file.write_text(out)
    status, out, err = invoke(*call, "--name", "web1", "--write")
    assert (status, out) == (0, "") and "nothing to write" in err
