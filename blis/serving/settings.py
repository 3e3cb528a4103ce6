"""What one server is told to do, from plain mappings, strict."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown
from blis.scenario import Scenario
from blis.serving.deployment import BEHIND
from blis.serving.recording import writer_of
from blis.workload.drawing.lengths import Lengths, lengths_or_number

OUTPUTS = ("text", "json")
#: What a server is told beside the scenario.
KEYS = (
    *("host", "port", "speed", "behind", "model_name", "output_tokens", "refusal_status", "retry_after_s"),
    *("kv_events", "record", "duration_s", "drain_s", "output"),
)
#: Simulated seconds in a real one: beyond, a server is late by minutes whenever it is late by a millisecond.
LEAST_SPEED, MOST_SPEED = 1e-3, 1e4
LONGEST_S = 86_400.0 * 365  #: that a server runs by itself
LONGEST_DRAIN_S = 86_400.0
_EVENT_KEYS = ("port", "topic", "form")
EVENT_FORMS = ("array", "map")


@dataclass(frozen=True, slots=True)
class EventSettings:
    """Where KV events are published."""

    port: int  #: of the first instance; the others' follow
    topic: str  #: with {instance}, {host}, {port} and {model} filled in
    form: str  #: array, or map as vLLM has had it since it changed: how msgpack holds a record


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What one server is told to do."""

    scenario: Scenario
    host: str
    port: int  #: of the first instance; 0: the system chooses
    speed: float  #: simulated seconds in a real one
    behind: str  #: instances: a port for each; router: one port for all
    model_name: str | None  #: None: the cluster's own
    output_tokens: Lengths | None  #: of answers that no client forces; None: as long as they may be
    refusal_status: int  #: 429 or 503
    retry_after_s: int
    kv_events: EventSettings | None
    record: Path | None  #: where the requests are written to at the end
    duration_s: float | None  #: real seconds after which it ends by itself
    drain_s: float  #: for which answers that have begun may go on when it ends
    output: str

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any], scenario: Scenario) -> "ServeSettings":
        """The settings in a composed configuration.

        Raises
        ------
        ConfigError
            If a value is wrong.
        """
        host = given.get("host", "127.0.0.1")
        if not isinstance(host, str) or not host.strip():
            raise ConfigError(f"host must be the name or address of an interface; got {shown(host)}.")
        name, lengths, duration_s = (given.get(key) for key in ("model_name", "output_tokens", "duration_s"))
        if name is not None and (not isinstance(name, str) or not name):
            raise ConfigError(f"model_name must be a name; got {shown(name)}.")
        refusal = check_int("refusal_status", given.get("refusal_status", 429), 400, 599)
        if refusal not in (429, 503):
            raise ConfigError(f"refusal_status must be 429 or 503; got {refusal}.")
        return cls(
            scenario=scenario,
            host=host,
            port=check_int("port", given.get("port", 8000), 0, 65535),
            speed=check_number("speed", given.get("speed", 1.0), LEAST_SPEED, MOST_SPEED),
            behind=check_choice("behind", given.get("behind", "instances"), BEHIND),
            model_name=name,
            output_tokens=None if lengths is None else lengths_or_number("output_tokens", lengths, 1),
            refusal_status=refusal,
            retry_after_s=check_int("retry_after_s", given.get("retry_after_s", 1), 0, 86_400, "s"),
            kv_events=_events(given.get("kv_events")),
            record=_path(given.get("record")),
            duration_s=None
            if duration_s is None
            else check_number("duration_s", duration_s, maximum=LONGEST_S, unit="s", above=0),
            drain_s=check_number("drain_s", given.get("drain_s", 5.0), 0, LONGEST_DRAIN_S, "s"),
            output=check_choice("output", given.get("output", "text"), OUTPUTS),
        )


def _events(given: object) -> EventSettings | None:
    events = check_keys("kv_events", {} if given is None else given, _EVENT_KEYS)
    topic = events.get("topic", "kv@{host}:{port}@{model}")
    if not isinstance(topic, str):
        raise ConfigError(f"kv_events.topic must be a text; got {shown(topic)}.")
    form, port = check_choice("kv_events.form", events.get("form", "array"), EVENT_FORMS), events.get("port")
    return None if port is None else EventSettings(check_int("kv_events.port", port, 1, 65535), topic, form)


def _path(given: object) -> Path | None:
    if given is None:
        return None
    if not isinstance(given, str) or not given.strip():
        raise ConfigError(f"record must be the path of a file to be written; got {shown(given)}.")
    path = Path(given)
    writer_of(path)
    return path
