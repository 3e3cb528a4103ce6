"""Typed settings of one run, from the configuration that Hydra composed."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blis.cluster.latency_file import is_latency_file, read_latency
from blis.command.scenario_choice import drawn_notes, with_given_bounds, with_scenario
from blis.explaining.counterfactual.sampling import Sampling
from blis.fitness.weighted import parse_weights
from blis.foundation.answers import QUESTIONS, as_mapping
from blis.foundation.checks import check_choice, check_flag, check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown
from blis.policies.binding import check_policy
from blis.policies.bundle import read_bundle, with_limits
from blis.policies.users import load_callable
from blis.policies.written_source import fallback_note, is_written, with_source
from blis.scenario import Policy, Scenario
from blis.stage import TRACE_LEVELS

OUTPUTS = ("text", "json")
_SCENARIO_KEYS = ("cluster", "workload", "slo", "horizon_us", "semantics", "seed")
_TRACE_KEYS = ("trace", "counterfactual")
_KEYS = (
    *_SCENARIO_KEYS,
    *QUESTIONS,
    "policies",
    "fitness",
    "output",
    *_TRACE_KEYS,
    "plots",
    "export_requests",
    "allow_python",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What one run is told to do."""

    scenario: Scenario
    fitness: Mapping[str, float]  #: weights of `blis.fitness.weighted`; empty: none is wanted
    trace: str  #: what is recorded: none, summary or decisions; rollouts need a summary
    counterfactual: Sampling | None  #: which decisions are tried otherwise; None: none
    output: str  #: text or json
    plots: bool  #: also write figures
    export_requests: bool  #: also write the requests as a version 2 trace
    lineage: Mapping[str, Any]  #: of the policy bundle
    limits: Mapping[str, int]  #: of the policy bundle
    document: Mapping[str, Any]  #: the composed configuration as plain data, to be saved
    notes: tuple[str, ...]  #: what was replaced, for people

    @property
    def traced(self) -> bool:
        """Whether the run will know why it went as it did."""
        return self.trace != "none"


def settings_from_config(
    config: Mapping[str, Any], overrides: Sequence[str] = (), allow_python: bool = False
) -> Settings:
    """The settings in a composed configuration.

    Parameters
    ----------
    config : mapping
        As plain data.
    overrides : sequence of str
        What the command line set; these keys win over a scenario.
    allow_python : bool
        Whether a policy may be a Python callable, "module:function", wherever it is named; the configuration cannot
        allow it.

    Raises
    ------
    ConfigError
        If a key is unknown or a value wrong, at any level.
    """
    given = check_keys("run", config, (*_KEYS, "scenario"), ("cluster", "workload"))
    notes = drawn_notes(given)
    given = with_scenario(given, overrides)
    given["slo"] = with_given_bounds(given.get("slo"), overrides)
    _check_given("", given)
    answered = [question for question in QUESTIONS if given.get(question) is not None]
    policies = {question: as_mapping(question, given[question]) for question in answered}
    lineage: Mapping[str, Any] = {}
    limits: Mapping[str, int] = {}
    if given.get("policies") is not None:
        bundle = read_bundle(given["policies"])
        lineage, limits = bundle.lineage, bundle.limits
        if limits and isinstance(given["cluster"], Mapping):
            given["cluster"] = with_limits(given["cluster"], limits)
        answered_there = ", ".join(bundle.policies) or "no question"
        limited = f", and limits {', '.join(limits)}" if limits else ""
        notes += (f"policies: {given['policies']} answers {answered_there}{limited}.",)
        policies |= {question: dict(policy) for question, policy in bundle.policies.items()}
    policies = {name: with_source(name, one) if is_written(one) else one for name, one in policies.items()}
    given["seed"] = given["seed"] if given.get("seed") is not None else 42
    mapping = {key: given[key] for key in _SCENARIO_KEYS if given.get(key) is not None}
    check_flag("allow_python", given.pop("allow_python", False))
    scenario = Scenario.from_mapping({**mapping, "policies": _loaded(policies, allow_python)})
    given["slo"] = scenario.slo.document()
    notes += tuple(filter(None, (fallback_note(name, name, one) for name, one in policies.items() if is_written(one))))
    weights = {} if given.get("fitness") is None else parse_weights("fitness", given["fitness"])
    if weights and (n_replaced := given["fitness"].count(",") + 1 - len(weights)):
        notes += (f"fitness: {n_replaced} weight(s) replaced by a later one of the same key.",)
    trace = check_choice("trace", given.get("trace") or "none", TRACE_LEVELS)
    counterfactual = _counterfactual(given.get("counterfactual"))
    return Settings(
        scenario=scenario,
        fitness=weights,
        trace=trace if counterfactual is None or trace != "none" else "summary",
        counterfactual=counterfactual,
        output=check_choice("output", given.get("output", "text"), OUTPUTS),
        plots=check_flag("plots", given.get("plots", False)),
        export_requests=check_flag("export_requests", given.get("export_requests", False)),
        lineage=lineage,
        limits=limits,
        document=_repeatable(given, policies),
        notes=notes,
    )


def _loaded(policies: Mapping[str, Mapping[str, Any]], allow_python: bool) -> dict[str, Policy]:
    """The policies, with the function itself where one names a Python callable."""
    loaded: dict[str, Policy] = {}
    for question, choice in policies.items():
        name, _ = check_policy(question, question, choice, allow_python)
        loaded[question] = load_callable(question, name) if ":" in name else choice
    return loaded


def _repeatable(given: Mapping[str, Any], policies: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the bundle's answers in place, and paths that hold in every folder."""
    document = {key: given[key] for key in _KEYS if key in given} | {**policies, "policies": None}
    workload, cluster = document["workload"], document["cluster"]
    if isinstance(cluster, Mapping) and is_latency_file(cluster.get("latency")):
        document["cluster"] = {**cluster, "latency": read_latency("cluster.latency", cluster["latency"])}
    if isinstance(workload, Mapping):
        named = {key: workload[key] for key in ("path", "data_path") if workload.get(key) is not None}
        absolute = {key: os.path.abspath(str(value)) for key, value in named.items()}
        document["workload"] = {**workload, **absolute}
    return document


def _counterfactual(node: object) -> Sampling | None:
    given = {"kind": "none"} if node is None else node
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"counterfactual must be none, rollout, or a mapping with the key 'kind'; got {shown(given)}."
        )
    kind = check_choice("counterfactual.kind", given.get("kind") or "none", ("none", "rollout"))
    sampling = Sampling.from_mapping("counterfactual", {key: value for key, value in given.items() if key != "kind"})
    return sampling if kind == "rollout" else None


def _check_given(where: str, value: object) -> None:
    """Refuse what a file leaves to the user and the user has not given."""
    if value == "???":
        raise ConfigError(f"{where} must be given; add {where}=VALUE.")
    if isinstance(value, Mapping):
        for key, part in value.items():
            _check_given(f"{where}.{key}" if where else str(key), part)
