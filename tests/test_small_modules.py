"""printable, secret, errors, target, states: rooms without I/O, or nearly so."""

from __future__ import annotations

import copy
import io
import json
import pickle
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sosagent
from sosagent import errors
from sosagent.endpoint.parse import parse_target
from sosagent.errors import SosError
from sosagent.printable import clean, is_clean, playable, printable
from sosagent.secrets.secret import Secret
from sosagent.secrets.sources import find_password
from sosagent.terminal.states import STATES, Action, State, classify

HOSTILE = "\x1b]52;c;aGk=\x07\x1b[31mred\x9b1m\u202eevil\u2066[/foo]\r\n\x00\ufeff"


@given(st.text(max_size=200))
def test_printable_is_one_clean_line(text: str) -> None:
    assert is_clean(printable(text))
    assert is_clean(clean(text))


@given(st.text(alphabet="ab\x1b[]0;1mKPhx\x07\\\r\n\u202e\x9b", max_size=100))
def test_playable_keeps_only_harmless_sequences(text: str) -> None:
    shown = playable(text)
    assert playable(shown) == shown
    assert not set(shown) & {"\u202e", "\x9b", "\x07"}
    for piece in shown.split("\x1b")[1:]:
        assert piece.startswith("[")


def test_printable_escapes_and_keeps_the_end() -> None:
    assert printable("a\x1bb\u202e") == "a\\x1bb\\u202e"
    assert printable(b"\xffa") == "\ufffda"
    assert printable("x" * 500 + "end", 10) == "…xxxxxxxend"


def test_a_secret_never_shows_itself(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret("hunter2")
    out = io.StringIO()
    print(secret, repr(secret), f"{secret}", f"{secret!r:>20}", [secret], {"a": secret}, file=out)
    try:
        raise ValueError(secret)
    except ValueError:
        traceback.print_exc(file=out)
    assert "hunter2" not in out.getvalue()
    for leak in (pickle.dumps, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            leak(secret)
    assert not hasattr(secret, "__dict__")
    assert secret.reveal() == "hunter2"


def test_password_sources_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "p"
    file.write_text("from file\n")
    file.chmod(0o600)
    monkeypatch.setenv("SOS_PASSWORD", "from env")
    assert find_password(file=file, command="echo x").reveal() == "from file"
    assert find_password(command="printf 'from command\\r\\n'").reveal() == "from command"
    assert find_password().reveal() == "from env"
    monkeypatch.delenv("SOS_PASSWORD")
    monkeypatch.setattr("sys.stdin", io.StringIO("typed\n"))
    with pytest.raises(sosagent.PasswordMissing):
        find_password()


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ("hunter2\n", 0o644, "read by others"),
        ("", 0o600, "no password"),
        ("\nhunter2\n", 0o600, "first line is empty"),
        ("one\ntwo\n", 0o600, "more than one line"),
        ("tab\there\n", 0o600, "control character"),
        ("x" * 600, 0o600, "512"),
    ],
)
def test_bad_password_files(tmp_path: Path, content: str, mode: int, words: str) -> None:
    file = tmp_path / "p"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(sosagent.UsageError, match=words) as caught:
        find_password(file=file)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("command", "words"), [("false", "status 1"), ("/no/such", "cannot be run"), ("'", "words"), (" ", "empty")]
)
def test_bad_password_commands(command: str, words: str) -> None:
    with pytest.raises(sosagent.UsageError, match=words):
        find_password(command=command)


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("sos.example.net", None, "sos.example.net", None),
        ("uuid@sos.example.net", "uuid", "sos.example.net", None),
        ("uuid@sos.example.net:2222", "uuid", "sos.example.net", 2222),
        ("ssh://me%40corp@h:22/", "me@corp", "h", 22),
        ("proj.zone.vm.user.port=1@gw:9600", "proj.zone.vm.user.port=1", "gw", 9600),
        ("root:serial@console", "root:serial", "console", None),
        ("[::1]:2200", None, "::1", 2200),
        ("u@fe80::1", "u", "fe80::1", None),
        ("my-alias_1", None, "my-alias_1", None),
    ],
)
def test_hosts(text: str, user: str | None, host: str, port: int | None) -> None:
    target = parse_target(text)
    assert isinstance(target, sosagent.SshTarget)
    assert (target.user, target.host, target.port) == (user, host, port)


