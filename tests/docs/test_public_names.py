"""The public names of the library: each has a docstring, and the reference lists it."""

from __future__ import annotations

import inspect
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

import sosagent
import sosagent.blocking
from docs.public_names import MODULES, PUBLIC_NAMES, members_of

#: Values, which have no docstring of their own.
_VALUES = {"EOF", "TIMEOUT"}
#: All that programs may use of these; the rest is for sosagent itself.
CONSOLE = {
    "bytes_received", "bytes_sent", "exchanges", "expect", "login", "logout", "mark_recording", "open_line", "output",
    "quiet", "receive", "screen", "send", "send_break", "send_secret", "set_deadline", "skip", "state", "tail",
    "time_left", "type_line", "unrecorded",
}  # fmt: skip
SHELL = {"download", "run", "upload"}

NAMES = [(module, name) for module in MODULES for name in module.__all__]


def undocumented(value: object) -> list[str]:
    """Return the public members of a class without a docstring; a field is documented in that of its class."""
    if not inspect.isclass(value):
        return []
    described = {name for name, one in getattr(value, "model_fields", {}).items() if one.description}
    pages = "\n".join(one.__doc__ or "" for one in value.__mro__ if one.__module__.startswith("sosagent"))
    missing = []
    for name in (one for one in members_of(value) if one not in described):
        member = inspect.getattr_static(value, name, None)
        text = member.__doc__ if isinstance(member, property) or callable(member) else ""
        if isinstance(member, classmethod | staticmethod):
            text = member.__func__.__doc__
        if not text and not any(name in line.partition(":")[0].replace(",", " ").split() for line in pages.split("\n")):
            missing.append(name)
    return missing


@pytest.mark.parametrize(("module", "name"), NAMES, ids=lambda one: one if isinstance(one, str) else one.__name__)
def test_a_public_name_has_a_docstring_and_is_in_the_reference(module: ModuleType, name: str) -> None:
    value = getattr(module, name)
    row = next(line for line in PUBLIC_NAMES.page.read_text().splitlines() if f"`{module.__name__}.{name}`" in line)
    if name in _VALUES:
        return
    assert len(value.__doc__ or "") > 20
    assert not (value.__doc__ or "").startswith(f"{name}(")  # what dataclass makes up
    assert undocumented(value) == []
    assert [one for one in members_of(value) if f"`{one}`" not in row] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda one: one.__name__)
def test_the_reference_lists_no_others(module: ModuleType) -> None:
    rows = [line.split("`")[1] for line in PUBLIC_NAMES.page.read_text().splitlines() if line.startswith("| `")]
    prefix = f"{module.__name__}."
    listed = [row for row in rows if row.rpartition(".")[0] == module.__name__]
    assert sorted(listed) == sorted(prefix + name for name in module.__all__)
    assert len(rows) == len(NAMES)


@pytest.mark.parametrize("module", MODULES, ids=lambda one: one.__name__)
def test_a_console_and_a_shell_show_only_what_users_need(module: ModuleType) -> None:
    assert set(members_of(module.Console)) == CONSOLE
    assert set(members_of(module.Shell)) == SHELL


async def test_an_open_console_has_no_other_attributes(lab_target: sosagent.SshTarget) -> None:
    async with sosagent.connect(lab_target, timeout=30) as console:
        assert {name for name in dir(console) if not name.startswith("_")} == CONSOLE


def test_what_is_missing_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["class Bare:", "    field: int", "    def method(self) -> None:", "        self.attribute = 1"]
    (tmp_path / "bare.py").write_text("\n".join(lines))
    spec = spec_from_file_location("sosagent.bare", tmp_path / "bare.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "sosagent.bare", module)
    spec.loader.exec_module(module)
    assert members_of(module.Bare) == undocumented(module.Bare) == ["attribute", "field", "method"]
