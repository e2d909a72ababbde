"""`sosagent keys list|remove|audit HOST`: the authorized_keys of a machine's user, over its console."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..keys import PublicKey
from ..printable import printable
from .addkey import AllowImmutableOption, RemountOption
from .ask import run_in_thread
from .exits import Reported
from .help.app import App
from .help.groups import OBSTACLES
from .key_reading import ReadOptions
from .key_sources import KeyFileUnreadable, find_keys
from .machine_options import MachineOptions
from .options import with_options
from .review import ReviewOptions, show_diff
from .show import as_json
from .streams import keep_status

if TYPE_CHECKING:
    from ..file_change import FileChange
    from ..jobs.keys import KeyListing, KeysRemoved, ListedKey
    from .show import Progress

__all__ = ["keys_app"]

keys_app = App("keys", "List, audit and remove a user's authorized keys on a machine.")


@keys_app.command("list")
@with_options(MachineOptions)
def list_command(machine: MachineOptions) -> None:
    """List a user's keys: type, bits, fingerprint, comment, options, and whether sshd accepts them."""
    listing = _listing(machine)
    if machine.json:
        print(as_json(_listing_fields(listing)))
        return
    _show_file(listing)
    for key in listing.keys:
        _show_key(key)
    if not listing.keys:
        print("  no keys")
    _show_warnings(listing.warnings)


@keys_app.command("audit")
@with_options(MachineOptions)
def audit(machine: MachineOptions) -> None:
    """Report which of a user's keys sshd refuses, and why. Exit status 1 if there is anything to report."""
    listing = _listing(machine)
    problems = [key for key in listing.keys if key.why_not or key.faults]
    if machine.json:
        print(as_json(_listing_fields(listing)))
    else:
        _show_file(listing)
        for key in problems:
            _show_key(key)
        _show_warnings(listing.warnings)
        if not problems and not listing.warnings:
            print(f"  no problems in {len(listing.keys)} keys")
    if problems or listing.warnings:
        raise Reported(1)


@keys_app.command("remove")
@with_options(MachineOptions, ReviewOptions)
def remove(
    machine: MachineOptions,
    review: ReviewOptions,
    which: Annotated[
        list[str],
        typer.Argument(metavar="KEY", help="A fingerprint, or a file of public keys.", show_default=False),
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Remove the key even if no usable key remains.", rich_help_panel=OBSTACLES)
    ] = False,
    remount: RemountOption = False,
    allow_immutable: AllowImmutableOption = False,
) -> None:
    """Remove keys from a user's authorized_keys. A backup of the file is kept beside it.

    On a terminal, shows the change and asks first.
    """

    def question(change: FileChange) -> str:
        lines = len(change.removed)
        return f"Remove {'this line' if lines == 1 else f'these {lines} lines'} from {change.path} on {machine.host}?"

    async def prepare(progress: Progress) -> Coroutine[Any, Any, KeysRemoved]:
        machine.check()
        keys = [key for one in which for key in await run_in_thread(partial(_fingerprint_or_keys, one))]
        from ..access import Permissions
        from ..jobs.keys import remove_keys

        permissions = Permissions(remount=remount, allow_immutable=allow_immutable)
        access = await machine.access(progress, permissions=permissions)
        confirm = review.asking(progress, question)
        return remove_keys(access, keys, user=machine.user_name, force=force, dry_run=review.dry_run, confirm=confirm)

    done = machine.run(prepare, lambda _: _failed_fields(machine))
    if not review.dry_run:
        keep_status()
    if machine.json:
        print(as_json(_removed_fields(done, dry_run=review.dry_run)))
    else:
        _show_removed(done, dry_run=review.dry_run)


def _show_removed(done: KeysRemoved, *, dry_run: bool) -> None:
    print(f"{printable(done.file)} on {printable(done.hostname)}")
    if not done.removed:
        print("  no line contained it")
    elif not dry_run:
        for line in done.removed:
            print(f"  removed   {printable(line, 200)}")
        print(f"  backup: {printable(done.backup)}")
    print(f"  {done.remaining} usable keys {'would remain' if dry_run else 'remain'}")
    if dry_run:
        show_diff(done.change)


def _fingerprint_or_keys(text: str) -> Sequence[str | PublicKey]:
    """Return `text` if it is a fingerprint, else the keys in the file of that name.

    Raises:
        UsageError: it is neither.
        KeyInvalid: the file contains something other than public keys.
    """
    if text.startswith("SHA256:"):
        return [text]
    if text.startswith("MD5:"):
        return ["MD5:" + text.removeprefix("MD5:").lower()]
    try:
        return [one.key for one in find_keys([text], ReadOptions(cert_authority=True, ignore_comment=True))]
    except KeyFileUnreadable:
        raise UsageError(
            f"{printable(text, 80)!r} is neither a fingerprint (SHA256:..., MD5:...) nor a readable file"
        ) from None


def _listing(machine: MachineOptions) -> KeyListing:
    async def prepare(progress: Progress) -> Coroutine[Any, Any, KeyListing]:
        access = await machine.access(progress)
        from ..jobs.keys import list_keys

        return list_keys(access, user=machine.user_name)

    return machine.run(prepare, lambda _: _failed_fields(machine))


def _show_file(listing: KeyListing) -> None:
    print(f"{printable(listing.file)} on {printable(listing.hostname)}")


def _show_key(listed: ListedKey) -> None:
    if listed.entry is None:
        print(f"  {'-':<9} {printable(listed.text, 100)}")
    else:
        key = listed.entry.key
        state, bits = "refused" if listed.why_not else "usable", f" {key.bits}" if key.bits else ""
        print(f"  {state:<9} {key.type}{bits} {key.fingerprint} {printable(key.comment)}".rstrip())
        if listed.entry.options:
            print(f"            options: {printable(','.join(listed.entry.options), 400)}")
    for text in (listed.why_not, *listed.limits):
        if text:
            print(f"            {printable(text)}")


def _show_warnings(warnings: tuple[str, ...]) -> None:
    for warning in warnings:
        print(f"  warning: {printable(warning)}")


def _removed_fields(done: KeysRemoved, *, dry_run: bool) -> dict[str, Any]:
    return {
        "status": ("would-remove" if dry_run else "removed") if done.removed else "absent",
        "host": done.host,
        "user": done.user,
        "file": done.file,
        "hostname": done.hostname,
        "removed": done.removed,
        "backup": done.backup,
        "left": done.remaining,
        "diff": list(done.change.diff) if done.change else [],
        "warnings": done.warnings,
        "logged_out": done.logged_out,
        "error": None,
    }


def _listing_fields(listing: KeyListing) -> dict[str, Any]:
    return {
        "host": listing.host,
        "user": listing.user,
        "file": listing.file,
        "hostname": listing.hostname,
        "keys": [_key_fields(key) for key in listing.keys],
        "warnings": list(listing.warnings),
        "logged_out": listing.logged_out,
        "error": None,
    }


def _key_fields(listed: ListedKey) -> dict[str, Any]:
    entry = listed.entry
    return {
        "type": entry.key.type if entry else None,
        "bits": entry.key.bits if entry else None,
        "fingerprint": listed.fingerprint,
        "comment": entry.key.comment if entry else None,
        "options": list(entry.options) if entry else [],
        "usable": not listed.why_not,
        "why_not": listed.why_not,
        "limits": list(listed.limits),
        "line": listed.text,
    }


def _failed_fields(machine: MachineOptions) -> dict[str, Any]:
    return {"host": machine.host, "user": machine.user_or_login()}
