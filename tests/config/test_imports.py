"""Import machines from ssh_config, Ansible inventories and conserver.cf."""

from __future__ import annotations

import json
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

import sosagent
from sosagent.config.imports import Format, Imported, Skipped, Source, detect_format, import_machines
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
web[01:03] ansible_host=10.0.0.5   # a comment
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
odd sos_console="{{ lookup('x') }}"
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
default far-too { include far-too; master con6; }
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
    assert [(one.name, one.where) for one in imported.skipped] == [
        ("*", "the file:8"), ("!bastion", "the file:8"), ("*.example.net", "the file:8"),
        ("bad/name", "the file:10"),
    ]  # fmt: skip
    assert imported.notes[:2] == [
        "the file:2: Include config.d/* is not followed; import those files too",
        "the file:11: Match host x is not imported: it names no machine",
    ]


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
    skipped = {skip.name: skip.reason for skip in imported.skipped}
    assert imported.skipped[0].where == "the file:23"
    assert list(skipped) == ["odd", "bare", "bad$name", "bad"]
    assert "template" in skipped["odd"]
    assert skipped["bare"] == "no console; set the variable sos_console"
    assert "unknown console type" in skipped["bad"]
    assert "hunter2" not in repr(imported)


def test_ports_of_an_inventory() -> None:
    text = (
        "[a]\ndb1:2222\nweb[1:2]:2200 ansible_host=10.0.0.5\nv6 ansible_host=fe80::1 ansible_port=2022\n"
        "own:1 ansible_port=2\nusual:22\nodd ansible_port='{{ x }}' ansible_host=h\nfar:99999 ansible_host=h\n"
        "[a:vars]\nconsole=u@h\n"
    )
    result = import_machines(text, "ansible")
    imported = tables(result)
    assert [note.partition(" is not imported")[0] for note in result.notes] == [
        "the file:7: the address of odd", "the file:8: the address of far",
    ]  # fmt: skip
    assert {name: one.get("address") for name, one in imported.items()} == {
        "db1": "db1:2222", "web1": "10.0.0.5:2200", "web2": "10.0.0.5:2200", "v6": "[fe80::1]:2022", "own": "own:2",
        "usual": None, "odd": None, "far": None,
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
    assert imported.skipped == [Skipped("plain", "no console; set the variable sos_console", "the file:1")]
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
        ("w[0:99][0:999]", "more than 10000"),
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
        "again": {"console": "exec:console -M con6 again"},
    }
    assert [(one.name, one.where.removeprefix("the file")) for one in imported.skipped] == [
        ("dash", ":11"), ("loop", ":12"), ("two words", ":10"),
    ]  # fmt: skip
    assert [note.removeprefix("the file:").partition(": ")[2] or note for note in imported.notes] == [
        "#include /etc/conserver/more.cf is not followed; import those files too",
        "there is no default 'loop' before this line",
        "there is no default 'loop' before this line",
        "some masters are this computer; on other computers, write the server's name after -M",
    ]


def test_values_of_an_ini_inventory_are_literals_of_python_or_text() -> None:
    text = """\
[con]
a1 sos_console='exec:ssh -o "ProxyCommand=nc %h %p" console1'
a2
d4 sos_console=exec:foo#bar
[con:vars]
sos_console = 'exec:ssh -o "ProxyCommand nc %h %p" console2'
[kvm]
k1
[kvm:vars]
sos_console = exec:virsh console "web 1"
[bool]
k3
[bool:vars]
sos_console = "u@k3"   # a comment
ansible_port = '2203'
"""
    imported = tables(import_machines(text, "ansible"))
    assert {name: one["console"] for name, one in imported.items()} == {
        "a1": 'exec:ssh -o "ProxyCommand=nc %h %p" console1',
        "a2": 'exec:ssh -o "ProxyCommand nc %h %p" console2',
        "d4": "exec:foo",
        "k1": 'exec:virsh console "web 1"',
        "k3": "u@k3",
    }
    assert imported["k3"]["address"] == "k3:2203"


