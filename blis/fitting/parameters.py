"""What can be learned: the coefficients of a latency model by name, and a cluster that has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blis.cluster.catalog import find_coefficients
from blis.cluster.latency import affine, silicon, trained_physics
from blis.cluster.parts import look_up
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
TRAINED_PHYSICS = (
    Parameter("scale", "", "factor of all weights of a step", 1.0, 100.0, 0.01),
    Parameter("request_us", "µs", "of a request before it is queued", 15_000.0, 1e8),
    Parameter("completion_us", "µs", "of a request after its last step", 1000.0, 1e8),
    Parameter("output_token_us", "µs", "of an output token outside steps", 50.0, 1e8),
)
ROOFLINE = (
    Parameter("mfu_prefill", "", "share of the GPU's peak that prompts reach", 0.5, 1.0, 0.001),
    Parameter("mfu_decode", "", "share of the GPU's peak that decodes reach", 0.3, 1.0, 0.001),
)
OF_KIND: Mapping[str, tuple[Parameter, ...]] = {
    "affine": AFFINE,
    "roofline": ROOFLINE,
    "silicon": SILICON,
    "trained-physics": TRAINED_PHYSICS,
}


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
    if plan.latency == "trained-physics":
        numbers: tuple[float, ...] = (1.0, *params.alpha_us)
        return dict(zip((one.name for one in TRAINED_PHYSICS), numbers, strict=True))
    if plan.latency == "roofline":
        return _utilisations(plan)
    alpha_us, beta_us = params.alpha_us, params.beta_us
    if alpha_us is None:
        place = look_up(plan)[0].place
        row = find_coefficients(str(plan.pools[0].model), place.gpu, place.tensor_parallel, params.vllm_version)
        alpha_us, beta_us = row.alpha_us, row.beta_us
    return dict(zip((one.name for one in AFFINE), (*alpha_us, *beta_us), strict=True))


def with_values(plan: ClusterPlan, values: Mapping[str, float]) -> ClusterPlan:
    """The cluster with other coefficients; all that it has must be given."""
    pool = plan.pools[0]
    return replace(plan, pools=(replace(pool, latency=_params(plan, pool.latency, values)),))


def latency_mapping(plan: ClusterPlan) -> dict[str, Any]:
    """The cluster's latency model as a configuration has it, with what is not the default."""
    params = plan.pools[0].latency
    if plan.latency == "affine":
        return {"kind": "affine", "alpha_us": list(params.alpha_us), "beta_us": list(params.beta_us)}
    if plan.latency == "trained-physics":
        return {"kind": "trained-physics", "alpha_us": list(params.alpha_us), "beta": list(params.beta)}
    if plan.latency == "roofline":
        return {"kind": "roofline", "mfu_prefill": params.mfu_prefill, "mfu_decode": params.mfu_decode}
    plain = silicon.Params()
    own = {name: getattr(params, name) for name in silicon.Params.__slots__}
    learned = [one.name for one in SILICON]
    return {"kind": "silicon"} | {
        name: value for name, value in own.items() if name in learned or value != getattr(plain, name)
    }


def _params(plan: ClusterPlan, own: Any, values: Mapping[str, float]) -> Any:
    """Parameters of the latency model with these coefficients."""
    if plan.latency in ("silicon", "roofline"):
        return replace(own, **values)
    numbers = [float(values[one.name]) for one in OF_KIND[plan.latency]]
    if plan.latency == "trained-physics":
        beta = tuple(numbers[0] * weight for weight in own.beta)
        return trained_physics.Params((numbers[1], numbers[2], numbers[3]), beta)
    return affine.Params((numbers[0], numbers[1], numbers[2]), (numbers[3], numbers[4], numbers[5]))


def _utilisations(plan: ClusterPlan) -> dict[str, float]:
    """Of `roofline`: its own, or the GPU's."""
    params, device = plan.pools[0].latency, look_up(plan)[0].device
    own = {one.name: getattr(params, one.name) for one in ROOFLINE}
    return {name: float(getattr(device, name) if value is None else value) for name, value in own.items()}


def bounds_of(parameters: Sequence[Parameter]) -> tuple[Float64Vector, Float64Vector]:
    """Least and largest values."""
    return np.array([one.least for one in parameters]), np.array([one.most for one in parameters])
