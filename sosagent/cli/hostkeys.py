"""`sosagent hostkeys HOST`: read a machine's SSH host keys on its console."""

from __future__ import annotations

import sys
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ..errors import NotConfirmed, UsageError
from ..keys.known_hosts import all_sshfp, line_of, place_of, planned
from ..printable import printable
from ..replace_file import locked, replace_file
from .machine_options import LoginOnlyOptions, MachineOptions
from .options import with_options
from .review import ReviewOptions, show_diff
from .show import as_json

if TYPE_CHECKING:
    from ..access import Access
    from ..file_change import Confirm, FileChange
    from ..jobs.host_keys import HostKeys
    from ..keys.known_hosts import Change
    from .show import Progress

    _KeysAndChange: TypeAlias = tuple[HostKeys, Change | None, FileChange | None]

__all__ = ["hostkeys", "names_for_ssh"]


@with_options(LoginOnlyOptions, ReviewOptions)
def hostkeys(
    machine: LoginOnlyOptions,
    review: ReviewOptions,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="The machine's name or address when you use ssh, with :PORT if it is not 22; repeatable.",
            show_default=False,
        ),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            "--into", metavar="FILE", help="The known_hosts file. By default ~/.ssh/known_hosts.", show_default=False
        ),
    ] = None,
    write_them: Annotated[bool, typer.Option("--write", help="Add the lines to the known_hosts file.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Remove other keys of the same names.")] = False,
    sshfp: Annotated[
        bool, typer.Option("--sshfp", help="Print SSHFP records for DNS instead of known_hosts lines.")
    ] = False,
) -> None:
    """Read a machine's SSH host keys on its console, and print known_hosts lines or SSHFP records.

    With these lines, ssh does not have to trust the first key that it sees. Standard output has nothing but the
    lines; fingerprints, warnings and changes are on standard error. On a terminal, --write shows the change of the
    file and asks first; --dry-run prints it.
    """
    names: list[str] = []
    file, writes = into or Path.home() / ".ssh" / "known_hosts", write_them and not review.dry_run

    async def prepare(progress: Progress) -> Coroutine[Any, Any, _KeysAndChange]:
        machine.check()
        names.extend(name or names_for_ssh(machine))
        all(map(place_of, names))
        if (write_them or review.dry_run) and not names:
            raise UsageError(
                f"{'--write' if write_them else '--dry-run'} needs --name, the machine's name when you use ssh",
                hint="Or set known_as in the machines file.",
            )
        confirm = review.asking(progress, lambda change: f"Write this to {change.path}?")
        write = _Write(file, replace, wanted=writes, confirm=confirm)
        return _read(await machine.access(progress), names, write)

    host, change, shown = machine.run(prepare, lambda _: {"host": machine.host})
    records = all_sshfp(names, host.keys)
    lines = [line_of(place_of(one, host.port), key) for one in names for key in host.keys]
    written = file if writes else None
    if machine.json:
        print(as_json(_fields(host, change, lines, records, written) | {"diff": list(shown.diff) if shown else []}))
        return
    _show(host, change, written, quiet=machine.quiet)
    if review.dry_run:
        show_diff(shown)
    if not (write_them or review.dry_run) or sshfp:
        for line in records if sshfp else lines:
            print(line)


def names_for_ssh(machine: MachineOptions) -> list[str]:
    """Return the machine's names for ssh from the machines file."""
    if machine.entry is None:
        return []
    return list(dict.fromkeys((*machine.entry.known_as, *filter(None, [machine.entry.address]))))


@dataclass(frozen=True)
class _Write:
    """How to change the known_hosts file.

    Fields:
        file: the file.
        replace: remove other keys of the same names.
        wanted: make the change.
        confirm: asks the user before; None if nobody is to be asked.
    """

    file: Path
    replace: bool
    wanted: bool
    confirm: Confirm | None

    def plan(self, places: list[str], host: HostKeys) -> tuple[Change, FileChange]:
        """Return the change of the file, and how it is shown.

        Raises:
            UsageError: the file cannot be read.
            HostKeyChanged: it has another key, which is not to be replaced.
        """
        from ..file_change import FileVersion, changed_file

        name, text = str(self.file), ""
        try:
            text = self.file.read_bytes().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            pass
        except OSError as error:
            raise UsageError(f"cannot read {printable(name)}: {error.strerror}") from None
        change = planned(text, printable(name), places, host.keys, replace=self.replace)
        old, new = (FileVersion(len(one), data=one.encode("utf-8", "backslashreplace")) for one in (text, change.text))
        return change, changed_file(name, old if self.file.exists() else None, new)


async def _read(access: Access, names: Sequence[str], write: _Write) -> _KeysAndChange:
    """Read the host keys and plan the change of the known_hosts file; ask, and make it if it is wanted."""
    from ..jobs.host_keys import host_keys

    host = await host_keys(access)
    if not names:
        return host, None, None
    places = [place_of(one, host.port) for one in names]
    change, shown = write.plan(places, host)
    if not write.wanted:
        return host, change, shown
    planned_text = change.text
    if write.confirm is not None and shown and not await write.confirm(shown):
        raise NotConfirmed(f"not confirmed; {printable(str(write.file))} is unchanged")
    with locked(write.file):
        change, _ = write.plan(places, host)
        if write.confirm is not None and change.text != planned_text:
            raise UsageError(
                f"another program changed {printable(str(write.file))} after it was shown; nothing was written",
                hint="Run the command again to see the new change.",
            )
        if change.added or change.removed:
            replace_file(write.file, change.text)
    return host, change, shown


def _show(host: HostKeys, change: Change | None, written: Path | None, *, quiet: bool) -> None:
    for warning in host.warnings:
        _say(f"warning: {printable(warning)}")
    if change is None:
        _say("Use --name NAME to print known_hosts lines or SSHFP records for that name.")
    if quiet:
        return
    _say(f"{printable(host.hostname)}, port {host.port}")
    for key in host.keys:
        _say(f"  {key.type} {key.bits or ''} {key.fingerprint}")
    if written is None or change is None:
        return
    for line in change.removed:
        _say(f"- {printable(line, 2000)}")
    for line in change.added:
        _say(f"+ {line}")
    for key in change.present:
        _say(f"= {key.type} is already in the file")
    _say(f"written to {printable(str(written))}" if change.added or change.removed else "nothing to write")


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _fields(
    host: HostKeys, change: Change | None, lines: list[str], records: list[str], written: Path | None
) -> dict[str, Any]:
    return {
        "host": host.host,
        "hostname": host.hostname,
        "port": host.port,
        "keys": [
            {"type": key.type, "bits": key.bits, "fingerprint": key.fingerprint, "key": f"{key.type} {key.base64}"}
            for key in host.keys
        ],
        "lines": lines,
        "warnings": list(host.warnings),
        "added": list(change.added) if change else [],
        "removed": list(change.removed) if change else [],
        "sshfp": records,
        "file": None if written is None else str(written),
        "logged_out": host.logged_out,
        "error": None,
    }
