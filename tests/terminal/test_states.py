"""The table of console states."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sosagent.terminal.states import STATES, Action, State, classify, looks_garbled, nearly_login

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
    *[
        ([], text, "choice", None)
        for text in (
            "Möchten Sie fortfahren? [J/n] ",
            "Voulez-vous continuer ? [O/n] ",
            "Mettre à jour (O/N) ? ",
            "Продолжить? [Д/н]: ",
            "是否继续？（是/否）：",
            "Weiter (ja | nein)? ",
            "Continuare? [sì/no] ",
            "Abort, retry, fail? (a/r/f) ",
        )
    ],
    *[
        ([], text, state, None)
        for text, state in (("[root/web-1] ", "unknown"), ("(a/b)# ", "shell"), ("[1/5] ", "unknown"))
    ],
    (["[Read-only SOS Session. Use ~? for help.]"], "", "endpoint-read-only", None),
    (["console access is limited to one connection at a time"], "", "endpoint-busy", None),
    (["[    1.234567] Kernel panic - not syncing: VFS"], "", "panic", None),
    (["Kernel panic - not syncing: VFS", *["x"] * 5], "", "panic", None),
    (["Kernel panic - not syncing: VFS", *["x"] * 6], "", "silent", None),
    ([*["x"] * 6, "Kernel panic - not syncing: VFS"], "", "panic", None),
    (["[    1.234567] usb 1-1: new device"], "", "booting", None),
    (["[  OK  ] Started ssh.service."], "", "booting", None),
    *[
        ([line], "", "receiver", None)
        for line in (
            "=R",
            "=Rcksum",
            "=Rcrc32",
            "=Rsha256sum",
            "=Rmd5sum",
            "=Rsh",
            "=1 0 4109833394 3",
            "=0  4109833394 3",
            "=12 0 0a1b2c3d 20",
            "=0  d41d8cd98f00b204e9800998ecf8427e 4",
            f"=2 127 {'ab' * 32} 1234567",
        )
    ],
    *[
        ([line], "", "silent", None)
        for line in (
            "=Root",
            "=Rcrc",
            "x=R",
            "=R x",
            "=1 0 4109833394",
            "=1 0 0A1B2C3D 20",
            f"=2 0 {'ab' * 33} 4",
            "=x 0 1 2",
        )
    ],
    ([], "", "silent", None),
    (["old noise"], "", "silent", None),
    ([], "Choose an item", "unknown", None),
]


@pytest.mark.parametrize(("lines", "open_line", "name", "host"), SCREENS)
def test_classify(lines: list[str], open_line: str, name: str, host: str | None) -> None:
    observation = classify(lines, open_line)
    assert (observation.state.name, observation.hostname) == (name, host)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_every_entry_matches_its_example(state: State) -> None:
    if state.name == "editor-insert":
        assert classify(["text", "-- INSERT --"], "", screen=True).state is state
        return
    *lines, open_line = state.example.split("\n")
    assert classify(lines, open_line, screen=bool(state.screen)).state is state


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_every_entry_has_the_texts_for_messages(state: State) -> None:
    """Messages say "the console shows {title}"; where a job stops, the hint says what to do."""
    assert state.hint or state.action not in (Action.STOP, Action.BUSY, Action.RECONNECT, Action.REFUSED)
    assert state.title.startswith(("a ", "an ", "the ", "emergency ", "tmux ", "unreadable "))


def test_the_names_of_the_states_are_unique() -> None:
    assert len({state.name for state in STATES}) == len(STATES)


@given(st.lists(st.text(max_size=60), max_size=8), st.text(max_size=80))
def test_any_text_has_a_state(lines: list[str], open_line: str) -> None:
    assert classify(lines, open_line).state.title
    assert classify(lines, open_line, screen=True).state.title


def test_a_message_counts_only_without_text_on_the_open_line() -> None:
    panic = ["Kernel panic - not syncing: VFS"]
    assert classify(panic, "").state.name == "panic"
    assert classify(panic, "Choose an item").state.name == "unknown"


def test_messages_of_the_endpoint_count_before_any_prompt_while_connecting() -> None:
    lines = ["[Read-only SOS Session. Use ~? for help.]"]
    assert classify(lines, "web-1 login: ", connecting=True).state.name == "endpoint-read-only"
    assert classify(lines, "web-1 login: ").state.name == "login"


def test_a_prompt_on_a_drawn_screen_is_the_text_of_a_program() -> None:
    assert classify([], "root@vm:~# ", screen=True).state.name == "full-screen"
    assert classify([], "(END)", screen=True).state.name == "pager"


@pytest.mark.parametrize(
    "prompt", ["vm loin: ", "vm loggin: ", "vm lo\ufffdin: ", "vm login ", "vm ogin: ", "vm login: "]
)
def test_a_login_prompt_with_one_damaged_character(prompt: str) -> None:
    assert nearly_login(prompt)


@pytest.mark.parametrize("prompt", ["Which of them? ", "vm lgn: ", "", "# ", "Password: "])
def test_other_prompts_are_not_taken_for_a_damaged_login_prompt(prompt: str) -> None:
    assert not nearly_login(prompt)


@pytest.mark.parametrize(
    ("raw", "garbled"),
    [(b"\0" * 8, True), (b"\0" * 7, False), (b"\0" * 8 + b"login: " * 2, False), (b"\xfe\x80" * 20 + b"abc", True)],
)
def test_a_line_that_is_read_too_fast(raw: bytes, garbled: bool) -> None:
    assert looks_garbled(raw) == garbled
