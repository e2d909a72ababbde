"""Import machines from ssh_config, Ansible inventories and conserver.cf."""

from __future__ import annotations

import json
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

import sosagent
from sosagent.config.imports import Format, Imported, detect_format, import_machines
from sosagent.config.parse import parse_machines
from sosagent.printable import is_clean

from ..support.commands import command

SSH_CONFIG = """\
# consoles
Include config.d/*
Host web1-sos "db-sos"  # two
    HostName sos.example.net
    User 7f3c1a2e
host=old.box
	Port 2200
Host * !bastion *.example.net
    ForwardAgent no
HOST web1-sos bad/name
Match host x
    User y
"""
INI = """\
lonely sos_console=lonely@sos.example.net

[web]
web[01:03] ansible_host=10.0.0.5   ; not a comment here
web1.example.net sos_console="exec:virsh console 'web 1'" ansible_host=web1.example.net ansible_password=hunter2

[db]
db-[a:b]
nothing

[db:vars]
console = telnet://ts1:2001
ansible_become_password=hunter2

[web:vars]
sos_console={{ inventory_hostname }}@sos.example.net

[prod:children]
web  # all of it
db

[template]
odd sos_console={{ lookup('x') }}
bare
bad$name sos_console=u@h
bad sos_console=ftp://x
"""
LISTED = {
    "_meta": {
        "hostvars": {
            "web1": {"ansible_host": "10.0.0.5", "sos_console": "web1@sos.example.net", "ansible_password": "hunter2"},
            "db": {"console": "serial:///dev/ttyUSB0"},
            "plain": {"ansible_host": "10.0.0.9"},
        }
    },
    "all": {"children": ["prod", "ungrouped"]},
    "prod": {"children": ["web"]},
    "web": {"hosts": ["web1"]},
    "ungrouped": {"hosts": ["db", "plain"]},
}
CONSERVER = """\
#include /etc/conserver/more.cf
config * { sslrequired no; }
default * { logfile "/var/log/{x}"; master localhost; }
default base { rw *; type exec; }
default far { include base; master "con2.example.net"; }
group admins { users alice, bob; }
console web1 { include base; exec "/bin/sh -c 'a; b'"; }   # console nothing { }
console db { include far; aliases d1, d2; }
console "old.box" { include far; master con3; }
console "two words" { include base; }
console dash { master "-x"; }
console loop { include loop; }
default loop { include loop; master con4; }
default far-too { include base; master con5; }
default far-too { include far-too; }
console again { include far-too; }
break 4 { string "\\z"; }
access * { trusted 10.0.0.0/8; }
"""


def tables(imported: Imported) -> dict[str, dict[str, Any]]:
    """Return the imported tables, and check that they form a valid machines.toml."""
    text = "\n".join(imported.machines.values())
    assert list(parse_machines(text, "m").machines) == list(imported.machines)
    machines: dict[str, dict[str, Any]] = tomllib.loads(text).get("machines", {})
    return machines


def test_ssh_config() -> None:
    imported = import_machines(SSH_CONFIG, "ssh")
    assert tables(imported) == {
        "web1-sos": {"console": "web1-sos"},
        "db-sos": {"console": "db-sos"},
        "old.box": {"console": "old.box"},
    }
    assert [name for name, _ in imported.skipped] == ["*", "!bastion", "*.example.net", "bad/name"]
    assert imported.notes[0].startswith("Include config.d/* is not followed;")


def test_an_ini_inventory() -> None:
    imported = import_machines(INI, "ansible")
    web = {"groups": ["prod", "web"], "address": "10.0.0.5"}
    assert tables(imported) == {
        "lonely": {"console": "lonely@sos.example.net"},
        **{f"web0{n}": {"console": f"web0{n}@sos.example.net", **web} for n in (1, 2, 3)},
        "web1.example.net": {"console": "exec:virsh console 'web 1'", **web, "address": "web1.example.net"},
        "db-a": {"console": "telnet://ts1:2001", "groups": ["db", "prod"]},
        "db-b": {"console": "telnet://ts1:2001", "groups": ["db", "prod"]},
        "nothing": {"console": "telnet://ts1:2001", "groups": ["db", "prod"]},
    }
    skipped = dict(imported.skipped)
    assert list(skipped) == ["odd", "bare", "bad$name", "bad"]
    assert "template" in skipped["odd"]
    assert skipped["bare"] == "no console; set the variable sos_console"
    assert "unknown console type" in skipped["bad"]
    assert "hunter2" not in repr(imported)


