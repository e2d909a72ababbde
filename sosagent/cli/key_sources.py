"""Where the keys come from: files, folders, standard input, the agent, GitHub and GitLab, any https address."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from ..endpoint.target import ProviderTarget, Target, parse_target
from ..errors import KeyInvalid, UsageError
from ..fetch import FetchFailed, fetch
from ..keys import PublicKey
from ..keys.key import check_blob
from ..keys.options import OptionInvalid, check_option, check_options
from ..keys.read import MOST_BYTES, MOST_COMMENT, KeyFound, other_options, read_keys
from ..printable import is_clean, printable
from .run import confirm

__all__ = ["KeyOptions", "Reading", "dressed", "find_keys", "until_of"]

_ACCOUNTS = {"gh": "https://github.com/{}.keys", "gl": "https://gitlab.com/{}.keys"}
_SPAN = re.compile(r"(\d{1,9})([mhdw])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LAST_YEAR = 2105  # some machines count seconds in 32 bits
_ACCOUNT = re.compile(r"(?P<site>gh|gl):(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,254})")


@dataclass(frozen=True)
class Reading:
    """How keys are read.

    Fields:
        agent: from the agent.
        from_private: take the public half of a private key.
        cert_authority: they are those of authorities.
        yes: keys that were fetched are not confirmed.
        any_comment: the comments are not looked at, since there will be another one.
        host: HOST, whose machine a provider is asked for where only its scheme is written.
    """

    agent: bool = False
    from_private: bool = False
    cert_authority: bool = False
    yes: bool = False
    any_comment: bool = False
    host: Target | None = None


@dataclass(frozen=True)
class KeyOptions:
    """Where the keys come from, and what their lines are to say."""

    keyfile: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEYFILE",
            help="Public keys: files, folders of .pub files, - for standard input, gh:USER, gl:USER, https://..., "
            "packet: (those of HOST's portal); your own public key, if you have just one.",
            show_default=False,
        ),
    ] = None
    agent: Annotated[
        bool,
        typer.Option("--agent", help="The keys of your agent; of those, the ones that KEYFILE names or describes."),
    ] = False
    from_private: Annotated[
        bool, typer.Option("--from-private", help="Take the public half of a private key file, on purpose.")
    ] = False
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask whether fetched keys are the right ones.")] = (
        False
    )
    comment: Annotated[
        str | None, typer.Option("--comment", metavar="TEXT", help="Instead of the keys' own.", show_default=False)
    ] = None
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="OPTION", help="""Such as 'from="10.0.0.0/8"'.""", show_default=False),
    ] = None
    restrict: Annotated[bool, typer.Option("--restrict", help="No forwarding, no terminal; see sshd(8).")] = False
    cert_authority: Annotated[
        bool, typer.Option("--cert-authority", help="They are keys of authorities: whoever has one lets in others.")
    ] = False

    def find(self, host: Target | None = None) -> list[KeyFound]:
        """The keys, with what the command line says of them.

        Args:
            host: HOST, where there is one; ``packet:`` asks for the keys of its machine.

        Raises:
            KeyInvalid: with file and line.
            UsageError: no key was named, or the comment or an option is none that sshd takes.
        """
        how = Reading(self.agent, self.from_private, self.cert_authority, self.yes, self.comment is not None, host)
        found = find_keys(self.keyfile or [], how)
        keys = dressed([one.key for one in found], self.comment, self.option or [], self.restrict)
        return [replace(one, key=key) for one, key in zip(found, keys, strict=True)]


def find_keys(names: Sequence[str], how: Reading) -> list[KeyFound]:
    """The keys that `names` lead to, each once.

    Raises:
        KeyInvalid: with file and line.
        UsageError: nothing was named, and there is no one key to take.
    """
    found: list[KeyFound] = []
    for one in _of_agent(names, how) if how.agent else _of_all(names or [_default()], how):
        same = next((earlier for earlier in found if one.key.same_key(earlier.key)), None)
        if same is None:
            found.append(one)
        elif same.key.options != one.key.options:
            raise other_options(one, same)
    return found


def dressed(keys: Sequence[PublicKey], comment: str | None, options: Sequence[str], restrict: bool) -> list[PublicKey]:
    """`keys` with what the command line says of them.

    Raises:
        UsageError: the comment or an option is none that sshd takes.
    """
    if comment is not None and (not is_clean(comment) or len(comment) > MOST_COMMENT):
        raise UsageError(f"the comment {printable(comment, 80)!r} holds control characters, or is too long")
    try:
        more = [check_option(option) for option in options]
        if restrict:
            more.insert(0, "restrict")
        return [
            replace(
                key,
                comment=key.comment if comment is None else comment.strip(),
                options=check_options((*key.options, *(option for option in more if option not in key.options))),
            )
            for key in keys
        ]
    except OptionInvalid as error:
        raise UsageError(str(error), hint="sshd(8), AUTHORIZED_KEYS FILE FORMAT, lists the options.") from None


def until_of(text: str, now: datetime | None = None) -> datetime:
    """When: ``90m``, ``2h``, ``3d``, ``1w`` from now, or a date and time of ISO 8601 (without a zone: here).

    Raises:
        UsageError: it is neither, or past.
    """
    now = now or datetime.now(UTC)
    shown = printable(text, 60)
    span = _SPAN.fullmatch(text.strip())
    try:
        until = now + int(span[1]) * _UNITS[span[2]] if span else datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise UsageError(
            f"{shown!r} is no time", hint="Give a span (90m, 2h, 3d, 1w) or a time such as 2026-12-01T00:00Z."
        ) from None
    if until <= now:
        raise UsageError(f"{shown} is past: the key would never work")
    if until.year > _LAST_YEAR:
        raise UsageError(f"{shown} is too far off for sshd")
    return until


def _default() -> str:
    mine = sorted((Path.home() / ".ssh").glob("id_*.pub"))
    if len(mine) == 1:
        return str(mine[0])
    which = ", ".join(printable(path.name) for path in mine) or "none"
    raise UsageError(f"no KEYFILE was given, and ~/.ssh/id_*.pub is not one key ({which})", hint="Name the key to add.")


def _of_all(names: Sequence[str], how: Reading) -> Iterator[KeyFound]:
    for name in names:
        account = _ACCOUNT.fullmatch(name)
        if account is not None:
            yield from _fetched(_ACCOUNTS[account["site"]].format(account["name"]), how)
        elif name.startswith("https://"):
            yield from _fetched(name, how)
        elif re.match(r"(?i)(?:http|ftp):", name):
            raise UsageError(
                f"{printable(name, 80)}: keys are fetched by https only: on the way, others could be put in"
            )
        elif re.match(r"(?:gh|gl):", name):
            raise UsageError(f"{printable(name, 80)!r} names no account")
        elif (machine := _provided(name, how.host)) is not None:
            yield from _of_provider(machine, how)
        elif name == "-":
            if sys.stdin.isatty():
                print("Paste the public key, then Ctrl-D:", file=sys.stderr)
            yield from _read(sys.stdin.buffer.read(MOST_BYTES + 1), "-", how)
        elif " AAAA" in name:
            raise UsageError("that is a key, not a file", hint="Put it in a file, or hand it in on standard input (-).")
        elif _is_folder(Path(name)):
            yield from _of_folder(Path(name), how)
        else:
            yield from _of_file(Path(name), how)


def _read(data: bytes, name: str, how: Reading) -> list[KeyFound]:
    return read_keys(
        data, name, from_private=how.from_private, cert_authority=how.cert_authority, any_comment=how.any_comment
    )


def _of_file(path: Path, how: Reading) -> list[KeyFound]:
    try:
        with path.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise KeyInvalid(f"cannot read {printable(str(path))}: {error.strerror}") from None
    return _read(data, str(path), how)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:
        raise KeyInvalid(f"cannot read {printable(str(path))}: {error.strerror}") from None


def _of_folder(path: Path, how: Reading) -> Iterator[KeyFound]:
    files = sorted(file for file in path.glob("*.pub") if not file.name.endswith("-cert.pub"))
    if not files:
        raise KeyInvalid(f"there is no .pub file in the folder {printable(str(path))}")
    for file in files:
        yield from _of_file(file, how)


def _of_agent(matches: Sequence[str], how: Reading) -> Iterator[KeyFound]:
    held = asyncio.run(_agent_keys())
    for text in matches:
        if not any(_fits(text, key) for key in held):
            raise UsageError(
                f"no key of the agent fits {printable(text, 80)!r}",
                hint="It holds: " + "; ".join(f"{key.fingerprint} {printable(key.comment, 60)}" for key in held),
            )
    for key in held:
        if not matches or any(_fits(text, key) for text in matches):
            yield KeyFound(replace(key, options=("cert-authority",) if how.cert_authority else ()), "the agent")


def _fits(text: str, key: PublicKey) -> bool:
    return text in key.comment or text == key.type or text in (key.fingerprint, key.md5)


async def _agent_keys() -> list[PublicKey]:
    import asyncssh

    try:
        agent = await asyncssh.connect_agent()
    except (OSError, asyncssh.Error):
        agent = None
    if agent is None:
        raise UsageError("there is no agent to ask", hint="Start one (ssh-agent, ssh-add), or name a KEYFILE.")
    try:
        pairs = await agent.get_keys()
    except (ValueError, OSError, asyncssh.Error) as error:
        raise UsageError(f"the agent did not give its keys: {printable(str(error))}") from None
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
        raise UsageError("the agent holds no key", hint="ssh-add adds one.")
    return keys


def _provided(name: str, host: Target | None) -> ProviderTarget | None:
    """The machine whose keys ``scheme:ID`` means, or ``scheme:`` for HOST's; None where no provider has that scheme."""
    found = re.fullmatch(r"([a-z][a-z0-9+.-]{1,30}):(.*)", name)
    if found is None:
        return None
    from ..providers import schemes

    scheme, rest = found.groups()
    if scheme not in schemes():
        return None
    if not rest:
        if isinstance(host, ProviderTarget) and host.scheme == scheme:
            return host
        raise UsageError(f"{name} names no machine, and HOST is none of that kind", hint=f"Write {name}ID.")
    machine = parse_target(name)
    if not isinstance(machine, ProviderTarget):
        raise UsageError(f"{printable(name, 80)!r} names no machine of a provider")
    return machine


