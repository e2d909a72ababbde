"""Real login programs in other languages, sudo-rs, su-rs, and second factors, in root file systems of Debian.

They need root and what `python -m tests.support.roots` builds. `python -m tests.support.languages` runs all languages.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

import sosagent

from ..conftest import new_key, until
from ..support.languages import CHECKS, GETTY, Machine, check_language, root_console
from ..support.roots import PASSWORD, ROOTS, locales

pytestmark = pytest.mark.timeout(240)
#: A scratch code of pam_google_authenticator, which is valid once.
_CODE = "31415926"
_FACTOR = (
    "cp -r etc/pam.d run/pam.d && echo auth required pam_{module} >>run/pam.d/login && mount --bind run/pam.d etc/pam.d"
)
_GOOGLE = _FACTOR.format(module="google_authenticator.so")
_SAMPLE = random.Random(16).sample(["de", "fr", "ja", "pt_BR", "ru", "zh_CN", "he", "pl", "ko", "el", "sv", "tr"], 2)
_ADDING = {
    "de": "de_DE", "fr": "fr_FR", "ja": "ja_JP", "pt_BR": "pt_BR", "ru": "ru_RU", "zh_CN": "zh_CN",
}  # fmt: skip


def root_of(name: str, folder: Path) -> Path:
    """Return the root file system, or skip the test where it is not built."""
    root = ROOTS[name].folder
    if os.geteuid() != 0 or not root.exists():
        pytest.skip("needs root, and python -m tests.support.roots")
    folder.chmod(0o755)
    return root


@pytest.mark.sample(3)
@pytest.mark.parametrize("language", _SAMPLE)
@pytest.mark.parametrize("check", CHECKS)
async def test_a_sample_of_languages(check: str, language: str, tmp_path: Path) -> None:
    root = root_of("bookworm", tmp_path)
    assert (await check_language(root, locales(root)[language], check, tmp_path / "machine")).problem == ""


async def add(console: Machine, password: str = PASSWORD, **options: object) -> sosagent.SosError | None:
    try:
        await sosagent.add_key(console, [new_key()], password=password, **options)  # type: ignore[arg-type]
    except sosagent.SosError as error:
        return error
    return None


@pytest.mark.parametrize("language", _ADDING)
async def test_a_key_is_added_in_another_language(language: str, tmp_path: Path) -> None:
    """Once with a wrong password, and then with the right one. The root has no sshd, so its answer is not known."""
    root = root_of("bookworm", tmp_path)
    async with root_console(tmp_path, root, LANG=f"{_ADDING[language]}.UTF-8") as console:
        error = await add(console, "wrong horse 8")
        assert error is not None and (error.exit_code, error.code) == (5, "login-refused"), error
    async with root_console(tmp_path, root, LANG=f"{_ADDING[language]}.UTF-8") as console:
        error = await add(console)
        assert error is None or error.exit_code == 7, error
        assert (tmp_path / "home/.ssh/authorized_keys").read_text().count("ssh-ed25519") == 1
        assert not console.shell_open  # type: ignore[union-attr]


#: Lets a user of the root have another login shell.
_SHELL = "sed 's,^root:\\(.*\\):.*,root:\\1:{shell},' etc/passwd >run/passwd && mount --bind run/passwd etc/passwd"


def speaking(language: str, folder: Path, profile: str = "") -> None:
    """Let root's bash speak a language."""
    (folder / "home").mkdir()
    (folder / "home/.bash_profile").write_text(f"export LANG={_ADDING[language]}.UTF-8\n{profile}\n")


@pytest.mark.parametrize("prompt", ["# ", "vm: "])
@pytest.mark.parametrize("language", ["de", "fr", "ja", "zh_CN"])
async def test_a_restricted_shell_in_another_language(language: str, prompt: str, tmp_path: Path) -> None:
    root = root_of("bookworm", tmp_path)
    speaking(language, tmp_path, f"PS1='{prompt}'")
    async with root_console(tmp_path, root, more=_SHELL.format(shell="/bin/rbash")) as console:
        error = await add(console)
        assert error is not None and "a restricted shell" in error.message, error
        await until(lambda: not console.shell_open)  # type: ignore[union-attr]


