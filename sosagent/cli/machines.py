"""`sosagent machines list|check|import|schema`: the machines file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ConfigInvalid, SosError, UsageError
from ..printable import printable
from ..suggest import did_you_mean
from .ask import confirm
from .endpoint_options import ConfigOption
from .help.app import App
from .machine_options import LOGIN
from .options import with_options
from .output_options import OutputOptions
from .show import as_json, json_text

if TYPE_CHECKING:
    from ..config.imports import Imported
    from ..config.machines import Machines

__all__ = ["machines_app"]

_COLUMNS = ("name", "console", "hostname", "login", "groups")

machines_app = App("machines", "List, check and import machines in the machines file.")


@machines_app.command("list")
@with_options(OutputOptions)
def list_command(
    output: OutputOptions,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="GROUP", help="List only the machines of this group.", show_default=False),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """List the machines: name, console, host name, login, groups."""
    machines, rows = output.attempt(lambda: _rows(config, group))
    if output.json:
        print(as_json({"file": str(machines.file), "machines": rows, "error": None}))
        return
    if not rows:
        print(f"no machines in {printable(str(machines.file))}", file=sys.stderr)
        return
    table = [[_cell(row[column]) for column in _COLUMNS] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


@machines_app.command("check")
@with_options(OutputOptions)
def check(output: OutputOptions, config: ConfigOption = None) -> None:
    """Check the machines file and report all mistakes with their lines. The exit status is 2 if there are any."""
    from ..config.file import has_machines, load_machines, machines_file, password_file_warnings

    file = output.attempt(lambda: str(machines_file(config)[0]), lambda _: {"status": "invalid"})

    def failure_fields(error: SosError) -> dict[str, Any]:
        mistakes = (error.mistakes if isinstance(error, ConfigInvalid) else ()) or (error.message,)
        return {"status": "invalid", "file": file, "machines": None, "mistakes": mistakes, "warnings": []}

    def load() -> tuple[int, list[str]]:
        machines = load_machines(config)
        return len(machines.machines), password_file_warnings(machines)

    count, warnings = output.attempt(load, failure_fields)
    if output.json:
        fields = {"status": "ok", "file": file, "machines": count, "mistakes": [], "warnings": warnings}
        print(as_json(fields | {"error": None}))
        return
    if not has_machines(config):
        print(f"the file {printable(file)} does not exist yet")
        return
    for warning in warnings:
        print(f"warning: {printable(warning)}")
    print(f"ok: {count} machine{'' if count == 1 else 's'} in {printable(file)}")


@machines_app.command("import")
@with_options(OutputOptions)
def import_command(
    output: OutputOptions,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="An ssh_config, an Ansible inventory (INI, or the output of ansible-inventory --list) or a "
            "conserver.cf; - for standard input.",
            show_default=False,
        ),
    ],
    kind: Annotated[
        str | None,
        typer.Option("--from", metavar="ssh|ansible|conserver", help="The format of FILE.", show_default=False),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Add the new machines to the machines file.")] = False,
    allow_commands: Annotated[
        bool,
        typer.Option("--allow-commands", help="Do not ask before machines are added whose console is a command."),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Convert an existing configuration to entries of the machines file, and print them."""

    def work() -> tuple[Imported, Path | None, Sequence[str]]:
        from ..config.file import add_machines
        from ..config.import_files import import_file

        imported = import_file(file, kind)
        if not output.json:
            _show_remarks(imported)
        if not write:
            return imported, None, ()
        if imported.commands and not allow_commands:
            _confirm_commands(len(imported.commands))
        return imported, *add_machines(config, imported.machines)

    imported, place, added = output.attempt(work, lambda _: {"status": "failed"})
    if output.json:
        print(as_json(_import_fields(imported, place, added)))
        return
    if place is None:
        print("\n".join(imported.machines.values()), end="")
        return
    for name in imported.machines:
        print(f"added {name}" if name in added else f"skipped {name}: already in the file")
    print(f"written to {printable(str(place))}" if added else "nothing to write")


def _show_remarks(imported: Imported) -> None:
    for one in imported.skipped:
        shown = f"{printable(one.name, 80)}: {printable(one.reason)} ({printable(one.where)})"
        print(f"skipped {shown}", file=sys.stderr)
    for note in imported.notes:
        print(f"note: {printable(note)}", file=sys.stderr)
    for name, command in imported.commands.items():
        print(f"warning: the console of {name} is a command: {printable(command, 500)}", file=sys.stderr)


def _import_fields(imported: Imported, place: Path | None, added: Sequence[str]) -> dict[str, Any]:
    return {
        "status": "converted" if place is None else "written",
        "file": None if place is None else str(place),
        "machines": imported.machines,
        "added": list(added),
        "skipped": [{"name": one.name, "reason": one.reason, "where": one.where} for one in imported.skipped],
        "notes": imported.notes,
        "commands": imported.commands,
        "error": None,
    }


def _confirm_commands(count: int) -> None:
    confirm(
        f"Add {'this machine' if count == 1 else f'these {count} machines'}? "
        "The command runs on this computer whenever the machine is used.",
        no_terminal="the file names commands to run on this computer, and there is no terminal",
        hint="Read them above. --allow-commands adds them without a question.",
        refused="the commands were not confirmed; nothing was written",
    )


@machines_app.command("schema")
@with_options(OutputOptions)
def schema_command(output: OutputOptions) -> None:
    """Print the JSON Schema of the machines file, for editors."""
    from ..config.machine import schema

    print(json_text(output.attempt(schema)))


def _rows(config: Path | None, group: str | None) -> tuple[Machines, list[dict[str, Any]]]:
    from ..config.file import load_machines
    from ..config.machines import target_of

    machines = load_machines(config)
    names: Sequence[str] = list(machines.machines) if group is None else machines.of_group(group)
    if group is not None and not names:
        raise UsageError(
            f"no machine belongs to the group {printable(group, 80)!r}{did_you_mean(group, machines.groups)}",
            hint=f"The file's groups: {', '.join(machines.groups)}." if machines.groups else "The file has no groups.",
        )
    rows = []
    for name in names:
        machine = machines.machines[name]
        rows.append(
            {
                "name": name,
                # Not as written: the arguments of a command may contain secrets.
                "console": str(target_of(machine)),
                "hostname": machine.hostname,
                "login": machine.login or LOGIN,
                "groups": list(machine.groups),
            }
        )
    return machines, rows


def _cell(value: str | list[str] | None) -> str:
    return printable(",".join(value) if isinstance(value, list) else value or "-", 100)
