"""`sos-addkey HOST KEYFILE...`"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..endpoint.target import SshTarget
from ..errors import NotVerified
from .ask import run_in_thread
from .exits import Reported, VersionOption
from .help.groups import KEYS, OBSTACLES, SAFETY
from .key_options import KeyOptions
from .machine_options import MachineOptions
from .options import with_options
from .preload import preload
from .show import Progress, failed_fields, result_json
from .show_added import show_result
from .streams import keep_status

if TYPE_CHECKING:
    from ..jobs.add_key import AddKeyResult
    from ..jobs.verify import Verify
    from ..keys import PublicKey

__all__ = ["AllowImmutableOption", "RemountOption", "addkey"]

RemountOption = Annotated[
    bool,
    typer.Option(
        "--remount",
        help="Make a read-only file system writable for the write; undone afterwards.",
        rich_help_panel=OBSTACLES,
    ),
]
AllowImmutableOption = Annotated[
    bool,
    typer.Option(
        "--allow-immutable",
        help="Clear the file's immutable attribute for the write; undone afterwards.",
        rich_help_panel=OBSTACLES,
    ),
]


@dataclass(frozen=True)
class AddOptions:
    """How the keys are added, and how success is proved."""

    expires: Annotated[
        str | None,
        typer.Option(
            "--expires",
            metavar="TIME",
            help="When sshd stops accepting the keys: 90m, 2h or 3d from now, or a time such as 2026-12-01T00:00Z.",
            show_default=False,
            rich_help_panel=KEYS,
        ),
    ] = None
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Log in over SSH afterwards, and report why if that fails.", rich_help_panel=SAFETY
        ),
    ] = False
    verify_as: Annotated[
        str | None,
        typer.Option(
            "--verify-as",
            metavar="ADDRESS[:PORT]",
            help="Like --verify, with this address. By default the address in the machines file, or the machine's own "
            "host name.",
            show_default=False,
            rich_help_panel=SAFETY,
        ),
    ] = None
    dry_run: Annotated[
        bool,
        typer.Option(
            "-n", "--dry-run", help="Show what would change, as a diff; change nothing.", rich_help_panel=SAFETY
        ),
    ] = False
    remount: RemountOption = False
    allow_immutable: AllowImmutableOption = False
    fix_permissions: Annotated[
        bool,
        typer.Option(
            "--fix-permissions",
            help="Correct owners and write permissions that sshd refuses; not undone.",
            rich_help_panel=OBSTACLES,
        ),
    ] = False
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Replace lines with the same key and other options; the old file is kept on the machine.",
            rich_help_panel=KEYS,
        ),
    ] = False
    version: VersionOption = False

    def address(self, machine: MachineOptions) -> str:
        """Return the address at which the user reaches the machine's sshd; empty if unknown."""
        known = None if machine.entry is None else machine.entry.address
        return self.verify_as or known or ""

    def proof(self, keyfiles: list[str], machine: MachineOptions, progress: Progress) -> Verify | None:
        """Return how to log in afterwards; None if no login is wanted.

        Private keys are searched for beside the public ones and in ~/.ssh.

        Raises:
            UsageError: the address is invalid.
        """
        if not self.verify and self.verify_as is None:
            return None
        if self.dry_run:
            progress.note("--dry-run: no key is added, so no login is tried")
        from ..jobs.verify import Verify
        from ..keys.known_hosts import address_of

        address = self.address(machine)
        host, port = address_of(address) if address else ("", None)
        beside = [Path(place) for name in keyfiles for place in (name, name.removesuffix(".pub"))]
        putty = [Path(f"{name.removesuffix('.pub')}.ppk") for name in keyfiles]
        own = sorted((Path.home() / ".ssh").glob("id_*"))
        return Verify(
            host,
            port,
            tuple(dict.fromkeys(path for path in (*beside, *putty, *own) if path.is_file())),
            ssh_config=machine.ssh.ssh_config,
            known_hosts=machine.ssh.known_hosts,
            host_key=machine.ssh.host_key,
        )


@with_options(MachineOptions, KeyOptions, AddOptions)
def addkey(machine: MachineOptions, wanted: KeyOptions, how: AddOptions) -> None:
    """Add SSH public keys to a machine through its serial console.

    Logs in at the console with the machine's password (from --password-file, --password-command, the
    variable SOS_PASSWORD, or a prompt), appends the keys that are missing to the file that sshd
    reads, reads it back, and logs out again.
    """
    keys: list[PublicKey] = []
    displays: list[tuple[Progress, float]] = []

    async def prepare(progress: Progress) -> Coroutine[Any, Any, AddKeyResult]:
        machine.check()
        if isinstance(machine.lookup.target, SshTarget):
            preload("asyncssh")
        proof = how.proof(wanted.keyfile or [], machine, progress)
        # Help needs neither of these.
        from ..access import Permissions
        from .key_lines import parse_expiry

        until = None if how.expires is None else parse_expiry(how.expires)
        for one in await run_in_thread(lambda: wanted.find(machine.lookup.target)):
            keys.append(one.key)
            progress.detail(f"{one.key.type} {one.key.fingerprint} from {one.where}")
            for note in one.notes:
                progress.note(f"{one.where}: {note}")
        permissions = Permissions(
            remount=how.remount, allow_immutable=how.allow_immutable, fix_permissions=how.fix_permissions
        )
        access = await machine.access(progress, permissions=permissions)
        from ..jobs.add_key import add_keys

        displays.append((progress, progress.paused_seconds))
        return add_keys(
            access,
            keys,
            user=machine.user_name,
            until=until,
            verify=proof,
            dry_run=how.dry_run,
            replace_lines=how.replace,
            address=how.address(machine),
        )

    result = machine.run(
        prepare, lambda error: failed_fields(error, host=machine.host, user=machine.user_or_login(), keys=keys)
    )
    typed = sum(progress.paused_seconds - before for progress, before in displays)
    result = replace(result, seconds=max(result.seconds - typed, 0.0))
    if not how.dry_run:
        keep_status()
    if machine.json:
        print(result_json(result))
    else:
        show_result(result, how.address(machine), dry_run=how.dry_run)
    if result.problems or (result.verification is not None and result.verification.outcome != "works"):
        raise Reported(NotVerified.exit_code)
