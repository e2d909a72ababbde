"""The objects that ``--json`` prints, one for each command. `docs/json_schema.py` makes the JSON Schema of them.

Every object has the field ``schema`` besides. Fields are only ever added. After an error, `error` is not null; then a
command may print a `Failure` with some of its fields.
"""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

__all__ = [
    "AddKeyJson",
    "BreakJson",
    "ConsoleJson",
    "ErrorJson",
    "ExecJson",
    "Failure",
    "HostKeysJson",
    "KeysJson",
    "KeysRemovedJson",
    "LabJson",
    "ReplayFailure",
    "ReplayJson",
    "RunFailure",
    "RunJson",
    "ScreenJson",
    "StateJson",
    "TransferJson",
]


class ErrorJson(TypedDict):
    """An error: a stable code, what happened, the console's state and last lines, and what to do next."""

    code: str
    message: str
    state: str | None
    hint: str
    tail: list[str]


class Failure(TypedDict):
    """What a command prints after an error, if it has no result."""

    error: ErrorJson
    status: NotRequired[Literal["failed", "invalid"]]
    host: NotRequired[str]
    user: NotRequired[str]
    warnings: NotRequired[list[str]]


class Key(TypedDict):
    type: str
    fingerprint: str
    comment: str
    result: Literal["added", "present", "replaced", "would-add", "would-replace", "failed"]
    options: list[str]


class MachineIdentity(TypedDict):
    hostname: str | None
    machine_id: str | None


class VerificationJson(TypedDict):
    outcome: str
    command: str
    said: str
    causes: list[str]


class AddKeyJson(TypedDict):
    """``sos-addkey`` and ``sosagent addkey``, after success and after failure."""

    status: Literal["added", "present", "replaced", "would-add", "would-replace", "failed"]
    host: str
    user: str
    file: str | None
    keys: list[Key]
    state_found: str | None
    logged_out: bool | None
    keys_before: int | None
    keys_after: int | None
    machine: MachineIdentity
    warnings: list[str]
    changes: list[str]
    verification: VerificationJson | None
    seconds: float | None
    bytes_sent: int | None
    bytes_received: int | None
    exchanges: int | None
    problems: list[str]
    remedies: list[str]
    backup: str | None
    diff: list[str]
    error: ErrorJson | None


class HostKeyJson(TypedDict):
    type: str
    bits: int | None
    fingerprint: str
    key: str


class HostKeysJson(TypedDict):
    """``sosagent hostkeys``."""

    host: str
    hostname: str
    port: int
    keys: list[HostKeyJson]
    lines: list[str]
    warnings: list[str]
    added: list[str]
    removed: list[str]
    sshfp: list[str]
    diff: list[str]
    file: str | None
    logged_out: bool
    error: None


class ExecJson(TypedDict):
    """``sosagent exec``, after success and after failure."""

    status: Literal["exited", "failed"]
    host: str
    exit_status: int | None
    stdout: str | None
    stdout_base64: str | None
    stderr: str | None
    stderr_base64: str | None
    warnings: list[str]
    logged_out: bool | None
    error: ErrorJson | None


class StepJson(TypedDict):
    number: str
    name: str
    action: str
    status: Literal["done", "failed", "skipped", "not run", "planned"]
    started: float
    seconds: float
    times: int
    said: str
    program: list[str]
    changes: bool
    output: list[str]
    exit_status: int | None


class RunJson(TypedDict):
    """``sosagent run``, if a step ran, or with ``--dry-run``."""

    status: Literal["done", "failed", "planned"]
    runbook: str
    source: str
    host: str
    user: str
    machine: MachineIdentity
    began: str
    seconds: float
    parameters: dict[str, str]
    steps: list[StepJson]
    state_found: str | None
    logged_out: bool | None
    warnings: list[str]
    error: ErrorJson | None


class RunFailure(Failure):
    runbook: NotRequired[str]


class TransferJson(TypedDict):
    """``sosagent upload`` and ``sosagent download``."""

    status: Literal["uploaded", "would-upload", "downloaded"]
    host: str
    path: str
    size: int
    cksum: str
    sha256: str | None
    resumed_from: int
    diff: NotRequired[list[str]]
    bytes_sent: int
    bytes_received: int
    seconds: float
    warnings: list[str]
    logged_out: bool
    error: None


class ConsoleJson(TypedDict):
    """``sosagent console``, after success and after failure."""

    status: Literal["left", "failed"]
    host: str
    outcome: str | None
    error: ErrorJson | None


class ReplayedStep(TypedDict):
    number: str
    name: str
    action: str
    verdict: str
    said: str


class ReplayJson(TypedDict):
    """``sosagent replay``."""

    status: Literal["same", "differs"]
    runbook: str
    recording: str
    title: str
    steps: list[ReplayedStep]
    only_in_the_recording: list[str]
    error: None


class ReplayFailure(Failure):
    runbook: NotRequired[str]
    recording: NotRequired[str]


class BreakJson(TypedDict):
    """``sosagent break``, after success and after failure."""

    status: Literal["sent", "failed"]
    host: str
    sysrq: str | None
    lines: list[str] | None
    error: ErrorJson | None


class StateJson(TypedDict):
    """``sosagent state``, after success and after failure."""

    host: str
    name: str | None
    title: str | None
    would: str | None
    hint: str | None
    hostname: str | None
    tail: list[str]
    error: ErrorJson | None


class ScreenJson(TypedDict):
    """``sosagent screen``."""

    host: str
    columns: int
    rows: int
    lines: list[str]
    svg: str | None
    png: str | None
    hint: str
    error: None


class LabJson(TypedDict):
    """``sosagent lab``, when it has started."""

    status: Literal["running"]
    machine: str
    address: str
    identity: str
    known_hosts: str
    password_file: str
    authorized_keys: str
    arguments: list[str]
    own_system: bool
    no_system: str
    ssh_port: int | None
    ssh_config: str | None
    machines_file: str | None
    error: None


class ListedKeyJson(TypedDict):
    type: str | None
    bits: int | None
    fingerprint: str | None
    comment: str | None
    options: list[str]
    usable: bool
    why_not: str
    limits: list[str]
    line: str


class KeysJson(TypedDict):
    """``sosagent keys list`` and ``sosagent keys audit``."""

    host: str
    user: str
    file: str
    hostname: str
    keys: list[ListedKeyJson]
    warnings: list[str]
    logged_out: bool
    error: None


class KeysRemovedJson(TypedDict):
    """``sosagent keys remove``."""

    status: Literal["removed", "would-remove", "absent"]
    host: str
    user: str
    file: str
    hostname: str
    removed: list[str]
    backup: str | None
    left: int
    diff: list[str]
    warnings: list[str]
    logged_out: bool
    error: None
