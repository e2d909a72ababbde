"""authorized_keys/sshd_rules.py and what it judges by: which file sshd reads, and what makes it refuse a key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

import sosagent
from sosagent.authorized_keys.connections import Connection
from sosagent.authorized_keys.report import GroupInfo, PathInfo, Report
from sosagent.authorized_keys.server import Account, Server, Settings, parse_server
from sosagent.authorized_keys.sshd_rules import keys_path, login_obstacles, obstacles
from sosagent.authorized_keys.strict_modes import mode_faults

from ..conftest import new_key

ANY = Connection()
ROOT = Account(0, 0, "/root", "/bin/bash", groups=("root",), today=20000)
AL = Account(1000, 1000, "/home/al", "/bin/bash", groups=("al", "Staff"), today=20000)
DEFAULTS = {
    "permitrootlogin": "without-password",
    "pubkeyauthentication": "yes",
    "strictmodes": "yes",
    "usepam": "yes",
    "maxauthtries": "6",
    "requiredrsasize": "1024",
    "authenticationmethods": "any",
    "pubkeyacceptedalgorithms": "ssh-ed25519-cert-v01@openssh.com,ssh-ed25519,rsa-sha2-512,rsa-sha2-256",
    "casignaturealgorithms": "ssh-ed25519,rsa-sha2-512",
    "authorizedkeysfile": ".ssh/authorized_keys .ssh/authorized_keys2",
    "revokedkeys": "none",
    "chrootdirectory": "none",
    "forcecommand": "none",
}
PATHS = {"root": "/root/.ssh/authorized_keys", "al": "/home/al/.ssh/authorized_keys"}


def settings(connection: Connection = ANY, **values: str | Sequence[str]) -> Settings:
    """Return settings that differ from the defaults in `values`."""
    given = {name: (value,) if isinstance(value, str) else tuple(value) for name, value in values.items()}
    return Settings(connection, {name: (value,) for name, value in DEFAULTS.items()} | given)


def report_of(*answers: Settings, account: Account = ROOT, config: Sequence[str] = (), **fields: object) -> Report:
    server = Server(
        "/usr/sbin/sshd",
        "OpenSSH_9.2p1 Debian-2",
        True,
        answers or (settings(),),
        config=tuple(config),
        account=account,
    )
    return replace(Report(home=account.home, server=server), **fields)  # type: ignore[arg-type]


def refusals(report: Report, user: str = "root", keys: Sequence[sosagent.PublicKey] = (), path: str = "") -> list[str]:
    return [one.sentence for one in obstacles(report, user, path or PATHS[user], keys) if one.refuses]


def notes(report: Report, user: str = "root", keys: Sequence[sosagent.PublicKey] = ()) -> list[str]:
    return [one.sentence for one in obstacles(report, user, PATHS[user], keys) if not one.refuses]


@pytest.mark.parametrize(
    ("listed", "line", "path"),
    [
        (".ssh/authorized_keys .ssh/authorized_keys2", "", "/home/al/.ssh/authorized_keys"),
        ("none .ssh/keys", "", "/home/al/.ssh/keys"),
        ("NONE", "", None),
        ("/etc/ssh/keys/%u", "", "/etc/ssh/keys/al"),
        ("/etc/ssh/keys/%U", "", "/etc/ssh/keys/1000"),
        ("%h/.ssh/k-%U-%%", "", "/home/al/.ssh/k-1000-%"),
        ("%h/k%%", "", "/home/al/k%"),
        ("/etc/%%u/keys", "", None),
        ("/home/al/k", "", "/home/al/k"),
        ("/home/alice/k", "", None),
        ("/etc/ssh/authorized_keys .ssh/k", "", "/home/al/.ssh/k"),
        ("/etc/ssh/authorized_keys", "", None),
        ("none", "", None),
        ("/etc/%k .ssh/k", "", None),
        (".ssh/k /etc/%k", "", "/home/al/.ssh/k"),
        ("/etc/my keys/%u", 'AuthorizedKeysFile "/etc/my keys/%u"', "/etc/my keys/al"),
        ("/etc/my keys/%u", "authorizedkeysfile=/etc/my\\ keys/%u", "/etc/my keys/al"),
        ("/etc/my keys/%u", "\tAuthorizedKeysFile  '/etc/my keys/%u' # ours", "/etc/my keys/al"),
        ("/etc/my keys/%u", 'AuthorizedKeysFile "other"', "/home/al/keys/al"),
        (".ssh/a b", 'AuthorizedKeysFile ".ssh/a" "b"', "/home/al/.ssh/a"),
    ],
)
def test_the_file_that_sshd_reads(listed: str, line: str, path: str | None) -> None:
    report = report_of(settings(authorizedkeysfile=listed), account=AL, config=[line])
    assert keys_path(report, "al") == path


def test_wildcards_are_expanded_since_10_0() -> None:
    report = report_of(settings(authorizedkeysfile="/etc/k/%u/* .ssh/k"), account=AL)
    assert keys_path(report, "al") == "/etc/k/al/*"
    assert report.server is not None
    newer = replace(report, server=replace(report.server, version="OpenSSH_10.0p2 Debian-7"))
    assert keys_path(newer, "al") == "/home/al/.ssh/k"


#: Setting, user, words of the refusal (empty if sshd does not refuse).
SETTINGS: list[tuple[dict[str, str | Sequence[str]], str, str]] = [
    ({}, "root", ""),
    ({"permitrootlogin": "no"}, "root", "PermitRootLogin no"),
    ({"permitrootlogin": "no"}, "al", ""),
    ({"permitrootlogin": "yes"}, "root", ""),
    ({"permitrootlogin": "forced-commands-only"}, "root", "forced-commands-only"),
    ({"permitrootlogin": "forced-commands-only"}, "al", ""),
    ({"pubkeyauthentication": "no"}, "al", "PubkeyAuthentication no"),
    ({"authenticationmethods": "publickey,password"}, "al", "more than a key"),
    ({"authenticationmethods": "password"}, "al", "more than a key"),
    ({"authenticationmethods": "publickey,password publickey"}, "al", ""),
    ({"allowusers": ["alice"]}, "al", "AllowUsers alice"),
    ({"allowusers": ["alice", "a?"]}, "al", ""),
    ({"allowusers": ["a*"]}, "root", "AllowUsers a*"),
    ({"allowusers": ["AL"]}, "al", "AllowUsers AL"),
    ({"allowusers": ["al@10.0.0.0/8"]}, "al", "AllowUsers al@10.0.0.0/8"),
    ({"allowusers": ["al@192.0.2.*"]}, "al", ""),
    ({"allowusers": ["*@192.0.2.0/24,!192.0.2.1"]}, "al", "AllowUsers"),
    ({"denyusers": ["al"]}, "al", "DenyUsers al"),
    ({"denyusers": ["al"], "allowusers": ["al"]}, "al", "DenyUsers al"),
    ({"denyusers": ["alice"]}, "al", ""),
    ({"denyusers": ["al@127.0.0.1"]}, "al", ""),
    ({"allowgroups": ["Staff"]}, "al", ""),
    ({"allowgroups": ["staff"]}, "al", "AllowGroups staff"),
    ({"allowgroups": ["wheel", "St*"]}, "al", ""),
    ({"denygroups": ["Staff"]}, "al", "DenyGroups Staff"),
    ({"denygroups": ["1000"]}, "al", ""),
    ({"maxauthtries": "0"}, "al", "MaxAuthTries 0"),
    ({"forcecommand": "/bin/false"}, "al", "ForceCommand /bin/false"),
    ({"authorizedkeysfile": "/etc/ssh/keys/%u"}, "al", "does not read"),
]


@pytest.mark.parametrize(("values", "user", "words"), SETTINGS)
def test_what_sshd_refuses(values: dict[str, str | Sequence[str]], user: str, words: str) -> None:
    report = report_of(settings(ANY, **values), account=ROOT if user == "root" else AL)
    found = refusals(report, user, [new_key()])
    assert [words in one for one in found] == [True] * bool(words), found


def test_forced_commands_let_root_in_with_a_command() -> None:
    report = report_of(settings(permitrootlogin="forced-commands-only"))
    key = replace(new_key(), options=('command="uptime"',))
    assert refusals(report, "root", [key]) == []
    assert refusals(report, "root", [key, new_key()]) != []


def test_what_restricts_a_login_is_no_refusal() -> None:
    report = report_of(settings(forcecommand="internal-sftp", maxauthtries="2"))
    assert refusals(report) == []
    assert ["ForceCommand" in notes(report)[0], "MaxAuthTries 2" in notes(report)[1]] == [True, True]


#: Settings, type of the key, options, words of the refusal (empty if sshd does not refuse).
KEYS = [
    ({}, "ssh-ed25519", (), ""),
    ({"pubkeyacceptedalgorithms": "rsa-sha2-256"}, "ssh-ed25519", (), "PubkeyAcceptedAlgorithms without ssh-ed25519"),
    ({"pubkeyacceptedalgorithms": "rsa-sha2-256"}, "ssh-rsa", (), ""),
    ({"pubkeyacceptedalgorithms": "ssh-rsa"}, "ssh-rsa", (), "without rsa-sha2-512"),
    ({"requiredrsasize": "3072"}, "ssh-rsa", (), "RequiredRSASize 3072, and the key has 2048 bits"),
    ({"requiredrsasize": "2048"}, "ssh-rsa", (), ""),
    ({"requiredrsasize": "3072"}, "ssh-ed25519", (), ""),
    ({"casignaturealgorithms": "ecdsa-sha2-nistp256"}, "ssh-ed25519", (), ""),
    ({"casignaturealgorithms": "ecdsa-sha2-nistp256"}, "ssh-ed25519", ("cert-authority",), "CASignatureAlgorithms"),
    ({"pubkeyacceptedalgorithms": "ssh-ed25519"}, "ssh-ed25519", ("cert-authority",), "no certificates"),
    ({"pubkeyacceptedalgorithms": "*-cert-v01@openssh.com"}, "ssh-ed25519", ("cert-authority",), ""),
]  # fmt: skip


@pytest.mark.parametrize(("values", "key_type", "options", "words"), KEYS)
def test_which_keys_sshd_refuses(values: dict[str, str], key_type: str, options: tuple[str, ...], words: str) -> None:
    key = replace(new_key("k", key_type), options=options)
    found = refusals(report_of(settings(ANY, **values)), "root", [key])
    assert [words in one for one in found] == [True] * bool(words), found


def test_debian_11_calls_the_algorithms_key_types() -> None:
    values = {name: (value,) for name, value in DEFAULTS.items() if name != "pubkeyacceptedalgorithms"}
    answer = Settings(ANY, values | {"pubkeyacceptedkeytypes": ("rsa-sha2-256",)})
    assert "PubkeyAcceptedKeyTypes without ssh-ed25519" in refusals(report_of(answer), "root", [new_key()])[0]


def test_revoked_keys() -> None:
    key = new_key()
    answer = settings(revokedkeys="/etc/ssh/revoked")
    for revoked, words in ((True, f"lists {key.fingerprint}"), (None, "cannot read /etc/ssh/revoked"), (False, "")):
        found = refusals(report_of(answer, revoked={key.base64: revoked}), "root", [key])
        assert [words in one for one in found] == [True] * bool(words)


@pytest.mark.parametrize(
    ("config", "refused"),
    [
        (["RevokedKeys none"], False),
        (["Match User root", "RevokedKeys none"], True),
        (["Match User alice", "RevokedKeys none"], False),
        (["Match Group ro* Address 192.0.2.0/24", "revokedkeys=NONE"], False),
        (["Match Group ro* Address 192.0.2.0/24", "revokedkeys=none"], True),
        (["Match Address 10.0.0.0/8", "RevokedKeys none"], False),
        (["Match User *,!root", "RevokedKeys none"], False),
        (["Match LocalPort 22 Host 192.0.2.*", "RevokedKeys none"], True),
        (["Match all", "RevokedKeys none"], True),
        (["Match Nothing x", "RevokedKeys none"], False),
    ],
)
def test_none_in_a_match_block_is_the_name_of_a_file(config: list[str], refused: bool) -> None:
    assert bool(refusals(report_of(config=config), "root", [new_key()])) == refused


#: The account of al, UsePAM, words of the refusal.
ACCOUNTS = [
    (AL, "yes", ""),
    (replace(AL, locked=True), "yes", ""),
    (replace(AL, locked=True), "no", "locked"),
    (replace(AL, shell_missing=True), "yes", "shell of al"),
    (replace(AL, shell="/usr/sbin/nologin"), "yes", "every login ends"),
    (replace(AL, expires=20000), "yes", "account of al has expired"),
    (replace(AL, expires=20000), "no", ""),
    (replace(AL, expires=19999), "no", "account of al has expired"),
    (replace(AL, expires=20001), "yes", ""),
    (replace(AL, changed=0), "yes", "password of al has expired"),
    (replace(AL, changed=0), "no", ""),
    (replace(AL, changed=19900, most=99), "yes", "password of al has expired"),
    (replace(AL, changed=19900, most=100), "yes", ""),
    (replace(AL, changed=19900, most=99), "no", ""),
    (replace(AL, nologin=("/run/nologin",)), "yes", "/run/nologin"),
    (replace(AL, nologin=("/run/nologin",)), "no", ""),
    (replace(AL, nologin=("/etc/nologin",)), "no", "/etc/nologin"),
]


@pytest.mark.parametrize(("account", "pam", "words"), ACCOUNTS)
def test_accounts(account: Account, pam: str, words: str) -> None:
    found = refusals(report_of(settings(usepam=pam), account=account), "al")
    assert [words in one for one in found] == [True] * bool(words), found


def test_nologin_lets_root_in() -> None:
    assert refusals(report_of(account=replace(ROOT, nologin=("/etc/nologin",)))) == []


def test_chroot() -> None:
    sftp = settings(chrootdirectory="/srv/%u", forcecommand="internal-sftp")
    above = (PathInfo("/srv", "d", "rwxr-xr-x", 0), PathInfo("/", "d", "rwxr-xr-x", 0))
    folder = PathInfo("/srv/al", "d", "rwxr-xr-x", 0)
    nologin = replace(AL, shell="/usr/sbin/nologin")
    assert refusals(report_of(sftp, account=nologin, chroot=(folder, *above)), "al") == []
    assert "does not exist" in refusals(report_of(sftp, account=AL, chroot=above), "al")[0]
    for fault in (replace(folder, uid=1000), replace(folder, modes="rwxrwxr-x"), replace(folder, kind="-")):
        assert "ChrootDirectory" in refusals(report_of(sftp, account=AL, chroot=(fault, *above)), "al")[0]
    shell = settings(chrootdirectory="/srv/%u")
    assert "shell of al" in refusals(report_of(shell, account=AL, chroot=(folder, *above)), "al")[0]
    assert refusals(report_of(shell, account=AL, chroot=(folder, *above), shell_in_chroot=True), "al") == []


OFFICE = Connection("10.0.0.1", words="10.0.0.0/8")


def test_the_warning_says_from_where_it_works() -> None:
    report = report_of(settings(permitrootlogin="no"), settings(OFFICE))
    (sentence,) = refusals(report)
    assert (
        sentence.startswith("sshd is set to PermitRootLogin no: it will refuse root") and "from 10.0.0.0/8" in sentence
    )
    assert notes(report) == []


def test_the_warning_says_from_where_it_does_not_work() -> None:
    report = report_of(settings(), settings(OFFICE, permitrootlogin="no"))
    assert refusals(report) == []
    assert ["for clients from 10.0.0.0/8: sshd is set to PermitRootLogin no" in one for one in notes(report)] == [True]


def test_another_file_is_read_for_some_clients() -> None:
    report = report_of(settings(), settings(OFFICE, authorizedkeysfile="/etc/ssh/keys/%u"))
    assert "for clients from 10.0.0.0/8: sshd does not read" in notes(report)[0]


def test_a_silent_sshd() -> None:
    broken = Server("/usr/sbin/sshd", complaints=("/etc/ssh/sshd_config: line 1: Bad configuration option: NoSuch",))
    found = refusals(Report(home="/root", server=broken))
    assert "sshd did not report which file it reads" in found[0] and "line 1" in found[0]
    unread = Report(home="/root", server=Server("/usr/sbin/sshd"))
    assert refusals(unread) == [] and "may lack grep" in notes(unread)[0]
    as_user = Report(home="/home/al", server=replace(broken, as_root=False))
    assert refusals(as_user, "al") == [] and "only root can ask" in notes(as_user, "al")[0]
    assert "no SSH server" in refusals(Report(home="/root", server=Server()))[0]
    other = Report(home="/root", server=Server(running=("tinysshd tinysshd -v /etc/keys",)))
    assert refusals(other) == [] and "tinysshd" in notes(other)[0]
    assert login_obstacles(Report(home="/root", plain=True), "root", PATHS["root"]) == []


def test_dropbear() -> None:
    server = Server("/usr/sbin/dropbear", account=ROOT, shells=("/bin/sh", "/bin/bash"))
    report = Report(home="/root", server=server)
    assert keys_path(report, "root") == PATHS["root"]
    assert (refusals(report), notes(report)) == ([], [])
    assert (
        keys_path(replace(report, server=replace(server, is_openwrt=True)), "root") == "/etc/dropbear/authorized_keys"
    )
    no_root = replace(report, server=replace(server, running=("dropbear /usr/sbin/dropbear -s -w -p 22",)))
    assert "-w" in refusals(no_root)[0]
    for command, words in (("-G crew", "-G crew"), ("-G root", ""), ("-t", "a password besides")):
        one = replace(report, server=replace(server, running=(f"dropbear /usr/sbin/dropbear {command}",)))
        assert [words in text for text in refusals(one)] == [True] * bool(words)
    assert "not in /etc/shells" in refusals(replace(report, server=replace(server, shells=())))[0]
    key = replace(new_key(), options=('from="10.0.0.1"',))
    assert "does not know the option from" in refusals(report, "root", [key])[0]


def test_a_plain_configuration_has_the_defaults_of_openssh() -> None:
    report = Report(home="/root", plain=True, paths=(PathInfo("/root", "d", "rwx---rwx", 0),))
    assert "other users may write to /root" in refusals(report)[0]
    small = new_key("r", "ssh-rsa")
    assert refusals(Report(home="/root", plain=True), "root", [small]) == []


def test_strict_modes_may_be_off() -> None:
    paths = (PathInfo("/root", "d", "rwx---rwx", 0),)
    assert refusals(report_of(settings(strictmodes="no"), paths=paths)) == []
    assert refusals(report_of(paths=paths)) != []


#: Version, the group's members, accounts with this primary group, whether sshd accepts that the group may write.
GROUPS: list[tuple[str, tuple[str, ...], tuple[tuple[str, int], ...], bool]] = [
    ("OpenSSH_9.2p1 Debian-2+deb12u10", (), (("al", 1000),), True),
    ("OpenSSH_9.6p1 Ubuntu-3ubuntu13", (), (("al", 1000),), True),
    ("OpenSSH_9.2p1 Raspbian-2+deb12u3", (), (("al", 1000),), True),
    ("OpenSSH_9.9p1", (), (("al", 1000),), False),
    ("OpenSSH_9.2p1 Debian-2", ("al",), (("al", 1000),), True),
    ("OpenSSH_9.2p1 Debian-2", ("al",), (), True),
    ("OpenSSH_9.2p1 Debian-2", ("bob",), (("al", 1000),), False),
    ("OpenSSH_9.2p1 Debian-2", ("al", "bob"), (), False),
    ("OpenSSH_9.2p1 Debian-2", (), (("al", 1000), ("bob", 1001)), False),
    ("OpenSSH_9.2p1 Debian-2", (), (("al", 1000), ("al2", 1000)), True),
    ("OpenSSH_9.2p1 Debian-2", (), (), False),
]


@pytest.mark.parametrize(("version", "members", "primary", "accepted"), GROUPS)
def test_a_group_that_may_write(
    version: str, members: tuple[str, ...], primary: tuple[tuple[str, int], ...], accepted: bool
) -> None:
    report = Report(
        home="/home/al", paths=(PathInfo("/home/al", "d", "rwxrwxr-x", 1000, 1, 50),), uid=1000, openssh=version,
        groups=(GroupInfo(50, members, primary),),
    )  # fmt: skip
    assert (mode_faults(report, "al", PATHS["al"]) == []) == accepted


def test_owners_are_compared_with_the_user() -> None:
    paths = tuple(PathInfo(path, "d", "rwx------", 1000) for path in ("/home/al", "/home/al/.ssh", "/home/al/.ssh/k"))
    report = Report(home="/home/al", paths=paths)
    assert mode_faults(report, "al", "/home/al/.ssh/k") == []
    assert len(mode_faults(Report(home="/home/al", paths=paths, uid=1001), "al", "/home/al/.ssh/k")) == 3


def test_a_byte_order_mark_is_reported() -> None:
    assert "byte order mark" in notes(report_of(lines=("\ufeffssh-ed25519",)))[0]


def test_the_report_of_sshd() -> None:
    lines = [
        "D /usr/sbin/sshd", "D /usr/sbin/dropbear", "U 0", "V OpenSSH_9.2p1 Debian-2", "@ 0", "port 22", "allowusers a",
        "allowusers b", "permitrootlogin no", "@ 1", "permitrootlogin yes", "allowusers c", "c Match User x",
        "P 1000:1000:/home/al:/bin/zsh", "X", "S x:20000:0:99999:7::20100", "G al 1234 adm", "g 1000 1234 4",
        "T 1728000000", "N /etc/nologin", "junk", "",
    ]  # fmt: skip
    server = parse_server(lines, [ANY, OFFICE])
    assert (server.program, server.as_root, server.is_dropbear, server.number) == (
        "/usr/sbin/sshd",
        True,
        False,
        (9, 2),
    )
    assert [(one.get("permitrootlogin"), one.all("allowusers"), one.get("port")) for one in server.answers] == [
        ("no", ("a", "b"), "22"), ("yes", ("c",), "22"),
    ]  # fmt: skip
    assert server.config == ("Match User x",)
    assert server.account == Account(
        1000,
        1000,
        "/home/al",
        "/bin/zsh",
        True,
        ("al", "adm"),
        True,
        20000,
        99999,
        None,
        20100,
        20000,
        ("/etc/nologin",),
    )


def test_the_keywords_of_openssh_10_6() -> None:
    server = parse_server(["@ 0", "PermitRootLogin no", "AllowUsers alice", "AllowUsers bob"], [ANY])
    assert server.answers[0].get("permitrootlogin") == "no"
    assert server.answers[0].all("allowusers") == ("alice", "bob")


def test_nonsense_is_an_empty_server() -> None:
    assert parse_server(["@ 0", "X y", "P a:b", "S", "\0", "@ 1", "=1 0"], [ANY]) == Server(as_root=False)