@pytest.mark.parametrize("language", ["de", "fr", "ja", "zh_CN"])
async def test_a_missing_shell_in_another_language(language: str, tmp_path: Path) -> None:
    root = root_of("bookworm", tmp_path)
    more = _SHELL.format(shell="/bin/missing")
    async with root_console(tmp_path, root, more=more, LANG=f"{_ADDING[language]}.UTF-8") as console:
        error = await add(console)
        assert error is not None and "the login shell did not start: " in error.message, error
        assert "Cannot execute" not in error.message


@pytest.mark.parametrize("language", ["de", "fr", "ja", "zh_CN"])
async def test_a_shell_that_ignores_an_end_of_file_in_another_language(language: str, tmp_path: Path) -> None:
    """Its prompt is like a login's, so only the answer to ^D shows that the shell is still open."""
    root = root_of("bookworm", tmp_path)
    speaking(language, tmp_path, "PS1='web1 login: '; IGNOREEOF=99")
    async with root_console(tmp_path, root) as console:
        async with sosagent.connect(console, timeout=60) as connected:
            await connected.login(PASSWORD)
            await connected.logout()
        await until(lambda: not console.shell_open)  # type: ignore[union-attr]


async def test_the_time_until_an_account_is_unlocked_in_another_language(tmp_path: Path) -> None:
    root = root_of("bookworm", tmp_path)
    async with root_console(tmp_path, root, LANG="de_DE.UTF-8") as console:
        error = await add(console, login="locked")
        assert error is not None and "Minuten zum Entsperren)" in error.message, error


@pytest.mark.parametrize("how", ["sudo", "su"])
async def test_becoming_root_by_the_programs_in_rust(how: str, tmp_path: Path) -> None:
    root = root_of("sid", tmp_path)
    async with root_console(tmp_path, root, GETTY, LANG="C.UTF-8") as console:
        error = await add(console, login="alice", become=how, user="root")
        assert error is None or error.exit_code == 7, error
        assert b"authenticate] Password: " in console.shown or b"[sudo: " in console.shown
        assert (tmp_path / "home/.ssh/authorized_keys").read_text().count("ssh-ed25519") == 1
    async with root_console(tmp_path, root, GETTY, LANG="C.UTF-8") as console:
        error = await add(console, login="alice", become=how, user="root", become_password="wrong horse 8")
        assert error is not None and error.exit_code == 5, error
        assert "refused" in error.message, error


@pytest.mark.parametrize("answer", [_CODE, "27182818", None], ids=["right", "wrong", "none"])
async def test_a_second_factor(answer: str | None, tmp_path: Path) -> None:
    root = root_of("bookworm", tmp_path)
    (tmp_path / "home").mkdir()
    secret = tmp_path / "home/.google_authenticator"
    secret.write_text(f'JBSWY3DPEHPK3PXP\n" TOTP_AUTH\n{_CODE}\n')
    secret.chmod(0o400)
    asked: list[str] = []

    async def ask(prompt: str) -> str | None:
        asked.append(prompt)
        return answer

    transcript, events = tmp_path / "transcript", []
    async with root_console(tmp_path, root, GETTY, more=_GOOGLE, LANG="C.UTF-8") as console:
        error = await add(console, ask_code=ask, transcript=transcript, on_event=lambda one: events.append(str(one)))
        assert asked == ["Verification code:"]
        if answer == _CODE:
            assert error is None or error.exit_code == 7, error
            assert (tmp_path / "home/.ssh/authorized_keys").exists()
        else:
            assert error is not None and error.exit_code == 5, error
            assert "second factor" in error.message
        assert not console.shell_open  # type: ignore[union-attr]
    shown = f"{transcript.read_text()} {events} {error!r} {error and (error.hint, error.tail)}"
    assert answer is None or answer not in shown
