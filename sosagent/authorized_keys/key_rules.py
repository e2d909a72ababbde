"""Which keys sshd accepts by their type, their length and their options. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from ..keys import PublicKey
from ..keys.host_patterns import matches_wildcards
from .obstacle import Obstacle
from .server import Settings

__all__ = ["dropbear_key_obstacles", "key_obstacles"]

#: Algorithms of signatures that today's clients use with a type of key, if they are not called as the type.
_ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
_DEFAULT_RSA_BITS = 1024
_OTHER_KEY = "Add a key of another type, such as ed25519."
#: Options that dropbear knows (svr-authpubkeyoptions.c); for another one it refuses the whole line.
_DROPBEAR_OPTIONS = (
    "no-port-forwarding", "no-agent-forwarding", "no-x11-forwarding", "no-pty", "restrict", "command", "permitopen",
    "no-touch-required", "verify-required",
)  # fmt: skip


def key_obstacles(settings: Settings, key: PublicKey) -> Iterator[Obstacle]:
    """Yield why sshd refuses `key`, for its type or its length. Without settings, the defaults of OpenSSH apply."""
    name = key.fingerprint
    keyword = "pubkeyacceptedalgorithms" if "pubkeyacceptedalgorithms" in settings.values else "pubkeyacceptedkeytypes"
    written = "PubkeyAcceptedAlgorithms" if keyword.endswith("algorithms") else "PubkeyAcceptedKeyTypes"
    accepted = settings.get(keyword).split(",") if settings.get(keyword) else None
    wanted = _ALGORITHMS.get(key.type, (key.type,))
    if "cert-authority" in {option.lower() for option in key.options}:
        yield from _authority_obstacles(settings, key, accepted, wanted)
        return
    if accepted is None:
        if key.type == "ssh-dss":
            yield Obstacle(f"sshd refuses DSA keys by default: it will refuse {name}", _OTHER_KEY)
    elif not any(matches_wildcards(pattern, algorithm) for pattern in accepted for algorithm in wanted):
        yield Obstacle(f"sshd is set to {written} without {wanted[0]}: it will refuse {name}", _OTHER_KEY)
    least = settings.get("requiredrsasize", str(_DEFAULT_RSA_BITS))
    bits = key.bits
    if key.type == "ssh-rsa" and bits is not None and least.isdigit() and bits < int(least):
        yield Obstacle(
            f"sshd is set to RequiredRSASize {least}, and the key has {bits} bits: it will refuse {name}", _OTHER_KEY
        )


def _authority_obstacles(
    settings: Settings, key: PublicKey, accepted: list[str] | None, wanted: tuple[str, ...]
) -> Iterator[Obstacle]:
    if accepted is not None and not any("-cert-v0" in pattern or "*" in pattern for pattern in accepted):
        yield Obstacle(f"sshd accepts no certificates: it will refuse those of {key.fingerprint}")
    signed = settings.get("casignaturealgorithms")
    if signed and not any(matches_wildcards(one, algorithm) for one in signed.split(",") for algorithm in wanted):
        yield Obstacle(
            f"sshd is set to CASignatureAlgorithms without {wanted[0]}: it will refuse the certificates of "
            f"{key.fingerprint}",
            "Use an authority with a key of another type.",
        )


def dropbear_key_obstacles(key: PublicKey) -> Iterator[Obstacle]:
    """Yield why dropbear refuses the line of `key`."""
    unknown = [option for option in key.options if option.partition("=")[0].lower() not in _DROPBEAR_OPTIONS]
    if unknown:
        yield Obstacle(
            f"dropbear does not know the option {unknown[0].partition('=')[0]}: it will refuse {key.fingerprint}"
        )
    if key.type == "ssh-dss":
        yield Obstacle(f"dropbear refuses DSA keys: it will refuse {key.fingerprint}", _OTHER_KEY)
