"""Machines with generated settings of sshd: configuration, account, files. Each comes from a seed. No I/O."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

__all__ = ["HOMES", "World", "world"]

#: The home folder of each user. That of root is elsewhere than usual, because Python may be in /root.
HOMES = {"root": "/home/root", "alice": "/home/alice"}

_PLAIN = (
    "Include /etc/ssh/sshd_config.d/*.conf\nKbdInteractiveAuthentication no\nUsePAM yes\nX11Forwarding yes\n"
    "PrintMotd no\nAcceptEnv LANG LC_*\nSubsystem\tsftp\t/usr/lib/openssh/sftp-server\n"
)
#: Settings: one of these lines, with the key's own file and the user's name put in.
_SETTINGS: tuple[tuple[str, ...], ...] = (
    (
        "PermitRootLogin yes", "PermitRootLogin no", "PermitRootLogin prohibit-password", "permitrootlogin=no",
        "PermitRootLogin without-password", 'PermitRootLogin "no"', "PermitRootLogin forced-commands-only",
        "\tPERMITROOTLOGIN\tno",
    ),
    ("PubkeyAuthentication no", "PubkeyAuthentication yes", "PubkeyAuthentication = no", '"PubkeyAuthentication" no'),
    (
        "AuthenticationMethods any", "AuthenticationMethods publickey", "AuthenticationMethods publickey,password",
        "AuthenticationMethods publickey,keyboard-interactive publickey", "AuthenticationMethods password",
    ),
    (
        "AllowUsers root alice", "AllowUsers bob", "AllowUsers r* al?ce", "AllowUsers *@10.0.0.0/8",
        "AllowUsers ROOT ALICE",
        "AllowUsers root@192.0.2.1 alice@192.0.2.*", "AllowUsers !bob", "AllowUsers=alice", "AllowUsers *@192.0.2.0/24",
        "AllowUsers *@!192.0.2.1,192.0.2.0/24",
    ),
    ("DenyUsers bob", "DenyUsers root alice", "DenyUsers *@127.0.0.1", "DenyUsers a*", "DenyUsers *@192.0.2.0/28"),
    ("AllowGroups root alice", "AllowGroups crew", "AllowGroups wheel", "AllowGroups *", "AllowGroups 1500",
     "AllowGroups CREW"),
    ("DenyGroups crew", "DenyGroups nobody", "DenyGroups r*", "DenyGroups 1500"),
    ("StrictModes no", "StrictModes yes"),
    ("MaxAuthTries 0", "MaxAuthTries 1", "MaxAuthTries 2", "MaxAuthTries 10"),
    (
        "ForceCommand internal-sftp", "ForceCommand /bin/echo forced", "ForceCommand /bin/false", "ForceCommand none",
        "ForceCommand /usr/sbin/nologin",
    ),
    (
        "ChrootDirectory none", "ChrootDirectory /", "ChrootDirectory /srv/jail", "ChrootDirectory /srv/%u",
        "ChrootDirectory /srv/missing", "ChrootDirectory /srv/open",
    ),
    (
        "PubkeyAcceptedAlgorithms ssh-ed25519", "PubkeyAcceptedAlgorithms rsa-sha2-256,rsa-sha2-512",
        "PubkeyAcceptedAlgorithms -ssh-ed25519", "PubkeyAcceptedAlgorithms +ssh-rsa",
        "PubkeyAcceptedAlgorithms ecdsa-*",
        "PubkeyAcceptedKeyTypes ssh-rsa", "PubkeyAcceptedAlgorithms ^ssh-rsa",
    ),
    ("RequiredRSASize 3072", "RequiredRSASize 2048", "RequiredRSASize 1024"),
    ("CASignatureAlgorithms rsa-sha2-512", "TrustedUserCAKeys /etc/ssh/ca.pub"),
    (
        "RevokedKeys none", "RevokedKeys /etc/ssh/missing", "RevokedKeys /etc/ssh/revoked_ours",
        "RevokedKeys /etc/ssh/krl_ours",
        "RevokedKeys /etc/ssh/revoked_other", "RevokedKeys /etc/ssh/empty", "RevokedKeys /etc/ssh/commented",
    ),
    (
        "AuthorizedKeysFile .ssh/authorized_keys", "AuthorizedKeysFile %h/.ssh/k-%U-%%",
        "AuthorizedKeysFile /etc/ssh/keys/%u",
        'AuthorizedKeysFile "/etc/ssh/my keys/%u"', "AuthorizedKeysFile /etc/ssh/keys/%U .ssh/authorized_keys",
        "AuthorizedKeysFile none", "AuthorizedKeysFile /etc/ssh/all", "AuthorizedKeysFile none .ssh/k",
        "AuthorizedKeysFile /etc/ssh/all .ssh/authorized_keys2", "AuthorizedKeysFile /etc/ssh/my\\ keys/%u",
        "AuthorizedKeysFile %h/.ssh/%k", "AuthorizedKeysFile=.ssh/k",
    ),
    ("UsePAM no", "UsePAM yes"),
    ("AuthorizedKeysCommand /bin/true\nAuthorizedKeysCommandUser nobody", "AuthorizedKeysCommand none"),
    ("UseDNS yes", "LogLevel VERBOSE", "ListenAddress 0.0.0.0", "ClientAliveInterval 30", "Port 22"),
    ("NoSuchKeyword yes", "PermitRootLogin maybe", "PasswordAuthentication", "Match", "Match Nothing x"),
)  # fmt: skip
#: How much more often each group of settings is chosen than the last ones.
_WEIGHTS = (4, 2, 2, 4, 3, 3, 2, 2, 2, 2, 2, 3, 2, 1, 3, 5, 3, 1, 2, 1)
_MATCHES = (
    "Match User root", "Match User alice", "Match User *", "match user=root,alice", "Match Address 192.0.2.0/24",
    "Match Address 10.0.0.0/8", "Match Address 127.0.0.1,::1", "Match Address *,!10.0.0.0/8", "Match LocalPort 22",
    "Match LocalPort 2222", "Match Group crew", "Match Host 192.0.2.1", "Match LocalAddress 192.0.2.2", "Match all",
    'Match "Address" "192.0.2.1"', "Match User alice Address 10.0.0.0/8", "Match RDomain vrf1", "Match Group root",
)  # fmt: skip
_IN_MATCH = (0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 14, 15)
_MODES = (0o755, 0o700, 0o775, 0o777, 0o750, 0o701)


@dataclass(frozen=True)
class World:
    """A machine.

    Fields:
        seed: the number that it comes from.
        user: whose keys are meant: root or alice.
        key_type: type of the key.
        options: options of the key.
        config: contents of sshd_config.
        drop_ins: names below /etc/ssh and contents of other files.
        home: mode of the home folder; None if it is missing.
        home_group: the number of its group.
        there: what is in the usual file: another key ("other") or "ours"; "folder" for the folder alone, "" for none.
        account: changes of the account: "locked", "expired", "password expired", "no shell", "nologin", or "".
        nologin: a file that keeps users out, or "".
    """

    seed: int
    user: str = "root"
    key_type: str = "ed25519"
    options: tuple[str, ...] = ()
    config: str = _PLAIN
    drop_ins: dict[str, str] = field(default_factory=dict)
    home: int | None = 0o700
    home_group: int = 0
    there: str = ""
    account: str = ""
    nologin: str = ""


def world(seed: int) -> World:
    """Return the machine of a seed."""
    chance = random.Random(seed)
    user = chance.choice(("root", "root", "alice"))
    config, drop_ins = _config(chance)
    own_group = 0 if user == "root" else 1500
    return World(
        seed,
        user,
        chance.choices(("ed25519", "rsa", "ecdsa"), (5, 2, 1))[0],
        chance.choices(((), ('command="/bin/echo forced"',), ('from="192.0.2.0/24"',)), (8, 1, 1))[0],
        config,
        drop_ins,
        chance.choices((*_MODES, None), (8, 8, 2, 1, 1, 1, 1))[0],
        chance.choices((own_group, 1600), (3, 1))[0],
        chance.choice(("", "folder", "other", "other", "ours")),
        chance.choices(("", "locked", "expired", "password expired", "no shell", "nologin"), (12, 2, 1, 1, 1, 1))[0],
        chance.choices(("", "/etc/nologin", "/run/nologin"), (16, 1, 1))[0],
    )


def _config(chance: random.Random) -> tuple[str, dict[str, str]]:
    """Return sshd_config, and its other files."""
    lines = [_setting(chance, range(len(_SETTINGS))) for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3)))]
    blocks: list[str] = []
    for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
        blocks += [
            chance.choice(_MATCHES),
            *(f"    {_setting(chance, _IN_MATCH)}" for _ in range(chance.choice((1, 2)))),
        ]
    base = _PLAIN if chance.random() < 0.8 else _PLAIN.replace("UsePAM yes\n", chance.choice(("", "UsePAM no\n")))
    place = chance.choice(("main", "main", "first", "drop-in", "include", "other name"))
    own, matching = "".join(f"{line}\n" for line in lines), "".join(f"{line}\n" for line in blocks)
    if place == "first":
        return own + base + matching, {}
    if place == "drop-in":
        return base, {"sshd_config.d/50-x.conf": own + matching}
    if place == "include":
        form = chance.choice(("Include /etc/ssh/more/*.conf", 'include "/etc/ssh/more/a.conf"', "Include=more/a.conf"))
        return f"{form}\n{base}", {"more/a.conf": own + matching}
    if place == "other name":
        return base, {"sshd_config.d/not-read": own + matching}
    return base + own + matching, {}


def _setting(chance: random.Random, groups: range | tuple[int, ...]) -> str:
    return chance.choice(_SETTINGS[chance.choices(list(groups), [_WEIGHTS[group] for group in groups])[0]])
