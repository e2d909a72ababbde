"""`--json`: what every command prints is valid by the published schema, after success and after failures."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pexpect
import pytest

from docs.command_line import commands
from docs.json_schema import COMMANDS, FILE, schema_text
from sosagent.lab import ThreadedLab, lab_in_thread

from ..conftest import new_key
from ..support.commands import ADDKEY, SOSAGENT, invoke, run_process

_PASSWORD = "wrong-p4ssword"
_BROKEN = "name: x\nsteps:\n- rnu: true\n"
_FAILS = "name: it fails\nsteps:\n- run: exit 3\n"
_RUNS = "name: it works\nsteps:\n- run: echo hi\n- run: printf '\\033[31m\\303(\\n'\n"
_MACHINES = "[machines.web1]\nconsole = 'u@h'\ngroups = ['web']\n"


@dataclass(frozen=True)
class Place:
    """The lab, and files for the commands.

    Fields:
        lab: a machine in which one key is authorized.
        folder: has the files.
        options: the options for the lab, without HOST.
        config: the option for an ssh_config that is empty.
    """

    lab: ThreadedLab
    folder: Path
    options: list[str]
    config: list[str]

    def words(self, text: str) -> list[str]:
        """Return the words of a command line, in which some names are filled in."""
        filled = {
            "LAB": [*self.options, self.lab.host],
            "LAB-ENDPOINT": self._without_password(),
            "WRONG": [*self._without_password(), "--password-file", str(self.folder / "wrong")],
            "NOBODY": [*self.config, "--password-file", str(self.folder / "wrong"), "127.0.0.1:1"],
            "NO-ENDPOINT": [*self.config, "127.0.0.1:1"],
        }  # fmt: skip
        return [word.replace("@/", f"{self.folder}/") for part in text.split(" ") for word in filled.get(part, [part])]

    def _without_password(self) -> list[str]:
        at = self.options.index("--password-file")
        return [*self.options[:at], *self.options[at + 2 :], self.lab.host]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("json")
    contents = {
        "k.pub": new_key("me@here").line,
        "broken.pub": "ssh-ed25519 AAAA",
        "wrong": _PASSWORD,
        "runs.yml": _RUNS,
        "fails.yml": _FAILS,
        "broken.yml": _BROKEN,
        "machines.toml": _MACHINES,
        "broken.toml": "[machines.web1]\nconsole = 5\n",
        "ssh_config": "Host web1\n  HostName sos.example.net\n",
        "not-ssh": "\x00",
        "not.cast": "{}",
        "text": "some text\n",
    }
    for name, text in contents.items():
        (folder / name).write_text(f"{text}\n")
        (folder / name).chmod(0o600)
    with lab_in_thread() as lab:
        home = lab.authorized_keys_file.parent.parent
        (home / "text").write_text("some text\n")
        *options, _ = lab.arguments
        yield Place(lab, folder, options, lab.arguments[:2])


@cache
def _strict_schema() -> dict[str, Any]:
    """Return the published schema, but no object may have fields that the schema does not name."""
    schema: dict[str, Any] = deepcopy(json.loads(FILE.read_text("utf-8")))
    for one in schema["$defs"].values():
        if "properties" in one:
            one["additionalProperties"] = False
    return schema


def check(command: str, text: str) -> Any:
    """Check what a command has printed with the schema, and return it."""
    printed = json.loads(text)
    schema = _strict_schema() | {"anyOf": [{"$ref": f"#/$defs/{command.replace(' ', '-')}"}]}
    jsonschema.Draft202012Validator(schema).validate(printed)
    return printed


def _commands_with_results() -> list[tuple[str, Any]]:
    """Return all commands but the one that prints pages for people."""
    return [(name, command) for name, command in commands() if name != "sosagent help"]


#: Commands, and what follows them; the words of an argument are joined by tabs.
SUCCESSES = [
    ("addkey", "LAB @/k.pub"),
    ("addkey", "LAB @/k.pub --dry-run"),
    ("hostkeys", "LAB"),
    ("hostkeys", "LAB --name web1 --into @/known_hosts --write"),
    ("hostkeys", "LAB --name web1 --into @/known_hosts --dry-run"),
    ("exec", "LAB -- printf \\377"),
    ("exec", "LAB -- sh -c exit\t3"),
    ("run", "@/runs.yml LAB"),
    ("run", "@/runs.yml --dry-run"),
    ("upload", "LAB @/text ~/uploaded"),
    ("upload", "LAB @/k.pub ~/text --dry-run"),
    ("download", "LAB ~/text @/text2"),
    ("break", "LAB-ENDPOINT --yes --sysrq h"),
    ("state", "LAB-ENDPOINT --poke"),
    ("screen", "LAB-ENDPOINT --quiet-for 0.2"),
    ("screen", "LAB-ENDPOINT --quiet-for 0.2 --svg @/a.svg"),
    ("keys list", "LAB"),
    ("keys audit", "LAB"),
    ("keys remove", "LAB @/k.pub --force --dry-run"),
    ("keys remove", "LAB @/k.pub --force"),
    ("key show", "@/k.pub"),
    ("replay", "@/run.cast @/runs.yml"),
    ("replay", "@/run.cast @/fails.yml"),
    ("machines list", "--config @/machines.toml"),
    ("machines check", "--config @/machines.toml"),
    ("machines import", "@/ssh_config"),
    ("machines import", "@/ssh_config --write --config @/new.toml"),
    ("machines schema", ""),
    ("runbook check", "@/runs.yml boot-errors"),
    ("runbook list", ""),
    ("runbook show", "boot-errors"),
    ("runbook new", "@/new.yml"),
    ("runbook new", "-"),
    ("runbook schema", ""),
    ("completion install", "bash"),
    ("completion show", "fish"),
]
#: The exit statuses of those that have another one than 0.
STATUS = {"LAB -- sh -c exit\t3": 3, "@/run.cast @/fails.yml": 1}

_NO_SHELL = [(2, "--no-such-option"), (2, "tcsh"), (2, "a b c")]
#: Command -> exit statuses and command lines that fail.
FAILURES: dict[str, list[tuple[int, str]]] = {
    "addkey": [
        (2, "LAB @/k.pub --no-such-option"), (2, ""), (2, "LAB --timeout"), (2, "LAB @/none.pub"),
        (2, "LAB @/broken.pub"), (2, "LAB @/k.pub --timeout soon"), (3, "NOBODY @/k.pub"), (5, "WRONG @/k.pub"),
    ],
    "hostkeys": [(2, "LAB --bogus"), (2, "LAB --write"), (3, "NOBODY"), (5, "WRONG")],
    "exec": [(2, "LAB --bogus -- true"), (255, "LAB"), (255, "NOBODY -- true"), (255, "WRONG -- true")],
    "run": [
        (2, "--bogus"), (2, "@/broken.yml LAB"), (2, "@/none.yml LAB"), (3, "@/runs.yml NOBODY"),
        (5, "@/runs.yml WRONG"), (9, "@/fails.yml LAB"),
    ],
    "upload": [(2, "LAB"), (2, "LAB @/none ~/x"), (3, "NOBODY @/text ~/x"), (5, "WRONG @/text ~/x"),
               (6, "LAB @/text /no/such/folder/x")],
    "download": [(2, "LAB"), (2, "LAB ~/x -"), (3, "NOBODY ~/text @/x"), (5, "WRONG ~/text @/x")],
    "console": [(2, "--bogus"), (2, "LAB-ENDPOINT --escape xyz"), (2, "LAB-ENDPOINT"), (3, "NO-ENDPOINT --read-only")],
    "replay": [(2, ""), (2, "@/none.cast @/runs.yml"), (2, "@/not.cast @/runs.yml"), (2, "@/run.cast @/broken.yml")],
    "break": [(2, ""), (2, "LAB-ENDPOINT"), (2, "LAB-ENDPOINT --sysrq zz --yes"), (3, "NO-ENDPOINT --yes")],
    "state": [(2, ""), (2, "LAB-ENDPOINT --timeout 5x"), (2, "LAB-ENDPOINT --host-key maybe"), (3, "NO-ENDPOINT")],
    "screen": [(2, ""), (2, "LAB-ENDPOINT --size x"), (2, "LAB-ENDPOINT --quiet-for 0"), (3, "NO-ENDPOINT"),
               (2, "LAB-ENDPOINT --quiet-for 0.1 --svg /no/such/folder/x")],
    "lab": [(2, "--bogus"), (2, "--port x"), (2, "--faults drop"), (2, "--endpoint toaster"), (2, "--busy")],
    "key show": [(2, "--bogus"), (2, "@/none.pub"), (2, "@/broken.pub"), (2, "@/k.pub --option form=1")],
    "keys list": [(2, ""), (3, "NOBODY"), (5, "WRONG"), (2, "LAB --password-file @/none")],
    "keys audit": [(2, ""), (3, "NOBODY"), (5, "WRONG")],
    "keys remove": [(2, "LAB"), (2, "LAB @/none.pub"), (3, "NOBODY @/k.pub"), (5, "WRONG @/k.pub")],
    "machines list": [(2, "--bogus"), (2, "--config @/broken.toml"), (2, "--config @/machines.toml --group mail")],
    "machines check": [(2, "--bogus"), (2, "--config @/broken.toml"), (2, "--config /dev/null/x")],
    "machines import": [(2, ""), (2, "@/none"), (2, "@/ssh_config --from vax"), (2, "@/not-ssh")],
    "machines schema": [(2, "--bogus"), (2, "x"), (2, "--log-file /no/such/folder/x")],
    "runbook check": [(2, ""), (2, "@/none.yml @/runs.yml"), (2, "@/runs.yml @/broken.yml")],
    "runbook list": [(2, "--bogus"), (2, "x"), (2, "--log-file /no/such/folder/x")],
    "runbook show": [(2, ""), (2, "@/none.yml"), (2, "@/broken.yml")],
    "runbook new": [(2, ""), (2, "@/runs.yml"), (2, "/no/such/folder/x")],
    "runbook schema": [(2, "--bogus"), (2, "x"), (2, "--log-file /no/such/folder/x")],
    "completion install": _NO_SHELL,
    "completion show": [*_NO_SHELL, (2, "")],
}  # fmt: skip


@pytest.mark.parametrize(("command", "line"), SUCCESSES, ids=lambda one: one or "-")
def test_success_is_valid(command: str, line: str, place: Place) -> None:
    words = [word.replace("\t", " ") for word in place.words(line) if word]
    if command == "replay":
        assert invoke("run", *place.words("@/runs.yml LAB --transcript @/run.cast"))[0] == 0
    status, out, _ = invoke(*command.split(), "--json", *words, env={"HOME": str(place.folder)})
    assert status == STATUS.get(line, 0), out
    printed = check(command, out)
    assert isinstance(printed, list) or command.endswith("schema") or printed["error"] is None


@pytest.mark.parametrize(
    ("command", "line", "status"),
    [(command, line, status) for command, lines in FAILURES.items() for status, line in lines],
)
def test_failures_are_valid(command: str, line: str, status: int, place: Place) -> None:
    ended, out, err = invoke(*command.split(), *[word for word in place.words(f"--json {line}") if word])
    assert ended == status, out + err
    printed = check(command, out)
    assert printed["error"]["message"]
    assert "Traceback" not in err
    assert _PASSWORD not in out + err


def test_every_command_is_here() -> None:
    names = {name.removeprefix("sosagent ") for name, _ in _commands_with_results()}
    assert set(COMMANDS) == names
    assert {command for command, _ in SUCCESSES} | {"console", "lab"} == names
    assert set(FAILURES) == names
    assert all(len(lines) >= 3 for lines in FAILURES.values())


@pytest.mark.parametrize(
    ("name", "command"), _commands_with_results(), ids=lambda one: one if isinstance(one, str) else ""
)
def test_every_command_has_the_options_for_output(name: str, command: Any) -> None:
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--json", "-q", "--quiet", "-v", "--verbose", "--log-file"} <= options, name


def test_the_schema_is_up_to_date() -> None:
    assert FILE.read_text("utf-8") == schema_text(), "run: python -m docs"
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


def test_the_schema_refuses_what_it_does_not_describe(place: Place) -> None:
    _, out, _ = invoke("key", "show", "--json", place.folder / "k.pub")
    (key,) = json.loads(out)
    for wrong in ([key | {"schema": 2}], [key | {"bits": "256"}], [key | {"more": 1}], key):
        with pytest.raises(jsonschema.ValidationError):
            check("key show", json.dumps(wrong))


async def test_sos_addkey_prints_the_same_object(place: Place) -> None:
    for words in (["--no-such-option"], ["127.0.0.1:1", str(place.folder / "none")]):
        status, out, err = await run_process("--json", *words, command=ADDKEY)
        assert (status, err) == (2, "")
        assert check("addkey", out)["error"]["code"] in ("usage", "key-invalid")


def test_json_behind_the_command_of_exec_is_not_ours(place: Place) -> None:
    status, out, err = invoke("exec", "--bogus", "host", "--", "ip", "--json")
    assert (status, out) == (2, "")
    assert err.startswith("sosagent: no such option: --bogus")


def test_the_lab_prints_where_it_runs() -> None:
    process = subprocess.Popen([SOSAGENT, "lab", "--json"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline()]
        while lines[-1] != "}\n":
            lines.append(process.stdout.readline())
            assert lines[-1], "the lab ended"
        printed = check("lab", "".join(lines))
        assert Path(printed["password_file"]).is_file()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        process.stdout.close()


def test_the_console_prints_how_it_ended(place: Place) -> None:
    child = pexpect.spawn(SOSAGENT, ["console", "--json", *place.words("LAB-ENDPOINT")], timeout=60, encoding="utf-8")
    child.expect("SOS Session Ready")
    child.send("\r~.")
    child.expect(r"\{\r\n  \"schema\"")
    text = f"{child.after}{child.read()}"
    child.close()
    assert child.exitstatus == 0
    assert check("console", text[: text.rindex("}") + 1])["status"] == "left"