def test_addresses_of_an_ini_inventory() -> None:
    text = """\
[named]
d1 ansible_ssh_host=10.1.1.1 ansible_ssh_port=2222 ansible_host=10.9.9.9
d5 ansible_host=[2001:db8::5]
d6:2200 ansible_host="{{ inventory_hostname_short }}.{{ domain }}" domain=example.net
[2001:db8::7]:2200
::8
b[:1]
[all:vars]
console = u@h
ansible_port=22022
"""
    result = import_machines(text, "ansible")
    assert {name: one["address"] for name, one in tables(result).items()} == {
        "d1": "10.1.1.1:2222", "d5": "[2001:db8::5]:22022", "d6": "d6.example.net:2200",
        "2001-db8--7": "[2001:db8::7]:2200", "0--8": "[::8]:22022", "b0": "b0:22022", "b1": "b1:22022",
    }  # fmt: skip
    assert result.notes[0].startswith("the file:5: 2001:db8::7 is imported as 2001-db8--7")


def test_texts_that_ansible_marks_as_unsafe() -> None:
    variables = {"ansible_host": {"__ansible_unsafe": "10.0.0.1"}, "sos_console": {"__ansible_unsafe": "{{ w }}@h"}}
    hosts = {
        "w1": variables,
        "w2": {"sos_console": "{{ inventory_hostname_short }}@sos", "ansible_host": {"__ansible_vault": "x"}},
        "w3": {"sos_console": {"__ansible_vault": "x"}},
        "w4": {"sos_console": "{{ a }}", "a": "{{ sos_console }}"},
        "w5": {"sos_console": ["x"]},
    }
    result = import_machines(json.dumps({"_meta": {"hostvars": hosts}}, indent=1), "ansible")
    assert tables(result) == {"w1": {"console": "{{ w }}@h", "address": "10.0.0.1"}, "w2": {"console": "w2@sos"}}
    assert result.notes == [
        "the file:12: the address of w2 is not imported: ansible_host is encrypted with Ansible Vault"
    ]
    assert [(one.name, one.reason, one.where) for one in result.skipped] == [
        ("w3", "sos_console is encrypted with Ansible Vault", "the file:18"),
        ("w4", "a contains a template that refers to itself", "the file:23"),
        ("w5", "sos_console is not text", "the file:27"),
    ]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[a]\nw ; a comment\n", ":2: ';' is not an assignment"),
        ("[a]\nw x='1\n", ":2: no closing quotation"),
        ("[a] # b ; c\nx y\n", ":2: 'y' is not an assignment"),
        ("[a] ; b\n", ":1: ';' is not an assignment"),
        ("[a b]\n", ":1: invalid section"),
        ("[a:sons]\n", ":1: unknown kind of section"),
        ("w\n[a:vars]\nx=1\n", ":2: [a:vars] names the group a, which does not exist"),
        ("[a:children]\nb\n", ":2: [a:children] names the group b, which does not exist"),
        ("[a:children]\nb c\n", ":2: 'b c' is not the name of a group"),
        ("[a:children]\nb\n[b:children]\na\n", "contains itself"),
        ("w:\n", ":1: 'w:' is not the name of a host"),
        ("w[01:2]\n", ":1: w[01:2] is not a valid range: both values"),
        ("w[1:]\n", ":1: w[1:] is not a valid range: a range needs its last value"),
        ("[all:vars]\nx\n", ":2: 'x' is not an assignment"),
    ],
)
def test_lines_that_ansible_refuses(text: str, where: str) -> None:
    with pytest.raises(sosagent.UsageError) as caught:
        import_machines(Source("hosts", text), "ansible")
    assert caught.value.message.startswith("hosts") and where in caught.value.message


