"""Public keys from other sources than local files: the SSH agent, an account, a provider, or a web page."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..endpoint.parse import parse_target
from ..endpoint.target import ProviderReference, Target
from ..errors import UsageError
from ..fetch import FetchFailed, fetch
from ..keys.key import PublicKey, check_blob
from ..keys.read import MAX_BYTES, SourcedKey
from ..printable import is_clean, printable
from .ask import confirm

if TYPE_CHECKING:
    from .key_reading import ReadOptions

__all__ = ["from_agent", "from_url"]

_ACCOUNT_URLS = {"gh": "https://github.com/{}.keys", "gl": "https://gitlab.com/{}.keys"}
_ACCOUNT = re.compile(r"(?P<site>gh|gl):(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,254})")


def from_url(name: str, options: ReadOptions) -> list[SourcedKey] | None:
    """Return the keys of ``gh:USER``, ``gl:USER``, ``https://...`` or ``packet:ID``; None if `name` is another thing.

    The user confirms the keys, unless ``options.yes`` is set.

    Raises:
        UsageError: the keys cannot be fetched, or were not confirmed.
        KeyInvalid: one of them cannot be used.
    """
    shown = printable(name, 80)
    account = _ACCOUNT.fullmatch(name)
    if account is not None:
        return _fetched(_ACCOUNT_URLS[account["site"]].format(account["name"]), options)
    if name.startswith("https://"):
        return _fetched(name, options)
    if re.match(r"(?i)(?:http|ftp):", name):
        raise UsageError(f"{shown}: keys are fetched over https only; other protocols allow them to be replaced")
    if re.match(r"(?:gh|gl):", name):
        raise UsageError(f"invalid account name in {shown!r}")
    machine = _machine_of_provider(name, options.host)
    return None if machine is None else _from_provider(machine, options)


def from_agent(selectors: Sequence[str], *, cert_authority: bool) -> Iterator[SourcedKey]:
    """Yield the keys of the SSH agent.

    Args:
        selectors: texts that select keys: part of a comment, a type, or a fingerprint. All keys if empty.
        cert_authority: mark the keys as those of certificate authorities.

    Raises:
        UsageError: no agent is running, it has no keys, or a selector matches none of them.
    """
    keys = asyncio.run(_agent_keys())
    for text in selectors:
        if not any(_matches(text, key) for key in keys):
            raise UsageError(
                f"the agent has no key that matches {printable(text, 80)!r}",
                hint="Its keys: " + "; ".join(f"{key.fingerprint} {printable(key.comment, 60)}" for key in keys),
            )
    for key in keys:
        if not selectors or any(_matches(text, key) for text in selectors):
            yield SourcedKey(replace(key, options=("cert-authority",) if cert_authority else ()), "the agent")


def _matches(text: str, key: PublicKey) -> bool:
    return text in key.comment or text == key.type or text in (key.fingerprint, key.md5)


async def _agent_keys() -> list[PublicKey]:
    import asyncssh  # needed for the agent only

    try:
        agent = await asyncssh.connect_agent()
    except (OSError, asyncssh.Error):
        agent = None
    if agent is None:
        raise UsageError("no SSH agent is running", hint="Start one (ssh-agent, ssh-add), or name a KEYFILE.")
    try:
        pairs = await agent.get_keys()
    except (ValueError, OSError, asyncssh.Error) as error:
        raise UsageError(f"the SSH agent did not list its keys: {printable(str(error))}") from None
    finally:
        agent.close()
    keys: list[PublicKey] = []
    for pair in pairs:
        name, comment = pair.algorithm.decode("ascii", "replace"), pair.get_comment() or ""
        try:
            check_blob(name, pair.public_data)
        except ValueError:
            continue
        if "-cert-v0" not in name:
            keys.append(PublicKey(name, pair.public_data, comment if is_clean(comment) else ""))
    if not keys:
        raise UsageError("the SSH agent has no keys", hint="Add one with ssh-add.")
    return keys


def _machine_of_provider(name: str, host: Target | ProviderReference | None) -> ProviderReference | None:
    """Return the machine of ``scheme:ID``, or HOST for ``scheme:``; None if `name` does not begin with a scheme."""
    match = re.fullmatch(r"([a-z][a-z0-9+.-]{1,30}):(.*)", name)
    if match is None:
        return None
    from ..providers import schemes  # needed for a provider's machine only

    scheme, rest = match.groups()
    if scheme not in schemes():
        return None
    if not rest:
        if isinstance(host, ProviderReference) and host.scheme == scheme:
            return host
        raise UsageError(f"{name} has no machine's ID, and HOST is not a machine of {scheme}", hint=f"Write {name}ID.")
    machine = parse_target(name)
    if not isinstance(machine, ProviderReference):
        raise UsageError(f"{printable(name, 80)!r} is not a machine of a provider")
    return machine


def _from_provider(machine: ProviderReference, options: ReadOptions) -> list[SourcedKey]:
    from ..providers import keys_of

    text = asyncio.run(keys_of(machine))
    for line in text.splitlines():
        if line.startswith("#"):
            print(f"{machine}: {printable(line.lstrip('# '), 200)}", file=sys.stderr)
    return _confirmed(options.read(text.encode("utf-8", "replace"), str(machine)), str(machine), options.yes)


def _fetched(address: str, options: ReadOptions) -> list[SourcedKey]:
    try:
        data = asyncio.run(fetch(address, most=MAX_BYTES))
    except FetchFailed as error:
        why = "there is no such account or page" if error.status == 404 else error.message
        raise UsageError(f"{printable(address)}: {why}") from None
    return _confirmed(options.read(data, address), address, options.yes)


def _confirmed(keys: list[SourcedKey], source: str, yes: bool) -> list[SourcedKey]:
    if yes:
        return keys
    print(f"Keys of {printable(source)}:", file=sys.stderr)
    for one in keys:
        print(f"  {one.key.type} {one.key.fingerprint} {printable(one.key.comment, 60)}".rstrip(), file=sys.stderr)
        if one.key.options:
            print(f"    with options: {printable(','.join(one.key.options), 2000)}", file=sys.stderr)
    confirm(
        "Are these the right keys?",
        no_terminal="fetched keys need confirmation, and there is no terminal",
        hint="--yes accepts them without confirmation.",
        refused="the fetched keys were not confirmed; nothing was sent",
    )
    return keys
