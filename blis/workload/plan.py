"""Which workload a configuration asks for, and the requests that come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from blis.foundation.answers import answer, choices
from blis.foundation.checks import check_choice
from blis.foundation.errors import ConfigError
from blis.workload.requests import Requests
from blis.workload.retries import Retries


@dataclass(frozen=True, slots=True)
class WorkloadPlan:
    """Which requests arrive."""

    kind: str  #: name of a file in `blis.workload`
    params: Any  #: its `Params`
    retries: Retries | None = None  #: how clients that are refused come again; None: they do not


def workload_plan(mapping: object, where: str = "workload") -> WorkloadPlan:
    """The workload that a plain mapping describes: `kind`, the parameters of that kind beside it, and `retries`.

    A parameter that is null counts as left out.
    """
    if not isinstance(mapping, Mapping):
        mapping = {"kind": mapping}
    kinds = choices("workload")
    if mapping.get("kind") is None:
        raise ConfigError(f"{where}: key 'kind' is required. Choices: {', '.join(kinds)}.")
    kind = str(mapping["kind"])
    check_choice(f"{where}.kind", kind, kinds)
    own = ("kind", "retries")
    params = {str(key): value for key, value in mapping.items() if key not in own and value is not None}
    given = mapping.get("retries")
    retries = None if given is None else Retries.from_mapping(f"{where}.retries", given)
    return WorkloadPlan(kind, answer("workload", kind).Params.from_mapping(where, params), retries)


def generate_requests(plan: WorkloadPlan, seed: int, block_size_tokens: int) -> Requests:
    """The requests of a plan: a function of these three alone, whatever the policies."""
    requests: Requests = answer("workload", plan.kind).generate(plan.params, seed, block_size_tokens)
    return requests if plan.retries is None else replace(requests, retries=plan.retries)
