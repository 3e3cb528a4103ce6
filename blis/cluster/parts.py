"""What the pools of a plan are made of: their models, devices and rows of coefficients, looked up."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from blis.cluster.catalog import (
    Coefficients,
    Deployment,
    Device,
    Model,
    default_deployment,
    find_coefficients,
    read_device,
    read_model,
)
from blis.cluster.latency.affine import Params as AffineParams
from blis.cluster.model_length import max_model_len
from blis.cluster.plan import ClusterPlan, Pool
from blis.foundation.errors import ConfigError, UnknownChoiceError


class Parts(NamedTuple):
    """What was looked up for a pool: what its latency and KV capacity are derived from, as far as they need it."""

    place: Deployment
    model: Model | None
    device: Device | None
    coefficients: Coefficients | None  #: row of the table, where the latency comes from it
    longest_tokens: int  #: longest sequence that is served; 0: unlimited


def look_up(plan: ClusterPlan, where: str = "cluster") -> tuple[Parts, ...]:
    """Read what each pool needs of models, devices and coefficients; batch limits of the plan play no part.

    Raises
    ------
    ConfigError
        If a model, a device or a row of coefficients does not exist.
    """
    found = []
    for place, pool in enumerate(plan.pools):
        at = pool_name(plan, place, where)
        with located(at):
            found.append(_parts(plan, pool, at))
    return tuple(found)


def _parts(plan: ClusterPlan, pool: Pool, where: str) -> Parts:
    """Read what is needed and nothing more: coefficients exist for models whose shape is not shipped."""
    place, coefficients = _deployment(pool, where), None
    if isinstance(pool.latency, AffineParams) and pool.latency.alpha_us is None:
        if pool.model is None:
            raise ConfigError(f"{where}: latency affine needs alpha_us and beta_us, or a model to look them up by.")
        coefficients = find_coefficients(pool.model, place.gpu, place.tensor_parallel, pool.latency.vllm_version)
    knows_blocks = pool.kv_blocks is not None or (coefficients is not None and coefficients.kv_blocks is not None)
    if plan.latency == "affine" and knows_blocks:
        return Parts(place, None, None, coefficients, _longest_tokens(pool, None))
    if pool.model is None or not place.gpu:
        needed = "kv_blocks" if plan.latency == "affine" else f"latency {plan.latency}"
        raise ConfigError(
            f"{where}: {needed} must be given, or model and hardware to derive it from."
            if plan.latency == "affine"
            else f"{where}: {needed} needs a model and hardware; give both."
        )
    model = read_model(pool.model, pool.model_config_folder)
    return Parts(place, model, read_device(place.gpu, pool.hardware_folder), coefficients, _longest_tokens(pool, model))


def _deployment(pool: Pool, where: str) -> Deployment:
    """Device and degree, the published defaults of the model where the plan leaves them out."""
    if pool.hardware is not None and pool.tensor_parallel is not None:
        return Deployment(pool.hardware, pool.tensor_parallel)
    if pool.model is None:
        return Deployment(pool.hardware or "", pool.tensor_parallel or 1)
    try:
        default = default_deployment(pool.model)
    except UnknownChoiceError as error:
        raise ConfigError(
            f"{where}: hardware and tensor_parallel must be given for a model without published defaults; got "
            f"model {pool.model!r}."
        ) from error
    return Deployment(pool.hardware or default.gpu, pool.tensor_parallel or default.tensor_parallel)


def _longest_tokens(pool: Pool, model: Model | None) -> int:
    """The longest sequence that is served: what the plan says, else what the model was made for; 0: unlimited."""
    if pool.max_model_len_tokens is not None:
        return pool.max_model_len_tokens
    if model is None and pool.model is not None:
        try:
            model = read_model(pool.model, pool.model_config_folder)
        except UnknownChoiceError:  # there are coefficients for models whose shape is not shipped
            return 0
    return 0 if model is None else max_model_len(model)


def pool_name(plan: ClusterPlan, place: int, where: str) -> str:
    """What messages call a pool."""
    return where if len(plan.pools) == 1 else f"{where}.instances[{place}]"


@contextmanager
def located(where: str) -> Iterator[None]:
    """Put the place in front of messages that do not know it."""
    try:
        yield
    except ConfigError as error:
        if str(error).startswith(where):
            raise
        raise type(error)(f"{where}: {error}") from error
