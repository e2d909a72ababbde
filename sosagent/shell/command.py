"""Run a command on the machine whose streams are files there, so that its output is exact and may be long.

The machine keeps the files of a command in a private folder: the script ``c``, the input ``i``, the output ``o`` and
``e``, the exit status ``s``, and the supervisor ``r`` (remote/supervise_command.sh). When the receiver has ended, the
supervisor removes the folder, and ends a command that still runs, so a command never outlives an interrupted job.
"""

from __future__ import annotations

import re
import secrets
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..errors import ConsoleError, UsageError
from ..printable import printable
from .programs import Expanded, program
from .refusal import edit_refused, not_verified, refused
from .shell import Shell
from .tools import NO_ENCODER, Tools, encoding_program
from .transfer import PieceSize, parse_answers, printf_octal

__all__ = ["MAX_OUTPUT", "Command", "Executed", "OnOutput", "Stream", "command_script", "execute"]

#: The most that a command may print, in bytes; its folder may be in the machine's memory.
MAX_OUTPUT = 16 << 20
_INLINE_BYTES = 4096  # a longer script or input is copied like a file
_WAIT_SECONDS = 8  # for one request
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_COUNTS = re.compile(r"(\d{1,15}) (\d{1,15})")

Stream: TypeAlias = Literal["stdout", "stderr"]
_STREAMS: tuple[Stream, Stream] = ("stdout", "stderr")

#: Is called with the stream and the bytes that the command has printed there.
OnOutput: TypeAlias = Callable[[Stream, bytes], None]


@dataclass(frozen=True)
class Command:
    """A command for the machine.

    Fields:
        script: POSIX sh; see `command_script`.
        stdin: its standard input.
        user: the user who runs it, through su; None for the user of the shell.
    """

    script: bytes
    stdin: bytes = b""
    user: str | None = None


@dataclass(frozen=True)
class Executed:
    """The result of a command.

    Fields:
        status: its exit status; 128 and the number of the signal if a signal ended it.
        stdout, stderr: what it printed.
    """

    status: int
    stdout: bytes
    stderr: bytes


def command_script(
    command: Sequence[str] | bytes, *, chdir: str | None = None, env: Mapping[str, str] | None = None
) -> bytes:
    """Return the script that runs `command`.

    Args:
        command: the words of a command, which reach it unchanged; or the text of a script.
        chdir: the folder to run it in; by default the home of the login.
        env: environment variables to set, besides HOME and PATH.

    Raises:
        UsageError: there is no command, a word contains a NUL, or the name of a variable is invalid.
    """
    if not command:
        raise UsageError("no command", hint="Pass the words of a command, or a script.")
    body = command if isinstance(command, bytes) else b" ".join(_quoted(word) for word in command)
    lines = [f"PATH={_PATH}".encode(), b"export PATH"]
    for name, value in (env or {}).items():
        if _NAME.fullmatch(name) is None:
            raise UsageError(f"{printable(name, 60)!r} is not the name of an environment variable")
        lines += [name.encode() + b"=" + _quoted(value), f"export {name}".encode()]
    folder = b"~" if chdir is None else _quoted(f"./{chdir}" if chdir.startswith("-") else chdir)
    failing = b" 2>/dev/null" if chdir is None else b" || exit"
    lines += [b"cd " + folder + failing, body]
    return b"\n".join(lines) + b"\n"


def _quoted(word: str) -> bytes:
    if "\0" in word:
        raise UsageError(f"{printable(word, 60)!r} contains a NUL, which no command can receive")
    return shlex.quote(word).encode("utf-8", "surrogateescape")


async def execute(shell: Shell, command: Command, on_output: OnOutput | None = None) -> Executed:
    """Run `command` on the machine, at most once, and return its exact output and its exit status.

    If it is cancelled, or the line dies, the machine ends the command within a few seconds of the end of `shell`.

    Args:
        shell: a shell on the machine.
        command: the command.
        on_output: is called with output as it arrives.

    Raises:
        EditRefused: the machine has no room for the output, or the command printed more than `MAX_OUTPUT`.
        NotVerified: the command may have run, and its result is unknown.
        SosError: from `Shell.run`.
    """
    return await _Execution(shell, command, on_output).run()


