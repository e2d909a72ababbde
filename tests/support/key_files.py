"""Key files as people have them: made by ssh-keygen, puttygen and openssl, and damaged by hand."""

from __future__ import annotations

import base64
import re
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FILES", "Expected", "Forge", "Refused"]


@dataclass(frozen=True)
class Expected:
    """What comes out of a file.

    Fields:
        keys: for each key its type, its comment, and words of its warnings or notes.
        options: how it is read.
    """

    keys: tuple[tuple[str, str, str], ...]
    from_private: bool = False
    cert_authority: bool = False


@dataclass(frozen=True)
class Refused:
    """Why a file is refused: the line, words of the message and of the hint."""

    line: int
    words: str
    hint: str = ""
    from_private: bool = False


class Forge:
    """Makes files of keys with the real programs.

    Args:
        folder: where they are made; each once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[str, ...], bytes] = {}

    def run(self, *call: str | Path, stdin: bytes | None = None) -> bytes:
        """What a program prints."""
        words = tuple(str(word) for word in call)
        if (words not in self._made) or stdin is not None:
            done = subprocess.run(words, input=stdin, capture_output=True, check=False)
            assert done.returncode == 0, (words, done.stderr)
            self._made[words] = done.stdout
        return self._made[words]

    def private(self, kind: str = "ed25519", passphrase: str = "", *extra: str) -> Path:
        """An OpenSSH key pair's private file; its comment is ``you@laptop``."""
        path = self._folder / "-".join((kind, passphrase or "clear", *extra)).replace("/", "_")
        if not path.exists():
            name, _, bits = kind.partition(":")
            size = ("-b", bits) if bits else ()
            self.run("ssh-keygen", "-q", "-t", name, *size, "-N", passphrase, "-C", "you@laptop", *extra, "-f", path)
        return path

    def public(self, kind: str = "ed25519") -> str:
        """Its line, without a newline."""
        return self.private(kind).with_name(self.private(kind).name + ".pub").read_text().strip()

    def putty(self, kind: str, *options: str) -> bytes:
        """What PuTTYgen makes of a key."""
        out = self._folder / f"putty-{kind}-{'-'.join(options)}".replace("/", "_")
        empty = self._folder / "empty"
        empty.write_text("")
        if not out.exists():
            self.run("puttygen", self.private(kind), *options, "--new-passphrase", empty, "-o", out)
        return out.read_bytes()

    def putty_encrypted(self, kind: str) -> bytes:
        """The same with a passphrase."""
        phrase = self._folder / "phrase"
        phrase.write_text("tell nobody\n")
        out = self._folder / f"putty-encrypted-{kind}"
        self.run("puttygen", self.private(kind), "--new-passphrase", phrase, "-O", "private", "-o", out)
        return out.read_bytes()

    def openssl(self, algorithm: str, *options: str, public: bool = True) -> bytes:
        """A key in openssl's forms."""
        private = self._folder / f"openssl-{algorithm}"
        if not private.exists():
            self.run("openssl", "genpkey", "-algorithm", algorithm, "-out", private)
        if not public:
            return private.read_bytes()
        return self.run("openssl", "pkey", "-in", private, "-pubout", *options)


def _blob(*fields: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(field)) + field for field in fields)


def _line(*fields: bytes, comment: str = "you@laptop") -> str:
    return f"{fields[0].decode()} {base64.b64encode(_blob(*fields)).decode()} {comment}"


def _split(forge: Forge, kind: str = "ed25519") -> tuple[str, str, str]:
    key_type, text, comment = forge.public(kind).split()
    return key_type, text, comment


def _edited(pattern: str, new: str, kind: str = "ed25519") -> Callable[[Forge], bytes]:
    def make(forge: Forge) -> bytes:
        text = forge.public(kind)
        edited = re.sub(pattern, new, text, count=1)
        assert edited != text
        return f"{edited}\n".encode()

    return make


def _openssh(kind: str, *form: str) -> Callable[[Forge], bytes]:
    return lambda forge: forge.run("ssh-keygen", "-e", *form, "-f", f"{forge.private(kind)}.pub")


def _private(kind: str, passphrase: str = "", *extra: str) -> Callable[[Forge], bytes]:
    return lambda forge: forge.private(kind, passphrase, *extra).read_bytes()


