"""`sos-addkey HOST KEYFILE...`"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..console.events import Event
from ..keys import PublicKey
from .access import MachineOptions
from .options import with_options
from .run import VersionOption
from .show import Progress, error_json, result_json, show_result
from .sources import KeyOptions, until_of

if TYPE_CHECKING:
    from ..jobs.add_key import AddKeyResult

__all__ = ["AllowImmutableOption", "RemountOption", "addkey"]

RemountOption = Annotated[
    bool, typer.Option("--remount", help="Make a read-only file system writable for the write, and put it back.")
]
AllowImmutableOption = Annotated[
    bool, typer.Option("--allow-immutable", help="Take chattr +i off the file for the write, and put it back.")
]


@with_options(MachineOptions, KeyOptions)
def addkey(
    machine: MachineOptions,
    wanted: KeyOptions,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires",
            metavar="TIME",
            help="90m, 2h, 3d or 2026-12-01T00:00Z: sshd refuses it from then on.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("-n", "--dry-run", help="Say what would be appended and where; change nothing.")
    ] = False,
    remount: RemountOption = False,
    allow_immutable: AllowImmutableOption = False,
    fix_permissions: Annotated[
        bool,
        typer.Option("--fix-permissions", help="Mend owners and write permissions that sshd refuses; they stay so."),
    ] = False,
    version: VersionOption = False,
) -> None:
    """Add SSH public keys to a machine through its serial console.

    Logs in at the console with the machine's password (from --password-file, --password-command, the
    variable SOS_PASSWORD, or a prompt), appends the keys that are missing to the file that sshd
    reads, reads it back, and logs out again.
    """
    keys: list[PublicKey] = []

    def job(progress: Progress) -> Coroutine[Any, Any, AddKeyResult]:
        machine.check()
        until = None if expires is None else until_of(expires)
        for one in wanted.find():
            keys.append(one.key)
            for note in one.notes:
                progress(Event("note", f"{one.where}: {note}"))
        access = machine.access(progress, remount=remount)
        from ..jobs.add_key import add_keys
        from ..jobs.allow import Allow

        allow = Allow(remount, allow_immutable, fix_permissions)
        return add_keys(access, keys, user=machine.user, allow=allow, until=until, dry_run=dry_run)

    user = machine.user or machine.login
    result = machine.run(job, lambda error: error_json(error, host=machine.host, user=user, keys=keys))
    if machine.json:
        print(result_json(result))
    else:
        show_result(result)
