"""runbook/examine.py: what the check finds beyond the format: syntax of programs, and files on this computer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sosagent.errors import ConfigInvalid
from sosagent.printable import is_clean
from sosagent.runbook import shell_syntax
from sosagent.runbook.examine import check_runbook
from sosagent.runbook.load import load_runbook, shipped
from sosagent.runbook.shell_syntax import SyntaxMistake, syntax_mistake

from ..conftest import installed, new_key
from ..support.cli import run_sosagent
from .test_check import VALID

#: A runbook, and the lines and words of its mistakes.
BROKEN = {
    "block": ("- name: a\n  run: |\n    for x in a b; do\n      echo $x\n    done\n    done\n", [(8, "done")]),
    "block with options": ("- run:\n    store: s\n    program: |-\n      echo a\n      if a; then fi\n", [(7, "fi")]),
    "block after blanks": ("- run: |\n\n\n    echo a\n    )\n", [(7, r"\)")]),
    "block with a comment": ("- run: |  # about it\n    (\n    echo a\n", [(5, "end of file|EOF|expected")]),
    "indented block": ("- run: |2\n     echo\n     ;;\n", [(5, ";;")]),
    "one line": ("- run: echo a; fi\n", [(3, "fi")]),
    "on the next line": ("- run:\n    echo a; fi\n", [(4, "fi")]),
    "in quotes": ("- run: 'echo \"a'\n", [(3, "[Uu]nterminated|unexpected EOF|quote")]),
    "folded": ("- run: >\n    echo a;\n    done\n", [(4, "done")]),
    "a list on one line": ("- {run: 'a &&& b'}\n", [(3, "&")]),
    "quotes over lines": ('- run: "echo a;\\n\n    echo b; fi"\n', [(3, "fi")]),
    "two of them": ("- run: 'fi'\n- run: 'true'\n- run: 'do'\n", [(3, "fi"), (5, "do")]),
    "other sections": ("- run: 'true'\non_failure:\n- run: 'fi'\nfinally:\n- run: |\n    case\n", [(5, "fi"), (8, "")]),
    "and another mistake": ("- run: 'fi'\n- rnu: a\n", [(3, "fi"), (4, "unknown key")]),
}  # fmt: skip


def mistakes(path: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigInvalid) as caught:
        check_runbook(path)
    return caught.value.mistakes


@pytest.fixture(params=["sh", "bash", "busybox"])
def shell(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Let the check use another shell."""
    if request.param != "sh":
        (program,) = installed([request.param])
        links = tmp_path / "links"
        links.mkdir()
        (links / "sh").symlink_to(shutil.which(program) or program)
        monkeypatch.setattr(shell_syntax, "_SHELLS", (str(links / "sh"),))
    shell_syntax.syntax_mistake.cache_clear()
    yield request.param
    shell_syntax.syntax_mistake.cache_clear()


@pytest.mark.parametrize("name", BROKEN)
def test_a_syntax_error_is_reported_with_its_line(name: str, shell: str, tmp_path: Path) -> None:
    steps, expected = BROKEN[name]
    path = tmp_path / "a.yml"
    path.write_text(f"name: x\nsteps:\n{steps}")
    found = mistakes(path)
    assert len(found) == len(expected), found
    for message, (line, words) in zip(found, expected, strict=True):
        assert message.startswith(f"{path}:{line}:"), message
        assert re.search(words, message.removeprefix(str(path))), message
        assert is_clean(message)
        assert "/sh" not in message and "stdin" not in message and "line 1:" not in message
    done = run_sosagent("runbook", "check", path)
    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines() == [f"sosagent: {message}" for message in found]


VALID_PROGRAMS = {
    "variables": 'df -P "$path" | awk \'NR == 2 { print $5 + 0 }\'',
    "templates of other tools": "docker ps --format '{{.Names}} {{ json .Ports }}'",
    "no newline at the end": "cat <<E\na\nE",
    "a comment at the end": "echo a # b",
    "only a comment": "# nothing",
    "a backslash at the end": "echo a \\",
    "case": "case $a in (x) echo a ;; y|z) echo b;; esac",
    "nested": "a=$(echo $(echo `echo b`)); echo $((1 + (2 * 3))) ${a#${a%b}}",
    "a function": "f() { local x; x=1; return 3; }; f || echo \"$?\"",
    "here-documents": "cat <<'E' <<-F\n$(\nE\n\tb\n\tF\n",
    "an open here-document": "cat <<E\na",
    "unicode": "echo 'ü 漢 \u202f'",
    "redirections": "{ echo a; echo b >&2; } >f 2>&1 3<&- & wait $!",
    "quotes": "echo 'a\"b' \"c'd\" \\' \"\\\"\"",
    "words of the shell": "echo if then fi do done case esac; if=1",
    "a tab": "if true; then\n\techo a\nfi",
    "commands that would harm": "exit 3; rm -rf /nowhere; kill $$; exec false; set -e; trap 'exit 1' 0",
}  # fmt: skip


