"""Typed settings of the server that is observed: where it is, how it is spoken to, how long it is waited for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from blis.foundation.checks import check_choice, check_flag, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

ENDPOINTS = {"completions": "/v1/completions", "chat": "/v1/chat/completions"}
PROMPTS = ("auto", "tokens", "text")
STREAMING = ("all", "none", "workload")
#: What a header may say of a request.
HEADERS = ("request", "session", "slo_class", "tenant")
LONGEST_S = 86_400.0

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Headers that the protocol needs itself, or that would carry a key into a file.
_TAKEN = {"authorization", "content-type", "content-length", "host", "accept", "cookie", "api-key", "x-api-key"}
#: Fields of a body that are the workload's, or this program's.
_OWN_FIELDS = ("model", "prompt", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How one server is spoken to."""

    url: str  #: without a path beyond the one that stands before /v1, and without a slash at its end
    endpoint: str  #: completions or chat
    model: str | None  #: None: the first that the server lists
    models: Mapping[str, str]  #: a workload's name of a model or adapter -> the server's
    streaming: str  #: all, none, workload
    prompts: str  #: auto, tokens, text
    lowest_token: int  #: token ids of prompts lie from here ...
    highest_token: int  #: ... to here
    exact_lengths: bool  #: ask for exactly the workload's output lengths: min_tokens and ignore_eos
    token_ids: bool  #: ask for the ids of what was generated
    probe: bool  #: ask first what the server takes
    wait_s: float  #: so long for a server that does not answer yet
    timeout_s: float  #: of a whole request
    connect_timeout_s: float
    headers: Mapping[str, str]  #: what it says -> name
    body: Mapping[str, Any]  #: further fields of every request
    api_key_variable: str  #: name of the environment's variable that holds the key
    metrics_path: str

    @property
    def path(self) -> str:
        """Path of the endpoint."""
        return ENDPOINTS[self.endpoint]

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "ServerSettings":
        """The settings in a mapping.

        Raises
        ------
        ConfigError
            If a key is unknown or absent or a value wrong.
        """
        names = [name for name in cls.__dataclass_fields__ if name not in ("lowest_token", "highest_token")]
        given = check_keys(where, mapping, (*names, "vocabulary"), (*names, "vocabulary"))
        lowest, highest = _vocabulary(f"{where}.vocabulary", given["vocabulary"])
        endpoint = check_choice(f"{where}.endpoint", given["endpoint"], ENDPOINTS)
        prompts = check_choice(f"{where}.prompts", given["prompts"], PROMPTS)
        if endpoint == "chat" and prompts == "tokens":
            raise ConfigError(f"{where}.prompts must be text or auto where {where}.endpoint is chat; got 'tokens'.")
        return cls(
            url=_url(f"{where}.url", given["url"]),
            endpoint=endpoint,
            model=_model(f"{where}.model", given["model"]),
            models=_names(f"{where}.models", given["models"]),
            streaming=check_choice(f"{where}.streaming", given["streaming"], STREAMING),
            prompts=prompts,
            lowest_token=lowest,
            highest_token=highest,
            exact_lengths=check_flag(f"{where}.exact_lengths", given["exact_lengths"]),
            token_ids=check_flag(f"{where}.token_ids", given["token_ids"]),
            probe=check_flag(f"{where}.probe", given["probe"]),
            wait_s=check_number(f"{where}.wait_s", given["wait_s"], 0, LONGEST_S, "s"),
            timeout_s=check_number(f"{where}.timeout_s", given["timeout_s"], maximum=LONGEST_S, unit="s", above=0),
            connect_timeout_s=check_number(
                f"{where}.connect_timeout_s", given["connect_timeout_s"], maximum=LONGEST_S, unit="s", above=0
            ),
            headers=_headers(f"{where}.headers", given["headers"]),
            body=_body(f"{where}.body", given["body"]),
            api_key_variable=_variable(f"{where}.api_key_variable", given["api_key_variable"]),
            metrics_path=_path(f"{where}.metrics_path", given["metrics_path"]),
        )


def _url(where: str, value: object) -> str:
    if value is None or value == "???":
        raise ConfigError(f"{where} must be given; add {where}=http://127.0.0.1:8000.")
    rule = "must be an address such as http://127.0.0.1:8000"
    if not isinstance(value, str):
        raise ConfigError(f"{where} {rule}; got {shown(value)}.")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{where} {rule}; got {shown(value)}: {error}.") from error
    if "@" in value:  # before anything that would show it
        raise ConfigError(f"{where} must not hold a name or a key; keys come from the environment alone.")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ConfigError(f"{where} {rule}; got {shown(value)}.")
    if parts.query or parts.fragment or any(character.isspace() for character in value):
        raise ConfigError(f"{where} {rule}, without a query; got {shown(value)}.")
    return value.rstrip("/").removesuffix("/v1").rstrip("/")


def _vocabulary(where: str, value: object) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise ConfigError(f"{where} must be a list of the lowest and the highest token id; got {shown(value)}.")
    lowest = check_int(f"{where}[0]", value[0], 0, 2**31)
    return lowest, check_int(f"{where}[1]", value[1], lowest + 1, 2**31)


def _model(where: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where} must be the name of a model, or null; got {shown(value)}.")
    return value


def _names(where: str, value: object) -> Mapping[str, str]:
    given = check_keys(where, {} if value is None else value, value if isinstance(value, Mapping) else ())
    return {str(key): str(_model(f"{where}.{key}", name)) for key, name in given.items() if name is not None}


def _headers(where: str, value: object) -> Mapping[str, str]:
    given = check_keys(where, {} if value is None else value, HEADERS)
    names: dict[str, str] = {}
    for key, name in given.items():
        if name is None:
            continue
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigError(f"{where}.{key} must be the name of a header, or null; got {shown(name)}.")
        if name.lower() in _TAKEN or name.lower() in [other.lower() for other in names.values()]:
            raise ConfigError(f"{where}.{key} must be a header that nothing else uses; got {shown(name)}.")
        names[key] = name
    return names


def _body(where: str, value: object) -> Mapping[str, Any]:
    given = {} if value is None else value
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where} must be a mapping of fields to values; got {shown(given)}.")
    for key in given:
        if key in _OWN_FIELDS:
            raise ConfigError(f"{where} must not hold {key!r}, which the workload and the other settings say.")
    return {str(key): part for key, part in given.items()}


def _variable(where: str, value: object) -> str:
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        # Somebody may have put the key itself here: it is not shown.
        raise ConfigError(f"{where} must be the name of a variable of the environment, not a key.")
    return value


def _path(where: str, value: object) -> str:
    if not isinstance(value, str) or not value.startswith("/"):
        raise ConfigError(f"{where} must be a path that begins with /; got {shown(value)}.")
    return value
