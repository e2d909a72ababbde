"""What sosagent says about generated machines, against logins over SSH to a real sshd.

`python -m tests.support.sshd_logins --seeds 0-640` tries them in namespaces of their own (mounts and network), which
needs root, and prints one line for each seed that differs, and a table. The real programs run in a real shell; the real
sshd reads /etc/ssh/sshd_config, and the clients have addresses that are not local: 192.0.2.1 and 10.0.0.1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import sosagent
from sosagent.authorized_keys.append import append_keys
from sosagent.shell.shell import Shell

from .ptys import verified_shell
from .sshd_worlds import HOMES, World, world

__all__ = ["Compared", "compare", "missing"]

_SSHD = "192.0.2.2"
#: A client anywhere, and one in a network that the configurations name.
_CLIENTS = ("192.0.2.1", "10.0.0.1")
_OFFICE = "10.0.0.0/8"
_ALICE = "alice:x:1500:1500::/home/alice:/bin/bash"
_IDENTITIES = Path("/run/identities")
_INSIDE = "SOSAGENT_NAMESPACE"
_MODULE = "tests.support.sshd_logins"


@dataclass(frozen=True)
class Compared:
    """One machine.

    Fields:
        seed: its seed.
        verdict: ``works``, ``refused`` or ``not written``.
        sentences: what sosagent says.
        logins: for each client, what happened: ``works``, ``accepted`` without a shell, or ``refused``.
        wrong: why that does not fit; empty if it does.
        log: the last lines of sshd.
    """

    seed: int
    verdict: str
    sentences: tuple[str, ...]
    logins: tuple[str, ...]
    wrong: str
    log: str = ""


def missing() -> str:
    """Return what is missing here to run it; empty if nothing is."""
    if os.getuid() != 0:
        return "needs root: namespaces"
    tools = ("sshd", "ssh", "ssh-keygen", "unshare", "ip")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    lacking = [tool for tool in tools if shutil.which(tool, path=path) is None]
    if lacking:
        return f"not installed: {', '.join(lacking)}"
    done = subprocess.run(["unshare", "--mount", "--net", "true"], check=False, capture_output=True)
    return "cannot create namespaces here" if done.returncode else ""


def compare(seeds: list[int]) -> list[Compared]:
    """Compare machines in new namespaces, and return the results."""
    names = ",".join(map(str, seeds))
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--propagation", "private", sys.executable, "-m", _MODULE, "--seeds", names],
        env={**os.environ, _INSIDE: "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0 and len(lines) == len(seeds), done.stderr[-4000:]
    return [
        Compared(**{**fields, "sentences": tuple(fields["sentences"]), "logins": tuple(fields["logins"])})
        for fields in map(json.loads, lines)
    ]


def _prepare() -> None:
    """Give this process, which has its own mounts and network, a copy of /etc, empty homes, and three addresses."""

    def run(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True)

    run("mount", "-t", "tmpfs", "tmpfs", "/mnt")
    run("cp", "-a", "/etc", "/mnt/etc")
    run("mount", "--bind", "/mnt/etc", "/etc")
    for folder in ("/home", "/srv", "/run"):
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    Path("/run/sshd").mkdir(mode=0o755)
    for line, file in ((_ALICE, "passwd"), ("alice:x:1500:\ncrew:x:1600:alice", "group")):
        with Path("/etc", file).open("a") as out:
            out.write(f"{line}\n")
    Path("/etc/pam.d/sshd").write_text(
        "account required pam_nologin.so\naccount required pam_unix.so\nsession required pam_unix.so\n"
    )
    passwd = Path("/etc/passwd")
    passwd.write_text(re.sub(r"(?m)^(root:.*:)[^:]*(:[^:]*)$", rf"\g<1>{HOMES['root']}\g<2>", passwd.read_text()))
    shutil.copy(passwd, "/etc/passwd.world")
    run("ip", "link", "set", "lo", "up")
    for address in (_SSHD, *_CLIENTS):
        run("ip", "addr", "add", f"{address}/32", "dev", "lo")
    _IDENTITIES.mkdir(mode=0o700, exist_ok=True)
    for name, words in (("ed25519", ()), ("rsa", ("-b", "2048")), ("ecdsa", ()), ("other", ("-t", "ed25519"))):
        kind = words if name == "other" else ("-t", name, *words)
        if not (_IDENTITIES / name).exists():
            run("ssh-keygen", "-q", "-N", "", "-f", str(_IDENTITIES / name), *kind)


def _build(one: World) -> sosagent.PublicKey:
    """Make the files of a machine, and return its key."""
    assert os.environ.get(_INSIDE), "this changes /etc and removes homes"
    ssh = Path("/etc/ssh")
    public = (_IDENTITIES / f"{one.key_type}.pub").read_text()
    other = (_IDENTITIES / "other.pub").read_text()
    for name in ("keys", "my keys", "more", "sshd_config.d"):
        shutil.rmtree(ssh / name, ignore_errors=True)
        (ssh / name).mkdir(mode=0o755)
    for name, text in {"sshd_config": one.config, **one.drop_ins}.items():
        (ssh / name).write_text(text)
    (ssh / "revoked_ours").write_text(f"{public}")
    (ssh / "revoked_other").write_text(other)
    (ssh / "commented").write_text(f"# {public}")
    (ssh / "empty").write_text("")
    (ssh / "ca.pub").write_text(other)
    (ssh / "all").write_text("")
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", ssh / "krl_ours", _IDENTITIES / f"{one.key_type}.pub"], check=True)
    for name in ("jail", "open", "root", "alice"):
        Path("/srv", name).mkdir(exist_ok=True)
    Path("/srv/open").chmod(0o777)
    _account(one)
    _home(one, public, other)
    return replace(sosagent.parse_public_keys(public)[0], options=one.options)


def _account(one: World) -> None:
    days = int(time.time() // 86400)
    shadow = {"locked": "!x:{}:0:99999:7:::", "expired": "*:{}:0:99999:7::100:", "password expired": "*:100:0:90:7:::"}
    line = shadow.get(one.account, "*:{}:0:99999:7:::").format(days)
    kept = [text for text in Path("/etc/shadow").read_text().splitlines() if not text.startswith(("root:", "alice:"))]
    names = {name: (line if name == one.user else f"*:{days}:0:99999:7:::") for name in HOMES}
    Path("/etc/shadow").write_text("\n".join([*kept, *(f"{name}:{text}" for name, text in names.items())]) + "\n")
    shell = {"no shell": "/bin/no-such-shell", "nologin": "/usr/sbin/nologin"}.get(one.account, "/bin/bash")
    passwd = Path("/etc/passwd.world").read_text()
    Path("/etc/passwd").write_text(re.sub(rf"(?m)^({one.user}:.*:)[^:]*$", rf"\g<1>{shell}", passwd))
    for path in ("/etc/nologin", "/run/nologin"):
        Path(path).unlink(missing_ok=True)
    if one.nologin:
        Path(one.nologin).write_text("closed\n")


def _home(one: World, public: str, other: str) -> None:
    for name, folder in HOMES.items():
        owner = 0 if name == "root" else 1500
        shutil.rmtree(folder, ignore_errors=True)
        Path(folder).mkdir(mode=0o700)
        os.chown(folder, owner, owner)
    home = Path(HOMES[one.user])
    owner = 0 if one.user == "root" else 1500
    if one.home is None and one.user == "alice":
        home.rmdir()
        return
    if one.there:
        (home / ".ssh").mkdir(mode=0o700)
        os.chown(home / ".ssh", owner, owner)
    if one.there in ("other", "ours"):
        file = home / ".ssh" / "authorized_keys"
        file.write_text(
            other if one.there == "other" else f"{other}{','.join(one.options)} {public}".replace("\n ", "\n")
        )
        os.chown(file, owner, owner)
        file.chmod(0o600)
    os.chown(home, owner, one.home_group)
    home.chmod(0o700 if one.home is None else one.home)


def _log_in(one: World, client: str) -> str:
    command = [
        "ssh", "-F", "none", "-b", client, "-i", str(_IDENTITIES / one.key_type), "-o", "IdentitiesOnly=yes",
        "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "-v",
        "-o", "ConnectTimeout=20", f"{one.user}@{_SSHD}", "echo in",
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, errors="replace"
    )
    if done.stdout == "in\n":
        return "works"
    entered = "Authenticated to" in done.stderr and done.returncode != 255
    ended = "account is currently not available" in done.stdout or (done.returncode in (1, 254) and not done.stdout)
    by_sftp = "internal-sftp" in json.dumps(asdict(one))
    return "accepted" if entered and (by_sftp or not ended) else "refused"


def _logins(one: World) -> tuple[tuple[str, ...], str]:
    """Start sshd with the machine's configuration, log in from each client, and return the results and its log."""
    log = Path("/run/sshd_log")
    with log.open("wb") as out:
        server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e"], stdin=subprocess.DEVNULL, stderr=out)
    try:
        while server.poll() is None:
            with suppress(OSError), socket.create_connection((_SSHD, 22), 5):
                break
            time.sleep(0.01)
        if server.poll() is not None:
            return ("refused", "refused"), log.read_text(errors="replace")
        return tuple(_log_in(one, client) for client in _CLIENTS), log.read_text(errors="replace")
    finally:
        server.terminate()
        server.wait()