def _of_provider(machine: ProviderTarget, how: Reading) -> list[KeyFound]:
    from ..providers import keys_of

    text = asyncio.run(keys_of(machine))
    for line in text.splitlines():
        if line.startswith("#"):
            print(f"{machine}: {printable(line.lstrip('# '), 200)}", file=sys.stderr)
    return _confirmed(_read(text.encode("utf-8", "replace"), str(machine), how), str(machine), how)


def _fetched(address: str, how: Reading) -> list[KeyFound]:
    """The keys behind an address, as the user confirms them."""
    try:
        data = asyncio.run(fetch(address, most=MOST_BYTES))
    except FetchFailed as error:
        why = "there is no such account or page" if error.status == 404 else error.message
        raise UsageError(f"{printable(address)}: {why}") from None
    return _confirmed(_read(data, address, how), address, how)


def _confirmed(found: list[KeyFound], source: str, how: Reading) -> list[KeyFound]:
    if how.yes:
        return found
    print(f"{printable(source)} gives:", file=sys.stderr)
    for one in found:
        print(f"  {one.key.type} {one.key.fingerprint} {printable(one.key.comment, 60)}".rstrip(), file=sys.stderr)
        if one.key.options:
            print(f"    with options: {printable(','.join(one.key.options), 2000)}", file=sys.stderr)
    confirm(
        "Are these the right keys?",
        nobody="fetched keys are to be confirmed, and nobody can be asked",
        yes="--yes takes them as they are.",
        no="the fetched keys were not confirmed; nothing was sent",
    )
    return found
