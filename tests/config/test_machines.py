"""The machines file: its contents, and the mistakes in it, by line."""

from __future__ import annotations

import json
import time
import tomllib
from pathlib import Path

import jsonschema
import pytest

import sosagent
from sosagent.config.machine import schema
from sosagent.config.parse import parse_machines
from sosagent.config.toml_text import line_in, lines_of
from sosagent.printable import is_clean
from sosagent.secrets.sources import PasswordSource, parse_source

GOOD = """\
[defaults]
login = "root"
password = "command:pass show machines"
groups = ["all"]

# the web
[machines.web1]
console = "7f3c@sos.example.net"
hostname = "web1"
known_as = ["web1.example.net", "10.0.0.5"]

[machines.db-1]
console = "exec:virsh console db-1"
password = "env:DB_PASSWORD"
groups = ["db", "all"]

[machines."old.box"]
console = "serial:///dev/ttyUSB0?baud=9600"
become = "sudo"
"""
_UNKNOWN = "only [defaults] and [machines.NAME] are allowed"
_UNCERTAIN = "a login prompt of this endpoint may be the machine's"
BAD = {
    "nonsense": ":1: ",
    f"x = {'9' * 5000}": ":1: ",
    "[defaults]\nconsole = 5\n[machines.a]\n": ":2: console: must be a string in quotes",
    "[machines.a]\nconsole = 'h'\n[machine.b]\n": ":3: unknown key 'machine'; only [defaults] and",
    "[machines.a]\nconsole = 'h'\nhostnam = 'a'\n": ":3: unknown key 'hostnam'; did you mean 'hostname'?",
    "[machines.a]\nhostname = 'a'\n": ":1: a has no console",
    "[machines.a]\nconsole='telnet://h'\nendpoint_password='env:A'\n": f":3: {_UNCERTAIN}",
    "[machines.a]\nendpoint_password='env:A'\nconsole='socket://h:1?dialect=digi'\n": f":2: {_UNCERTAIN}",
    "[machines.a]\nconsole='packet:d1'\nendpoint_password='env:A'\n": f":3: {_UNCERTAIN}",
    "[machines.a]\n\nconsole = 'ftp://h'\n": ":3: console: unknown console type 'ftp'",
    "[machines.a]\nconsole = 'h'\npassword = 'hunter2'\n": ":3: password: the file must not contain a password",
    "[machines.a]\nconsole = 'h'\npassword = 'env:'\n": ":3: password: env: needs the name",
    "[machines.a]\nconsole = 'h'\npassword = 'keyring:x'\n": ":3: password: keyring: needs SERVICE/USER",
    "[machines.a]\nconsole = 'h'\nbecome = 'doas'\n": ':3: become: must be "sudo" or "su"',
    "[machines.a]\nconsole = 'h'\ngroups = 'web'\n": ":3: groups: must be a list of strings",
    "[machines.a]\nconsole = 5\n": ":2: console: must be a string in quotes",
    "[machines.a]\nconsole = ''\n": ":2: console: must not be empty",
    "[machines.a]\nconsole = 'h'\nknown_as = ['b', 5]\n": ":3: known_as: must be a string in quotes",
    "[machines.a]\nconsole = 'h'\nknown_as = ['*']\n": ":3: known_as: '*' is not the name or address",
    "[machines.a]\nconsole = 'h'\naddress = 'a b'\n": ":3: address: 'a b' is not the name or address",
    "[machines.a]\nconsole = 'h'\nbaud = 9600\n": ":3: baud is only for serial: and rfc2217:",
    "[machines.a]\nconsole = 'telnet://h'\nbaud = 9600\n": ":3: baud is only for serial: and rfc2217:",
    "[machines.a]\nconsole = 'COM3'\nbaud = '9600'\n": ":3: baud: must be a whole number without quotes",
    "[machines.a]\nconsole = 'COM3'\nbaud = true\n": ":3: baud: must be a whole number without quotes",
    "[machines.a]\nconsole = 'COM3'\nbaud = 9\n": ":3: baud: must be between 50 and 4000000",
    "[machines.a]\nconsole = 'h'\ndialect = 'A b'\n": ":3: dialect: must be the name of an endpoint type",
    "[machines.a]\nconsole = 'h'\nredfish = 'http://b'\n": ":3: redfish: must be an address such as https://",
    "[machines.a]\nconsole = 'h'\nredfish = 'https://u:hunter2@b'\n": ":3: redfish: must not contain a",
    "[machines.a]\nconsole = 'ssh://u:hunter2@h'\n": ":2: console: HOST must not contain a password",
    "[machines.'a b']\nconsole = 'h'\n": ":1: 'a b' is not a valid name",
    "machines = 3\n": ":1: machines must be tables",
    "[machines]\na = 3\n": ":2: machines.a must be a table",
    "[machines.a]\nconsole = 'h'\nconsole = 'h'\n": ":3: ",
    "[defaults]\nconsole = 'h'\nlogon = 'x'\n[machines.a]\n": ":3: unknown key 'logon'; did you mean 'login'?",
    "[machines.a]\nconsole = 'h'\nhostname = \"a\\u001b[2J\"\n": ":3: hostname: must not contain control",
    "[machines.a]\nconsole = 'h'\nendpoint_password = \"file:/tmp/a\\u0000b\"\n": ":3: endpoint_password: must not",
    "[machines.a]\nconsole = a@b\n": ":2: console: a string needs quotes",
    "[machines.a]\nconsole = 10.0.0.1\n": ":2: console: a string needs quotes",
    "[machines.a]\nknown_as = [a, 'b']\n": ":2: known_as: a string needs quotes",
    "[machines.a]\npassword =\n": ":2: password: no value after =",
    '[machines.a]\nconsole = "hunter2\nlogin = "a"\n': ":2: the closing quote is missing",
    "[machines.a]\nconsole = 'hunter2\nlogin = 'a'\n": ":2: the closing quote is missing",
    "[machines.a]\nconsole = 'hunter2\nlogin = 5\n": ":2: the closing quote is missing",
    '[machines.a]\nconsole = """hunter2\n\n\n': ":2: the closing quote is missing",
    "[machines.a]\nconsole = 'h'\nlogin = 'x'\nconsole = 'i'\n": ":4: 'console' is already on line 2",
    "[machines.a]\nconsole = 'h'\n\n[machines.a]\n": ":4: [machines.a] is already on line 1",
    "[machines.\"a b\"]\n[machines.'a b']\n": ":2: [machines.a b] is already on line 1",
    "[machines.a]\nconsole = 'h'\nconsole.x = 1\n": ":3: 'console' is already on line 2",
    "x = {a = 1, a = 2}\n": ":1: Duplicate inline table key",
    "[machines.w\u00e9b1]\n": ":1: a table's name may contain only ASCII letters",
    "[machines.a b]\n": ":1: a table's name may contain only ASCII letters",
    "[machines.a\nconsole = 'h'\n": ":1: a table's name must end with ]",
    "[machines.b]\nconsole='h'\n[machines.\"a]b\"] # x\nconsole = 'h'\n": ":3: 'a]b' is not a valid name",
    "[machines.b]\nconsole='h'\n[machines.\"a\\\"b\"]\nconsole = 'h'\n": ":3: 'a\"b' is not a valid name",
    "[machine.web1]\nconsole = 'h'\n": f":1: unknown key 'machine'; {_UNKNOWN}; did you mean [machines.web1]",
    "[web1]\nconsole = 'h'\n": f":1: unknown key 'web1'; {_UNKNOWN}; did you mean [machines.web1]?",
    "[default]\nlogin = 'h'\n": f":1: unknown key 'default'; {_UNKNOWN}; did you mean [defaults]?",
    "\n[machines.web1.example.net]\nconsole = 'h'\n": (
        ':2: a name with dots needs quotes: [machines."web1.example.net"]'
    ),
    '[machines."w\u00e9b1"]\n': ":1: 'w\u00e9b1' is not a valid name: it may have at most 64 ASCII letters",
    "[machines]\na.console = 'h'\na.size = 1\n": ":3: unknown key 'size'",
}


