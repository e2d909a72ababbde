"""What the line says: comments and options arrive as they are, in real shells; keys that end by themselves."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import sosagent
from sosagent.authorized_keys.append import append_keys
from sosagent.lab import Faults, open_lab

from ..conftest import new_key, target_of
from ..support.ptys import verified_shell
from ..support.soak import OLD, with_old_keys
from .test_append import add, keys_file

COMMENTS = {
    "quotes": "it's \"quoted\" `once` and 'twice'",
    "commands": "$(touch ran) `touch ran`; touch ran | touch ran & touch ran",
    "printf's own": "%s %d %% \\n \\0101 \\c \\\\",
    "utf-8": "grüße 鍵 🔑",
    "a tab": "a\tb",
    "history": "!! !$ ^a^b",
    "2000 characters": "x" * 2000,
    "the marks of the line": "]Z )x =1 ~.",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return keys_file(tmp_path, "# ours")  # without a newline


@pytest.mark.parametrize("name", COMMENTS)
async def test_a_comment_arrives_as_it_is(name: str, sh: list[str], file: Path, tmp_path: Path) -> None:
    key = new_key(COMMENTS[name])
    assert key.comment == COMMENTS[name]
    done = await add(sh, tmp_path, key)
    assert file.read_text() == f"# ours\n{key.line}\n"
    assert [outcome.result for outcome in done.keys] == ["added"]
    again = await add(sh, tmp_path, key)
    assert [outcome.result for outcome in again.keys] == ["present"]
    assert not list(tmp_path.rglob("ran"))


async def test_options_are_written_and_found_again(sh: list[str], file: Path, tmp_path: Path) -> None:
    key = replace(new_key(), options=("restrict", 'command="echo \\"$HOME\\" %s"', 'from="10.0.0.0/8"'))
    assert not (await add(sh, tmp_path, key)).warnings
    assert file.read_text() == f"# ours\n{key.line}\n"
    again = await add(sh, tmp_path, key)
    assert ([outcome.result for outcome in again.keys], again.warnings) == (["present"], ())


async def test_a_key_that_stands_there_without_what_was_asked_for(sh: list[str], file: Path, tmp_path: Path) -> None:
    key = new_key()
    file.write_text(f"{key.line}\n")
    done = await add(sh, tmp_path, replace(key, options=("restrict",)))
    assert done.keys[0].result == "present"
    assert "without restrict" in done.warnings[0]


async def test_a_key_that_ends_by_itself(sh: list[str], file: Path, tmp_path: Path) -> None:
    key, soon = new_key(), datetime.now(UTC) + timedelta(hours=2)
    await add(sh, tmp_path, key, until=soon)
    assert f'expiry-time="{soon:%Y%m%d%H%M%S}Z" {key.line}\n' in file.read_text()
    # sshd passes over a line whose time is past: another one may stand behind it.
    later = soon + timedelta(days=1)
    assert (await add(sh, tmp_path, key, until=later)).keys[0].result == "added"
    assert (await add(sh, tmp_path, key, until=later)).keys[0].result == "present"
    assert (await add(sh, tmp_path, key)).keys[0].result == "added"
    assert (await add(sh, tmp_path, key)).keys[0].result == "present"


@pytest.mark.parametrize(
    ("clock", "version", "words"),
    [
        ("t 1000000000 20010909014640", "v 9.2", "behind"),
        ("t NOW+3600 20300101000000", "v 9.2", "ahead"),
        ("t NOW 20300101000000", "v 7.6", "too old"),
        ("t NOW 20300101000000", "v", "version"),
        ("t", "v 9.2", "time"),
        ("t NOW", "v 8.7", "time zone"),
    ],
)
async def test_a_machine_that_cannot(clock: str, version: str, words: str, file: Path, tmp_path: Path) -> None:
    before = file.read_text()
    with pytest.raises(sosagent.EditRefused, match=words):
        await _on_a_machine_that_says(clock, version, tmp_path)
    assert file.read_text() == before


async def test_an_older_sshd_gets_local_time(file: Path, tmp_path: Path) -> None:
    await _on_a_machine_that_says("t NOW 20300101000000", "v 8.7", tmp_path)
    assert 'expiry-time="20300101000000" ssh-ed25519' in file.read_text()


async def _on_a_machine_that_says(clock: str, version: str, home: Path) -> None:
    """A machine whose `date` and `sshd -V` are replaced, in what the program makes of them."""
    now = int(datetime.now(UTC).timestamp())
    clock = clock.replace("NOW+3600", str(now + 3600)).replace("NOW", str(now))
    async with verified_shell(["dash"], home) as (shell, _):
        run = shell.run

        async def told(text: str) -> object:
            return await run(f"echo {clock};echo {version}" if "sshd -V" in text else text)

        shell.run = told  # type: ignore[method-assign,assignment]
        try:
            until = datetime.fromtimestamp(now, UTC) + timedelta(hours=2)
            await append_keys(shell, [new_key()], user="root", own=True, logged_in=True, until=until)
        finally:
            await shell.close()


async def test_a_time_that_is_past(file: Path, tmp_path: Path) -> None:
    with pytest.raises(sosagent.UsageError, match="past"):
        await add(["dash"], tmp_path, new_key(), until=datetime.now(UTC) - timedelta(seconds=1))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("faults", [Faults(baud=9600), Faults(longest=255)], ids=["9600 baud", "lines of 255"])
async def test_many_keys_and_a_long_one(faults: Faults) -> None:
    """The time limit grows with the payload, which says so."""
    modulus = (1 << 16383 | 1).to_bytes(2049, "big")
    blob = b"".join(struct.pack(">I", len(field)) + field for field in (b"ssh-rsa", b"\1\0\1", modulus))
    keys = [*(new_key(f"key {number}") for number in range(50)), sosagent.PublicKey("ssh-rsa", blob, "long")]
    assert keys[-1].bits == 16384
    async with open_lab(faults=faults) as lab:
        with_old_keys(lab.machine.home)
        told: list[str] = []
        done = await sosagent.add_key(
            target_of(lab), keys, password=lab.password, timeout=20, on_event=lambda event: told.append(event.text)
        )
        assert (done.status, done.logged_out) == ("added", True)
        assert done.exchanges < 12, "a reply was asked for while it came"
        assert done.seconds > 10 or not faults.baud
        assert any("time limit" in text for text in told)
        text = lab.authorized_keys.read_text()
    assert text == OLD + "".join(f"{key.line}\n" for key in keys)
