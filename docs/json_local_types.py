"""The objects that ``--json`` prints, for commands that need no machine; see `json_types`."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from docs.json_types import ErrorJson, Failure

__all__ = [
    "CheckedRunbook",
    "CompletionInstalledJson",
    "CompletionJson",
    "FileFailure",
    "JsonSchema",
    "ListedMachine",
    "MachinesCheckedJson",
    "MachinesImportedJson",
    "MachinesJson",
    "RunbookCreatedJson",
    "RunbookJson",
    "RunbookParameter",
    "RunbookStep",
    "RunbooksCheckedJson",
    "RunbooksJson",
    "ShellFailure",
    "ShippedRunbook",
    "ShownKey",
    "SkippedMachine",
]


class ShownKey(TypedDict):
    type: str
    bits: int | None
    fingerprint: str
    comment: str
    line: str
    warnings: list[str]


class ListedMachine(TypedDict):
    name: str
    console: str
    hostname: str | None
    login: str
    groups: list[str]


class MachinesJson(TypedDict):
    """``sosagent machines list``."""

    file: str
    machines: list[ListedMachine]
    error: None


class MachinesCheckedJson(TypedDict):
    """``sosagent machines check``."""

    status: Literal["ok", "invalid"]
    file: str
    machines: int | None
    mistakes: list[str]
    warnings: list[str]
    error: ErrorJson | None


class SkippedMachine(TypedDict):
    name: str
    reason: str
    where: str


class MachinesImportedJson(TypedDict):
    """``sosagent machines import``. `machines` and `commands` are by name."""

    status: Literal["converted", "written"]
    file: str | None
    machines: dict[str, str]
    added: list[str]
    skipped: list[SkippedMachine]
    notes: list[str]
    commands: dict[str, str]
    error: None


class CheckedRunbook(TypedDict):
    runbook: str
    steps: int | None
    mistakes: list[str]


class RunbooksCheckedJson(TypedDict):
    """``sosagent runbook check``. `error` is the first one."""

    status: Literal["ok", "invalid"]
    runbooks: list[CheckedRunbook]
    error: ErrorJson | None


class ShippedRunbook(TypedDict):
    name: str
    title: str


class RunbooksJson(TypedDict):
    """``sosagent runbook list``."""

    runbooks: list[ShippedRunbook]
    error: None


class RunbookParameter(TypedDict):
    name: str
    type: str
    choices: list[str]
    default: str | int | float | bool | None
    required: bool
    description: str


class RunbookStep(TypedDict):
    number: str
    title: str
    changes: bool


class RunbookJson(TypedDict):
    """``sosagent runbook show``. `text` is the file."""

    runbook: str
    title: str
    description: str
    parameters: list[RunbookParameter]
    steps: list[RunbookStep]
    text: str
    error: None


class RunbookCreatedJson(TypedDict):
    """``sosagent runbook new``. `file` is null for ``-``."""

    status: Literal["created", "printed"]
    file: str | None
    text: str
    error: None


class FileFailure(Failure):
    file: NotRequired[str]


class CompletionInstalledJson(TypedDict):
    """``sosagent completion install``."""

    status: Literal["installed"]
    shell: str
    files: list[str]
    error: None


class CompletionJson(TypedDict):
    """``sosagent completion show``."""

    shell: str
    script: str
    error: None


class ShellFailure(Failure):
    shell: NotRequired[str | None]


class JsonSchema(TypedDict, total=False):
    """``sosagent machines schema`` and ``sosagent runbook schema`` print a JSON Schema, with or without ``--json``."""