def test_ports_of_an_inventory() -> None:
    text = (
        "[a]\ndb1:2222\nweb[1:2]:2200 ansible_host=10.0.0.5\nv6 ansible_host=fe80::1 ansible_port=2022\n"
        "own:1 ansible_port=2\nusual:22\nodd ansible_port={{ x }} ansible_host=h\nfar:99999 ansible_host=h\n"
        "[a:vars]\nconsole=u@h\n"
    )
    imported = tables(import_machines(text, "ansible"))
    assert {name: one.get("address") for name, one in imported.items()} == {
        "db1": "db1:2222", "web1": "10.0.0.5:2200", "web2": "10.0.0.5:2200", "v6": "[fe80::1]:2022", "own": "own:2",
        "usual": None, "odd": "h", "far": "h",
    }  # fmt: skip
    variables = {"console": "u@h", "ansible_host": "10.0.0.5", "ansible_port": 2222}
    listed = {"_meta": {"hostvars": {"x": variables}}, "all": {"hosts": ["x"]}}
    assert tables(import_machines(json.dumps(listed), "ansible"))["x"]["address"] == "10.0.0.5:2222"


def test_a_json_inventory() -> None:
    imported = import_machines(json.dumps(LISTED), "ansible")
    assert tables(imported) == {
        "web1": {"console": "web1@sos.example.net", "groups": ["prod", "web"], "address": "10.0.0.5"},
        "db": {"console": "serial:///dev/ttyUSB0"},
    }
    assert imported.skipped == [("plain", "no console; set the variable sos_console")]
    assert "hunter2" not in repr(imported)


def test_the_nearest_group_takes_precedence() -> None:
    text = "".join(f"[{group}:vars]\nconsole={group}\n" for group in ("a", "b", "p", "all")) + "[p:children]\na\nb\nc\n"
    imported = tables(import_machines(f"{text}[a]\nx\ny\n[b]\nx\n[c]\nz\n[d]\nw\n", "ansible"))
    assert {name: one["console"] for name, one in imported.items()} == {"x": "b", "y": "a", "z": "p", "w": "all"}


@pytest.mark.parametrize(
    "text",
    ["{", "{}", '{"_meta": 5}', '{"_meta": {"hostvars": {"a": 5}}}', '{"a":' * 100_000],
    ids=["cut", "empty", "number", "variables", "deep"],
)
def test_invalid_json_inventories(text: str) -> None:
    with pytest.raises(sosagent.UsageError, match="not the output of ansible-inventory --list"):
        import_machines(text, "ansible")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("w[1:x]", "is not a valid range"),
        ("w[1:9:0]", "is not a valid range"),
        ("w[0:999999999]", "more than 10000"),
        ("[0:99][0:999]", "more"),
    ],
)
def test_invalid_ranges(text: str, words: str) -> None:
    with pytest.raises(sosagent.UsageError, match=words):
        import_machines(f"[a]\nok\n{text}\n", "ansible")


def test_conserver() -> None:
    imported = import_machines(CONSERVER, "conserver")
    assert tables(imported) == {
        "web1": {"console": "exec:console -M localhost web1"},
        "db": {"console": "exec:console -M con2.example.net db"},
        "old.box": {"console": "exec:console -M con3 old.box"},
        "loop": {"console": "exec:console -M con4 loop"},
        "again": {"console": "exec:console -M con5 again"},
    }
    assert [name for name, _ in imported.skipped] == ["two words", "dash"]
    assert ["#include" in imported.notes[0], "-M" in imported.notes[1], len(imported.notes)] == [True, True, 2]
    assert tables(import_machines("console a { type exec; }", "conserver")) == {"a": {"console": "exec:console a"}}


