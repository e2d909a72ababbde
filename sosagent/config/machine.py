"""One machine of machines.toml: its fields, and the JSON Schema of the file. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from ..endpoint.dialects import DIALECTS
from ..endpoint.parse import checked_dialect, parse_target
from ..errors import UsageError
from ..keys.known_hosts import address_of, place_of
from ..printable import is_clean
from ..secrets.sources import PasswordSource, parse_source

__all__ = ["MAX_BAUD", "MIN_BAUD", "Machine", "is_name", "schema"]

MIN_BAUD, MAX_BAUD = 50, 4_000_000
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}"
_NOT_CLEAN = "must not contain control characters"

# Patterns for the JSON Schema. They are necessary conditions; the validators below check the rest.
_CONTROLS = r"\u0000-\u001f\u007f-\u009f"
_CLEAN = f"^[^{_CONTROLS}]*$"
_SOURCE = (
    rf"^(prompt|env:[A-Za-z_][A-Za-z0-9_]*|(file|command):[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*"
    rf"|keyring:[^{_CONTROLS}]+/[^/{_CONTROLS}]+)$"
)
_HTTPS = rf"^[Hh][Tt][Tt][Pp][Ss]://[^/?#@\s{_CONTROLS}]+([/?#][^\s{_CONTROLS}]*)?$"


def _in_schema(**extra: Any) -> Any:
    return Field(json_schema_extra=extra)


_Limited = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
_Text = Annotated[_Limited, _in_schema(pattern=_CLEAN)]
_Source = Annotated[_Limited, _in_schema(pattern=_SOURCE)]
_Address = Annotated[_Limited, _in_schema(pattern=r"^[A-Za-z0-9_.:%\[\]-]+$")]
_Dialect = Annotated[_Limited, _in_schema(enum=sorted(DIALECTS))]
_Https = Annotated[_Limited, _in_schema(pattern=_HTTPS)]
_Baud = Annotated[int, Field(ge=MIN_BAUD, le=MAX_BAUD, strict=True)]


class Machine(BaseModel):
    """One machine, or the defaults for all machines. A field that is not set is None or empty."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    console: _Text | None = Field(None, description="The console's endpoint, in the form of HOST on the command line.")
    dialect: _Dialect | None = Field(None, description="The endpoint's type, as ?dialect= in HOST.")
    baud: _Baud | None = Field(None, description="Bits per second of a serial or RFC 2217 line.")
    hostname: _Text | None = Field(None, description="The machine's name, checked before its password is typed.")
    login: _Text | None = Field(None, description="The user who logs in on the console; root by default.")
    user: _Text | None = Field(None, description="The user of authorized_keys; the login by default.")
    become: Literal["sudo", "su"] | None = Field(None, description="How the login becomes root.")
    password: _Source | None = Field(None, description=f"Source of the machine's password: {PasswordSource.FORMS}.")
    become_password: _Source | None = Field(None, description="Source of the password that sudo or su asks for.")
    endpoint_password: _Source | None = Field(None, description="Source of the endpoint's own password.")
    address: _Address | None = Field(
        None, description="The address of its sshd, for --verify and hostkeys: HOST or HOST:PORT."
    )
    known_as: tuple[_Address, ...] = Field((), description="Names and addresses for known_hosts.")
    groups: tuple[_Text, ...] = Field((), description="The groups that the machine belongs to.")
    identity: _Text | None = Field(None, description="Private key for the endpoint.")
    redfish: _Https | None = Field(None, description="The https:// address of the management controller.")
    redfish_ca: _Text | None = Field(None, description="A file of the authorities that sign its certificate.")

    @field_validator("password", "become_password", "endpoint_password")
    @classmethod
    def _check_source(cls, value: str | None) -> str | None:
        if value is not None:
            parse_source(value)
            if not is_clean(value):
                raise ValueError(_NOT_CLEAN)
        return value

    @field_validator("console", "dialect", "address")
    @classmethod
    def _check_parsed(cls, value: str | None, info: Any) -> str | None:
        if value is not None:
            _parse(_PARSERS[info.field_name], value)
        return value

    @field_validator("known_as")
    @classmethod
    def _check_places(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            _parse(place_of, one)
        return value

    @field_validator("redfish")
    @classmethod
    def _check_https(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme != "https" or not parts.hostname or not is_clean(value) or " " in value:
                raise ValueError("must be an address such as https://bmc.example.net")
            if "@" in parts.netloc:
                raise ValueError("must not contain a user or password, which others could see")
        return value

    @field_validator("hostname", "login", "user", "identity", "redfish_ca", "groups")
    @classmethod
    def _check_clean(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        if not all(map(is_clean, [value] if isinstance(value, str) else value or ())):
            raise ValueError(_NOT_CLEAN)
        return value


def is_name(text: str) -> bool:
    """Whether `text` can be the name of a machine."""
    return re.fullmatch(_NAME, text) is not None


def schema() -> dict[str, Any]:
    """Return the JSON Schema of machines.toml, for editors."""
    machine = Machine.model_json_schema()
    for one in machine["properties"].values():
        # TOML has no null.
        one |= next((kind for kind in one.pop("anyOf", ()) if kind != {"type": "null"}), {})
        del one["default"], one["title"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "machines.toml of sosagent",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "defaults": machine,
            "machines": {
                "type": "object",
                "propertyNames": {"pattern": f"^{_NAME}$"},
                "additionalProperties": machine,
            },
        },
        # Every machine needs a console, its own or that of [defaults].
        "if": {"required": ["defaults"], "properties": {"defaults": {"required": ["console"]}}},
        "else": {"properties": {"machines": {"additionalProperties": {"required": ["console"]}}}},
    }


def _dialect(name: str) -> str:
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name) is None:
        raise UsageError("must be the name of an endpoint type, such as idrac")
    return checked_dialect(name)


#: Field -> the function that parses its value.
_PARSERS: dict[str, Callable[[str], object]] = {"console": parse_target, "dialect": _dialect, "address": address_of}


def _parse(parser: Callable[[str], object], value: str) -> None:
    try:
        parser(value)
    except UsageError as error:
        raise ValueError(error.message) from None
