"""`sosagent hostkeys HOST`: read a machine's SSH host keys on its console."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ..errors import UsageError
from ..keys.known_hosts import all_sshfp, place_of, planned
from ..printable import printable
from ..replace_file import locked, replace_file
from .machine_options import LoginOnlyOptions, MachineOptions
from .options import with_options
from .show import as_json, error_fields

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
) -> None:
    """Read a machine's SSH host keys on its console, and print known_hosts lines and SSHFP records.

    With these lines, ssh does not have to trust the first key that it sees.
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

    host, change = machine.run(prepare, lambda error: as_json({"host": machine.host, "error": error_fields(error)}))
    records = all_sshfp(names, host.keys)
    written = file if write_them else None
    if machine.json:
        print(as_json(_fields(host, change, records, written)))
    else:
        _show(host, change, records, written)


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


def _show(host: HostKeys, change: Change | None, records: list[str], written: Path | None) -> None:
    print(f"{printable(host.hostname)}, port {host.port}")
    for key in host.keys:
        print(f"  {key.type} {key.bits or ''} {key.fingerprint}")
    for warning in host.warnings:
        print(f"  warning: {printable(warning)}")
    if change is None:
        print("Use --name NAME to print known_hosts lines and SSHFP records for that name.")
        return
    for line in change.removed:
        print(f"- {printable(line, 2000)}")
    for line in change.added:
        print(f"+ {line}")
    for key in change.present:
        print(f"= {key.type} is already in the file")
    if written is not None:
        print(f"written to {printable(str(written))}" if change.added or change.removed else "nothing to write")
    for record in records:
        print(record)


def _fields(host: HostKeys, change: Change | None, records: list[str], written: Path | None) -> dict[str, Any]:
    return {
        "host": host.host,
        "hostname": host.hostname,
        "port": host.port,
        "keys": [
            {"type": key.type, "bits": key.bits, "fingerprint": key.fingerprint, "key": f"{key.type} {key.base64}"}
            for key in host.keys
        ],
        "warnings": list(host.warnings),
        "added": list(change.added) if change else [],
        "removed": list(change.removed) if change else [],
        "sshfp": records,
        "file": None if written is None else str(written),
        "logged_out": host.logged_out,
        "error": None,
    }
