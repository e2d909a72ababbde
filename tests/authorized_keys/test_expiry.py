"""authorized_keys/expiry.py: keys that expire, in the form that the machine's sshd understands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import sosagent

from ..conftest import new_key
from ..support.authorized_keys import add, append, keys_file
from ..support.ptys import verified_shell


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return keys_file(tmp_path, "# ours")  # without a newline


async def test_key_that_expires(sh: list[str], file: Path, tmp_path: Path) -> None:
    key, soon = new_key(), datetime.now(UTC) + timedelta(hours=2)
    await add(sh, tmp_path, key, until=soon)
    assert f'expiry-time="{soon:%Y%m%d%H%M%S}Z" {key.line}\n' in file.read_text()
    # sshd ignores an expired line, so another one for the same key may follow it.
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
async def test_unsuitable_machine_is_refused(clock: str, version: str, words: str, file: Path, tmp_path: Path) -> None:
    before = file.read_text()
    with pytest.raises(sosagent.EditRefused, match=words):
        await _add_on_machine(clock, version, tmp_path)
    assert file.read_text() == before


async def test_older_sshd_gets_local_time(file: Path, tmp_path: Path) -> None:
    await _add_on_machine("t NOW 20300101000000", "v 8.7", tmp_path)
    assert 'expiry-time="20300101000000" ssh-ed25519' in file.read_text()


async def _add_on_machine(clock: str, version: str, home: Path, key: sosagent.PublicKey | None = None) -> None:
    """Add `key`, or a key that expires, on a machine whose `clock.sh` prints `clock` and `version`."""
    now = int(datetime.now(UTC).timestamp())
    clock = clock.replace("NOW+3600", str(now + 3600)).replace("NOW", str(now))
    async with verified_shell(["dash"], home) as (shell, _):
        run = shell.run

        async def run_replaced(text: str) -> object:
            return await run(f"echo {clock};echo {version}" if "sshd -V" in text else text)

        shell.run = run_replaced  # type: ignore[method-assign,assignment]
        try:
            soon = datetime.fromtimestamp(now, UTC) + timedelta(hours=2)
            await append(shell, key or new_key(), until=soon if key is None else None)
        finally:
            await shell.close()


async def test_time_in_the_past_is_rejected(file: Path, tmp_path: Path) -> None:
    with pytest.raises(sosagent.UsageError, match="past"):
        await add(["dash"], tmp_path, new_key(), until=datetime.now(UTC) - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("option", "version", "words"),
    [
        ('expiry-time="20991231Z"', "v 8.4", "too old for a time in UTC"),
        ('expiry-time="20991231"', "v 7.6", "too old for expiry-time"),
        ('expiry-time="20200101"', "v 9.2", "in the past"),
        ('expiry-time="20991231Z"', "v 9.2", ""),
        ('expiry-time="20991231"', "v 8.4", ""),
    ],
)
async def test_times_of_the_key_itself(option: str, version: str, words: str, file: Path, tmp_path: Path) -> None:
    key = replace(new_key(), options=(option,))
    before = file.read_text()
    if not words:
        await _add_on_machine("t NOW", version, tmp_path, key)
        assert f"{key.line}\n" in file.read_text()
        return
    with pytest.raises(sosagent.SosError, match=words):
        await _add_on_machine("t NOW", version, tmp_path, key)
    assert file.read_text() == before


async def test_an_authority_and_its_key_are_two_things(file: Path, tmp_path: Path) -> None:
    key = new_key()
    authority = replace(key, options=("cert-authority",))
    for one in (key, authority):
        assert (await add(["dash"], tmp_path, one)).keys[0].result == "added"
    for one in (key, authority):
        assert (await add(["dash"], tmp_path, one)).keys[0].result == "present"
