"""`sosagent keys list|remove|audit HOST`: what a machine's authorized_keys holds, over its console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import KeyInvalid, SosError, UsageError
from ..keys import PublicKey
from ..printable import printable
from .addkey import AllowImmutableOption, RemountOption
from .key_sources import Reading, find_keys
from .machine_options import MachineOptions
from .options import with_options
from .run import Reported
from .show import as_json, error_fields

if TYPE_CHECKING:
    from ..jobs.keys import KeyListing, KeysRemoved, ListedKey
    from .show import Progress

__all__ = ["keys_app"]

keys_app = typer.Typer(name="keys", help="The keys that a machine takes, over its console.", no_args_is_help=True)


@keys_app.command("list")
@with_options(MachineOptions)
def list_command(machine: MachineOptions) -> None:
    """List the keys of a user: type, bits, fingerprint, comment, options, and whether sshd takes them."""
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
    """Report what sshd would refuse of a user's keys, and why. Exit status 1 where there is something."""
    listing = _listing(machine)
    found = [key for key in listing.keys if key.why_not or (key.entry and key.entry.key.warnings)]
    if machine.json:
        print(as_json(_listing_fields(listing)))
    else:
        _show_file(listing)
        for key in found:
            _show_key(key)
        _show_warnings(listing.warnings)
        if not found and not listing.warnings:
            print(f"  nothing is wrong with {len(listing.keys)} keys")
    if found or listing.warnings:
        raise Reported(1)


@keys_app.command("remove")
@with_options(MachineOptions)
def remove(
    machine: MachineOptions,
    which: Annotated[
        list[str],
        typer.Argument(metavar="KEY", help="Fingerprints, or files of public keys.", show_default=False),
    ],
    force: Annotated[bool, typer.Option("--force", help="Even if no usable key is left.")] = False,
    remount: RemountOption = False,
    allow_immutable: AllowImmutableOption = False,
) -> None:
    """Take keys out of a user's authorized_keys. The file as it was is kept beside it."""

    def job(progress: Progress) -> Any:
        machine.check()
        keys = [key for one in which for key in _named(one)]
        access = machine.access(progress, remount=remount)
        from ..authorized_keys.obstacles import Allow
        from ..jobs.keys import remove_keys

        allow = Allow(remount, allow_immutable, False)
        return remove_keys(access, keys, user=machine.user_name, force=force, allow=allow)

    done: KeysRemoved = machine.run(job, lambda error: as_json(_error_fields(machine, error)))
    if machine.json:
        names = ("host", "user", "file", "hostname", "removed", "backup", "left", "warnings", "logged_out")
        status = "removed" if done.removed else "absent"
        print(as_json({"status": status, **{name: getattr(done, name) for name in names}, "error": None}))
        return
    print(f"{printable(done.file)} on {printable(done.hostname)}")
    for line in done.removed:
        print(f"  removed   {printable(line, 200)}")
    if done.backup:
        print(f"  the file as it was: {printable(done.backup)}")
    else:
        print("  no line held it")
    print(f"  {done.left} usable left")


def _named(text: str) -> list[str | PublicKey]:
    if text.startswith("SHA256:"):
        return [text]
    if text.startswith("MD5:"):
        return ["MD5:" + text.removeprefix("MD5:").lower()]
    try:
        return [one.key for one in find_keys([text], Reading(cert_authority=True, any_comment=True))]
    except KeyInvalid as error:
        if not error.message.startswith("cannot read "):
            raise
        raise UsageError(
            f"{printable(text, 80)!r} is neither a fingerprint (SHA256:..., MD5:...) nor a file that can be read"
        ) from None


def _listing(machine: MachineOptions) -> KeyListing:
    def job(progress: Progress) -> Any:
        access = machine.access(progress)
        from ..jobs.keys import list_keys

        return list_keys(access, user=machine.user_name)

    listing: KeyListing = machine.run(job, lambda error: as_json(_error_fields(machine, error)))
    return listing


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
        "fingerprint": entry.key.fingerprint if entry else None,
        "comment": entry.key.comment if entry else None,
        "options": list(entry.options) if entry else [],
        "usable": not listed.why_not,
        "why_not": listed.why_not,
        "limits": list(listed.limits),
        "line": listed.text,
    }


def _error_fields(machine: MachineOptions, error: SosError) -> dict[str, Any]:
    return {"host": machine.host, "user": machine.whose(), "error": error_fields(error)}