async def _say(shell: Shell, one: World, key: sosagent.PublicKey) -> tuple[str, tuple[str, ...]]:
    """Return the verdict of sosagent, and its sentences."""
    # With these accounts root cannot log in on the console, so our shell was reached in another way.
    logged_in = one.account in ("", "locked")
    try:
        done = await append_keys(shell, [key], user=one.user, own=one.user == "root", logged_in=logged_in)
    except sosagent.EditRefused as error:
        return "not written", (error.message,)
    return ("refused" if done.refusals else "works"), done.warnings


def _wrong(one: World, verdict: str, sentences: tuple[str, ...], logins: tuple[str, ...]) -> str:
    """Return why what sosagent says does not fit the logins; empty if it does."""
    limited = bool(one.options) or any("ForceCommand" in text for text in sentences)
    good = ("works", "accepted") if limited else ("works",)
    if verdict == "works" and logins[0] not in good:
        return f"false success: {logins[0]}"
    if verdict != "works" and logins[0] in good:
        return "false alarm"
    if verdict == "not written" or any("from=" in option for option in one.options):
        return ""
    said = logins[0] in good
    if any(_OFFICE in text and "lets the key in from" in text for text in sentences):
        said = True
    elif any(text.startswith("for clients from") and _OFFICE in text for text in sentences):
        said = False
    mentioned = any(_OFFICE in text for text in sentences)
    if mentioned and (logins[1] in good) != said:
        return f"wrong about {_OFFICE}: {logins[1]}"
    return ""


