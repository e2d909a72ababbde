"""The options of every command that takes public keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from .help.groups import KEYS, SAFETY

if TYPE_CHECKING:
    from ..endpoint.target import ProviderReference, Target
    from ..keys.read import SourcedKey

__all__ = ["KeyOptions"]


@dataclass(frozen=True)
class KeyOptions:
    """Which keys, and what their lines in authorized_keys contain."""

    keyfile: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEYFILE",
            help="Public keys: a file, a folder of .pub files, - for standard input, gh:USER, gl:USER, https://..., "
            "or packet: (the keys in the portal of HOST). By default ~/.ssh/id_*.pub, if there is only one.",
            show_default=False,
        ),
    ] = None
    agent: Annotated[
        bool,
        typer.Option("--agent", help="Take the keys of your SSH agent. KEYFILE then selects some: a comment, type or "
                     "fingerprint.", rich_help_panel=KEYS),
    ] = False  # fmt: skip
    from_private: Annotated[
        bool,
        typer.Option(
            "--from-private", help="Accept a private key file and take its public half.", rich_help_panel=KEYS
        ),
    ] = False
    yes: Annotated[
        bool, typer.Option("-y", "--yes", help="Do not ask for confirmation of fetched keys.", rich_help_panel=SAFETY)
    ] = False
    comment: Annotated[
        str | None,
        typer.Option(
            "--comment",
            metavar="TEXT",
            help="Replace the comments of the keys.",
            show_default=False,
            rich_help_panel=KEYS,
        ),
    ] = None
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="OPTION",
            help="""Add an option such as 'from="10.0.0.0/8"' to the keys; repeatable.""",
            show_default=False,
            rich_help_panel=KEYS,
        ),
    ] = None
    restrict: Annotated[
        bool,
        typer.Option(
            "--restrict", help="Add the option restrict: no forwarding, no terminal; see sshd(8).", rich_help_panel=KEYS
        ),
    ] = False
    cert_authority: Annotated[
        bool,
        typer.Option("--cert-authority", help="The keys are certificate authorities: sshd accepts every key that they "
                     "sign.", rich_help_panel=KEYS),
    ] = False  # fmt: skip

    def find(self, host: Target | ProviderReference | None = None) -> list[SourcedKey]:
        """Read the keys, and apply the comment and the options to them.

        Args:
            host: the target of HOST if the command has one; ``packet:`` means the keys of that machine.

        Raises:
            KeyInvalid: a key cannot be used; the message names file and line.
            UsageError: no key was named, or the comment or an option is invalid.
        """
        # Help needs no key parser.
        from .key_lines import apply_options
        from .key_reading import ReadOptions
        from .key_sources import find_keys

        comment = self.comment
        options = ReadOptions(
            self.agent, self.from_private, self.cert_authority, self.yes, ignore_comment=comment is not None, host=host
        )
        sourced = find_keys(self.keyfile or [], options)
        keys = apply_options([one.key for one in sourced], comment, self.option or [], self.restrict)
        return [replace(one, key=key) for one, key in zip(sourced, keys, strict=True)]
