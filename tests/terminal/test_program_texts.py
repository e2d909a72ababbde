"""GRUB, vim, man and more in all their languages: terminal/program_texts.json, and the states that it leads to."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

import sosagent.terminal
from sosagent.console import Console
from sosagent.login.observe import observe
from sosagent.terminal.states import classify
from sosagent.transports.memory import memory_pair

from ..conftest import installed
from ..support.program_texts import TEXTS, catalogues
from ..support.ptys import on_pty
from ..support.roots import ROOTS

ALL: dict[str, list[str]] = json.loads(files(sosagent.terminal).joinpath("program_texts.json").read_text("utf-8"))
#: The languages that each program must know; some programs do not have all of them.
LANGUAGES = {
    "grub": ("de", "fr", "ja", "pt_BR", "pt", "ru", "es", "zh_CN"),
    "man": ("de", "fr", "ja", "pt_BR", "pt", "ru", "es"),
    "more": ("de", "fr", "ja", "pt_BR", "pt", "ru", "es", "zh_CN"),
    "insert": ("de", "fr", "ja", "pt_BR", "ru", "es", "zh_CN"),
}
_VERSIONS = (
    "GNU GRUB  version 2.06", "GNU GRUB  Version 2.06", "GNU GRUB  versión 2.06", "GNU GRUB  version\u00a02.06",
    "GNU GRUB versão 2.06-13+deb12u1", "GNU GRUB, версия 2.06", "GNU GRUB  2.06 版", "GNU GRUB  wersja 2.06",
)  # fmt: skip


async def _drawn(*rows: str) -> str:
    """Return the state of a screen that a program has drawn by moving the cursor."""
    near, far = memory_pair()
    async with Console(near) as console:
        mark = console.mark()
        text = "\x1b[2J" + "".join(f"\x1b[{3 * at};5H{row}" for at, row in enumerate(rows, 1)) + "\x1b[20;1H"
        await far.write(text.encode())
        await console.quiet(0.05, 1.0)
        return observe(console, mark).state.name


@pytest.mark.virtual_time
@pytest.mark.parametrize("text", ALL["grub"])
async def test_the_countdown_of_grub(text: str) -> None:
    for seconds in ("5", "10"):
        row = text.replace("%d", seconds)
        assert await _drawn("GNU GRUB  version 2.06", "*Debian GNU/Linux", row) == "boot-menu", row


@pytest.mark.virtual_time
@pytest.mark.parametrize("text", _VERSIONS)
async def test_the_menu_of_grub(text: str) -> None:
    assert await _drawn(text, "*Debian GNU/Linux") == "firmware"


@pytest.mark.virtual_time
@pytest.mark.parametrize("text", ALL["insert"])
async def test_the_insert_mode_of_vim(text: str) -> None:
    near, far = memory_pair()
    async with Console(near) as console:
        mark = console.mark()
        await far.write(f"\x1b[2J\x1b[1;1Hsome text\x1b[24;1H-- {text} --\x1b[1;10H".encode())
        await console.quiet(0.05, 1.0)
        assert observe(console, mark).state.name == "editor-insert"


@pytest.mark.parametrize("text", ALL["swap"])
def test_the_question_about_a_swap_file(text: str) -> None:
    assert classify(["E325: ATTENTION"], f"{text}, (R)ecover, (Q)uit, (A)bort: ").state.name == "vim-swap"


@pytest.mark.parametrize("word", ["ATTENTION", "ACHTUNG", "注意", "ВНИМАНИЕ", "ATENÇÃO"])
def test_the_message_about_a_swap_file(word: str) -> None:
    assert classify([f"E325: {word}", 'Found a swap file by the name ".f.swp"'], "").state.name == "vim-swap"


@pytest.mark.parametrize("text", ALL["man"])
def test_man(text: str) -> None:
    line = f" {text} ls(1) line 1 (press h for help or q to quit)"
    assert classify([], line).state.name == classify([], line, screen=True).state.name == "pager"


@pytest.mark.parametrize("text", [*ALL["more"], *ALL["end"]])
def test_more(text: str) -> None:
    for line in (text, f"{text}(12%)" if text in ALL["more"] else text):
        assert classify([], line).state.name == "pager"


@pytest.mark.parametrize("key", LANGUAGES)
def test_the_file_has_what_the_programs_show(key: str) -> None:
    """Compared with the catalogues of the packages on this computer."""
    folder, pattern, english = TEXTS[key]
    found = dict(catalogues(folder, pattern))
    if not found:
        pytest.skip("the package is not installed")
    texts = {messages[english].strip() for language in LANGUAGES[key] if (messages := found.get(language))}
    assert texts
    assert texts <= set(ALL[key])


def test_nothing_else_is_a_state() -> None:
    for line in ("E325", "-- xyz --", "GNU GRUB", "Hand --More", "-- Mehr --x", "Seite ls(1) line 1"):
        assert classify([], line).state.name == "unknown", line


@pytest.mark.parametrize(
    ("language", "word"), [("de_DE", "EINFÜGEN"), ("ja_JP", "挿入"), ("ru_RU", "ВСТАВКА"), ("pt_BR", "INSERÇÃO")]
)
async def test_a_real_vim_in_another_language(language: str, word: str, tmp_path: Path) -> None:
    installed(["vim"])
    locales = ROOTS["bookworm"].folder / "usr" / "lib" / "locale"
    if not list(Path("/usr/share/vim").glob("vim*/lang/de")) or not locales.exists():
        pytest.skip("vim's translations, or the locales, are not installed")
    command = ["vim", "-u", "NONE", "-N", "-i", "NONE", "-c", "startinsert", str(tmp_path / "f")]
    async with on_pty(command, tmp_path, LOCPATH=str(locales), LANG=f"{language}.UTF-8") as (console, _):
        mark = console.mark()
        await console.expect(f"-- ?{word} --", 30.0)
        await console.quiet(0.5, 5.0)
        assert observe(console, mark).state.name == "editor-insert"