@pytest.mark.parametrize("name", VALID_PROGRAMS)
def test_valid_programs_are_accepted(name: str, shell: str) -> None:
    assert syntax_mistake(VALID_PROGRAMS[name]) is None


@pytest.mark.parametrize("name", VALID)
def test_valid_runbooks_are_accepted(name: str, tmp_path: Path) -> None:
    (tmp_path / "good.yml").write_bytes(VALID[name])
    assert check_runbook(tmp_path / "good.yml").runbook == load_runbook(tmp_path / "good.yml").runbook


@pytest.mark.parametrize("name", shipped())
def test_shipped_runbooks_are_accepted(name: str, shell: str) -> None:
    assert check_runbook(name).name == name


def test_nothing_of_a_program_is_run(tmp_path: Path, shell: str) -> None:
    target = tmp_path / "ran"
    for program in (f"touch {target}", f"$(touch {target})", f"a=`touch {target}`", f": ${{x:=$(touch {target})}}",
                    f"x[$(touch {target})]=1", f"trap 'touch {target}' 0", f"touch {target}\nfi"):  # fmt: skip
        syntax_mistake(program)
    assert not target.exists()


def test_the_environment_cannot_run_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    target = tmp_path / "ran"
    (tmp_path / "rc").write_text(f"touch {target}\n")
    monkeypatch.setenv("ENV", str(tmp_path / "rc"))
    monkeypatch.setenv("BASH_ENV", str(tmp_path / "rc"))
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert syntax_mistake("fi") is not None
    assert not target.exists()


@settings(max_examples=40, deadline=None)
@given(st.text("ab$(){}'\"`\\;&|<>#\n \t!\x00\xa0ü\ud800", max_size=30))
def test_the_verdict_is_that_of_the_shell_which_runs_the_program(text: str) -> None:
    """A program is run by eval; the shell must agree, except where an expansion or a command fails."""
    program = text.strip()
    found = syntax_mistake(program)
    assert found is None or (found.line >= 0 and is_clean(found.message))
    data = program.encode("utf-8", "replace").replace(b"\0", b"")
    done = subprocess.run(["sh", "-n"], input=data + b"\n", capture_output=True, check=False)
    assert (done.returncode != 0) is (found is not None)


@pytest.mark.parametrize("program", ["a=(1 2)", "function f { echo; }", "cat <(echo)"])
def test_what_only_bash_accepts_is_named(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell_syntax, "_SHELLS", (shutil.which(installed(["dash"])[0]),))
    installed(["bash"])
    syntax_mistake.cache_clear()
    found = syntax_mistake(program)
    both = syntax_mistake(f"{program}\nfi")
    syntax_mistake.cache_clear()
    assert found is not None and found.message.endswith("; only bash accepts this")
    assert both is not None and "bash" not in both.message


def test_without_a_shell_nothing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell_syntax, "_SHELLS", ("/nowhere/sh",))
    syntax_mistake.cache_clear()
    assert syntax_mistake("fi") is None
    syntax_mistake.cache_clear()


