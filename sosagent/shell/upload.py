"""Copy a file to the machine: in pieces into a part file beside its target, compared, and moved there in one step.

The part file lies in a folder that only the shell's user may open. Otherwise, where root copies a file into a folder of
another user, that user could replace the part file with a link, so that root writes to the target of the link or
gives it to that user.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..console.events import Event
from ..console.question import ask_before
from ..errors import ConsoleError, EditRefused, UsageError
from ..file_change import Confirm, FileChange
from ..paths import StrPath
from ..printable import printable
from .checksums import file_command
from .local_file import FileSums, Source
from .overwritten import look_at_old_file
from .programs import Expanded, program
from .refusal import not_verified, refused
from .tools import FindTools
from .transfer import PieceSize, Transfer, parse_answers, remote_word, require_checksum, run_short

if TYPE_CHECKING:
    from .verified import VerifiedShell

__all__ = ["upload"]

_NEW_MODE = 0o600
_PRIVATE_FOLDER = re.compile(r"drwx--[-S]---[.+@]?")
_BITS = "rwxrwxrwx"
_SIZE = re.compile(r" *\d{1,15}")
#: Why no file can be written there, by the letter that ``inspect_target.sh`` prints.
_REASONS = {
    "m": "is in a folder that does not exist",
    "l": "is a symbolic link, which is not followed",
    "d": "is a folder",
    "o": "is not a regular file",
}
_REASON_HINT = "Nothing was changed. Name the file to write, in a folder that exists."


@dataclass(frozen=True)
class _Target:
    """The state of the target on the machine.

    Fields:
        uid: the numeric ID of the shell's user.
        owner, mode: the owner and mode of the file that is replaced; None for a new one.
        part: the checksum of a part file of ours, as the machine prints it, or None.
        part_size: its length in bytes.
        free: free bytes on that disk; None if unknown.
    """

    uid: str
    owner: str | None
    mode: int | None
    part: str | None
    part_size: int
    free: int | None


async def upload(
    shell: VerifiedShell,
    source: StrPath | bytes,
    target: str,
    *,
    find_tools: FindTools,
    mode: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    dry_run: bool = False,
    confirm: Confirm | None = None,
) -> Transfer:
    """Copy a file to the machine. An existing file is replaced only when the new one is complete and compared.

    If the upload is cancelled or the line dies, the part sent so far stays beside the target, and the
    next call with the same source resumes after it.

    Args:
        shell: a shell on the machine; it writes the file with its own rights.
        source: a file here, or bytes.
        target: path on the machine; absolute, or starting with ``~/``.
        find_tools: returns the tools that the machine has.
        mode: the mode of the file; by default the mode of the file it replaces, whose owner is kept too, or 0600.
        on_progress: is called with the number of bytes on the machine and the size of the file.
        dry_run: write nothing; the result has what would change.
        confirm: asks the user before an existing file is replaced, which must then still be as it was shown. The
            machine's dead-man's switch must wait for the answer, too.

    Raises:
        NotConfirmed: the user did not confirm the change.
        UsageError: the source cannot be read, or `target` is invalid.
        EditRefused: the file cannot be written; the message gives the reason, and nothing was replaced.
        NotVerified: what arrived differs from the source.
        LineDamaged: no data gets through the line.
    """
    path, opened = remote_word(target), Source(source)
    try:
        return await _Upload(shell, opened, path, target, find_tools, mode, on_progress, dry_run, confirm).run()
    finally:
        opened.close()


class _Upload:
    """One upload; see `upload`."""

    def __init__(
        self,
        shell: VerifiedShell,
        source: Source,
        path: str,
        target: str,
        find_tools: FindTools,
        mode: int | None,
        on_progress: Callable[[int, int], None] | None,
        dry_run: bool,
        confirm: Confirm | None,
    ) -> None:
        self._shell, self._source, self._path = shell, source, path
        self._target, self._name = target, printable(target)
        self._dry_run, self._confirm = dry_run, confirm
        self._expected = ""  # the checksum of the old file that the user has seen
        self._mode = mode
        self._find_tools = find_tools
        self._on_progress = (
            None if on_progress is None else shell.console.guard(on_progress, "the callback on_progress")
        )
        self._uid = ""  # of the shell's user
        self._arrived = 0  # bytes on the machine, at least
        self._part_stays = False

    async def run(self) -> Transfer:
        started, console = time.monotonic(), self._shell.console
        sent, received = console.bytes_sent, console.bytes_received
        target = await self._inspect()
        sums = self._source.checksums(self._source.size, self._shell.checksum_tool)
        self._arrived = resumed = self._resumable(target)
        if resumed and not self._dry_run:
            console.emit(
                Event("note", f"{resumed:,} bytes are on the machine from an interrupted run; resuming after them")
            )
        await self._refuse_full_disk(target)
        change, asked = await self._review(target, sums)
        if self._dry_run:
            compared = True
        else:
            compared = await self._transfer(target, sums)
        return Transfer(
            path=self._name,
            size=self._source.size,
            cksum=sums.cksum,
            sha256=sums.sha256 if compared else None,
            seconds=time.monotonic() - started - asked,
            resumed_from=resumed,
            bytes_sent=console.bytes_sent - sent,
            bytes_received=console.bytes_received - received,
            change=change,
        )

    async def _review(self, target: _Target, sums: FileSums) -> tuple[FileChange | None, float]:
        """Find out what changes, and ask the user; return the change and the seconds until the answer."""
        if not self._dry_run and self._confirm is None:
            return None, 0.0
        modes = target.mode, self._new_mode(target)
        old = await look_at_old_file(self._shell, self._target, self._source, sums, self._find_tools, modes)
        self._expected = old.expected
        confirm = self._confirm if old.exists and not self._dry_run else None
        return old.change, await ask_before(old.change, confirm, self._shell.console)

    async def _transfer(self, target: _Target, sums: FileSums) -> bool:
        """Send what is missing on the machine, and install it; return whether the SHA-256 was compared too."""
        try:
            if not self._arrived:
                await self._create_part()
            await self._send()
            return await self._install(target, sums)
        except EditRefused:
            raise
        except BaseException as error:
            if self._part_stays:
                state = f"at least {self._arrived:,} of {self._source.size:,} bytes are on the machine"
                error.add_note(f"{state}; run the command again to resume")
            raise

    def _program(self, *parts: str, **values: str) -> str:
        return program(
            "part_folder",
            *parts,
            path=self._path,
            uid=Expanded(self._uid),
            digest=Expanded(file_command(self._shell.checksum_tool)),
            **values,
        )

    async def _ask(self, *parts: str, **values: str) -> tuple[dict[str, str], list[str]]:
        return parse_answers((await run_short(self._shell, self._program(*parts, **values))).lines)

    async def _inspect(self) -> _Target:
        tool = None
        while tool != self._shell.checksum_tool:  # it is known once the receiver runs
            tool = self._shell.checksum_tool
            answers, complaints = await self._ask("inspect_target")
            require_checksum(self._shell, self._name)
        for letter, reason in _REASONS.items():
            if letter in answers:
                raise refused(f"{self._name} {reason}", hint=_REASON_HINT)
        words = answers.get("u", "").split()
        uid = self._uid = words[2] if len(words) > 2 else "".join(words)  # a line of ls has it in the third place
        if not re.fullmatch(r"[0-9]{1,10}", uid):
            raise refused(f"the machine did not report what is at {self._name}", complaints)
        owner, own_mode = _parse_owner_and_mode(answers.get("s", ""))
        words = answers.get("p", "").split()
        ours = len(words) == 2 and _PRIVATE_FOLDER.fullmatch(words[0]) and words[1] == uid
        part = answers.get("a") if ours else None
        size = answers.get("n", "")
        part_size = int(size) if _SIZE.fullmatch(size) else 0
        return _Target(uid, owner, own_mode, part, part_size, _parse_free_bytes(answers.get("f", "")))

    def _resumable(self, target: _Target) -> int:
        """Return the length of the part file if the source starts with it, otherwise 0."""
        length = target.part_size
        if not 0 < length <= self._source.size:
            return 0
        return length if self._source.checksums(length, self._shell.checksum_tool).shown == target.part else 0

    async def _refuse_full_disk(self, target: _Target) -> None:
        needed = self._source.size - self._arrived
        if target.free is not None and target.free < needed:
            if not self._dry_run:
                await self._remove_part()
            raise refused(
                f"{self._name} needs {needed:,} bytes, but only {target.free:,} are free on that disk",
                hint="Free some space there or choose another folder, then run again.",
            )

    async def _create_part(self) -> None:
        answers, complaints = await self._ask("make_part_folder", "enter_part_folder", "create_part")
        if "o" not in answers:
            if not complaints:
                self._refuse_foreign_folder(answers)
            raise refused(f"no file can be created beside {self._name}", complaints)

    def _refuse_foreign_folder(self, answers: Mapping[str, str]) -> None:
        if "e" in answers:
            raise refused(
                f"other users may write to the folder of the part file beside {self._name}",
                hint="Another user made or moved it (.NAME.sosagent-part). Move it away, or choose another target.",
            )

    async def _send(self) -> None:
        """Send the pieces. The length of the part file shows what arrived, whichever requests and replies were lost."""
        tools = await self._find_tools()
        pieces = PieceSize(base64=tools.decoder is not None and tools.encoder is not None)
        loop = asyncio.get_running_loop()
        self._part_stays = True
        sent_to = self._arrived
        self._report_progress()
        while self._arrived < self._source.size:
            piece, started = self._source.read(self._arrived, pieces.size), loop.time()
            if not piece:
                raise UsageError(
                    "the source file became shorter during the upload", hint="Run again when no program writes to it."
                )
            values = {"size": Expanded(self._arrived), "copy": Expanded(tools.printing(piece))}
            text = self._program("enter_part_folder", "append_piece", **values)
            sent_to = max(sent_to, self._arrived + len(piece))
            try:
                reply = await self._shell.run(text, **pieces.send_options)
            except ConsoleError as error:
                pieces.note_damaged(error)
                continue
            await self._note_answer(reply.lines, sent_to)
            pieces.note_intact(loop.time() - started)
            self._report_progress()

    async def _note_answer(self, lines: Sequence[str], sent_to: int) -> None:
        """Take over the length of the part file, which must have grown to `sent_to` bytes at most."""
        answers, complaints = parse_answers(lines)
        self._refuse_foreign_folder(answers)
        text = answers.get("n", "").strip()
        length = int(text) if re.fullmatch(r"\d{1,15}", text) else -1
        if complaints or not self._arrived < length <= sent_to:
            await self._stop(length, complaints)
        self._arrived = length

    async def _stop(self, length: int, complaints: Sequence[str]) -> None:
        """Raise the error for a part file of the wrong length. It is removed if it may be torn or the disk is full."""
        if not complaints and length >= 0:
            raise refused(
                f"the part file beside {self._name} has {length:,} bytes instead of {self._arrived:,}",
                hint="Is another upload to the same target running? Run again when it has ended.",
            )
        await self._remove_part()
        raise refused(f"{self._name} cannot be written", complaints)

    async def _remove_part(self) -> None:
        await run_short(self._shell, self._program("enter_part_folder", "remove_part"))
        self._part_stays = False

    async def _install(self, target: _Target, sums: FileSums) -> bool:
        """Compare the part file and move it to the target; return whether the SHA-256 was compared too."""
        values = {
            "was": self._expected,
            "want": sums.shown,
            "sum": sums.sha256,
            "owner": Expanded(target.owner or target.uid),
            "mode": Expanded(f"{self._new_mode(target):04o}"),
        }
        answers, complaints = await self._ask("enter_part_folder", "install_part", **values)
        self._refuse_foreign_folder(answers)
        if "c" in answers:
            self._part_stays = False
            raise not_verified(
                f"what arrived for {self._name} differs from the source; nothing was replaced",
                complaints=complaints,
                hint="Did something write to the source during the upload? Run again to start over.",
            )
        if "x" in answers:
            raise refused(
                f"another program changed {self._name} after it was shown; it was not replaced",
                hint="Run the command again to see the new change; the upload resumes.",
            )
        if "k" not in answers:
            raise refused(f"{self._name} cannot be replaced; the uploaded part file is beside it", complaints)
        self._part_stays = False
        if answers.get("a") != sums.shown:
            raise not_verified(
                f"{self._name} was written, but differs from the source",
                complaints=complaints,
                hint="Another program wrote to it at the same time.",
            )
        return "h" in answers

    def _new_mode(self, target: _Target) -> int:
        if self._mode is not None:
            return self._mode
        return _NEW_MODE if target.mode is None else target.mode

    def _report_progress(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self._arrived, self._source.size)


def _parse_owner_and_mode(text: str) -> tuple[str | None, int | None]:
    """Parse "MODE UID GID" as printed by ls; return Nones if it does not describe a regular file."""
    match = re.fullmatch(r"-([r-][w-][xsS-][r-][w-][xsS-][r-][w-][xtT-])\S? (\d{1,10}) (\d{1,10})", text)
    if match is None:
        return None, None
    mode = sum(1 << 8 - at for at, char in enumerate(match[1]) if char == _BITS[at] or char in "st")
    special = ((2, 0o4000), (5, 0o2000), (8, 0o1000))
    mode |= sum(bit for at, bit in special if match[1][at] in "sStT")
    return f"{match[2]}:{match[3]}", mode


def _parse_free_bytes(text: str) -> int | None:
    """Return the free bytes in a line of df; None if it is not one."""
    match = re.search(r" (\d{1,15}) +(\d{1,15}) +(-?\d{1,15}) +\d{1,5}% ", text)
    return None if match is None else max(int(match[3]), 0) << 10
