"""The public functions with asyncio: shells, keys, cancellation, and their documentation."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import sosagent
import sosagent.blocking
from sosagent.access import Access, AccessOptions, ConnectOptions, ConnectSettings, Permissions, access_to
from sosagent.endpoint.target import SshOptions, SshSettings
from sosagent.lab import Lab
from sosagent.terminal.screen import screen_of

from .conftest import new_key, processes_of, until

HERE = Path(__file__).parent
PACKAGE = Path(sosagent.__file__).parent


async def at_login(lab: Lab) -> None:
    """Wait until the console is free, and check that no user is logged in."""
    await until(lambda: lab.machine.on_output is None)
    assert not lab.machine.in_use


async def test_a_shell(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    async with sosagent.root_shell(lab_target, password=lab.password) as shell:
        assert lab.machine.in_use
        result = await shell.run("echo one; echo two; exit 3")
        assert (result.status, result.lines) == (3, ["one", "two"])
    await at_login(lab)


async def test_the_console_can_be_used_after_the_shell(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    async with sosagent.connect(lab_target, timeout=100) as console:
        assert console.state == "unknown"
        seen = await sosagent.console_state(console, poke=True)
        assert (seen.name, seen.hostname, console.state) == ("login", "lab", "login")
        for _ in range(2):
            async with sosagent.root_shell(console, password=lab.password.reveal()) as shell:
                assert (await shell.run("echo here")).output == b"here"
            assert not lab.machine.in_use
        left = console.time_left()
        assert left is not None
        assert 60 < left < 100  # not the deadline for logging out
        assert (await sosagent.console_state(console, seconds=0.2)).name == "login"
        assert console.screen(40, 10)[-1] == "lab login:"


async def test_the_host_name_is_compared_on_a_console(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    async with sosagent.connect(lab_target, timeout=30) as console:
        with pytest.raises(sosagent.WrongMachine):
            async with sosagent.root_shell(console, password=lab.password, expect_host="web-7"):
                pass
        async with sosagent.root_shell(console, password=lab.password, expect_host="") as shell:
            assert (await shell.run("echo in")).output == b"in"
    await at_login(lab)


@pytest.mark.parametrize("name", ["timeout", "transcript", "on_event", "ask", "kick"])
async def test_options_for_connecting_are_rejected_with_a_console(
    name: str, lab: Lab, lab_target: sosagent.SshTarget
) -> None:
    async with sosagent.connect(lab_target, timeout=20) as console:
        options: dict[str, Any] = {"password": lab.password, name: None}
        with pytest.raises(sosagent.UsageError, match=f"{name}: .*already connected"):
            async with sosagent.root_shell(console, **options):
                pass
        with pytest.raises(sosagent.PasswordMissing):
            async with sosagent.root_shell(console, password=None):
                pass
        assert console.bytes_sent == 0


async def test_an_error_in_the_block_logs_out(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with sosagent.root_shell(lab_target, password=lab.password):
            raise KeyError("mine")
    await at_login(lab)


async def test_a_read_only_endpoint_is_tried_again(
    lab: Lab, lab_target: sosagent.SshTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sosagent.session.machine._READ_ONLY_SECONDS", 0.1)
    lab.machine.read_only_sessions = 2
    async with sosagent.root_shell(lab_target, password=lab.password) as shell:
        assert (await shell.run("echo in")).output == b"in"
    assert lab.machine.read_only_sessions == 0
    await at_login(lab)


def test_a_screen() -> None:
    rows = screen_of(b"first\r\n\x1b[31mred\x1b[0m\x1b[3;2Hthird\x1b[=1;2c\x1b[2;1Hr", 20, 4)
    assert rows == ["first", "red", " third", ""]


async def test_keys_are_listed_and_removed(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    one, two, three = new_key("one"), new_key("two"), new_key("three")
    await sosagent.add_key(lab_target, [one, two, three], password=lab.password)
    listing = await sosagent.list_keys(lab_target, password=lab.password, expect_host="lab")
    assert [listed.entry.key for listed in listing.keys if listed.entry] == [one, two, three]
    assert (listing.user, listing.logged_out) == ("root", True)
    shown: list[sosagent.FileChange] = []

    async def confirm(change: sosagent.FileChange) -> bool:
        shown.append(change)
        assert processes_of("sleep 447")  # the dead-man's switch waits for the answer, too
        return len(shown) > 1

    plan = await sosagent.remove_key(lab_target, two.fingerprint, password=lab.password, dry_run=True)
    with pytest.raises(sosagent.NotConfirmed):
        await sosagent.remove_key(lab_target, two.fingerprint, password=lab.password, confirm=confirm, timeout=117)
    assert two.line in lab.authorized_keys.read_text()
    done = await sosagent.remove_key(lab_target, two.fingerprint, password=lab.password, confirm=confirm, timeout=117)
    assert done.removed == plan.removed == (two.line,)
    assert shown == [plan.change, done.change]
    with pytest.raises(sosagent.EditRefused, match="no key that gives root a shell would remain"):
        await sosagent.remove_key(lab_target, [one, three.line], password=lab.password)
    await sosagent.remove_key(lab_target, [one, three.line], password=lab.password, force=True)
    assert lab.authorized_keys.read_text() == ""
    for nothing in ("", ()):
        with pytest.raises(sosagent.UsageError):
            await sosagent.remove_key(lab_target, nothing, password=lab.password)
    await at_login(lab)


async def test_host_keys(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    """The lab's shell has this computer's files, with the rights of the user nobody."""
    public = [path.read_text() for path in sorted(Path("/etc/ssh").glob("ssh_host_*_key.pub"))]
    if not public:
        with pytest.raises(sosagent.EditRefused, match="no SSH host key"):
            await sosagent.host_keys(lab_target, password=lab.password)
    else:
        found = await sosagent.host_keys(lab_target, password=lab.password)
        assert {key.base64 for key in found.keys} <= {line.split()[1] for line in public}
    await at_login(lab)


MOMENTS = ["console state", "logged in as root", "shell ready"]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_cancelled_add_logs_out(moment: str, lab: Lab, lab_target: sosagent.SshTarget) -> None:
    loop = asyncio.get_running_loop()
    said: list[str] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as limit:

            def tell(event: sosagent.Event) -> None:
                if event.kind != "detail":
                    said.append(event.text)
                if event.text.startswith(moment):
                    limit.reschedule(loop.time())

            await sosagent.add_key(lab_target, new_key(), password=lab.password, on_event=tell)
    assert said[-1] == {"console state": "log in as root", "logged in as root": "log out"}.get(moment, "logged out")
    await at_login(lab)


async def test_a_cancelled_block_logs_out(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    for work in ("sleep 1", ""):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as limit:
                async with sosagent.root_shell(lab_target, password=lab.password) as shell:
                    limit.reschedule(asyncio.get_running_loop().time() + 0.2)
                    assert lab.machine.in_use
                    await (shell.run(work) if work else asyncio.sleep(30))
        await at_login(lab)


def test_every_public_name_is_documented() -> None:
    missing = []
    for name in sosagent.__all__:
        value = getattr(sosagent, name)
        said = value if inspect.isclass(value) or inspect.isroutine(value) else type(value)
        if not (said.__dict__.get("__doc__") or (inspect.isroutine(value) and value.__doc__)):
            missing.append(name)
    assert not missing


def public_functions() -> list[tuple[str, Any]]:
    modules = {"sosagent": sosagent, "blocking": sosagent.blocking}
    found = [
        (f"{place}.{name}", getattr(module, name))
        for place, module in modules.items()
        for name in module.__all__
        if inspect.isroutine(getattr(module, name))
    ]
    return [*found, ("Shell.run", sosagent.blocking.Shell.run)]


@pytest.mark.parametrize(("name", "function"), [pytest.param(*one, id=one[0]) for one in public_functions()])
def test_every_parameter_is_documented(name: str, function: Any) -> None:
    said = inspect.getdoc(function) or ""
    listed = re.findall(r"^    ([\w, ]+): ", said.partition("Args:")[2].partition("\n\n")[0], re.MULTILINE)
    told = {word for words in listed for word in words.split(", ")}
    assert told >= set(inspect.signature(function).parameters) - {"self"}
    assert "Raises:" in said
    assert inspect.signature(function).return_annotation != inspect.Signature.empty


def documented(options: type) -> list[str]:
    text = (inspect.getdoc(options) or "").partition("Fields:")[2]
    return re.findall(r"\w+", " ".join(re.findall(r"^    ([\w, ]+): ", text, re.MULTILINE)))


def names(settings: type) -> set[str]:
    return {one.name for one in fields(settings)}


def test_every_option_is_a_documented_keyword() -> None:
    for options, settings in (
        (ConnectOptions, names(ConnectSettings)),
        (AccessOptions, names(Access) - {"target", "permissions", "extend_timeout"} | names(Permissions)),
        (SshOptions, names(SshSettings)),
    ):
        assert set(options.__annotations__) == settings
    for options in (ConnectOptions, AccessOptions):
        assert set(documented(options)) == set(options.__annotations__)


def test_keywords_become_an_access() -> None:
    access = access_to("x", password="one", become_password="two", allow_immutable=True, timeout=3.0)
    assert (access.target, access.login, access.timeout, access.extend_timeout) == ("x", "root", 3.0, False)
    assert access_to("x", password="one").extend_timeout
    assert access.known_password.reveal() == "one"
    assert access.become_password is not None
    assert access.become_password.reveal() == "two"
    assert access.permissions == Permissions(allow_immutable=True)
    with pytest.raises(TypeError, match="pasword"):
        access_to("x", pasword="x")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="password"):
        access_to("x")  # type: ignore[call-arg]


def test_a_users_program_is_typed(tmp_path: Path) -> None:
    """mypy --strict accepts a program that uses the installed package, and finds its mistakes."""
    venv.create(tmp_path / "venv", with_pip=False)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site / "sosagent").symlink_to(PACKAGE)
    (site / "others.pth").write_text(sysconfig.get_paths()["purelib"])
    text = (HERE / "support" / "user_program.py").read_text()
    (tmp_path / "right.py").write_text(text)
    wrong = [(tmp_path / f"wrong{number}.py", line) for number, line in enumerate(re.findall(r"# WRONG: (.*)", text))]
    for path, line in wrong:
        path.write_text(f"import sosagent, sosagent.blocking\n{line}\n")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    done = subprocess.run(
        [
            sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull,
            "--python-executable", str(tmp_path / "venv/bin/python"), "--cache-dir", str(tmp_path / "cache"),
            "right.py", *(path.name for path, _ in wrong),
        ],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "right.py" not in done.stdout, done.stdout
    assert wrong
    for path, line in wrong:
        assert f"{path.name}:2: error" in done.stdout, (line, done.stdout)


def test_only_declared_packages_are_imported() -> None:
    """A package that happens to be installed for development may be missing elsewhere."""
    project = tomllib.loads((Path(sosagent.__file__).parents[1] / "pyproject.toml").read_text())["project"]
    extras = [name for extra in ("png", "keyring") for name in project["optional-dependencies"][extra]]
    declared = {re.split(r"[\[>]", name)[0].lower() for name in (*project["dependencies"], *extras, "pytest")}
    aliases = {"serial": "pyserial", "yaml": "pyyaml", "PIL": "pillow"}
    imported = set()
    for file in Path(sosagent.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])
    packages = {aliases.get(name, name) for name in imported - sys.stdlib_module_names - {"sosagent"}}
    assert packages <= declared
