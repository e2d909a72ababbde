"""Reading host keys on the console: from the files of a real machine, and as known_hosts lines."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import sosagent
from sosagent.jobs.host_keys import parse_host_keys
from sosagent.keys.known_hosts import all_sshfp, place_of, planned
from sosagent.replace_file import replace_file
from sosagent.shell.programs import program

from ..conftest import installed, new_key
from ..support.ptys import verified_shell

ED, RSA, OTHER = new_key(""), new_key("", "ssh-rsa"), new_key("")


def lines(place: str, *keys: sosagent.PublicKey) -> str:
    return "".join(f"{place} {key.type} {key.base64}\n" for key in keys)


def key_line(letter: str, key: sosagent.PublicKey) -> str:
    return f"{letter} {key.type} {key.base64}"


def test_a_machines_report() -> None:
    found = parse_host_keys(
        [
            "t vm 22",
            "f /etc/ssh/ssh_host_ed25519_key",
            key_line("k", ED),
            key_line("p", ED) + " root@vm",
            key_line("s", ED),
        ]
    )
    assert (found.hostname, found.port, found.keys, found.warnings) == ("vm", 22, (ED,), ())


@pytest.mark.parametrize(
    ("spoken", "words"),
    [
        ([key_line("k", ED), key_line("p", OTHER), key_line("s", ED)], "is not the public half"),
        ([key_line("k", ED), key_line("s", OTHER)], "offers another ssh-ed25519 key"),
        ([key_line("k", ED), key_line("s", ED), key_line("s", RSA)], "that no file of its configuration contains"),
        ([key_line("p", ED), key_line("s", ED)], "using its .pub file"),
        ([key_line("k", ED)], "does not answer"),
    ],
)
def test_differing_keys_are_reported(spoken: list[str], words: str) -> None:
    found = parse_host_keys(["t vm 22", "f /etc/ssh/ssh_host_ed25519_key", *spoken])
    assert found.keys == (ED,)
    assert [words in warning for warning in found.warnings] == [True]


@pytest.mark.parametrize(
    "line",
    [
        f"k *.example.org {ED.type} {ED.base64}",
        f"@cert-authority * {ED.type} {ED.base64}",
        f"k @revoked {ED.type} {ED.base64}",
        f"k {ED.type} {ED.base64[:-4]}",
        f"k ssh-rsa {ED.base64}",
        f"other,host {ED.type} {ED.base64}",
        "k",
    ],
    ids=map(str, range(7)),
)
def test_invalid_lines_are_ignored(line: str) -> None:
    """A machine cannot add patterns, markers or keys of other hosts."""
    assert parse_host_keys(["t vm,* 22", line]).keys == ()


def test_the_machines_own_name_is_not_written() -> None:
    found = parse_host_keys(["t evil,*\x1b[2J 22", key_line("k", ED)])
    change = planned("", "known_hosts", [place_of("mine")], found.keys, replace=False)
    assert change.text == lines("mine", ED)


def test_hosts_in_known_hosts() -> None:
    assert place_of("Web.Example.org") == "web.example.org"
    assert place_of("web:2222") == "[web]:2222"
    assert place_of("[fe80::1]:2222") == "[fe80::1]:2222"
    assert place_of("::1") == "::1"
    assert place_of("web", 2222) == "[web]:2222"
    for name in ("*", "a,b", "@revoked", "|1|a|b", "!a", "a b", "", "#", "a:0", "a:99999", "a\n"):
        with pytest.raises(sosagent.UsageError):
            place_of(name)


def test_lines_are_added_once() -> None:
    change = planned("# mine\nother ssh-rsa AAAA", "f", ["web", "10.0.0.1"], [ED, RSA], replace=False)
    assert change.text == "# mine\nother ssh-rsa AAAA\n" + "".join(
        lines(place, key) for place in ("web", "10.0.0.1") for key in (ED, RSA)
    )
    again = planned(change.text, "f", ["web", "10.0.0.1"], [ED, RSA], replace=False)
    assert (again.text, again.added, again.present) == (change.text, (), (ED, RSA))


def test_other_key_is_replaced_only_on_request(tmp_path: Path) -> None:
    before = f"a,web {OTHER.type} {OTHER.base64} note\n{lines('web', RSA)}"
    with pytest.raises(sosagent.HostKeyChanged, match="f:1") as caught:
        planned(before, "f", ["web"], [ED, RSA], replace=False)
    assert OTHER.fingerprint in caught.value.message
    assert "--replace" in caught.value.hint
    change = planned(before, "f", ["web"], [ED, RSA], replace=True)
    assert change.text == f"a {OTHER.type} {OTHER.base64} note\n{lines('web', RSA, ED)}"
    assert len(change.removed) == 1


def test_whole_line_is_replaced() -> None:
    before = lines("web", OTHER) + "# mine\n"
    assert planned(before, "f", ["web"], [ED, RSA], replace=True).text == "# mine\n" + lines("web", ED, RSA)


def test_other_lines_are_kept_exactly() -> None:
    before = "# a\x0cweb ssh-rsa AAAA\r\n\n# b\u2028c \udcff\rd\r\nother ssh-rsa AAAA c"
    assert planned(before, "f", ["web"], [ED], replace=False).text == f"{before}\n{lines('web', ED)}"
    assert planned(f"{before}\n", "f", ["web", "web"], [ED], replace=False).text == f"{before}\n{lines('web', ED)}"


def test_revoked_key_is_refused() -> None:
    with pytest.raises(sosagent.HostKeyChanged, match=r":1.*revoked"):
        planned(f"@revoked {lines('*', ED)}", "f", ["web"], [ED], replace=True)


def test_pattern_is_not_replaced() -> None:
    with pytest.raises(sosagent.HostKeyChanged, match=":1") as caught:
        planned(lines("*.example.org", OTHER), "f", ["web.example.org"], [ED], replace=True)
    assert "edit it yourself" in caught.value.hint
    assert planned(lines("!web.example.org,*", OTHER), "f", ["web.example.org"], [ED], replace=False).added


def test_hashed_names_match(tmp_path: Path) -> None:
    installed(["ssh-keygen"])
    file = tmp_path / "known_hosts"
    file.write_text(lines("web", OTHER))
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    assert file.read_text().startswith("|1|")
    with pytest.raises(sosagent.HostKeyChanged):
        planned(file.read_text(), "f", ["web"], [ED], replace=False)
    assert planned(file.read_text(), "f", ["web"], [ED], replace=True).text == lines("web", ED)
    assert planned(file.read_text(), "f", ["other"], [ED], replace=False).added


def test_file_is_written_in_one_step(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text("old\n")
    real.chmod(0o640)
    link = tmp_path / "known_hosts"
    link.symlink_to(real)
    replace_file(link, "new\n")
    assert (link.is_symlink(), real.read_text(), real.stat().st_mode & 0o777) == (True, "new\n", 0o640)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["known_hosts", "real"]
    replace_file(tmp_path / "sub" / "known_hosts", "new\n")
    assert (tmp_path / "sub" / "known_hosts").stat().st_mode & 0o777 == 0o600
    with pytest.raises(sosagent.UsageError, match="cannot write"):
        replace_file(real / "below", "x")


def test_sshfp_records_equal_those_of_ssh_keygen(tmp_path: Path) -> None:
    installed(["ssh-keygen"])
    for kind in ("ed25519", "rsa", "ecdsa", "dsa"):
        path = tmp_path / kind
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
        key = sosagent.parse_public_keys(Path(f"{path}.pub").read_bytes())[0]
        done = subprocess.run(
            ["ssh-keygen", "-r", "web", "-f", f"{path}.pub"], capture_output=True, text=True, check=True
        )
        assert all_sshfp(["web"], [key])[0] in done.stdout.splitlines()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: host keys are root's")
async def test_real_host_keys(sh: list[str], tmp_path: Path) -> None:
    path = Path("/etc/ssh/ssh_host_ed25519_key")
    if not path.exists():
        pytest.skip("no host key here")
    async with verified_shell(sh, tmp_path) as (shell, _):
        try:
            found = parse_host_keys((await shell.run(program("host_keys"))).lines)
        finally:
            await shell.close()
    key = sosagent.parse_public_keys(Path(f"{path}.pub").read_bytes())[0]
    assert any(key.same_key(one) for one in found.keys)
    assert found.hostname == os.uname().nodename