async def _inside(seeds: list[int]) -> None:
    _prepare()
    for seed in seeds:
        one = world(seed)
        key = _build(one)
        async with verified_shell(["dash"], Path(HOMES["root"]), seconds=120) as (shell, _):
            verdict, sentences = await _say(shell, one, key)
            await shell.close()
        logins, log = _logins(one)
        wrong = _wrong(one, verdict, sentences, logins)
        print(
            json.dumps(asdict(Compared(seed, verdict, sentences, logins, wrong, log[-600:] if wrong else ""))),
            flush=True,
        )


def main() -> None:
    """Compare the machines of the seeds in the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0-640")
    text = parser.parse_args().seeds
    first, dash, last = text.partition("-")
    seeds = list(range(int(first), int(last))) if dash else [int(number) for number in text.split(",")]
    if os.environ.get(_INSIDE):
        asyncio.run(_inside(seeds))
        return
    if problem := missing():
        print(f"logins to a real sshd: skipped, {problem}")
        return
    table: Counter[str] = Counter()
    for start in range(0, len(seeds), 20):
        for one in compare(seeds[start : start + 20]):
            table[f"{one.verdict}, login {one.logins[0]}"] += 1
            if one.wrong:
                table["wrong"] += 1
                print(f"seed {one.seed}: {one.wrong}\n  {one}\n  {world(one.seed)}", flush=True)
    for name, count in sorted(table.items()):
        print(f"{count:5}  {name}")
    sys.exit(1 if table["wrong"] else 0)


if __name__ == "__main__":
    main()