def test_what_it_says() -> None:
    found = parse_machines(GOOD, "machines.toml")
    assert list(found.machines) == ["web1", "db-1", "old.box"]
    web, db = found.machines["web1"], found.machines["db-1"]
    assert (web.hostname, web.login, web.known_as) == ("web1", "root", ("web1.example.net", "10.0.0.5"))
    assert web.password is not None and db.password is not None
    assert parse_source(web.password) == PasswordSource("command", "pass show machines")
    assert parse_source(db.password) == PasswordSource("env", "DB_PASSWORD")
    assert found.of_group("all") == ["web1", "db-1", "old.box"]
    assert found.of_group("db") == ["db-1"]
    assert (found.named("web2"), found.near("web2"), found.near("WEB1")) == (None, ["web1"], ["web1"])
    assert found.near("quite-another") == []


@pytest.mark.parametrize("text", BAD, ids=lambda text: str(text)[-60:])
def test_what_is_wrong(text: str) -> None:
    with pytest.raises(sosagent.ConfigInvalid) as caught:
        parse_machines(text, "machines.toml")
    assert str(caught.value).startswith(f"machines.toml{BAD[text]}"), caught.value
    assert "hunter2" not in str(caught.value) + caught.value.hint
    assert is_clean(str(caught.value))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text", ["a." * 30_000 + "a = 1", "\n".join([f"b{n}.{'a.' * 2000}a = 1" for n in range(250)]),
             "\n".join([f"b{n} = {{{'a . ' * 1000}a = 1}}" for n in range(250)]), f"# {'x' * 5000}"],
    ids=["one", "many", "inline", "comment"],
)  # fmt: skip
def test_lines_that_would_take_minutes(text: str) -> None:
    started = time.process_time()
    with pytest.raises(sosagent.ConfigInvalid, match=r":1: (longer than 4096|a key has too many parts)"):
        parse_machines(text, "m")
    assert time.process_time() - started < 20


