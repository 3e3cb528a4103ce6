"""The configuration of inference-perf, checked in full before anything is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

from blis.foundation.checks import check_choice, check_int, check_keys
from blis.foundation.errors import ConfigError
from blis.workload.inference_perf.lengths import Spread, spread_from
from blis.workload.inference_perf.load import UNUSED_KEYS, Load, load_from_mapping
from blis.workload.requests import MOST_REQUESTS

#: Sections that say how requests are sent and measured.
UNUSED_SECTIONS = (
    *("api", "server", "tokenizer", "metrics", "storage", "report", "circuit_breakers", "vllm", "observability"),
    "model_server",
)
DATA_TYPES = ("shared_prefix", "random", "synthetic")
#: Types whose texts are not in the configuration, and what reads them.
OTHER_TYPES = {"shareGPT": "workload=sharegpt with the file itself"}
_DATA_KEYS = ("type", "path", "shared_prefix", "input_distribution", "output_distribution")
_PREFIX_KEYS = (
    *("num_groups", "num_unique_system_prompts", "num_prompts_per_group", "num_users_per_system_prompt"),
    *("system_prompt_len", "question_len", "output_len", "question_distribution", "output_distribution"),
    *("seed", "enable_multi_turn_chat"),
)


@dataclass(frozen=True, slots=True)
class SharedPrefix:
    """Groups of prompts with one system prompt each."""

    groups: int  #: ≥ 1
    prompts_per_group: int  #: ≥ 1
    system: Spread  #: length of each group's system prompt
    question: Spread  #: length of one prompt's own text
    output: Spread
    is_chat: bool  #: whether a prompt that comes again goes on with its conversation


@dataclass(frozen=True, slots=True)
class Drawn:
    """Prompts that share nothing."""

    question: Spread
    output: Spread


@dataclass(frozen=True, slots=True)
class Configuration:
    """A whole document."""

    prompts: SharedPrefix | Drawn
    load: Load
    notes: tuple[str, ...]  #: what was accepted but has no effect


def configuration_from_mapping(where: str, mapping: object, rate: float | None) -> Configuration:
    """Check a document; `rate` is what the user wants where the document looks for rates itself.

    Raises
    ------
    ConfigError
        Naming the path of the first key or value that is wrong.
    """
    document = check_keys(where, mapping, ("data", "shared_prefix", "load", *UNUSED_SECTIONS), ("load",))
    if ("data" in document) == ("shared_prefix" in document):
        raise ConfigError(f"{where} must have exactly one of data and shared_prefix.")
    if "data" in document:
        prompts = _prompts_of_data(f"{where}.data", document["data"])
    else:
        prompts = _shared_prefix(f"{where}.shared_prefix", document["shared_prefix"])
    load = load_from_mapping(f"{where}.load", document["load"], rate)
    unused = [key for key in document if key in UNUSED_SECTIONS]
    unused += [f"load.{key}" for key in document["load"] if key in UNUSED_KEYS]
    notes = (f"{where}: no effect here have {', '.join(unused)}",) if unused else ()
    return Configuration(prompts, load, notes)


def configuration_of_section(where: str, mapping: object) -> Configuration:
    """The same from the section `inference_perf: {stages, shared_prefix}` of a specification of version 2."""
    given = check_keys(where, mapping, ("stages", "shared_prefix"), ("stages", "shared_prefix"))
    prompts = _shared_prefix(f"{where}.shared_prefix", given["shared_prefix"])
    load = load_from_mapping(where, {"type": "poisson", "stages": given["stages"]}, None)
    return Configuration(prompts, load, ())


def _prompts_of_data(where: str, mapping: object) -> SharedPrefix | Drawn:
    if not isinstance(mapping, Mapping) or mapping.get("type") is None:
        check_keys(where, mapping, _DATA_KEYS, ("type",))
    kind = mapping["type"] if isinstance(mapping, Mapping) else None
    if isinstance(kind, str) and kind in OTHER_TYPES:
        raise ConfigError(f"{where}.type {kind!r} needs texts that are not in the file: use {OTHER_TYPES[kind]}.")
    check_choice(f"{where}.type", kind, DATA_TYPES)
    given = {key: value for key, value in check_keys(where, mapping, _DATA_KEYS).items() if value is not None}
    if kind == "shared_prefix":
        return _shared_prefix(f"{where}.shared_prefix", given.get("shared_prefix", {}))
    question, output = (
        spread_from(f"{where}.{key}", given.get(key, {}), least)
        for key, least in (("input_distribution", 1), ("output_distribution", 0))
    )
    return Drawn(question, output)


def _shared_prefix(where: str, mapping: object) -> SharedPrefix:
    given = {key: value for key, value in check_keys(where, mapping, _PREFIX_KEYS).items() if value is not None}
    groups = _either(where, given, ("num_groups", "num_unique_system_prompts"), 10)
    prompts = _either(where, given, ("num_prompts_per_group", "num_users_per_system_prompt"), 10)
    system = spread_from(f"{where}.system_prompt_len", given.get("system_prompt_len", 100))
    question, output = (_length(where, given, name) for name in ("question", "output"))
    if system.longest_tokens + question.longest_tokens == 0 or groups * prompts > MOST_REQUESTS:
        raise ConfigError(
            f"{where} must have prompts of at least 1 token, and at most {MOST_REQUESTS} of them; got {given!r}."
        )
    is_chat = given.get("enable_multi_turn_chat", False)
    if not isinstance(is_chat, bool):
        raise ConfigError(f"{where}.enable_multi_turn_chat must be true or false; got {is_chat!r}.")
    return SharedPrefix(groups, prompts, system, question, output, is_chat)


def _either(where: str, given: Mapping[str, object], keys: tuple[str, str], default: int) -> int:
    """A number that has two names."""
    named = [key for key in keys if key in given]
    if len(named) > 1:
        raise ConfigError(f"{where} must have at most one of {' and '.join(keys)}; got both.")
    return check_int(f"{where}.{named[0]}", given[named[0]], 1, MOST_REQUESTS) if named else default


def _length(where: str, given: Mapping[str, object], name: str) -> Spread:
    """A length as a number or distribution, or in the older form as a distribution beside it."""
    length, older = f"{name}_len", f"{name}_distribution"
    if older in given:
        if isinstance(given.get(length), Mapping):
            raise ConfigError(f"{where} must have at most one distribution of {name}; got {length} and {older}.")
        return spread_from(f"{where}.{older}", given[older])
    return spread_from(f"{where}.{length}", given.get(length, 50))
