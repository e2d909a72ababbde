"""HOST of a provider from another package: schemes from entry points, and the example package."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import sosagent
from sosagent.endpoint.target import ProviderReference, SshTarget
from sosagent.lab import Lab
from sosagent.printable import is_clean
from sosagent.providers import Located, ask_provider, keys_of, provider_of, schemes

from .test_packet import MINE, WHERE, addkey, refused

EXAMPLE = Path(__file__).parents[2] / "examples" / "provider"


MODULE = """
from sosagent import SshTarget, TargetInvalid
from sosagent.providers import Provider, Located

class Good(Provider):
    async def locate(self, name):
        return Located(SshTarget("good.example.net", name))

class Raises(Provider):
    async def locate(self, name):
        raise RuntimeError("no\\x1b[2J route")
    async def keys(self, name):
        raise TargetInvalid("mine\\x1b[2J", hint="h\\x1b[2J")

class NotAsync(Provider):
    def locate(self, name):
        return Located(SshTarget("h"))

class Types(Provider):
    async def locate(self, name):
        return {"none": None, "target": Located("h"), "password": Located(SshTarget("h"), "x"),
                "again": Located(__import__("sosagent").parse_target("good:x"))}[name]
    async def keys(self, name):
        return b"x"

def made():
    return Good()

def other():
    return object()

def fails():
    raise OSError("no file")
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that installs a package with the given entry points."""
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "sos_test_schemes.py").write_text(MODULE)
    (folder / "sos_test_broken.py").write_text("import no_such_module_here\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "sos_test_schemes", raising=False)

    def put(name: str, **entries: str) -> None:
        _dist_info(folder, name, entries)

    return put


def _dist_info(folder: Path, name: str, entries: dict[str, str]) -> None:
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{scheme} = {value}" for scheme, value in entries.items()]
    (info / "entry_points.txt").write_text("\n".join(["[sosagent.endpoints]", *lines, ""]))


async def test_schemes_of_packages(install: Callable[..., None]) -> None:
    install("sos-good", good="sos_test_schemes:Good", made="sos_test_schemes:made", packet="sos_test_schemes:Good")
    assert {"good", "made", "packet"} <= set(schemes())
    for scheme in ("good", "made"):
        found = await ask_provider(ProviderReference(scheme, "web1", identities=(Path("/i"),)))
        assert found == Located(SshTarget("good.example.net", "web1", identities=(Path("/i"),)))
    assert type(provider_of("good")).__name__ == "Good"
    with pytest.raises(sosagent.UsageError, match="no public keys"):
        await keys_of(ProviderReference("good", "web1"))
    with pytest.raises(sosagent.UsageError, match="needs an API token"):  # the built-in provider takes precedence
        await ask_provider(WHERE)
    error = await refused(ProviderReference("nobody", "x"))
    assert isinstance(error, sosagent.TargetInvalid)
    assert "unknown console type 'nobody'" in str(error)
    assert "good:, made:, packet:" in error.hint


async def test_mistakes_of_packages_are_reported(install: Callable[..., None]) -> None:
    install(
        "sos-wrong",
        broken="sos_test_broken:X", missing="sos_test_schemes:Nothing", other="sos_test_schemes:other",
        fails="sos_test_schemes:fails", raises="sos_test_schemes:Raises", sync="sos_test_schemes:NotAsync",
        types="sos_test_schemes:Types", twice="sos_test_schemes:Good",
    )  # fmt: skip
    install("sos-second", twice="sos_test_schemes:Good")
    for scheme, rest, words in (
        ("broken", "x", "ModuleNotFoundError: No module named 'no_such_module_here'"),
        ("missing", "x", "AttributeError"),
        ("other", "x", "returned an object of type object, not a sosagent.providers.Provider"),
        ("fails", "x", "OSError: no file"),
        ("raises", "x", "failed: RuntimeError: no\\x1b[2J route"),
        ("sync", "x", "failed: TypeError"),
        ("types", "none", "returned a NoneType instead of a Located"),
        ("types", "target", "returned a target of the wrong type"),
        ("types", "password", "returned a password of the wrong type"),
        ("types", "again", "returned a target of the wrong type"),
        ("types", "x", "failed: KeyError"),
    ):
        error = await refused(ProviderReference(scheme, rest))
        assert (error.exit_code, words in str(error), "sos-wrong" in str(error)) == (2, True, True), error
    error = await refused(ProviderReference("twice", "x"))
    assert "sos-wrong" in str(error)
    assert "sos-second" in str(error)
    with pytest.raises(sosagent.UsageError, match="a bytes instead of a text of keys"):
        await keys_of(ProviderReference("types", "x"))
    with pytest.raises(sosagent.TargetInvalid) as caught:
        await keys_of(ProviderReference("raises", "x"))
    assert is_clean(str(caught.value.message) + caught.value.hint)


def _install_example(folder: Path) -> None:
    """Install with pip if hatchling is available, else as pip would."""
    if importlib.util.find_spec("hatchling") is not None:
        copy = shutil.copytree(EXAMPLE, folder / "source")
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation",
                   "--target", str(folder), str(copy)]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        return
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    shutil.copy(EXAMPLE / "sosagent_inventory.py", folder)
    _dist_info(folder, project["name"], project["entry-points"]["sosagent.endpoints"])


async def test_the_example(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "installed"
    folder.mkdir()
    _install_example(folder)
    (tmp_path / "id.pub").write_text(f"{MINE.line}\n")
    inventory = tmp_path / "inventory.csv"
    inventory.write_text(f"name,console,hostname,keys\nweb1,{lab.host},lab,{tmp_path / 'id.pub'}\n")
    env = {"PYTHONPATH": str(folder), "SOS_INVENTORY": str(inventory)}
    status, out, err = await addkey(
        lab, "inventory:web1", "inventory:", "-y", "--password-file", lab.password_file, **env
    )
    assert (status, MINE.fingerprint in out, "web1 is in the inventory" in err) == (0, True, True), err
    assert lab.authorized_keys.read_text() == f"{MINE.line}\n"
    status, _, err = await addkey(lab, "inventory:web2", "inventory:", "-y", **env)
    assert (status, "no machine web2 in the inventory" in err) == (2, True)
    status, _, err = await addkey(lab, "inventory:web1", tmp_path / "id.pub")
    assert (status, "unknown console type 'inventory'" in err, "packet:" in err) == (2, True, True)
