"""Find the public keys that KEYFILE names: files, folders, standard input, or one of `remote_keys`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import KeyInvalid, UsageError
from ..keys.read import MAX_BYTES, SourcedKey, conflicting_options
from ..printable import printable
from .key_reading import ReadOptions

__all__ = ["KeyFileUnreadable", "find_keys"]


class KeyFileUnreadable(KeyInvalid):
    """A key file cannot be read, for a reason other than its contents."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"cannot read {printable(str(path))}: {error.strerror}")


def find_keys(names: Sequence[str], options: ReadOptions) -> list[SourcedKey]:
    """Return the keys that `names` lead to, each once.

    Raises:
        KeyInvalid: a key cannot be used; the message names file and line.
        UsageError: `names` is empty and there is not exactly one default key, or a source cannot be used.
    """
    keys: list[SourcedKey] = []
    for one in _from_all_sources(names, options):
        same = next((earlier for earlier in keys if one.key.same_key(earlier.key)), None)
        if same is None:
            keys.append(one)
        elif same.key.options != one.key.options:
            raise conflicting_options(one, same)
    return keys


def _from_all_sources(names: Sequence[str], options: ReadOptions) -> Iterator[SourcedKey]:
    if options.agent:
        from .remote_keys import from_agent  # imports asyncio, which files do not need

        yield from from_agent(names, cert_authority=options.cert_authority)
        return
    for name in names or [_default()]:
        yield from _from_source(name, options)


def _from_source(name: str, options: ReadOptions) -> Iterator[SourcedKey]:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", name):
        from .remote_keys import from_url  # as above

        remote = from_url(name, options)
        if remote is not None:
            yield from remote
            return
    if name == "-":
        if sys.stdin.isatty():
            print("Paste the public key, then press Ctrl-D:", file=sys.stderr)
        yield from options.read(sys.stdin.buffer.read(MAX_BYTES + 1), "-")
    elif " AAAA" in name:
        raise UsageError(
            "KEYFILE is a key, not a file", hint="Put the key in a file, or pass it on standard input (-)."
        )
    elif _is_folder(Path(name)):
        yield from _from_folder(Path(name), options)
    else:
        yield from _from_file(Path(name), options)


def _default() -> str:
    own = sorted((Path.home() / ".ssh").glob("id_*.pub"))
    if len(own) == 1:
        return str(own[0])
    count = f"{len(own)} keys match ~/.ssh/id_*.pub" if own else "no key matches ~/.ssh/id_*.pub"
    which = f" ({', '.join(printable(path.name) for path in own)})" if own else ""
    raise UsageError(f"KEYFILE is missing, and {count}{which}", hint="Name the key to add.")


def _from_file(path: Path, options: ReadOptions) -> list[SourcedKey]:
    try:
        with path.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise KeyFileUnreadable(path, error) from None
    return options.read(data, str(path))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:
        raise KeyFileUnreadable(path, error) from None


def _from_folder(path: Path, options: ReadOptions) -> Iterator[SourcedKey]:
    files = sorted(file for file in path.glob("*.pub") if not file.name.endswith("-cert.pub"))
    if not files:
        raise KeyInvalid(f"the folder {printable(str(path))} contains no .pub file")
    for file in files:
        yield from _from_file(file, options)
