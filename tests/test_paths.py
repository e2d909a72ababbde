"""Paths of other programs: text and any `os.PathLike` are as good as a `Path`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sosagent
from sosagent.endpoint.target import SshSettings
from sosagent.jobs.verify import Verify
from sosagent.lab import Lab


class Located:
    """A path of another library."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return str(self._path)


KINDS = pytest.mark.parametrize("kind", [str, Located, Path])


def as_given(kind: Callable[[Any], Any], path: Path) -> Any:
    return kind(path)


@KINDS
async def test_a_job(kind: Callable[[Any], Any], lab: Lab, lab_target: sosagent.SshTarget, tmp_path: Path) -> None:
    def given(path: Path | None) -> Any:
        assert path is not None
        return as_given(kind, path)

    target = sosagent.SshTarget(
        lab_target.host, lab_target.user, lab_target.port, identities=(given(lab.identity),),
        ssh_config=given(lab_target.ssh_config), known_hosts=given(lab.known_hosts),
    )  # fmt: skip
    assert target == lab_target
    cast, source, copy = tmp_path / "cast", tmp_path / "source", tmp_path / "copy"
    source.write_bytes(b"contents")
    password = sosagent.find_password(file=given(lab.password_file))
    async with sosagent.root_shell(target, password=password, transcript=given(cast)) as shell:
        await shell.upload(given(source), "~/there")
        assert (await shell.download("~/there", given(copy))).path == str(copy)
    assert copy.read_bytes() == b"contents"
    assert cast.read_bytes().startswith(b'{"version"')


def test_one_identity_needs_no_tuple() -> None:
    path = "/home/me/.ssh/id_ed25519"
    for settings in (SshSettings(identities=path), SshSettings(identities=[path])):  # type: ignore[arg-type]
        assert settings.identities == (Path(path),)
    assert Verify(private=path, known_hosts="/k").private == (Path(path),)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected paths"):
        SshSettings(identities=7)  # type: ignore[arg-type]


@KINDS
def test_files_that_are_read(kind: Callable[[Any], Any], tmp_path: Path) -> None:
    (tmp_path / "machines.toml").write_text('[machines.web1]\nconsole = "socket://bmc:7000"\n')
    (tmp_path / "book.yml").write_text("name: x\nsteps:\n- run: 'true'\n")
    assert sosagent.load_machines(as_given(kind, tmp_path / "machines.toml")).named("web1")
    assert sosagent.load_runbook(as_given(kind, tmp_path / "book.yml")).folder == tmp_path
    assert sosagent.load_runbook("book.yml", as_given(kind, tmp_path)).folder == tmp_path
    assert sosagent.UnixTarget(as_given(kind, tmp_path)).path == tmp_path