def _certificate(forge: Forge) -> bytes:
    path = forge.private("ed25519")
    forge.run("ssh-keygen", "-q", "-s", forge.private("ecdsa"), "-I", "id", "-n", "root", f"{path}.pub")
    return Path(f"{path}-cert.pub").read_bytes()


def _wrapped(forge: Forge) -> bytes:
    text = forge.public("rsa:2048")
    return "\n".join(text[at : at + 76] for at in range(0, len(text), 76)).encode()


def _x509(forge: Forge) -> bytes:
    key = forge._folder / "x509.pem"
    return forge.run("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", key, "-subj", "/CN=a")


def _two(forge: Forge) -> bytes:
    return f"# mine\n{forge.public()}\n\n{forge.public('ecdsa')}\n".encode()


def _pub(kind: str = "ed25519") -> Callable[[Forge], bytes]:
    return lambda forge: f"{forge.public(kind)}\n".encode()


def _with(change: Callable[[str], bytes]) -> Callable[[Forge], bytes]:
    return lambda forge: change(f"{forge.public()}\n")


def _before(text: str) -> Callable[[Forge], bytes]:
    return lambda forge: f"{text}{forge.public()}\n".encode()


_ED = ("ssh-ed25519", "you@laptop", "")
_RSA = ("ssh-rsa", "you@laptop", "")
_NIST = "ecdsa-sha2-nistp256"
#: The generator of the curve (FIPS 186-4, D.1.2.3).
_POINT = bytes.fromhex(
    "04"
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
_NO_COMMENT = ("ssh-rsa", "", "")
_FUTURE = b"ssh-mldsa65@example.com"
_HALF = "the public half of a private key"


def _one(words: str, key_type: str = "ssh-ed25519") -> Expected:
    return Expected(((key_type, "you@laptop", words),))


def _half(key_type: str = "ssh-ed25519") -> Expected:
    return Expected(((key_type, "", _HALF),), from_private=True)


def _continued(forge: Forge) -> bytes:
    text = forge.putty("ed25519", "-O", "public")
    return text.replace(b'Comment: "you@', b'Subject: me\nComment: "you@\\\n')


#: What a file is, how it is made, and what comes of it.
FILES: dict[str, tuple[Callable[[Forge], bytes], Expected | Refused]] = {
    # ssh-keygen's own
    "ed25519": (_pub(), Expected((_ED,))),
    "rsa 2048": (_pub("rsa:2048"), Expected((_RSA,))),
    "rsa 3072": (_pub("rsa:3072"), Expected((_RSA,))),
    "rsa 1024": (_pub("rsa:1024"), Expected((("ssh-rsa", "you@laptop", "1024 bits is weak"),))),
    "ecdsa 256": (_pub("ecdsa:256"), Expected(((_NIST, "you@laptop", ""),))),
    "ecdsa 384": (_pub("ecdsa:384"), Expected((("ecdsa-sha2-nistp384", "you@laptop", ""),))),
    "ecdsa 521": (_pub("ecdsa:521"), Expected((("ecdsa-sha2-nistp521", "you@laptop", ""),))),
    "dsa": (_pub("dsa"), Expected((("ssh-dss", "you@laptop", "removed them in 10.0"),))),
    "sk-ed25519": (
        lambda _: _line(b"sk-ssh-ed25519@openssh.com", bytes(range(32)), b"ssh:").encode(),
        Expected((("sk-ssh-ed25519@openssh.com", "you@laptop", ""),)),
    ),
    "sk-ecdsa": (
        lambda _: _line(b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", _POINT, b"ssh:").encode(),
        Expected((("sk-ecdsa-sha2-nistp256@openssh.com", "you@laptop", ""),)),
    ),
    "a type of the future": (
        lambda _: _line(_FUTURE, bytes(1952)).encode(),
        Expected(((_FUTURE.decode(), "you@laptop", "does not support the key type"),)),
    ),
    "two keys": (_two, Expected((_ED, (_NIST, "you@laptop", "")))),
    "an authority, wanted": (_pub(), Expected((_ED,), cert_authority=True)),
    "an authority's line, wanted": (_before("cert-authority "), Expected((_ED,), cert_authority=True)),
    # text
    "no newline": (_with(lambda text: text.strip().encode()), Expected((_ED,))),
    "crlf": (_with(lambda text: text.replace("\n", "\r\n").encode()), Expected((_ED,))),
    "cr alone": (
        _with(lambda text: (text + text).replace("\n", "\r").encode()),
        _one("again"),
    ),
    "bom": (_with(lambda text: text.encode("utf-8-sig")), Expected((_ED,))),
    "utf-16": (_with(lambda text: text.encode("utf-16")), Expected((_ED,))),
    "utf-16 big-endian": (_with(lambda text: b"\xfe\xff" + text.encode("utf-16-be")), Expected((_ED,))),
    "utf-16 without bom": (_with(lambda text: text.encode("utf-16-le")), Expected((_ED,))),
    "utf-16 big-endian without bom": (_with(lambda text: text.encode("utf-16-be")), Expected((_ED,))),
    "blanks and tabs": (_edited(r"(\S+) (\S+) ", r"  \1\t \2\t"), Expected((_ED,))),
    "the same twice": (
        _with(lambda text: (text + text).encode()),
        _one("line 2 contains the key again"),
    ),
    # comments
    "no comment": (_edited(r" \S+$", ""), Expected((("ssh-ed25519", "", ""),))),
    "a utf-8 comment": (_edited(r"you@laptop", "grüße 鍵"), Expected((("ssh-ed25519", "grüße 鍵", ""),))),
    "a latin-1 comment": (
        lambda forge: forge.public().replace("you@laptop", "grüße").encode("latin-1"),
        Expected((("ssh-ed25519", "grüße", ""),)),
    ),
    "a comment of windows": (
        lambda forge: forge.public().replace("you@laptop", "me – here").encode("cp1252"),
        Expected((("ssh-ed25519", "me – here", ""),)),
    ),
    "a comment for the shell": (
        _edited("you@laptop", "$(touch /tmp/ran) `id`; 'a' \"b\" \\\\\\\\ %s"),
        Expected((("ssh-ed25519", "$(touch /tmp/ran) `id`; 'a' \"b\" \\\\ %s", ""),)),
    ),
    "a comment of 2000": (_edited("you@laptop", "x" * 2000), Expected((("ssh-ed25519", "x" * 2000, ""),))),
    "a comment of 5000": (_edited("you@laptop", "x" * 5000), Refused(1, "5000 characters", "--comment")),
    "a comment with escapes": (_edited("you@laptop", "a\x1b[31mb"), Refused(1, "control characters", "--comment")),
    "a comment with bidi": (_edited("you@laptop", "a\u202eb"), Refused(1, "control characters", "--comment")),
    # options
    "from": (_before('from="10.0.0.0/8,!10.1.0.0/16" '), Expected((_ED,))),
    "restrict and command": (_before('restrict,command="echo \\"a b\\"" '), Expected((_ED,))),
    "an unknown option": (_before("no-such-thing "), Refused(1, "unknown option")),
    "a known_hosts line": (_before("server.example.org "), Refused(1, "unknown option", "known_hosts")),
    "an open quote": (_before('command="ls '), Refused(1, "not a public key")),
    "a blank in the options": (_before("restrict, no-pty "), Refused(1, "not a public key")),
    "a bad network": (_before('from="10.0.0.1/8" '), Refused(1, "host bits")),
    "nothing but exclusions": (_before('from="!10.0.0.1" '), Refused(1, "refuse every client")),
    "a command that begins like a key": (_before('command="x AAAAfoo" '), Expected((_ED,))),
    "a command in utf-8": (_before('command="echo grüße" '), Expected((_ED,))),
    "a netmask": (_before('from="10.0.0.0/255.0.0.0" '), Refused(1, "prefix length")),
    "a port that is none": (_before('permitopen="a:99999" '), Refused(1, "HOST:PORT")),
    "a month that is none": (_before('expiry-time="20261399" '), Refused(1, "YYYYMMDD")),
    "a bad time": (_before('expiry-time="tomorrow" '), Refused(1, "YYYYMMDD")),
    "an authority's line, not wanted": (
        _before("cert-authority "),
        Refused(1, "any other key", "--cert-authority"),
    ),
    "the same with other options": (
        lambda forge: f"{forge.public()}\nrestrict {forge.public()}\n".encode(),
        Refused(2, "with other options", "first line"),
    ),
    # RFC 4716
    "rfc 4716, ed25519": (_openssh("ed25519"), Expected((("ssh-ed25519", "*", ""),))),
    "rfc 4716, rsa": (_openssh("rsa:2048"), Expected((("ssh-rsa", "*", ""),))),
    "rfc 4716 of puttygen": (lambda forge: forge.putty("rsa:2048", "-O", "public"), Expected((_RSA,))),
    "rfc 4716, a comment that goes on": (
        lambda forge: forge.putty("ed25519", "-O", "public").replace(
            b'Comment: "you@', b'Subject: me\nComment: "you@\\\n'
        ),
        Expected((_ED,)),
    ),
    "rfc 4716 without an end": (
        lambda forge: forge.putty("ed25519", "-O", "public").rsplit(b"---- END")[0],
        Refused(1, "has no END line"),
    ),
    "rfc 4716, cut": (
        lambda forge: forge.putty("ed25519", "-O", "public").replace(b"AAAAC3Nz", b""),
        Refused(1, ""),
    ),
    # PEM and PKCS#8
    "pem, rsa": (_openssh("rsa:2048", "-m", "PEM"), Expected((_NO_COMMENT,))),
    "pkcs#8, rsa": (_openssh("rsa:2048", "-m", "PKCS8"), Expected((_NO_COMMENT,))),
    "pkcs#8, ecdsa": (_openssh("ecdsa:256", "-m", "PKCS8"), Expected(((_NIST, "", ""),))),
    "pkcs#8, ed25519": (lambda forge: forge.openssl("ed25519"), Expected((("ssh-ed25519", "", ""),))),
    "pkcs#8, x25519": (lambda forge: forge.openssl("x25519"), Refused(1, "its type is not used by SSH")),
    "pkcs#8, ed448": (lambda forge: forge.openssl("ed448"), Refused(1, "its type is not used by SSH")),
    "pkcs#8, cut": (lambda forge: forge.openssl("ed25519").replace(b"MCowB", b""), Refused(1, "damaged")),
    "x.509": (_x509, Refused(1, "X.509", "openssl x509")),
    "pgp": (
        lambda _: b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n-----END PGP PUBLIC KEY BLOCK-----\n",
        Refused(1, "OpenPGP", "gpg --export-ssh-key"),
    ),
    "openssl's parameters in front": (
        lambda forge: forge.run("openssl", "ecparam", "-genkey", "-name", "prime256v1"),
        _half(_NIST),
    ),
    "openssl's parameters, and a private key": (
        lambda forge: forge.run("openssl", "ecparam", "-genkey", "-name", "prime256v1"),
        Refused(4, "contains a private key", ".pub"),
    ),
    # PuTTY
    "a key behind a ppk": (
        lambda forge: forge.putty("ed25519", "-O", "private") + forge.public("ecdsa").encode(),
        Expected((("ssh-ed25519", "you@laptop", "PuTTY"), (_NIST, "you@laptop", ""))),
    ),
    "ppk v3": (
        lambda forge: forge.putty("ed25519", "-O", "private"),
        _one("PuTTY"),
    ),
    "ppk v2": (
        lambda forge: forge.putty("rsa:2048", "-O", "private", "--ppk-param", "version=2"),
        _one("PuTTY", "ssh-rsa"),
    ),
    "ppk, ecdsa": (
        lambda forge: forge.putty("ecdsa:384", "-O", "private"),
        _one("PuTTY", "ecdsa-sha2-nistp384"),
    ),
    "ppk, encrypted": (
        lambda forge: forge.putty_encrypted("ed25519"),
        _one("PuTTY"),
    ),
    "ppk with crlf": (
        lambda forge: forge.putty("ed25519", "-O", "private").replace(b"\n", b"\r\n"),
        _one("PuTTY"),
    ),
    "ppk, cut": (lambda forge: forge.putty("ed25519", "-O", "private")[:90], Refused(1, "truncated")),
    # private keys
    "a private key": (_private("ed25519"), Refused(1, "contains a private key", ".pub")),
    "a private key in pem": (_private("rsa:2048", "", "-m", "PEM"), Refused(1, "contains a private key", ".pub")),
    "a private key in pkcs#8": (_private("ecdsa:256", "", "-m", "PKCS8"), Refused(1, "contains a private key", ".pub")),
    "a private key, on purpose": (_private("ed25519"), _half()),
    "an encrypted one, on purpose": (
        _private("ed25519", "tell nobody"),
        _half(),
    ),
    "one in pem, on purpose": (
        _private("rsa:2048", "", "-m", "PEM"),
        _half("ssh-rsa"),
    ),
    "one in pkcs#8, on purpose": (
        _private("ecdsa:256", "", "-m", "PKCS8"),
        _half(_NIST),
    ),
    "openssl's, on purpose": (
        lambda forge: forge.openssl("ed25519", public=False),
        _half(),
    ),
    "an encrypted one in pkcs#8, on purpose": (
        _private("rsa:2048", "tell nobody", "-m", "PKCS8"),
        Refused(1, "is encrypted", "ssh-keygen -y", from_private=True),
    ),
    "a private key, cut": (
        lambda forge: b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n",
        Refused(1, "damaged", from_private=True),
    ),
    # damage
    "empty": (lambda _: b"", Refused(0, "contains no key")),
    "a comment only": (lambda _: b"# nothing\n", Refused(0, "contains no key")),
    "prose": (lambda _: b"dear admin, please add my key\n", Refused(1, "not a public key")),
    "binary": (lambda _: bytes(range(256)), Refused(0, "not plain text")),
    "huge": (lambda _: b"#" * ((1 << 20) + 1), Refused(0, "1 MiB")),
    "cut": (_edited(r"(AAAA\S{30})\S+", r"\1"), Refused(1, "")),
    "cut in the base64": (_edited(r"(AAAA\S{31})\S+", r"\1"), Refused(1, "base64 is invalid")),
    "wrapped": (_wrapped, Refused(1, "is wrapped")),
    "bytes too many": (
        lambda forge: _line(*(b"ssh-ed25519", bytes(32), b"x")).encode(),
        Refused(1, "too many"),
    ),
    "not canonical": (_edited(r"(AAAA\S+) ", r"\1= "), Refused(1, "base64")),
    "another type": (_edited("ssh-ed25519", "ssh-rsa"), Refused(1, "contains a key of type ssh-ed25519")),
    "capitals": (_edited("ssh-ed25519", "SSH-ED25519"), Refused(1, "did you mean ssh-ed25519?")),
    "the blob alone": (_edited(r"ssh-ed25519 (\S+) .*", r"\1"), Refused(1, "write 'ssh-ed25519' before")),
    "glued": (
        lambda forge: (_split(forge)[0] + " " + _split(forge)[1] + forge.public("ecdsa")).encode(),
        Refused(1, "run together", "one line"),
    ),
    "glued behind a comment": (
        lambda forge: (forge.public() + forge.public("ecdsa")).encode(),
        Refused(1, "run together", "newline"),
    ),
    "a small ed25519": (lambda _: _line(b"ssh-ed25519", bytes(31)).encode(), Refused(1, "has 32 bytes")),
    "rsa 768": (lambda _: _line(b"ssh-rsa", b"\1\0\1", b"\x7f" + bytes(95)).encode(), Refused(1, "1024 bits")),
    "a point off the curve": (
        lambda _: _line(_NIST.encode(), b"nistp256", b"\x04" + b"\x11" * 64).encode(),
        Refused(1, "curve or point"),
    ),
    "a negative modulus": (
        lambda _: _line(b"ssh-rsa", b"\1\0\1", b"\xff" * 256).encode(),
        Refused(1, "canonical form"),
    ),
    "zeros in front": (
        lambda _: _line(b"ssh-rsa", b"\1\0\1", b"\0\0" + b"\xff" * 256).encode(),
        Refused(1, "canonical form"),
    ),
    "rsa 32768": (lambda _: _line(b"ssh-rsa", b"\1\0\1", b"\x7f" * 4096).encode(), Refused(1, "more than 16384")),
    "a point of another curve": (
        lambda _: _line(_NIST.encode(), b"nistp384", _POINT).encode(),
        Refused(1, "curve"),
    ),
    "a certificate": (_certificate, Refused(1, "certificate has no effect", "--cert-authority")),
    "a fingerprint": (
        lambda forge: forge.run("ssh-keygen", "-lf", f"{forge.private()}.pub"),
        Refused(1, "fingerprint of a key"),
    ),
    "protocol 1": (lambda _: b"1024 65537 " + b"7" * 300 + b" me\n", Refused(1, "protocol 1")),
    "the second line": (lambda forge: (forge.public() + "\nrubbish here\n").encode(), Refused(2, "not a public key")),
}