class _Execution:
    """One run of a command; see `execute`."""

    def __init__(self, shell: Shell, command: Command, on_output: OnOutput | None) -> None:
        self._shell = shell
        self._command = command
        self._on_output = None if on_output is None else shell.console.guard(on_output, "the callback on_output")
        self._output: dict[Stream, bytearray] = {stream: bytearray() for stream in _STREAMS}
        self._behind = False  # the machine has output that was not fetched yet

    async def run(self) -> Executed:
        tools = await self._shell.find_tools()
        if not tools.can_encode:
            raise refused("the machine has no command that prints the output exactly", hint=NO_ENCODER)
        path = await self._start()
        pieces = PieceSize(base64=tools.decoder is not None and tools.encoder is not None)
        status: int | None = None
        while status is None:
            started = time.monotonic()
            try:
                lines = await self._fetch(tools, path, pieces)
            except ConsoleError as error:
                pieces.note_damaged(error)
                continue
            status = self._take(tools, lines)
            pieces.note_intact(time.monotonic() - started if self._behind else 0.0)
        return Executed(status, bytes(self._output["stdout"]), bytes(self._output["stderr"]))

    async def _start(self) -> str:
        """Start the command, and return the path of its folder."""
        command, start = self._command, program("start_command")
        make = program("make_command_folder", text=Expanded(secrets.token_hex(6)))
        files = {"r": self._supervisor(), "c": command.script} | ({"i": command.stdin} if command.stdin else {})
        long = {}
        while sum(map(len, files.values())) > _INLINE_BYTES:
            longest = max(files, key=lambda name: len(files[name]))
            long[longest] = files.pop(longest)
        write = "&&".join(f"printf '{printf_octal(data)}' >{name}" for name, data in files.items())
        last = ";[ -f r ]||echo f" if long else f"&&{{ {start}}};[ -f o ]||echo f"
        path, complaints = await self._make_folder(f'{make};[ "$p" ]&&{write}{last}')
        if complaints is not None:
            raise refused(f"the command cannot be started: {printable(path)} cannot be written to", complaints)
        for name, data in long.items():
            await self._shell.upload(data, f"{path}/{name}")
        if long:
            await self._shell.run(f"cd {path}&&{{ {start}}}")
        return path

    async def _make_folder(self, text: str) -> tuple[str, list[str] | None]:
        """Run a program that makes the folder; return the path, and the complaints if the command did not start."""
        answers, complaints = parse_answers((await self._shell.run(text)).lines)
        path = answers.get("d", "")
        if re.fullmatch(r"/\S+", path) is None:
            raise refused("no folder on the machine has room for the output of a command", complaints)
        return path, complaints if "f" in answers else None

    def _supervisor(self) -> bytes:
        run = "/bin/sh c"
        if self._command.user is not None:
            # The user may not read the folder, so the script is passed as an argument.
            run = f'su -s /bin/sh -c "$(cat c)" {self._command.user}'
        return f"{program('supervise_command', program=Expanded(run))}\n".encode()

    async def _fetch(self, tools: Tools, path: str, pieces: PieceSize) -> list[str]:
        """Ask for more output, and return the reply."""
        values: dict[str, str] = {"path": Expanded(path), "most": Expanded(pieces.size)}
        seconds = 0 if self._behind else _WAIT_SECONDS
        out, err = (len(self._output[stream]) for stream in _STREAMS)
        values |= {"size": Expanded(out), "last": Expanded(err)}
        text = program("command_output", seconds=Expanded(10 * seconds), **values)
        for name, position, count in (("o", out, "$x"), ("e", err, "$z")):
            encode = encoding_program(tools, f"tail -c +{position + 1} {name} 2>/dev/null|head -c {count}")
            text += f";if [ {count} -gt 0 ];then {encode};else echo r;fi"
        return (await self._shell.run(text, work_seconds=float(seconds), **pieces.send_options)).lines

    def _take(self, tools: Tools, lines: Sequence[str]) -> int | None:
        """Take the output from a reply; return the exit status once the command has ended and all its output is here.

        Raises:
            EditRefused: the command has printed too much.
            NotVerified: the result is unknown.
        """
        answers, _ = parse_answers(lines[:3])
        counts = [match for letter in "oe" if (match := _COUNTS.fullmatch(answers.get(letter, "")))]
        if len(counts) < 2 or len(lines) < 5:
            raise not_verified(
                "the files of the command are gone from the machine; its result is unknown",
                hint="Find out what it did before you run it again.",
                complaints=lines[:3],
            )
        self._behind = False
        for count, stream, line in zip(counts, _STREAMS, lines[3:5], strict=True):
            data = tools.decode(line.encode(), int(count[1]))
            if data is None:
                raise not_verified("the machine sends the output of the command in an unknown form")
            self._output[stream] += data
            self._behind |= len(self._output[stream]) < int(count[2])
            if data and self._on_output is not None:
                self._on_output(stream, data)
        if sum(int(count[2]) for count in counts) > MAX_OUTPUT:
            raise edit_refused(
                f"the command printed more than {MAX_OUTPUT >> 20} MiB; it is ended",
                hint="Redirect its output to a file on the machine, and copy that with sosagent download.",
            )
        status = answers.get("s", "")
        return int(status) if status.isdecimal() and not self._behind else None
