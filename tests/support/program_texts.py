"""What GRUB, man, more and vim show in all their languages, from the message catalogues of Debian's packages.

`python -m tests.support.program_texts` writes sosagent/terminal/program_texts.json. It needs the packages grub-common,
man-db and vim-runtime on this computer, and the root file system bookworm of `python -m tests.support.roots`. less, the
title of nano and the commands of GRUB are in English everywhere.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path

from .roots import ROOTS

__all__ = ["TEXTS", "catalogues", "vim_prompt"]

_OUTPUT = Path(__file__).parents[2] / "sosagent" / "terminal" / "program_texts.json"
_CHARSET = re.compile(rb"charset=([\w-]+)")
_HERE, _IN_ROOT = Path("/usr/share"), ROOTS["bookworm"].folder / "usr" / "share"
_LOCALE = "locale/*/LC_MESSAGES/"
#: For each key of the file: the folder and the name of the catalogues, and the English text.
TEXTS = {
    "grub": (_HERE, f"{_LOCALE}grub.mo", "The highlighted entry will be executed automatically in %ds."),
    "man": (_HERE, f"{_LOCALE}man-db.mo", " Manual page "),
    "more": (_IN_ROOT, f"{_LOCALE}util-linux.mo", "--More--"),
    "end": (_IN_ROOT, f"{_LOCALE}util-linux.mo", "(END)"),
    "insert": (_HERE, "vim/vim*/lang/*/LC_MESSAGES/vim.mo", " INSERT"),
    "swap": (
        _HERE, "vim/vim*/lang/*/LC_MESSAGES/vim.mo",
        "&Open Read-Only\n&Edit anyway\n&Recover\n&Delete it\n&Quit\n&Abort"
    ),
}  # fmt: skip


def catalogues(folder: Path, pattern: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the languages of some catalogues, and the translations of the English texts."""
    for file in sorted(folder.glob(pattern)):
        yield file.parts[-3], dict(_messages(file.read_bytes()))


def _messages(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the English and the translated texts of a catalogue; some name their character set late."""
    count, english, translated = struct.unpack_from("<3I", data, 8)
    found = _CHARSET.search(data)
    charset = found[1].decode() if found is not None else "utf-8"
    for number in range(count):
        pair = []
        for table in (english, translated):
            size, at = struct.unpack_from("<2I", data, table + 8 * number)
            pair.append(data[at : at + size].decode(charset, "replace"))
        yield pair[0], pair[1]


def vim_prompt(choices: str) -> str:
    """Return the start of the prompt that vim makes of some choices, with the first one as its default."""
    first, second, *_ = choices.split("\n")
    return ", ".join((re.sub("&(.)", r"[\1]", first), re.sub("&(.)", r"(\1)", second)))


def _write() -> None:
    texts: dict[str, list[str]] = {}
    for key, (folder, pattern, english) in TEXTS.items():
        found = {english, *(messages.get(english, "") for _, messages in catalogues(folder, pattern))} - {""}
        texts[key] = sorted(
            vim_prompt(text) if key == "swap" else text.strip() for text in found if "\ufffd" not in text
        )
        print(f"{key}: {len(texts[key])} texts")
    _OUTPUT.write_text(json.dumps(texts, ensure_ascii=False, indent=0) + "\n")


if __name__ == "__main__":
    _write()
