"""`sos-addkey HOST KEYFILE...`"""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..console.events import Event
from ..errors import NotVerified
from ..keys import PublicKey
from ..keys.known_hosts import address_of
from .endpoint_options import checked_policy
from .key_sources import KeyOptions, until_of
from .machine_options import MachineOptions
from .options import with_options
from .run import Reported, VersionOption
from .show import Progress, error_json, result_json, show_result

if TYPE_CHECKING:
    from ..jobs.add_key import AddKeyResult
    from ..jobs.verify import Verify

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
    verify: Annotated[
        bool, typer.Option("--verify", help="Log in over SSH afterwards, and tell why if that fails.")
    ] = False,
    verify_as: Annotated[
        str | None,
        typer.Option(
            "--verify-as",
            metavar="ADDRESS[:PORT]",
            help="The same, to this address; else to the machine's of machines.toml, or what it calls itself.",
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
        target, _ = machine.check()
        proof = _proof(verify_as, wanted.keyfile or [], machine) if verify or verify_as is not None else None
        if proof is not None and dry_run:
            progress(Event("note", "--dry-run: nothing is added, so no login is tried"))
        until = None if expires is None else until_of(expires)
        for one in wanted.find(target):
            keys.append(one.key)
            for note in one.notes:
                progress(Event("note", f"{one.where}: {note}"))
        access = machine.access(progress, remount=remount)
        from ..authorized_keys.obstacles import Allow
        from ..jobs.add_key import add_keys

        allow = Allow(remount, allow_immutable, fix_permissions)
        return add_keys(access, keys, user=machine.user_name, allow=allow, until=until, verify=proof, dry_run=dry_run)

    result = machine.run(job, lambda error: error_json(error, host=machine.host, user=machine.whose(), keys=keys))
    if machine.json:
        print(result_json(result))
    else:
        show_result(result)
    if result.verification is not None and result.verification.outcome != "works":
        raise Reported(NotVerified.exit_code)


def _proof(where: str | None, names: list[str], machine: MachineOptions) -> Verify:
    """Where to log in, and where the private halves may be: beside the public ones, and the user's own."""
    from ..jobs.verify import Verify

    if where is None and machine.named is not None:
        where = machine.named.address
    address, port = ("", None) if where is None else address_of(where)
    beside = [Path(place) for name in names for place in (name, name.removesuffix(".pub"))]
    putty = [Path(f"{name.removesuffix('.pub')}.ppk") for name in names]
    mine = sorted((Path.home() / ".ssh").glob("id_*"))
    files = [path for path in (*beside, *putty, *mine) if path.is_file()]
    return Verify(
        address,
        port,
        tuple(dict.fromkeys(files)),
        ssh_config=machine.ssh_config,
        known_hosts=machine.known_hosts,
        host_key=checked_policy(machine.host_key),
    )
