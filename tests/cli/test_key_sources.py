"""The sources of keys: files, folders, the default key, a real agent, a real HTTPS server; with `sosagent key show`."""

from __future__ import annotations

import http.server
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import sosagent
from sosagent.cli.key_lines import apply_options, parse_expiry

from ..conftest import installed, new_key
from ..support.commands import SOSAGENT, invoke, run_process

ONE, TWO = new_key("one"), new_key("two")


def show(
    *arguments: object, stdin: bytes | None = None, env: Mapping[str, str] | None = None
) -> tuple[int, list[dict[str, object]], str]:
    """Run ``sosagent key show --json``; return the exit status, the keys, and standard error or the error."""
    status, out, err = invoke("key", "show", "--json", *arguments, stdin=stdin, env=env)
    shown = json.loads(out)
    if isinstance(shown, dict):
        return status, [], f"{err}{shown['error']['message']} {shown['error']['hint']}"
    return status, shown, err


def comments(shown: list[dict[str, object]]) -> list[object]:
    return [key["comment"] for key in shown]


def test_key_show(tmp_path: Path) -> None:
    file = tmp_path / "a.pub"
    file.write_text(f"# mine\n{ONE.line}\n")
    status, (shown,), err = show(file)
    assert (status, err) == (0, "")
    assert shown == {
        "schema": 1,
        "type": "ssh-ed25519",
        "bits": 256,
        "fingerprint": ONE.fingerprint,
        "comment": "one",
        "line": ONE.line,
        "warnings": [],
    }
    status, out, _ = invoke("key", "show", file)
    assert status == 0
    for text in (f"{file}:2", "256 bits", ONE.fingerprint, ONE.md5, ONE.line):
        assert text in out


def test_key_show_reports_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "a.pub"
    file.write_text(f"{ONE.line}\n{ONE.line[:40]}\n")
    status, shown, err = show(file)
    assert (status, shown) == (2, [])
    assert f"{file}:2" in err


def test_options_that_change_the_line(tmp_path: Path) -> None:
    file = tmp_path / "a.pub"
    file.write_text(f"{ONE.line}\n")
    _, (shown,), _ = show(file, "--comment", "x y", "--restrict", "--option", "from=10.0.0.0/8")
    assert shown["line"] == f'restrict,from="10.0.0.0/8" {ONE.type} {ONE.base64} x y'
    status, _, err = show(file, "--option", "form=1")
    assert status == 2
    assert "unknown option" in err


def test_comment_replaces_an_invalid_comment(tmp_path: Path) -> None:
    file = tmp_path / "a.pub"
    file.write_text(f"{ONE.type} {ONE.base64} a\u200db\n")
    assert show(file)[0] == 2
    assert comments(show(file, "--comment", "ok")[1]) == ["ok"]
    assert show(file, "--comment", "x" * 5000)[0] == 2


def test_names_that_are_not_readable_files(tmp_path: Path) -> None:
    for name, words in (
        (ONE.line, "not a file"),
        ("x" * 300, "File name too long"),
        (tmp_path / "no" / "x", "No such"),
    ):
        status, _, err = show(name)
        assert (status, words in err, "bug" in err) == (2, True, False), err


def test_the_same_key_with_other_options(tmp_path: Path) -> None:
    (tmp_path / "a.pub").write_text(f"{ONE.line}\n")
    (tmp_path / "b.pub").write_text(f"restrict {ONE.line}\n")
    status, _, err = show(tmp_path)
    assert (status, "with other options" in err) == (2, True)


async def test_characters_outside_the_terminals_encoding(tmp_path: Path) -> None:
    file = tmp_path / "a.pub"
    file.write_text(f"{ONE.type} {ONE.base64} Müller\n")
    status, out, _ = await run_process("key", "show", file, command=SOSAGENT, PYTHONIOENCODING="ascii")
    assert (status, "M\\xfcller" in out) == (0, True)


