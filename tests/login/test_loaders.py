"""Prompts of boot loaders, kernel debuggers and initramfs: what is typed there, and what comes of it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

import pytest

import sosagent
from sosagent.transports.memory import memory_pair

from ..conftest import new_key

pytestmark = pytest.mark.virtual_time

#: Recognised by their prompt: nothing is typed there.
LOADERS = (
    "=> ", "U-Boot> ", "MX6Q SABRESD U-Boot > ", "rk3399 => ", "Marvell>> ", "uboot> ", "boot> ", "CFE> ", "RedBoot> ",
    "YAMON> ", "barebox:/ ", "barebox@Phytec phyCORE:/ ", "iPXE> ", "grub> ", "grub rescue> ", "Shell> ", "FS0:\\> ",
    "ok ", "0 > ", "boot: ", "db> ", "ddb> ", "db{0}> ", "kdb> ", "[0]kdb> ",
)  # fmt: skip
#: Not told from a shell's by their prompt: they are asked for their user, and are no Unix shells.
UNKNOWN_LOADERS = ("STM32MP> ", "ZynqMP> ", "board# ", "Hit# ", "switch% ", "LS1046ARDB> ", "petitboot# ", "BIOS$ ")
#: In an initramfs: root's shell whose root file system is in memory. The mounts; whether there is an `id`.
RAM, TMPFS = "rootfs / rootfs rw 0 0", "none / tmpfs rw,relatime 0 0"
INITRAMFS = {
    "(initramfs) ": (RAM, True), "(initramfs) / # ": (RAM, True), "~ # ": (RAM, True), "/ # ": (TMPFS, True),
    "dracut:/# ": (RAM, True), "switch_root:/# ": (RAM, False), "[rootfs ]# ": (RAM, True), "sh-5.2# ": (RAM, True),
    "rescueshell / # ": (TMPFS, True), "# ": (RAM, False), "bash-5.1# ": ("/dev/ram0 / ext2 rw 0 0", True),
}  # fmt: skip


@dataclass
class Prompt:
    """A console with this prompt. It echoes what is typed.

    Fields:
        text: the prompt.
        mounts: the lines of /proc/mounts; None for a boot loader, whose `echo` answers as that of U-Boot does.
        has_id: whether it has `id`.
        init: the command line of process 1.
    """

    text: str
    mounts: str | None = None
    has_id: bool = True
    init: str = "/bin/sh/init"
    typed: str = ""

    def answer(self, line: str) -> str:
        """Return what the line prints."""
        return "".join(f"{out}\r\n" for command in line.split(";") for out in self._run(command.strip()))

    def _run(self, command: str) -> list[str]:
        unix = self.mounts is not None
        if command.startswith("echo"):
            words = command.replace("$((127*379))", "48133") if unix else command
            return [words[5:].replace("\\", "")]
        name = command.partition(" ")[0]
        if not unix or (name == "id" and not self.has_id):
            return [f"sh: {name}: not found" if unix else f"Unknown command '{name}' - try 'help'"]
        answers = {"id -u": "0", "id -un": "root", "cat /proc/1/cmdline": self.init}
        return [answers[command]] if command in answers else []

    def mounts_answer(self, line: str) -> str | None:
        """Return the mounts if the line asks for them."""
        if self.mounts is None or "/proc/mounts" not in line:
            return None
        end = re.search(r"echo S\\(OS\w{4})", line)
        return "".join(f"{text}\r\n" for text in (*self.mounts.split("\n"), f"S{end[1]}" if end else ""))

    async def add(self) -> sosagent.SosError:
        """Add a key here; return the error."""
        near, far = memory_pair()
        await far.write(self.text.encode())
        line = ""

        async def run() -> None:
            nonlocal line
            while data := (await far.read()).decode():
                self.typed += data
                for letter in data:
                    if letter == "\r":
                        out = self.mounts_answer(line) or self.answer(line)
                        await far.write(f"\r\n{out}{self.text}".encode())
                        line = ""
                    elif letter in "\x15\x03":
                        await far.write(("\b \b" * len(line)).encode())
                        line = ""
                    elif letter >= " ":
                        await far.write(letter.encode())
                        line += letter

        task = asyncio.ensure_future(run())
        with pytest.raises(sosagent.SosError) as caught:
            await sosagent.add_key(near, [new_key()], password="s3cret", timeout=100)
        task.cancel()
        return caught.value


@pytest.mark.parametrize("prompt", LOADERS)
async def test_nothing_is_typed_at_the_prompt_of_a_boot_loader(prompt: str) -> None:
    console = Prompt(prompt)
    error = await console.add()
    assert (console.typed, error.exit_code) == ("", 4)
    assert error.state in ("boot-prompt", "grub", "uefi-shell")
    assert "--take-over" not in error.hint


@pytest.mark.parametrize("prompt", UNKNOWN_LOADERS)
async def test_a_boot_loader_whose_echo_answers_is_no_shell(prompt: str) -> None:
    """Only `id` and `echo` are typed."""
    console = Prompt(prompt)
    error = await console.add()
    assert (error.state, error.exit_code, "--take-over" in error.hint) == ("boot-prompt", 4, False), error
    commands = {part.strip() for line in console.typed.split("\r") for part in line.strip("\x15\x0c ").split(";")}
    assert all(re.match(r"id -un?$|echo |$", part) for part in commands), commands


@pytest.mark.parametrize("prompt", INITRAMFS)
async def test_no_success_in_an_initramfs(prompt: str) -> None:
    """/root is there, but nothing is mounted in it."""
    mounts, has_id = INITRAMFS[prompt]
    console = Prompt(prompt, f"{mounts}\nproc /proc proc rw 0 0", has_id)
    error = await console.add()
    assert (type(error), error.exit_code) == (sosagent.EditRefused, 6), error
    assert "its root file system is not mounted" in error.message
    assert "authorized_keys" not in console.typed