def test_quotes_and_defaults_of_conserver() -> None:
    text = r"""
default * { logfile ""; rw *; master con1; type exec; }
console c1 { exec ssh -t \"web 1\"; }
console c2 { exec sh -c "echo \"hi; there\""; }
console c3 { exec sh -c a\;b; motd 5\" disk; }
"conso"le c4 { master ""; MASTER con4; exec true; }
default * { include *; master con2; }
console c5 { }
console c6 { host h; type host }
console C5 { master con5; }
"""
    result = import_machines(Source("cf", text), "conserver")
    assert {name: one["console"] for name, one in tables(result).items()} == {
        "c1": "exec:console -M con1 c1", "c2": "exec:console -M con1 c2", "c3": "exec:console -M con1 c3",
        "c4": "exec:console -M con4 c4", "C5": "exec:console -M con5 C5",
    }  # fmt: skip
    assert [(one.name, one.reason, one.where) for one in result.skipped] == [
        ("c6", "conserver refuses its syntax", "cf:9"),
        ("c5", "conserver uses the later console of that name, in line 10", "cf:8"),
    ]


def test_inventories_that_would_take_long() -> None:
    started = time.process_time()
    references = "".join(f"v{n} = {f'{{{{ v{n + 1} }}}}' * 300}\n" for n in range(9))
    text = f"w sos_console='{{{{ v0 }}}}u@h'\nx[0:9999][0:9999][5:1]\n[all:vars]\n{references}v9 =\n"
    assert tables(import_machines(text, "ansible")) == {"w": {"console": "u@h"}}
    with pytest.raises(sosagent.UsageError, match=r":1: .* is not a valid range"):
        import_machines("w" + "[1:1]" * 5000, "ansible")
    assert time.process_time() - started < 20


async def test_included_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    files = {
        ".ssh/config": "Include more/*\nHost gate* w9\n  Include inner\nInclude none\n",
        ".ssh/more/1": "Host m1\n", ".ssh/more/2": 'Host "m2" x\\ y !m3 m3\n', ".ssh/inner": "Host gate1 other\n",
        "cf": "default * { type noop; master a; }\n#include more.cf\nconsole c1 { }\n#include none.cf\n",
        "more.cf": "default * { type noop; master b; }\nconsole m1 { }\n#include cf\n",
        "hosts": "w1 sos_console=u@h\n", "group_vars/all": "x: 1\n",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    status, out, err = await command("machines", "import", tmp_path / ".ssh/config")
    assert (status, [line for line in out.splitlines() if line.startswith("[")]) == (
        0, ["[machines.m1]", "[machines.m2]", "[machines.w9]", "[machines.gate1]"],
    )  # fmt: skip
    assert f"skipped m3: ssh never applies this Host to it: another pattern excludes it ({tmp_path}" in err
    assert f"skipped other: ssh never applies this Host to it: another pattern excludes it ({tmp_path}" in err
    assert "/.ssh/more/2:1)" in err and ":4: Include none matches no file" in err
    status, out, err = await command("machines", "import", tmp_path / "cf")
    assert (status, tomllib.loads(out)["machines"]["c1"]["console"]) == (0, "exec:console -M b c1")
    assert "cf:4: #include none.cf: cannot read" in err and "more.cf:3: #include cf is nested too deep" in err
    status, out, err = await command("machines", "import", tmp_path / "hosts")
    assert status == 0 and f"{tmp_path / 'group_vars'} is not read" in err


def test_recursive_includes_are_fast() -> None:
    includes = " ".join(f"include d{n};" for n in range(14))
    text = "".join(f"default d{n} {{ {includes} master con{n}; }}\n" for n in range(14))
    text += "".join(f"default e{n + 1} {{ include e{n}; }}\n" for n in range(3000))
    started = time.process_time()
    text = f"default * {{ master con; type noop; }}\n{text}console a {{ include d13; }}\nconsole b {{ include e3000; }}"
    imported = import_machines(text, "conserver")
    assert tables(imported) == {"a": {"console": "exec:console -M con13 a"}, "b": {"console": "exec:console -M con b"}}
    assert time.process_time() - started < 20


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