def test_recursive_includes_are_fast() -> None:
    includes = " ".join(f"include d{n};" for n in range(14))
    text = "".join(f"default d{n} {{ {includes} master con{n}; }}\n" for n in range(14))
    text += "".join(f"default e{n + 1} {{ include e{n}; }}\n" for n in range(3000))
    started = time.process_time()
    imported = import_machines(f"{text}console a {{ include d13; }}\nconsole b {{ include e3000; }}", "conserver")
    assert tables(imported) == {"a": {"console": "exec:console -M con13 a"}, "b": {"console": "exec:console b"}}
    assert time.process_time() - started < 2


@pytest.mark.parametrize("form", ["ssh", "ansible", "conserver"])
@pytest.mark.parametrize(
    "text", ["", '{}}}{;;"', 'Host "x\nconsole { { }', "console a {", "[", "[a:vars]\n=\n[b]\n'", "\x1b[2J\x00"]
)
def test_garbage_imports_nothing(form: Format, text: str) -> None:
    try:
        imported = import_machines(text, form)
    except sosagent.UsageError:
        return
    assert all(map(is_clean, imported.machines))


@pytest.mark.parametrize(
    ("text", "name", "form"),
    [
        (SSH_CONFIG, "config", "ssh"),
        (INI, "hosts", "ansible"),
        (json.dumps(LISTED, indent=2), "x.json", "ansible"),
        (CONSERVER, "conserver.cf", "conserver"),
    ],
    ids=["ssh", "ini", "json", "conserver"],
)
def test_formats_are_detected(text: str, name: str, form: str) -> None:
    assert detect_format(text, name) == form


def test_unsupported_formats() -> None:
    yaml = ("all:\n  hosts: {}\n", "hosts.yml"), ("---\nall:\n", "hosts"), ("# x\nweb: # y\n  hosts:\n", "hosts")
    for text, name in yaml:
        with pytest.raises(sosagent.UsageError, match="YAML") as caught:
            detect_format(text, name)
        assert "ansible-inventory -i FILE --list" in caught.value.hint
    for text in ("", "\n# nothing\n"):
        with pytest.raises(sosagent.UsageError, match="hosts is empty"):
            detect_format(text, "hosts")
    with pytest.raises(sosagent.UsageError, match="a plain list of names") as caught:
        detect_format("web1\r\ndb1:2222\n", "hosts")
    assert "sos_console=HOST" in caught.value.hint
    with pytest.raises(sosagent.UsageError, match="cannot detect the format") as caught:
        detect_format("hello\n", "x")
    assert "--from: ssh, ansible, conserver" in caught.value.hint


async def test_the_command(tmp_path: Path) -> None:
    source, file = tmp_path / "hosts", tmp_path / "machines.toml"
    source.write_text(INI)
    status, out, err = await command("machines", "import", source, "--config", file)
    assert (status, out.rstrip("\n")) == (0, "\n".join(import_machines(INI, "ansible").machines.values()).rstrip("\n"))
    assert "skipped bare: no console" in err
    assert not file.exists()
    status, out, err = await command("machines", "import", source, "--config", file, "--write", "--allow-commands")
    assert (status, out.splitlines()[0], out.splitlines()[-1]) == (0, "added lonely", f"written to {file}")
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    file.write_bytes(b"# mine\r\n" + before)
    status, out, _ = await command("machines", "import", source, "--config", file, "--write", "--allow-commands")
    assert (status, out.splitlines()[0], out.splitlines()[-1]) == (
        0, "skipped lonely: already in the file", "nothing to write",
    )  # fmt: skip
    assert file.read_bytes() == b"# mine\r\n" + before
    status, out, _ = await command("machines", "list", "--config", file, "--group", "db")
    assert [line.split()[0] for line in out.splitlines()] == ["db-a", "db-b", "nothing"]
    for call, words in (([tmp_path / "none"], "cannot read"), ([tmp_path], "cannot read"),
                        ([source, "--from", "x"], "--from must be ssh or")):  # fmt: skip
        status, out, err = await command("machines", "import", *call)
        assert (status, out, words in err) == (2, "", True)