def test_folder_default_key_and_standard_input(tmp_path: Path) -> None:
    folder = tmp_path / ".ssh"
    folder.mkdir()
    status, _, err = show()
    assert (status, "no key matches" in err) == (2, True)
    (folder / "id_one.pub").write_text(f"{ONE.line}\n")
    (folder / "id_one-cert.pub").write_text("not looked at\n")
    _, shown, _ = show(folder)
    assert comments(shown) == ["one"]
    status, shown, err = show()
    assert status == 2  # there are two default keys
    (folder / "id_one-cert.pub").unlink()
    assert comments(show()[1]) == ["one"]
    (folder / "other.pub").write_text(f"{TWO.line}\n{ONE.line}\n")
    assert comments(show(folder)[1]) == ["one", "two"]
    assert comments(show("-", stdin=TWO.line.encode())[1]) == ["two"]
    assert show(tmp_path / "none")[0] == 2
    (tmp_path / "empty").mkdir()
    assert "no .pub file" in show(tmp_path / "empty")[2]


def test_keys_of_the_agent(agent: str, tmp_path: Path) -> None:
    status, _, err = show("--agent")
    assert (status, "no SSH agent" in err) == (2, True)
    status, _, err = show("--agent", env={"SSH_AUTH_SOCK": agent})
    assert (status, "no keys" in err) == (2, True)
    for name in ("laptop", "desk"):
        path = tmp_path / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
        subprocess.run(["ssh-add", "-q", path], check=True, env={"SSH_AUTH_SOCK": agent, "PATH": "/usr/bin:/bin"})
    assert comments(show("--agent", env={"SSH_AUTH_SOCK": agent})[1]) == ["laptop", "desk"]
    assert comments(show("--agent", "desk", env={"SSH_AUTH_SOCK": agent})[1]) == ["desk"]
    shown = show("--agent", "desk", "--cert-authority", env={"SSH_AUTH_SOCK": agent})[1]
    assert str(shown[0]["line"]).startswith("cert-authority ssh-ed25519")
    key = sosagent.parse_public_keys((tmp_path / "laptop.pub").read_bytes())[0]
    assert comments(show("--agent", key.fingerprint, env={"SSH_AUTH_SOCK": agent})[1]) == ["laptop"]
    status, _, err = show("--agent", "sofa", env={"SSH_AUTH_SOCK": agent})
    assert status == 2
    assert "'sofa'" in err
    assert key.fingerprint in err


class _Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/plain")
            self.end_headers()
            return
        body = {"/one.keys": f"{ONE.line}\n", "/none.keys": ""}.get(self.path)
        self.send_response(200 if body is not None else 404)
        self.end_headers()
        self.wfile.write((body or "").encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def https(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    installed(["openssl"])
    key, certificate = tmp_path / "https.key", tmp_path / "https.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://localhost:{server.server_port}", certificate
    server.shutdown()
    thread.join()
    server.server_close()


def test_keys_from_https(https: tuple[str, Path]) -> None:
    address, certificate = https
    trust = {"SSL_CERT_FILE": str(certificate)}
    assert comments(show(f"{address}/one.keys", "--yes", env=trust)[1]) == ["one"]
    status, _, err = show(f"{address}/one.keys", env=trust)
    assert status == 2
    assert ONE.fingerprint in err
    assert "--yes" in err
    for path, words, env in (
        ("/one.keys", "certificate", {}),
        ("/nobody.keys", "no such account", trust),
        ("/none.keys", "contains no key", trust),
        ("/away", "without https", trust),
    ):
        status, _, err = show(f"{address}{path}", "--yes", env=env)
        assert (status, words in err) == (2, True), err
    status, _, err = show("http://localhost/one.keys")
    assert (status, "https only" in err) == (2, True)
    status, _, err = show("gh:../x")
    assert (status, "invalid account name" in err) == (2, True)


def test_expiry_times() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert parse_expiry("2h", now) == now + timedelta(hours=2)
    assert parse_expiry("3d", now) == now + timedelta(days=3)
    assert parse_expiry("2026-12-01T00:00Z", now) == datetime(2026, 12, 1, tzinfo=UTC)
    for text, words in (
        ("soon", "invalid time"),
        ("2025-01-01T00:00Z", "past"),
        ("9999999w", "invalid time|far"),
        ("0h", "past"),
    ):
        with pytest.raises(sosagent.UsageError, match=words):
            parse_expiry(text, now)


def test_invalid_comments_and_options() -> None:
    for comment, options in (("a\nb", []), (None, ["cert-authority=1"]), (None, ["from=10.0.0.1/8"]), (None, ["a b"])):
        with pytest.raises(sosagent.UsageError):
            apply_options([ONE], comment, options, restrict=False)
