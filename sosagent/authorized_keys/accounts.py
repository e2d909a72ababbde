"""What keeps an account from logging in with any key (auth.c, platform.c; pam_unix, pam_nologin). No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from .obstacle import Obstacle
from .server import Account, Settings

__all__ = ["account_obstacles"]

#: Shells that end at once; sshd accepts the key, and then no command runs.
_NO_SHELLS = ("nologin", "false")
_RESET = "`sosagent run reset-password HOST` removes that."


def account_obstacles(account: Account, settings: Settings, user: str) -> Iterator[Obstacle]:
    """Yield what refuses `user` whatever the key."""
    pam = settings.get("usepam") == "yes"
    if settings.get("chrootdirectory", "none") == "none":
        yield from _shell_obstacles(account, settings, user)
    if account.locked and not pam:
        yield Obstacle(
            f"the account of {user} is locked, and sshd is set to UsePAM no: it will refuse {user}",
            f"`usermod -p '*' {user}` unlocks it for keys.",
        )
    yield from _expired(account, user, pam)
    if account.uid != 0:
        files = [path for path in account.nologin if pam or path == "/etc/nologin"]
        if files:
            yield Obstacle(f"{files[0]} keeps out everybody but root", f"Remove it: rm {files[0]}")


def _shell_obstacles(account: Account, settings: Settings, user: str) -> Iterator[Obstacle]:
    if account.shell_missing:
        yield Obstacle(
            f"the shell of {user}, {account.shell}, does not exist or cannot be run: sshd will refuse {user}",
            f"`usermod -s /bin/sh {user}` sets another one.",
        )
    elif account.shell.rpartition("/")[2] in _NO_SHELLS and settings.get("forcecommand") != "internal-sftp":
        yield Obstacle(
            f"the shell of {user} is {account.shell}: every login ends at once",
            f"`usermod -s /bin/sh {user}` sets another one.",
        )


def _expired(account: Account, user: str, pam: bool) -> Iterator[Obstacle]:
    today, expires, changed, most = account.today, account.expires, account.changed, account.most
    if today is None:
        return
    if expires is not None and (today >= expires if pam else today > expires):
        yield Obstacle(f"the account of {user} has expired: sshd will refuse {user}", _RESET)
    elif pam and changed is not None and changed <= today:
        age = today - changed
        if changed == 0 or (most is not None and age > most):
            yield Obstacle(f"the password of {user} has expired: sshd demands a new one before anything else", _RESET)