def test_lists_of_addresses_may_be_long() -> None:
    many = ", ".join(f'"10.0.0.{n}"' for n in range(250))
    assert len(parse_machines(f"[machines.a]\nconsole='h'\nknown_as=[{many}]\n", "m").machines["a"].known_as) == 250


def test_every_mistake_is_named() -> None:
    with pytest.raises(sosagent.ConfigInvalid) as caught:
        parse_machines("[machines.a]\nconsole = 5\nx = 1\n[machines.b]\ny = 1\n", "m")
    assert ":2" in str(caught.value)
    assert [":3" in caught.value.hint, ":5" in caught.value.hint] == [True, True]


def test_one_mistake_is_told_once() -> None:
    for text in (
        "[machines.a]\nconsol = 'h'\n",
        "[machines.web1.example.net]\nconsole = 'h'\n",
        "[machine.a]\nconsole = 'h'\n",
    ):
        with pytest.raises(sosagent.ConfigInvalid) as caught:
            parse_machines(text, "m")
        assert len(caught.value.mistakes) == 1, caught.value.mistakes
    text = "[machines.web1.example.net]\nconsole = 'h'\n[machines.web1.example.org]\nconsole = 'h'\n"
    with pytest.raises(sosagent.ConfigInvalid) as caught:
        parse_machines(text, "m")
    assert [one[-16:] for one in caught.value.mistakes] == ['b1.example.net"]', 'b1.example.org"]']
    assert ":3" in caught.value.mistakes[1]


def test_lines_are_found() -> None:
    assert line_in(lines_of(GOOD), ("machines", "db-1", "password")) == 14
    assert line_in(lines_of(GOOD), ("machines", "old.box", "become")) == 19
    assert line_in(lines_of(GOOD), ("machines", "old.box", "none")) == 17


def test_the_schema_knows_every_key() -> None:
    told = schema()["properties"]["machines"]["additionalProperties"]["properties"]
    assert set(told) >= {"console", "hostname", "password", "groups", "known_as"}
    assert all("description" in one for one in told.values())


