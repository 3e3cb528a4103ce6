"""Price a step by kernels that were measured on the very GPU.

Wise wherever a table exists: it knows what context costs, where a batch stops being free, and how a mixture of experts
fills up. Tables for the shipped models lie in `hardware/steps/`; `python -m blis.tabulate` makes others.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blis.cluster.catalog import Device, Model
from blis.cluster.latency import LatencyModel
from blis.cluster.steps.grid import across, along, slope_across
from blis.cluster.steps.shipped import ENGINES, find_table
from blis.cluster.steps.table import (
    CONTEXT_BITS,
    CONTEXT_OCTAVES,
    DENSE_BITS,
    DENSE_OCTAVES,
    LOGIT_BITS,
    PAIR_BITS,
    PAIR_OCTAVES,
    PARTS,
    PROMPT_OCTAVES,
    REQUEST_OCTAVES,
    SHAPES,
    Deployed,
    StepTable,
)
from blis.engine.batch_sums import BatchSums
from blis.engine.line import ANY_CONTEXT, Line, whole_us
from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector
from blis.foundation.words import shown

# What a request spends outside steps: HTTP, tokenising, the way between processes. One pair for all models, GPUs and
# loads, the best of a coarse grid for TTFT on the public half of the vLLM runs of `experiments/fidelity`, under
# asynchronous scheduling; real servers spend more the more streams they serve.
REQUEST_US = 10_000.0
REQUEST_US_PER_TOKEN = 10.0

# Places in the coefficient vector; the parts of the table follow the head, one behind the other.
RANKS = 0  # of attention data parallelism: each serves its share of the batch
SCALE = 1  # measured servers against the sum of their kernels
STEP_US = 2  # of every step, whatever its batch
_HEAD = 3


def _starts() -> dict[str, int]:
    """Where each part begins."""
    starts, place = {}, _HEAD
    for part in PARTS:
        starts[part] = place
        place += int(np.prod(SHAPES[part]))
    return starts


_STARTS = _starts()
MIXED, DECODE, LOGITS = _STARTS["mixed"], _STARTS["decode"], _STARTS["logits"]
PROMPT_ATTENTION, DECODE_ATTENTION = _STARTS["prompt_attention"], _STARTS["decode_attention"]
_LAST_DENSE, _LAST_LOGIT = DENSE_OCTAVES << DENSE_BITS, REQUEST_OCTAVES << LOGIT_BITS
_LAST_PROMPT, _LAST_PAIR = PROMPT_OCTAVES << PAIR_BITS, PAIR_OCTAVES << PAIR_BITS
_LAST_REQUEST, _LAST_CONTEXT = REQUEST_OCTAVES << CONTEXT_BITS, CONTEXT_OCTAVES << CONTEXT_BITS


@dataclass(frozen=True, slots=True)
class Params:
    """Which table, and what a server spends beside its kernels."""

    engine: str = "vllm"  #: vllm, sglang or trtllm: whose kernels
    expert_parallel: int = 1  #: ≥ 1, groups over which the experts are dealt out
    data_parallel: int = 1  #: ≥ 1, ranks of attention; a batch is priced as spread evenly over them
    table: str | None = None  #: file of a table; None: the shipped one of model, device and degree
    scale: float = 1.0  #: > 0, factor of every step
    step_us: float = 0.0  #: ≥ 0, µs of every step beside its kernels
    request_us: float = REQUEST_US  #: ≥ 0, µs from a request's sending to its wait queue
    request_us_per_token: float = REQUEST_US_PER_TOKEN  #: ≥ 0, µs the same per prompt token
    output_token_us: float = 0.0  #: ≥ 0, µs from a token's step to the client; never delays the engine

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> "Params":
        """The checked parameters of a plain mapping.

        Raises
        ------
        ConfigError
            If a key is unknown or a value out of its range.
        """
        given = check_keys(where, mapping, tuple(cls.__slots__))
        values = {key: value for key, value in given.items() if value is not None}
        for key, value in values.items():
            at = f"{where}.{key}"
            if key == "engine":
                check_choice(at, value, ENGINES)
            elif key == "table":
                if not isinstance(value, str) or not value:
                    raise ConfigError(f"{at} must be the path of a table; got {shown(value)}.")
            elif key in ("expert_parallel", "data_parallel"):
                values[key] = check_int(at, value, 1, 1024)
            elif key == "scale":
                values[key] = check_number(at, value, above=0, maximum=1e3)
            else:
                values[key] = check_number(at, value, 0, 1e9, "µs")
        return cls(**values)


def prepare(params: Params, model: Model | None, device: Device | None, tensor_parallel: int) -> LatencyModel:
    """The table of a deployment as a coefficient vector, and the overheads of a request.

    Parameters
    ----------
    params : Params         which table, and what comes on top
    model, device           needed by their names; their shapes are in the table
    tensor_parallel : int   GPUs that divide each layer

    Returns
    -------
    LatencyModel
        coefficients: `RANKS`, `SCALE`, `STEP_US`, then the parts of the table.

    Raises
    ------
    ConfigError
        If there is no such table, or its file is damaged or of another deployment.
    """
    if model is None or device is None:
        raise ConfigError("latency silicon: needs a model and a device; give both.")
    wanted = Deployed(
        model=model.name.rpartition("/")[2],
        device=device.name,
        tensor_parallel=tensor_parallel,
        engine=params.engine,
        expert_parallel=params.expert_parallel,
        data_parallel=params.data_parallel,
    )
    table = find_table(wanted, params.table)
    return LatencyModel(
        coefficients=coefficients(table, params.scale, params.step_us),
        queueing_us=params.request_us,
        queueing_us_per_token=params.request_us_per_token,
        output_token_us=params.output_token_us,
        completion_us=0.0,
        measured=table.measured,
    )


def coefficients(table: StepTable, scale: float = 1.0, step_us: float = 0.0) -> Float64Vector:
    """The coefficient vector of a table."""
    head = [table.deployed.data_parallel, scale, step_us]
    return np.concatenate([np.array(head, np.float64), *(getattr(table, part).ravel() for part in PARTS)])


def step_time(batch: BatchSums, coefficients: Float64Vector) -> int:
    """Time of one step: everything but attention by new tokens, attention of prompts and of decodes, logits.

    Parameters
    ----------
    batch : BatchSums         sums over the served members
    coefficients : float64    as `prepare` says

    Returns
    -------
    int [µs], at least 1, and 1 for a step without members.

    Attention of prompts is priced by new tokens and the token pairs that they attend to: on tensor cores a pair costs
    the same in a long prompt and in a chunk behind a long history, once there are enough tokens to fill the GPU.
    Attention of decodes is priced by their number and the tokens that they read. Both sums are additive, so chunks of
    several requests need no list.
    """
    share = 1.0 / coefficients[RANKS]
    prompts, decodes = batch.prefill_tokens * share, batch.decode_requests * share
    time_us = coefficients[STEP_US]
    if batch.prefill_requests > 0:
        time_us += along(coefficients, MIXED, _LAST_DENSE, DENSE_BITS, prompts + decodes)
        time_us += across(
            coefficients, PROMPT_ATTENTION, _LAST_PROMPT, _LAST_PAIR, PAIR_BITS,
            prompts, batch.prefill_attention_x2 * 0.5 * share,
        )  # fmt: skip
    elif batch.decode_requests > 0:
        time_us += along(coefficients, DECODE, _LAST_DENSE, DENSE_BITS, decodes)
    else:
        return 1
    time_us += along(coefficients, LOGITS, _LAST_LOGIT, LOGIT_BITS, batch.prefill_requests * share + decodes)
    if batch.decode_requests > 0:
        time_us += across(
            coefficients, DECODE_ATTENTION, _LAST_REQUEST, _LAST_CONTEXT, CONTEXT_BITS,
            decodes, batch.decode_context_tokens * share,
        )  # fmt: skip
    time_us *= coefficients[SCALE]
    return whole_us(time_us)


def decode_line(decodes: int, context: int, coefficients: Float64Vector) -> Line:
    """What steps of so many decodes cost, up to the next knot of their context.

    Parameters
    ----------
    decodes : int              ≥ 1
    context : int              sum of the tokens that they have stored
    coefficients : float64     as `prepare` says

    Returns
    -------
    Line, from `context` on; the sum of the same parts as in `step_time`.
    """
    share = 1.0 / coefficients[RANKS]
    each, read = decodes * share, context * share
    time_us = coefficients[STEP_US]
    time_us += along(coefficients, DECODE, _LAST_DENSE, DENSE_BITS, each)
    time_us += along(coefficients, LOGITS, _LAST_LOGIT, LOGIT_BITS, each)
    time_us += across(coefficients, DECODE_ATTENTION, _LAST_REQUEST, _LAST_CONTEXT, CONTEXT_BITS, each, read)
    slope_us, end = slope_across(
        coefficients, DECODE_ATTENTION, _LAST_REQUEST, _LAST_CONTEXT, CONTEXT_BITS, each, read
    )  # fmt: skip
    last_context = min(end * coefficients[RANKS], float(ANY_CONTEXT))
    return Line(context, int(last_context), time_us * coefficients[SCALE], slope_us * share * coefficients[SCALE])
