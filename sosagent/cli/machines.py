"""`sosagent machines list|check|import|schema`: the file of machines."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ..errors import ConfigInvalid, SosError, UsageError
from ..printable import printable
from .endpoint_options import ConfigOption, JsonOption
from .machine_options import LOGIN
from .run import Reported, foreseen
from .show import as_json, error_fields, show_error

if TYPE_CHECKING:
    from ..config.machines import Machines

__all__ = ["machines_app"]

T = TypeVar("T")

_MOST_BYTES = 16 << 20
_COLUMNS = ("name", "console", "hostname", "login", "groups")

machines_app = typer.Typer(name="machines", help="The file of machines.", no_args_is_help=True)


@machines_app.command("list")
def list_command(
    group: Annotated[
        str | None, typer.Option("--group", metavar="GROUP", help="Only those that belong to it.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the machines: name, console, hostname, login, groups."""
    machines, rows = _told(lambda: _rows(config, group), json)
    if json:
        print(as_json({"file": str(machines.file), "machines": rows, "error": None}))
        return
    if not rows:
        print(f"no machines in {printable(str(machines.file))}", file=sys.stderr)
        return
    shown = [[_cell(row[column]) for column in _COLUMNS] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for cells in shown:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


@machines_app.command("check")
def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Read the file of machines and name every mistake, by line. Exit status 2 where there is one."""
    from ..config.file import has_machines, load_machines, machines_file, troubles

    file = _told(lambda: str(machines_file(config)[0]), json)

    def wrong(error: SosError) -> dict[str, Any]:
        mistakes = (error.mistakes if isinstance(error, ConfigInvalid) else ()) or (error.message,)
        return {"status": "invalid", "file": file, "machines": None, "mistakes": mistakes, "warnings": []}

    def look() -> tuple[int, list[str]]:
        found = load_machines(config)
        return len(found.machines), troubles(found)

    count, warnings = _told(look, json, wrong)
    if json:
        fields = {"status": "ok", "file": file, "machines": count, "mistakes": [], "warnings": warnings}
        print(as_json(fields | {"error": None}))
        return
    if not has_machines(config):
        print(f"there is no file {printable(file)} yet")
        return
    for warning in warnings:
        print(f"warning: {printable(warning)}")
    print(f"ok: {count} machine{'' if count == 1 else 's'} in {printable(file)}")


@machines_app.command("import")
def import_command(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="An ssh_config, an Ansible inventory (INI, or what ansible-inventory --list prints), a conserver.cf; "
            "- is standard input.",
            show_default=False,
        ),
    ],
    kind: Annotated[
        str | None,
        typer.Option("--from", metavar="ssh|ansible|conserver", help="What FILE is.", show_default=False),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Add those that are not there to the file of machines.")] = (
        False
    ),
    config: ConfigOption = None,
) -> None:
    """Make machines of what you have; they are printed as they would stand in the file."""

    def work() -> None:
        from ..config.file import add_machines
        from ..config.imports import checked_format, format_of, import_machines

        form = None if kind is None else checked_format(kind)
        text = _text(file)
        found = import_machines(text, form or format_of(text, file))
        for name, why in found.skipped:
            print(f"skipped {printable(name, 80)}: {printable(why)}", file=sys.stderr)
        for note in found.notes:
            print(f"note: {printable(note)}", file=sys.stderr)
        if not write:
            print("\n".join(found.machines.values()), end="")
            return
        place, added = add_machines(config, found.machines)
        for name in found.machines:
            print(f"added {name}" if name in added else f"skipped {name}: it is there already")
        print(f"written to {printable(str(place))}" if added else "nothing to write")

    _told(work, json=False)


@machines_app.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of the file, for editors."""
    from ..config.machines import schema

    print(json_module.dumps(schema(), indent=2))


def _told(work: Callable[[], T], json: bool, fields: Callable[[SosError], dict[str, Any]] = lambda error: {}) -> T:
    """Do `work`; an error is shown, and ends the program."""
    try:
        with foreseen(verbose=False):
            return work()
    except SosError as error:
        if json:
            print(as_json(fields(error) | {"error": error_fields(error)}))
        else:
            show_error(error)
        raise Reported(error.exit_code) from None


def _rows(config: Path | None, group: str | None) -> tuple[Machines, list[dict[str, Any]]]:
    from difflib import get_close_matches

    from ..config.file import load_machines
    from ..config.machines import target_of

    machines = load_machines(config)
    names: Sequence[str] = list(machines.machines) if group is None else machines.of_group(group)
    if group is not None and not names:
        near = get_close_matches(group, machines.groups, 3, 0.6)
        raise UsageError(
            f"no machine belongs to the group {printable(group, 80)!r}",
            hint=f"{' or '.join(near)} is meant?" if near else f"There are: {', '.join(machines.groups) or 'none'}.",
        )
    rows = []
    for name in names:
        machine = machines.machines[name]
        rows.append(
            {
                "name": name,
                # Not as it is written: arguments of a command may hold what others should not see.
                "console": str(target_of(machine)),
                "hostname": machine.hostname,
                "login": machine.login or LOGIN,
                "groups": list(machine.groups),
            }
        )
    return machines, rows


def _cell(value: str | list[str] | None) -> str:
    return printable(",".join(value) if isinstance(value, list) else value or "-", 100)


def _text(name: str) -> str:
    shown = "standard input" if name == "-" else printable(name)
    try:
        if name == "-":
            data = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with Path(name).open("rb") as opened:
                data = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{shown} is larger than {_MOST_BYTES >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{shown} is not UTF-8 text") from None