M = "[machines.a]\nconsole = 'u@h'\n"
#: A text -> whether the schema and the parser accept it.
BOTH = {
    "": True,
    GOOD: True,
    M: True,
    "machines = {}\n": True,
    "[defaults]\nlogin = 'me'\n": True,
    "[defaults]\nconsole = 'h'\n[machines.a]\n": True,
    "[machines.'a.b']\nconsole = 'h'\n": True,
    "[machines.a]\nconsole = 'rfc2217://ts:1'\nbaud = 9600\n": True,
    f"{M}dialect = 'idrac'\n": True,
    f"{M}become = 'su'\n": True,
    f"{M}password = 'prompt'\nbecome_password = 'env:_A1'\n": True,
    f"{M}password = 'file:~/a b'\nbecome_password = 'keyring:a/b/c'\n": True,
    f"{M}password = 'command:pass show \"a\" | x'\n": None,
    f"{M}address = '[::1]:2222'\nknown_as = ['fe80::1%eth0', 'web1:22']\n": True,
    f"{M}groups = []\nknown_as = []\n": True,
    f"{M}redfish = 'HTTPS://bmc:8443/x?y=a@b'\n": True,
    f"{M}login = '{'x' * 1024}'\n": True,
    "[machines.a]\n": False,
    "[machines.a]\nlogin = 'x'\n": False,
    "[defaults]\nlogin = 'x'\n[machines.a]\n": False,
    "[machine.a]\nconsole = 'h'\n": False,
    "machines = 3\n": False,
    "[[machines]]\nconsole = 'h'\n": False,
    "[[machines.a]]\nconsole = 'h'\n": False,
    "[machines.'a b']\nconsole = 'h'\n": False,
    "[machines.'']\nconsole = 'h'\n": False,
    f"[machines.{'a' * 65}]\nconsole = 'h'\n": False,
    "[machines.a.b]\nconsole = 'h'\n": False,
    "[machines.a]\nconsole = ''\n": False,
    "[machines.a]\nconsole = 5\n": False,
    '[machines.a]\nconsole = "a\\u0007b"\n': False,
    f"{M}consol = 'h'\n": False,
    f"{M}login = 2026-01-01\n": False,
    f"{M}login = '{'x' * 1025}'\n": False,
    f"{M}groups = 'web'\n": False,
    f"{M}groups = ['']\n": False,
    f'{M}groups = ["\\u001b"]\n': False,
    f"{M}become = 'doas'\n": False,
    f"{M}dialect = 'A b'\n": False,
    f"{M}dialect = 'no-such'\n": False,
    f"{M}password = 'hunter2'\n": False,
    f"{M}password = 'prompt:x'\n": False,
    f"{M}password = 'env:'\n": False,
    f"{M}password = 'env:1A'\n": False,
    f"{M}password = 'file: '\n": False,
    f"{M}password = 'keyring:x/'\n": False,
    f'{M}endpoint_password = "file:/tmp/a\\u0000b"\n': False,
    f"{M}known_as = ['*']\n": False,
    f"{M}address = 'a b'\n": False,
    f"{M}redfish = 'http://bmc'\n": False,
    f"{M}redfish = 'https://u:p@bmc'\n": False,
    "[machines.a]\nconsole = 'COM3'\nbaud = '9600'\n": False,
    "[machines.a]\nconsole = 'COM3'\nbaud = true\n": False,
    "[machines.a]\nconsole = 'COM3'\nbaud = 9\n": False,
    # These only the parser can tell.
    "[machines.a]\nconsole = 'ftp://h'\n": None,
    f"{M}baud = 9600\n": None,
    f"{M}redfish = 'https://:443'\n": None,
}


def _taken(text: str) -> bool:
    try:
        parse_machines(text, "m")
    except sosagent.ConfigInvalid:
        return False
    return True


@pytest.mark.parametrize("text", BOTH, ids=lambda text: str(text)[-60:])
def test_the_schema_and_the_parser_agree(text: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    valid = jsonschema.Draft202012Validator(schema()).is_valid(tomllib.loads(text))
    want = BOTH[text]
    assert (valid, _taken(text)) == ((True, False) if want is None else (want, want))


def test_the_schema_has_no_null_and_says_what_fields_are() -> None:
    assert '"null"' not in json.dumps(schema())


def test_the_example_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs/howto/machines.md").read_text(encoding="utf-8")
    example = page.partition("```toml\n")[2].partition("```")[0]
    assert list(parse_machines(example, "machines.md").machines) == ["web1", "db"]
