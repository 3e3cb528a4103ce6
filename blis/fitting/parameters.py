"""What can be learned: the coefficients of a latency model by name, and a cluster that has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blis.cluster.catalog import find_coefficients
from blis.cluster.deployment import look_up
from blis.cluster.latency import affine, silicon
from blis.cluster.plan import ClusterPlan
from blis.foundation.checks import check_choice
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector
from blis.foundation.words import shown


@dataclass(frozen=True, slots=True)
class Parameter:
    """One coefficient of a latency model."""

    name: str
    unit: str
    words: str
    #: what a change is measured by where the value is near 0: about what servers have
    scale: float
    most: float
    least: float = 0.0


_REQUEST = Parameter("request_us", "µs", "of a request outside steps", 2000.0, 1e8)
_REQUEST_TOKEN = Parameter("request_us_per_token", "µs", "the same per prompt token", 5.0, 1e6)
_OUTPUT_TOKEN = Parameter("output_token_us", "µs", "of an output token outside steps", 500.0, 1e8)
AFFINE = (
    _REQUEST,
    _REQUEST_TOKEN,
    _OUTPUT_TOKEN,
    Parameter("step_us", "µs", "of a step", 5000.0, 1e8),
    Parameter("prompt_token_us", "µs", "of a computed prompt token in a step", 20.0, 1e6),
    Parameter("decode_us", "µs", "of a decode in a step", 20.0, 1e7),
)
SILICON = (
    Parameter("scale", "", "factor of the measured kernels", 1.0, 100.0, 0.01),
    Parameter("step_us", "µs", "of a step beside its kernels", 1000.0, 1e8),
    _REQUEST,
    _REQUEST_TOKEN,
    _OUTPUT_TOKEN,
)
OF_KIND: Mapping[str, tuple[Parameter, ...]] = {"affine": AFFINE, "silicon": SILICON}


def parameters_of(plan: ClusterPlan, names: Sequence[str] | None) -> tuple[Parameter, ...]:
    """What is learned of a cluster's latency model: all of it, or what is named.

    Raises
    ------
    ConfigError
        If the cluster has several kinds of instances, or nothing of its latency model can be learned.
    """
    if len(plan.pools) > 1:
        raise ConfigError(
            f"cluster.instances must be of one pool for a fit, whose coefficients are learned; got {len(plan.pools)}."
        )
    if plan.latency not in OF_KIND:
        raise ConfigError(
            f"cluster.latency.kind must be {' or '.join(sorted(OF_KIND))} for a fit; got {shown(plan.latency)}."
        )
    known = {one.name: one for one in OF_KIND[plan.latency]}
    if names is None:
        return tuple(known.values())
    if isinstance(names, str) or not names:
        raise ConfigError(f"parameters must be a list of at least one of {', '.join(known)}; got {shown(names)}.")
    chosen = [known[check_choice(f"parameters[{place}]", name, known)] for place, name in enumerate(names)]
    if len(set(names)) < len(names):
        raise ConfigError(f"parameters must hold each name once; got {shown(names)}.")
    return tuple(chosen)


def values_of(plan: ClusterPlan) -> dict[str, float]:
    """The coefficients that a cluster has."""
    params = plan.pools[0].latency
    if plan.latency == "silicon":
        return {one.name: float(getattr(params, one.name)) for one in SILICON}
    alpha_us, beta_us = params.alpha_us, params.beta_us
    if alpha_us is None:
        place = look_up(plan)[0].place
        row = find_coefficients(str(plan.pools[0].model), place.gpu, place.tensor_parallel, params.vllm_version)
        alpha_us, beta_us = row.alpha_us, row.beta_us
    return dict(zip((one.name for one in AFFINE), (*alpha_us, *beta_us), strict=True))


def with_values(plan: ClusterPlan, values: Mapping[str, float]) -> ClusterPlan:
    """The cluster with other coefficients; all that it has must be given."""
    pool = plan.pools[0]
    if plan.latency == "silicon":
        return replace(plan, pools=(replace(pool, latency=replace(pool.latency, **values)),))
    numbers = [float(values[one.name]) for one in AFFINE]
    latency = affine.Params((numbers[0], numbers[1], numbers[2]), (numbers[3], numbers[4], numbers[5]))
    return replace(plan, pools=(replace(pool, latency=latency),))


def latency_mapping(plan: ClusterPlan) -> dict[str, Any]:
    """The cluster's latency model as a configuration has it, with what is not the default."""
    params = plan.pools[0].latency
    if plan.latency == "affine":
        return {"kind": "affine", "alpha_us": list(params.alpha_us), "beta_us": list(params.beta_us)}
    plain = silicon.Params()
    own = {name: getattr(params, name) for name in silicon.Params.__slots__}
    learned = [one.name for one in SILICON]
    return {"kind": "silicon"} | {
        name: value for name, value in own.items() if name in learned or value != getattr(plain, name)
    }


def bounds_of(parameters: Sequence[Parameter]) -> tuple[Float64Vector, Float64Vector]:
    """Least and largest values."""
    return np.array([one.least for one in parameters]), np.array([one.most for one in parameters])
