"""`sosagent hostkeys HOST`: read a machine's SSH host keys on its console."""

from __future__ import annotations

import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ..errors import UsageError
from ..keys.known_hosts import all_sshfp, line_of, place_of, planned
from ..printable import printable
from ..replace_file import locked, replace_file
from .machine_options import LoginOnlyOptions, MachineOptions
from .options import with_options
from .show import as_json

if TYPE_CHECKING:
    from ..access import Access
    from ..jobs.host_keys import HostKeys
    from ..keys.known_hosts import Change
    from .show import Progress

    _KeysAndChange: TypeAlias = tuple[HostKeys, Change | None]

__all__ = ["hostkeys", "names_for_ssh"]


@with_options(LoginOnlyOptions)
def hostkeys(
    machine: LoginOnlyOptions,
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
    lines; fingerprints, warnings and changes are on standard error.
    """
    names: list[str] = []
    file = into or Path.home() / ".ssh" / "known_hosts"

    async def prepare(progress: Progress) -> Coroutine[Any, Any, _KeysAndChange]:
        machine.check()
        names.extend(name or names_for_ssh(machine))
        for one in names:
            place_of(one)
        if write_them and not names:
            raise UsageError(
                "--write needs --name, the machine's name when you use ssh",
                hint="Or set known_as in the machines file.",
            )
        return _read(await machine.access(progress), file, names, write_them=write_them, replace=replace)

    host, change = machine.run(prepare, lambda _: {"host": machine.host})
    records = all_sshfp(names, host.keys)
    lines = [line_of(place_of(one, host.port), key) for one in names for key in host.keys]
    written = file if write_them else None
    if machine.json:
        print(as_json(_fields(host, change, lines, records, written)))
        return
    _show(host, change, written, quiet=machine.quiet)
    if not write_them or sshfp:
        for line in records if sshfp else lines:
            print(line)


def names_for_ssh(machine: MachineOptions) -> list[str]:
    """Return the machine's names for ssh from the machines file."""
    if machine.entry is None:
        return []
    return list(dict.fromkeys((*machine.entry.known_as, *filter(None, [machine.entry.address]))))


async def _read(access: Access, file: Path, names: Sequence[str], *, write_them: bool, replace: bool) -> _KeysAndChange:
    """Read the host keys and plan the change of the known_hosts file; make it if `write_them` is set."""
    from ..jobs.host_keys import host_keys

    host = await host_keys(access)
    if not names:
        return host, None
    places = [place_of(one, host.port) for one in names]
    if not write_them:
        return host, _change(file, places, host, replace)
    with locked(file):
        change = _change(file, places, host, replace)
        if change.added or change.removed:
            replace_file(file, change.text)
    return host, change


def _change(file: Path, places: list[str], host: HostKeys, replace: bool) -> Change:
    try:
        text = file.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        text = ""
    except OSError as error:
        raise UsageError(f"cannot read {printable(str(file))}: {error.strerror}") from None
    return planned(text, printable(str(file)), places, host.keys, replace=replace)


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