@pytest.mark.parametrize(
    "text",
    [
        "", "@h", "u@", "h:0", "h:99999", "h:x", "http://h", "-oProxyCommand=id", "a b", "h\x1b[m", "ssh://u:pw@h",
        "h/x",
    ],
)  # fmt: skip
def test_bad_hosts(text: str) -> None:
    with pytest.raises(sosagent.TargetInvalid) as caught:
        parse_target(text)
    assert is_clean(str(caught.value))


def leaves(kind: type[SosError]) -> list[type[SosError]]:
    return [leaf for sub in kind.__subclasses__() for leaf in [sub, *leaves(sub)]]


def test_every_error_has_a_code_of_its_own_and_is_exported() -> None:
    found = [leaf for leaf in leaves(SosError) if leaf.__module__ == errors.__name__]
    assert len({leaf.code for leaf in found}) == len(found)
    for leaf in found:
        assert leaf.__name__ in sosagent.__all__
        assert leaf.exit_code in range(2, 10)
    assert SosError("x", tail=[HOSTILE]).tail == (printable(HOSTILE),)


SCREENS = [
    (["Debian GNU/Linux 12 vm ttyS0", ""], "vm login: ", "login", "vm"),
    ([], "login: ", "login", None),
    ([], "web-1.example.net login:", "login", "web-1.example.net"),
    ([], "Last login: ", "unknown", None),
    ([], "Password: ", "password", None),
    ([], "root's Password:", "password", None),
    ([], "[sudo] password for alice: ", "sudo-password", None),
    ([], "Current password: ", "password-expired", None),
    ([], "(current) UNIX password: ", "password-expired", None),
    ([], "root@vm:~# ", "shell", None),
    ([], "alice@vm:~$ ", "shell", None),
    ([], "[root@vm ~]# ", "shell", None),
    ([], "/ # ", "shell", None),
    ([], "vm% ", "shell", None),
    ([], "~ ❯ ", "shell", None),
    ([], "> ", "continuation", None),
    ([], "dquote> ", "continuation", None),
    ([], "grub> ", "grub", None),
    ([], "Shell> ", "uefi-shell", None),
    ([], "(initramfs) ", "initramfs", None),
    ([], ">>> ", "repl", None),
    ([], "(END)", "pager", None),
    ([], "--More--(12%)", "pager", None),
    ([], "racadm>>", "bmc-prompt", None),
    ([], "</>hpiLO-> ", "bmc-prompt", None),
    ([], "system> ", "bmc-prompt", None),
    ([], "-> ", "bmc-prompt", None),
    ([], "SAC>", "windows-sac", None),
    ([], "Give root password for maintenance", "unknown", None),
    ([], "(or press Control-D to continue): ", "maintenance", None),
    ([], "Give root password for login: ", "maintenance", None),
    (["You are in emergency mode."], "Press Enter for maintenance", "maintenance-enter", None),
    ([], "Do you want to continue? [Y/n] ", "question", None),
    (["[Read-only SOS Session. Use ~? for help.]"], "", "endpoint-read-only", None),
    (["console access is limited to one connection at a time"], "", "endpoint-busy", None),
    (["[    1.234567] Kernel panic - not syncing: VFS"], "", "panic", None),
    (["[    1.234567] usb 1-1: new device"], "", "booting", None),
    (["[  OK  ] Started ssh.service."], "", "booting", None),
    ([], "", "silent", None),
    (["old noise"], "", "silent", None),
    ([], "Choose an item", "unknown", None),
]


@pytest.mark.parametrize(("lines", "open_line", "name", "host"), SCREENS)
def test_screens_are_named(lines: list[str], open_line: str, name: str, host: str | None) -> None:
    seen = classify(lines, open_line)
    assert (seen.state.name, seen.hostname) == (name, host)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_every_row_is_what_its_example_shows(state: State) -> None:
    if state.name == "editor-insert":
        assert classify(["text", "-- INSERT --"], "", screen=True).state is state
        return
    *lines, open_line = state.example.split("\n")
    assert classify(lines, open_line, screen=bool(state.screen)).state is state
    assert state.hint or state.action not in (Action.STOP, Action.BUSY, Action.RECONNECT, Action.REFUSED)
    assert state.title.startswith(("a ", "an ", "the ", "emergency ", "tmux ", "unreadable "))


def test_the_names_of_the_rows_differ() -> None:
    assert len({state.name for state in STATES}) == len(STATES)


@given(st.lists(st.text(max_size=60), max_size=8), st.text(max_size=80))
def test_any_screen_has_a_name(lines: list[str], open_line: str) -> None:
    assert classify(lines, open_line).state.title
    assert classify(lines, open_line, screen=True).state.title
