"""`sosagent hostkeys HOST`: a machine's SSH host keys, read on its console."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ..errors import UsageError
from ..keys.known_hosts import all_sshfp, place_of, planned
from ..printable import printable
from ..replace_file import replace_file
from .machine_options import MachineOptions
from .options import with_options
from .show import as_json, error_fields

if TYPE_CHECKING:
    from ..jobs.host_keys import HostKeys
    from ..keys.known_hosts import Change
    from ..session.machine import Access
    from .show import Progress

    _Seen: TypeAlias = tuple[HostKeys, Change | None]

__all__ = ["hostkeys"]


@with_options(MachineOptions)
def hostkeys(
    machine: MachineOptions,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="What you call it in ssh: name, name:port; again for more.",
            show_default=False,
        ),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="FILE", help="Instead of ~/.ssh/known_hosts.", show_default=False),
    ] = None,
    write_them: Annotated[bool, typer.Option("--write", help="Add the lines to the file.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Take other keys of the same names out.")] = False,
) -> None:
    """Read a machine's SSH host keys on its console: known_hosts lines and SSHFP records, no trust on first use."""
    names: list[str] = []
    file = into or Path.home() / ".ssh" / "known_hosts"

    def job(progress: Progress) -> Coroutine[Any, Any, _Seen]:
        machine.check()
        names.extend(name or _known(machine))
        for one in names:
            place_of(one)
        if write_them and not names:
            raise UsageError(
                "--write needs --name: only you know what you call the machine in ssh",
                hint="known_as in the file of machines counts, too.",
            )
        return _read(machine.access(progress), file, names, write_them=write_them, replace=replace)

    found, change = machine.run(job, lambda error: as_json({"host": machine.host, "error": error_fields(error)}))
    records = all_sshfp(names, found.keys)
    written = file if write_them else None
    if machine.json:
        print(as_json(_fields(found, change, records, written)))
    else:
        _show(found, change, records, written)


def _known(machine: MachineOptions) -> list[str]:
    """What the file of machines says that the user calls it in ssh."""
    if machine.named is None:
        return []
    return list(dict.fromkeys((*machine.named.known_as, *filter(None, [machine.named.address]))))


async def _read(access: Access, file: Path, names: Sequence[str], *, write_them: bool, replace: bool) -> _Seen:
    """What the machine shows, and what that makes of the user's file."""
    from ..jobs.host_keys import host_keys

    found = await host_keys(access)
    if not names:
        return found, None
    change = _change(file, [place_of(one, found.port) for one in names], found, replace)
    if write_them and (change.added or change.removed):
        replace_file(file, change.text)
    return found, change


def _change(file: Path, places: list[str], found: HostKeys, replace: bool) -> Change:
    try:
        text = file.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        text = ""
    except OSError as error:
        raise UsageError(f"cannot read {printable(str(file))}: {error.strerror}") from None
    return planned(text, printable(str(file)), places, found.keys, replace=replace)


def _show(found: HostKeys, change: Change | None, records: list[str], written: Path | None) -> None:
    print(f"{printable(found.hostname)}, port {found.port}")
    for key in found.keys:
        print(f"  {key.type} {key.bits or ''} {key.fingerprint}")
    for warning in found.warnings:
        print(f"  warning: {printable(warning)}")
    if change is None:
        print("With --name NAME it gives known_hosts lines and SSHFP records for what you call it.")
        return
    for line in change.removed:
        print(f"- {printable(line, 2000)}")
    for line in change.added:
        print(f"+ {line}")
    for key in change.present:
        print(f"= {key.type} is on file already")
    if written is not None:
        print(f"written to {printable(str(written))}" if change.added or change.removed else "nothing to write")
    for record in records:
        print(record)


def _fields(found: HostKeys, change: Change | None, records: list[str], written: Path | None) -> dict[str, Any]:
    return {
        "host": found.host,
        "hostname": found.hostname,
        "port": found.port,
        "keys": [
            {"type": key.type, "bits": key.bits, "fingerprint": key.fingerprint, "key": f"{key.type} {key.base64}"}
            for key in found.keys
        ],
        "warnings": list(found.warnings),
        "added": list(change.added) if change else [],
        "removed": list(change.removed) if change else [],
        "sshfp": records,
        "file": None if written is None else str(written),
        "logged_out": found.logged_out,
        "error": None,
    }
