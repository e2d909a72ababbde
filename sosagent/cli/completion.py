"""`sosagent completion install|show`: completion of command lines in the user's shell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..printable import printable
from .help.app import App
from .options import with_options
from .output_options import OutputOptions
from .show import as_json

__all__ = ["completion_app"]

_METAVAR = "bash|zsh|fish"

completion_app = App("completion", "Complete command lines with the Tab key in bash, zsh and fish.")


@completion_app.command("install")
@with_options(OutputOptions)
def install(
    output: OutputOptions,
    shell: Annotated[
        str | None,
        typer.Argument(metavar=_METAVAR, help="The shell. By default your login shell ($SHELL).", show_default=False),
    ] = None,
) -> None:
    """Install completion of sosagent and sos-addkey for you.

    bash and zsh get a line in ~/.bashrc or ~/.zshrc. Run it again after an update; it changes nothing twice.
    """
    from ..completion.install import install as write

    def work() -> tuple[str, list[Path]]:
        chosen = _checked(shell or Path(os.environ.get("SHELL", "")).name, by_user=shell is not None)
        return chosen, list(write(chosen))

    chosen, files = output.attempt(work, lambda _: {"status": "failed", "shell": shell})
    if output.json:
        names = [str(file) for file in files]
        print(as_json({"status": "installed", "shell": chosen, "files": names, "error": None}))
        return
    for file in files:
        print(f"wrote {printable(str(file), 4000)}")
    print(f"Start a new {chosen} to use it.")


@completion_app.command("show")
@with_options(OutputOptions)
def show(
    output: OutputOptions,
    shell: Annotated[str, typer.Argument(metavar=_METAVAR, help="The shell.", show_default=False)],
) -> None:
    """Print the completion script for a shell, which completes sosagent and sos-addkey.

    Packages install it as bash-completion/completions/sosagent (and sos-addkey), zsh/vendor-completions/_sosagent
    and fish/vendor_completions.d/sosagent.fish (and sos-addkey.fish).
    """
    from ..completion.install import script

    text = output.attempt(lambda: script(_checked(shell, by_user=True)), lambda _: {"shell": shell})
    if output.json:
        print(as_json({"shell": shell, "error": None}, {"script": text}))
        return
    print(text, end="")


def _checked(shell: str, *, by_user: bool) -> str:
    """Return the name of a shell that has completion.

    Raises:
        UsageError: it has none.
    """
    from ..completion.install import SHELLS

    if shell in SHELLS:
        return shell
    what = f"there is no completion for {printable(shell, 60)!r}" if shell else "your shell is not known"
    hint = "The shells are bash, zsh and fish." if by_user else "Name the shell: sosagent completion install bash"
    raise UsageError(what, hint=hint)
