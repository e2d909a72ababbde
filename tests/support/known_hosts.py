"""A table of known_hosts files and hosts, and what OpenSSH's ssh and sosagent decide for each pair.

`python -m tests.support.known_hosts` runs ssh for the whole table and writes its decisions to
tests/transports/openssh_decisions.txt. Both programs reach the sshd through a ProxyCommand, so that any name and any
port can be used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .sshd import running_sshd

__all__ = ["FILES", "HOSTS", "RECORDED", "Host", "Keys", "decided_by_ssh", "pairs", "ssh_config", "text_of"]

RECORDED = Path(__file__).parents[1] / "transports" / "openssh_decisions.txt"


@dataclass(frozen=True)
class Host:
    """A host as the user names it: the name or address, the port, and HostKeyAlias."""

    name: str
    port: int = 22
    alias: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.port}" + (f" as {self.alias}" if self.alias else "")


HOSTS = (
    Host("web.example"),
    Host("Web.Example"),
    Host("web.example", 2222),
    Host("WEB.example", 2200),
    Host("web2.example"),
    Host("web2.example", 2222),
    Host("192.0.2.7"),
    Host("192.0.2.7", 2222),
    Host("2001:db8::a"),
    Host("2001:DB8::A", 2222),
    Host("gate", 22, "web.example"),
    Host("gate", 2222, "Web.Example"),
    Host("web.example", 2222, "other"),
)


@dataclass(frozen=True)
class Keys:
    """Public keys as TYPE BASE64: the server's, one of another type, and others of the server's type."""

    right: str
    rsa: str
    other: str
    third: str


def hashed(name: str) -> str:
    """Return a name in the form that HashKnownHosts writes."""
    salt = hashlib.sha1(name.encode()).digest()
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return "|1|" + "|".join(base64.b64encode(part).decode() for part in (salt, digest))


#: Files by name. {R} is the server's key, {S} a key of another type, {O} and {T} are others of its type, {H(...)} is a
#: hashed name.
FILES = {
    "empty": "",
    "comment": "# web.example {R}\n",
    "name": "web.example {R}\n",
    "name-other": "web.example {O}\n",
    "name-upper": "WEB.EXAMPLE {R}\n",
    "name-mixed-other": "Web.Example {O}\n",
    "name-port-22": "[web.example]:22 {R}\n",
    "port": "[web.example]:2222 {R}\n",
    "port-upper": "[WEB.example]:2222 {R}\n",
    "port-other": "[web.example]:2222 {O}\n",
    "port-other-name": "[web.example]:2222 {O}\nweb.example {R}\n",
    "port-name-other": "[web.example]:2222 {R}\nweb.example {O}\n",
    "both-keys": "web.example {O}\nweb.example {R}\n",
    "type": "web.example {S}\n",
    "type-port": "[web.example]:2222 {S}\nweb.example {R}\n",
    "list": "a.example,web.example,192.0.2.7 {R}\n",
    "list-other": "a.example,web.example,[192.0.2.7]:2222 {O}\n",
    "star": "* {R}\n",
    "star-other": "* {O}\n",
    "wildcard": "*.example {R}\n",
    "wildcard-upper": "*.EXAMPLE {R}\n",
    "wildcard-other": "web*.example {O}\n",
    "question": "web?.example {R}\n",
    "question-other": "we?.example,[we?.example]:22?? {O}\n",
    "port-wildcard": "[web.example]:* {R}\n",
    "port-wildcard-other": "[*]:2222 {O}\n",
    "bracket-set": "we[a-c].example {R}\n",
    "negated": "*.example,!web.example {R}\n",
    "negated-first": "!web.example,*.example {R}\n",
    "negated-upper": "!WEB.example,* {O}\n",
    "negated-port": "*,![web.example]:2222 {R}\n",
    "only-negated": "!web.example {R}\n",
    "network": "192.0.2.0/24 {R}\n",
    "address": "192.0.2.7 {R}\n",
    "address-6": "2001:db8::a {R}\n",
    "address-6-upper-port": "[2001:DB8::A]:2222 {R}\n",
    "hashed": "{H(web.example)} {R}\n",
    "hashed-other": "{H(web.example)} {O}\n",
    "hashed-port": "{H([web.example]:2222)} {R}\n",
    "hashed-upper": "{H(WEB.example)} {R}\n",
    "hashed-broken": "|1|AAAA|AAAA {O}\n|2|x|y {O}\n|1| {O}\n",
    "revoked": "@revoked web.example {R}\n",
    "revoked-name": "@revoked web.example {R}\nweb.example {R}\n[web.example]:2222 {R}\n",
    "revoked-port": "@revoked [web.example]:2222 {R}\nweb.example {R}\n[web.example]:2222 {R}\n",
    "revoked-upper": "@revoked WEB.EXAMPLE {R}\nweb.example {R}\n",
    "revoked-star": "@revoked * {R}\n* {R}\n",
    "revoked-negated": "@revoked *,!web.example {R}\n* {R}\n",
    "revoked-hashed": "@revoked {H(web.example)} {R}\nweb.example {R}\n",
    "revoked-other": "@revoked web.example {O}\nweb.example {R}\n",
    "revoked-only-other": "@revoked * {O}\n",
    "authority": "@cert-authority *.example {O}\n",
    "authority-name": "@cert-authority * {O}\nweb.example {R}\n",
    "authority-right": "@cert-authority web.example {R}\n",
    "unknown-marker": "@what web.example {O}\nweb.example {R}\n",
    "two-markers": "@revoked @cert-authority web.example {R}\nweb.example {R}\n",
    "no-key": "web.example\nweb.example \nweb.example ssh-ed25519\n",
    "bad-key": "web.example ssh-ed25519 AAAA\nweb.example {R}\n",
    "bad-key-alone": "web.example ssh-future AAAAC3\n",
    "wrong-type-name": "web.example ssh-rsa {Rb}\n",
    "blanks": " \t web.example \t {R} \t a comment\n",
    "no-newline": "web.example {R}",
    "crlf": "web.example {R}\r\n",
    "return": "x {O}\rweb.example {R}\n",
    "long-pattern": "{L},web.example {R}\n",
    "many-stars": "*w*e*b*.*e*x*a*m*p*l*e* {R}\n",
    "empty-patterns": ",,web.example,, {R}\n",
}


def text_of(name: str, keys: Keys) -> str:
    """Return the file `name` of the table with `keys`."""
    text = FILES[name].replace("{Rb}", keys.right.split()[1]).replace("{L}", "x" * 1030)
    for letter, key in zip("RSOT", (keys.right, keys.rsa, keys.other, keys.third), strict=True):
        text = text.replace(f"{{{letter}}}", key)
    while "{H(" in text:
        start = text.index("{H(")
        end = text.index(")}", start)
        text = text[:start] + hashed(text[start + 3 : end]) + text[end + 2 :]
    return text


def pairs() -> list[tuple[str, Host]]:
    """Return all pairs of the table."""
    return [(name, host) for name in FILES for host in HOSTS]


def ssh_config(folder: Path, host: Host, server_port: int) -> Path:
    """Write an ssh_config that leads `host` to the server, whatever its name."""
    path = folder / "config"
    alias = f"  HostKeyAlias {host.alias}\n" if host.alias else ""
    socat = shutil.which("socat") or "socat"
    path.write_text(f"Host *\n  ProxyCommand {socat} - TCP:127.0.0.1:{server_port}\n{alias}")
    return path


def decided_by_ssh(folder: Path, known: str, host: Host, server_port: int) -> str:
    """Run ssh with a known_hosts file: ``known``, ``new``, ``changed`` or ``revoked``.

    The policy is accept-new; with ``yes``, ssh refuses the hosts that are ``new`` here.
    """
    (folder / "known").write_bytes(known.encode())
    done = subprocess.run(
        [
            "ssh", "-F", ssh_config(folder, host, server_port), "-o", f"UserKnownHostsFile={folder / 'known'}",
            "-o", "GlobalKnownHostsFile=none", "-o", "BatchMode=yes", "-o", "PreferredAuthentications=none", "-T",
            "-o", "StrictHostKeyChecking=accept-new", "-p", str(host.port), f"x@{host.name}",
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    said = done.stderr
    if "Permission denied" not in said:
        assert "revoked" in said or "has changed" in said, said
        return "revoked" if "revoked" in said else "changed"
    return "new" if "Permanently added" in said else "known"


def make_keys(folder: Path) -> Keys:
    """Return the key of the server in `folder`, and new ones."""
    lines = [(folder / "host.pub").read_text()]
    for name, kind in (("rsa", "rsa"), ("other", "ed25519"), ("third", "ed25519")):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", folder / name], check=True)
        lines.append((folder / f"{name}.pub").read_text())
    return Keys(*(" ".join(line.split()[:2]) for line in lines))


def record() -> None:
    """Write the decisions of ssh for the whole table."""
    with tempfile.TemporaryDirectory() as made, running_sshd(Path(made)) as (port, _):
        keys = make_keys(Path(made))

        def run(pair: tuple[str, Host]) -> str:
            with tempfile.TemporaryDirectory(dir=made) as folder:
                return f"{pair[0]} | {pair[1]} | {decided_by_ssh(Path(folder), text_of(pair[0], keys), pair[1], port)}"

        with ThreadPoolExecutor(2) as pool:
            lines = list(pool.map(run, pairs()))
    version = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr.split(",")[0]
    RECORDED.write_text(
        f"# {version}: file | host | decision (python -m tests.support.known_hosts)\n" + "\n".join(lines) + "\n"
    )
    print(f"{len(lines)} decisions of {version} in {RECORDED}", file=sys.stderr)


if __name__ == "__main__":
    record()