MESSAGES = {
    "dash": ("/bin/sh: 3: Syntax error: \"done\" unexpected\n", (2, '"done" unexpected')),
    "bash": (
        "sh: line 2: syntax error near unexpected token `done'\nsh: line 2: `done'\n",
        (1, "near unexpected token `done'"),
    ),
    "busybox": ('sh: line 4: syntax error: unexpected "done" (expecting "fi")\n',
                (3, 'unexpected "done" (expecting "fi")')),
    "mksh": ("/bin/sh: <stdin>[2]: syntax error: 'done' unexpected\n", (1, "'done' unexpected")),
    "ksh": ("/bin/sh: syntax error at line 5: `done' unexpected\n", (4, "`done' unexpected")),
    "zsh": ("/bin/sh: 2: parse error near `done'\n", (1, "parse error near `done'")),
    "unknown": ("\x1b[31mno way\n", (0, "\\x1b[31mno way")),
    "nothing": ("", (0, "sh -n does not accept this program")),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_of_other_shells_are_understood(name: str) -> None:
    text, (line, message) = MESSAGES[name]
    assert shell_syntax.parse_message(text) == SyntaxMistake(line, message)


FILE_STEPS = {
    "upload": ("upload: {from: none.txt, to: /t}", "upload.from", "cannot read .*none.txt: No such file"),
    "upload of a folder": ("upload: {from: ., to: /t}", "upload.from", "Is a directory"),
    "upload from a home": ("upload: {from: ~nobody-is-called-so/x, to: /t}", "upload.from", "no such user"),
    "upload to a relative path": ("upload: {from: here.txt, to: t}", "upload.to", "'t' is not the path of a file"),
    "download from a relative path": ("download: {from: t, to: x}", "download.from", "'t' is not the path of a file"),
    "download to a folder": ("download: {from: /t, to: /tmp}", "download.to", "/tmp is a folder"),
    "download to no folder": ("download: {from: /t, to: /nowhere/x}", "download.to", "its folder does not exist"),
    "add_key": ("add_key: none.pub", "add_key", "cannot read .*none.pub: No such file"),
    "add_key with options": ("add_key: {key: none.pub, user: root}", "add_key.key", "none.pub: No such file"),
    "a damaged key": ("add_key: ssh-ed25519 AAAAC3Nz x", "add_key", "the key of this step"),
    "remove_key": ("remove_key: none.pub", "remove_key", "none.pub: No such file"),
    "a file without a key": ("add_key: here.txt", "add_key", "contains no key|not"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILE_STEPS)
def test_a_missing_file_is_found_by_the_check(name: str, tmp_path: Path) -> None:
    step, _, words = FILE_STEPS[name]
    (tmp_path / "here.txt").write_text("text\n")
    path = tmp_path / "a.yml"
    path.write_text(f"name: x\nsteps:\n  - run: 'true'\n  - {step}\n")
    (found,) = mistakes(path)
    assert found.startswith(f"{path}:4:"), found
    assert re.search(words, found), found


def test_files_that_may_exist_later_are_not_reported(tmp_path: Path) -> None:
    key = new_key().line
    path = tmp_path / "sub" / "a.yml"
    path.parent.mkdir()
    (path.parent / "there.txt").write_text("x")
    (path.parent / "k.pub").write_text(f"{key}\n")
    path.write_text(
        "name: x\nparameters: {image: {default: none.txt}}\nsteps:\n"
        "  - upload: {from: there.txt, to: /t}\n"
        "  - upload: {from: '{{ image }}', to: '{{ image }}'}\n"
        "  - download: {from: /etc/hostname, to: made.txt}\n"
        "  - upload: {from: made.txt, to: /t}\n"
        "  - download: {from: '~/x', to: no-folder-of-the-caller/x}\n"
        "  - add_key: k.pub\n"
        f"  - add_key: {key}\n"
        f"  - add_key: |\n      {key}\n      {new_key().line}\n"
        "  - remove_key: SHA256:abcdef\n"
        f"  - remove_key: {{key: '{key}', user: root}}\n"
    )
    assert len(check_runbook(path).runbook.steps) == 10


def test_mistakes_of_an_included_runbook_are_reported_at_the_include(tmp_path: Path) -> None:
    (tmp_path / "inner.yml").write_text("name: x\nsteps:\n  - run: 'true'\n  - run: fi\n")
    path = tmp_path / "a.yml"
    path.write_text("name: x\nsteps:\n  - include: inner.yml\n  - run: fi\n")
    first, second = mistakes(path)
    assert first.startswith(f"{path}:3:5: in the included runbook: ") and "inner.yml:4:" in first
    assert second.startswith(f"{path}:4:")
    load_runbook(path)  # only the check needs a shell that agrees


def test_the_check_says_that_a_runbook_asks(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("name: x\nsteps:\n  - confirm: Really\n  - run: 'true'\n")
    done = run_sosagent("runbook", "check", path, "boot-errors")
    assert done.status == 0
    first, second = done.out.splitlines()
    assert first == f"{path}: 2 steps, no mistakes; it asks 1 question: without a terminal, --yes is needed"
    assert second.endswith(" steps, no mistakes")


def test_an_unreadable_file_is_found_by_the_check(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root can read every file")
    (tmp_path / "secret").touch(mode=0)
    path = tmp_path / "a.yml"
    path.write_text("name: x\nsteps:\n  - upload: {from: secret, to: /t}\n")
    assert "Permission denied" in mistakes(path)[0]
