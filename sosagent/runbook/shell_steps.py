"""Actions in the verified shell: login, logout, run, keys and files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from ..authorized_keys.key_file import check_user
from ..errors import DeadlineExceeded, StepFailed, UsageError
from ..keys import PublicKey, parse_public_keys
from ..paths import expanded
from ..printable import printable
from ..secrets.marks import NOT_RECORDED
from ..secrets.secret import Secret, hidden
from ..shell.transfer import Transfer
from ..shell.verified import Result
from ..terminal.sgr import Style, as_sgr, last_characters, styled_runs
from .actions import Download, Keys, Login, Logout, Run, Upload
from .outcome import Outcome
from .scope import Scope
from .search import matches
from .site import Site

__all__ = [
    "add_key",
    "download",
    "is_fingerprint",
    "login",
    "logout",
    "read_keys",
    "remove_key",
    "run",
    "upload",
]

_MOST_KEY_FILE_BYTES = 1 << 20
_MOST_OUTPUT_SHOWN = 65536
_TAIL_LINES = 12
_KILLED = 137


async def login(site: Site, scope: Scope, options: Login) -> Outcome:
    """Log in."""
    user = None if options.user is None else scope.fill(options.user)
    password = None if options.password is None else _password(scope, options.password)
    shell = await site.log_in_as(user, options.become, password)
    action = "logged in" if shell.ours else "used an open shell"
    return Outcome(f"{action} on {site.hostname}, as {'root' if shell.root else site.access.login}")


def _password(scope: Scope, text: str) -> Secret:
    secret = scope.secret(text)
    if secret is None:
        raise UsageError(f"the password {text} is not a secret", hint="Use a parameter of type secret.")
    if not secret or any(ord(char) < 0x20 or ord(char) == 0x7F for char in secret.reveal()):
        problem = "contains a control character, such as a newline" if secret else "is empty"
        raise UsageError(f"the password {text} {problem}, so it cannot be typed", hint="Nothing was typed.")
    return secret


async def logout(site: Site, scope: Scope, options: Logout) -> Outcome:
    """Log out."""
    await site.log_out()
    return Outcome("logged out" if site.logged_out else "no shell was open")


async def run(site: Site, scope: Scope, options: Run) -> Outcome:
    """Run a program."""
    await site.shell()
    program, secrets = scope.program(options.program)
    # Replacing a very short secret would damage unrelated words of the output, so none of it is shown.
    private = options.secret or any(hidden(one.reveal(), [one]) == one.reveal() for one in secrets)
    with site.console.unrecorded(*secrets) if private or secrets else nullcontext():
        result, killed = await site.run(program)
    output = result.output.decode("utf-8", "replace")
    text = hidden(site.console.redact(output), secrets)
    stored: str | Secret = text
    shown = (NOT_RECORDED, "")
    if private:
        stored = Secret(output)
        with site.console.unrecorded(stored):
            pass  # from now on, the console redacts it like any other secret
    else:
        # Again without the secrets: control characters may have been in the middle of one.
        shown = _shown(text, lambda one: hidden(site.console.redact(one), secrets))
    outcome = Outcome(
        f"exit status {result.status}",
        shown[0],
        result.status,
        {"output": stored, "status": result.status},
        coloured=shown[1],
    )
    return _checked(site, scope, options, result, killed, outcome, output if private else text)


def _checked(
    site: Site, scope: Scope, options: Run, result: Result, killed: bool, outcome: Outcome, output: str
) -> Outcome:
    """Return `outcome`, with its failure if the program did not do what the step expects."""
    state, tail = site.console.state, [line for line in outcome.output.split("\n") if line.strip()][-_TAIL_LINES:]
    message = ""
    expected = options.status if isinstance(options.status, tuple) else (options.status,)
    if killed:
        return outcome.failed(
            DeadlineExceeded(
                f"the program did not finish within {site.program_seconds} s, and was killed",
                state=state,
                tail=tail,
                hint="If it only needs more time, give the step a longer timeout.",
            )
        )
    if options.status != "any" and result.status not in expected:
        message = f"the program ended with exit status {result.status}"
        if result.status == _KILLED:
            message += " (it was killed, perhaps by the kernel for lack of memory)"
    elif options.expect is not None:
        pattern = scope.fill(options.expect, pattern=True)
        if not matches(pattern, output):
            message = f"the output does not match {pattern!r}"
    return outcome.failed(StepFailed(message, state=state, tail=tail)) if message else outcome


def _shown(text: str, redact: Callable[[str], str]) -> tuple[str, str]:
    """Return a program's output without control characters, and without its start if it is long.

    Args:
        text: the output.
        redact: replaces secrets in plain text.

    Returns:
        The plain text; and the same with its colours, or an empty text if it has none.
    """
    runs = styled_runs(text.replace("\r", "").replace("\t", "    "))
    plain = "".join(part for _, part in runs)
    safe = redact(plain)
    if safe != plain:
        runs = ((Style(), safe),)
    dropped = len(safe) - _MOST_OUTPUT_SHOWN
    if dropped > 0:
        note = f"(the first {dropped} characters are left out)\n"
        runs = ((Style(), note), *last_characters(runs, _MOST_OUTPUT_SHOWN))
    coloured = as_sgr(runs) if any(style != Style() for style, _ in runs) else ""
    return "".join(part for _, part in runs), coloured


async def add_key(site: Site, scope: Scope, options: Keys) -> Outcome:
    """Add public keys to authorized_keys."""
    await site.shell()
    user = check_user(scope.fill(options.user) if options.user else site.access.login)
    done = await site.add_keys(_keys(scope, options.key), user)
    results = ", ".join(f"{one.result} {one.key.fingerprint}" for one in done.keys)
    output = "\n".join(printable(text, 400) for text in (*done.warnings, *done.changes))
    outcome = Outcome(f"{results} in {printable(done.file)}", output)
    if not done.problems:
        return outcome
    hint = "\n".join(done.remedies)
    return outcome.failed(StepFailed(f"{outcome.message}; {'; '.join(done.problems)}", hint=hint or None))


async def remove_key(site: Site, scope: Scope, options: Keys) -> Outcome:
    """Remove public keys from authorized_keys."""
    await site.shell()
    user = check_user(scope.fill(options.user) if options.user else site.access.login)
    text = scope.fill(options.key).strip()
    keys: list[str | PublicKey] = [text] if is_fingerprint(text) else [*_keys(scope, options.key)]
    done = await site.remove_keys(keys, user)
    if not done.removed:
        return Outcome(f"the key is not in {printable(done.file)}")
    message = f"removed {len(done.removed)} from {printable(done.file)}; backup: {printable(done.backup)}"
    return Outcome(message, "\n".join(printable(line, 400) for line in done.removed))


def _keys(scope: Scope, text: str) -> list[PublicKey]:
    return read_keys(scope.fill(text).strip(), scope.loaded.path)


def is_fingerprint(text: str) -> bool:
    """Whether `text` names a key by its fingerprint."""
    return text.startswith(("SHA256:", "MD5:"))


def read_keys(text: str, path_of: Callable[[str], Path]) -> list[PublicKey]:
    """Return the keys in `text`, or in the file that it names.

    Args:
        text: lines with one key each, or the name of a file.
        path_of: returns the path of a file that is named in the runbook.

    Raises:
        UsageError: the file cannot be read, or a key is invalid.
    """
    if "\n" in text or (" " in text and not text.startswith("/")):
        return parse_public_keys(text, "the key of this step")
    path = path_of(text)
    try:
        if path.stat().st_size > _MOST_KEY_FILE_BYTES:
            raise UsageError(f"{printable(str(path))} is too large for a file of keys")
        return parse_public_keys(path.read_bytes(), printable(str(path)))
    except OSError as error:
        raise UsageError(f"cannot read {printable(str(path))}: {error.strerror}") from None


async def upload(site: Site, scope: Scope, options: Upload) -> Outcome:
    """Copy a file to the machine."""
    await site.shell()
    source = scope.loaded.path(scope.fill(options.source))
    done = await site.upload(source, scope.fill(options.target), int(options.mode, 8))
    return _copied(done, done.path)


async def download(site: Site, scope: Scope, options: Download) -> Outcome:
    """Copy a file from the machine."""
    await site.shell()
    target = expanded(scope.fill(options.target))
    done = await site.download(scope.fill(options.source), target)
    return _copied(done, str(target))


def _copied(done: Transfer, path: str) -> Outcome:
    resumed = f", resumed at {done.resumed_from:,}" if done.resumed_from else ""
    message = f"{printable(path)} has {done.size:,} bytes{resumed}, cksum {done.cksum.partition(' ')[0]}"
    return Outcome(message, value={"output": path, "size": str(done.size)})
