"""Makes a table from kernels that NVIDIA measured and published in the package `aiconfigurator-core`.

The one file that knows that package: an extra (`silicon`), needed only here. It adds up measured kernels of one step of
one model; this file asks it at the knots of our grids. Log lines of the package are not repeated.

What was found out about it (version 0.12):

- An operation is attention if its price depends on the history; names tell less.
- Its own price of a mixed step divides attention of a chunk by the number of chunks of the prompt, so that a chunk
  behind a long history seems to cost nothing. Here each chunk is asked for with its history.
- Output logits are computed for requests that get a token, not for every prompt token, so they are a part of their own.
- Its block-wise FP8 matrix product of vLLM on Blackwell takes 155 to 186 µs for 1 as for 256 tokens (4,096 by 4,096),
  15 times the per-tensor one of the same engine and the block-wise one of SGLang; servers that were measured cannot
  have run it. The per-tensor one stands for it.
- Steps that only decode run some mixtures differently (shared experts beside routed ones), so they have a curve of
  their own.
"""

import json
import logging
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blis.cluster.steps.measured import Measured
from blis.cluster.steps.reach import reach
from blis.cluster.steps.table import FIRST_AXIS, SECOND_AXIS, SHAPES, Deployed, StepTable, base_of, rising
from blis.foundation.errors import ConfigError, UnknownChoiceError
from blis.foundation.words import shown

#: Our devices by the package's names.
SYSTEMS = {
    "A100-80": "a100_sxm",
    "A100-SXM": "a100_sxm",
    "L40S": "l40s",
    "H100": "h100_sxm",
    "H200": "h200_sxm",
    "B200": "b200_sxm",
    "B300": "b300_sxm",
    "GB200": "gb200",
    "GB300": "gb300",
    "RTX-PRO-6000": "rtx_pro_6000_server",
}
_BLACKWELL = ("b200_sxm", "b300_sxm", "gb200", "gb300")
_US_PER_MS = 1e3
_LONGEST = 2**17  #: tokens of context or history that the package is asked about
_MOST_PROMPTS = 256  #: in one step; more were never measured
_USUAL_CONTEXT = 1024  #: tokens

Operation = tuple[str, float, float, str]  # name, ms, energy, source


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """Element types by the package's names, where they differ from what the model's configuration says; None: as it."""

    weights: str | None = None
    experts: str | None = None
    kv_cache: str | None = None
    attention: str | None = None


def make_table(deployed: Deployed, model: str, quantised: Quantised | None = None) -> StepTable:
    """The prices of a deployment.

    Parameters
    ----------
    deployed : Deployed     what to price
    model : str             folder of the model's configuration, or a name that the package knows
    quantised : Quantised   element types, where not as the configuration says

    Returns
    -------
    StepTable

    Raises
    ------
    ConfigError
        If the package is absent, or has no tables for the deployment.
    """
    with _quiet():
        kernels = _Kernels(deployed, model, quantised or Quantised())
        decode, logits = rising(kernels.dense("decode")), rising(kernels.logits())
        mixed = np.maximum(rising(kernels.dense("mixed")), decode)
        curves = {"mixed": mixed, "decode": decode, "logits": logits}
        return StepTable(
            deployed=deployed,
            source=kernels.source,
            measured=kernels.measured(),
            mixed=mixed,
            decode=decode,
            logits=logits,
            prompt_attention=_rising_upon(base_of("prompt_attention", curves), kernels.prompt_attention()),
            decode_attention=_rising_upon(base_of("decode_attention", curves), kernels.decode_attention()),
        )


def _rising_upon(base: np.ndarray, attention: np.ndarray) -> np.ndarray:
    """Attention such that base and attention together rise.

    By itself attention does not: the same tokens of context cost less when they are spread over more requests, which
    fill the GPU better, and what a longer batch costs beside attention does not always outweigh that. Where it does
    not, the longer batch's price holds: batches of many are what servers run; few requests behind very long contexts
    come out some percent too cheap.
    """
    whole = base + rising(attention, axes=(1,))
    whole = np.flip(np.minimum.accumulate(np.flip(whole, 0), 0), 0)
    return np.asarray(np.maximum(whole - base, 0.0))


class _Kernels:
    """The package's answers about one deployment."""

    def __init__(self, deployed: Deployed, model: str, quantised: Quantised) -> None:
        self._deployed = deployed
        with _asking(deployed):
            self._handle = _compiled(deployed, model, quantised)
        self.source = _source(deployed)
        self._system, self._engine = SYSTEMS[deployed.device], deployed.engine
        self._n_prompt, self._n_decode = _count(self._prompt), _count(self._decode)
        prompts, decodes = range(self._n_prompt), range(self._n_decode)
        self._prompt_attention = [place for place in prompts if self._sees_history(place)]
        self._decode_attention = [place for place in decodes if self._sees_context(place)]
        self._logits = [place for place in decodes if "logits" in self._decode([place])[0][0]]
        self._prompt_dense = [
            place
            for place in prompts
            if place not in self._prompt_attention and "logits" not in self._prompt([place])[0][0]
        ]
        self._decode_dense = [
            place for place in decodes if place not in self._decode_attention and place not in self._logits
        ]

    def _sees_history(self, place: int) -> bool:
        near, far = (_us(self._prompt([place], 1, 256, history)) for history in (0, 65536))
        return not math.isclose(near, far, rel_tol=1e-9)

    def _sees_context(self, place: int) -> bool:
        near, far = (_us(self._decode([place], 4, context)) for context in (64, 65536))
        return not math.isclose(near, far, rel_tol=1e-9)

    def _prompt(self, places: Sequence[int], requests: int = 1, tokens: int = 64, history: int = 0) -> list[Operation]:
        with _asking(self._deployed):
            found: list[Operation] = self._handle.evaluate_context_ops(
                list(places), batch_size=requests, s=tokens, prefix=history
            )
        return found

    def _decode(self, places: Sequence[int], requests: int = 1, context: int = 64) -> list[Operation]:
        with _asking(self._deployed):
            found: list[Operation] = self._handle.evaluate_generation_ops(list(places), batch_size=requests, s=context)
        return found

    def dense(self, part: str) -> np.ndarray:
        """Everything but attention and logits, by tokens."""

        def price(tokens: int) -> float:
            if part == "mixed":
                return _us(self._prompt(self._prompt_dense, 1, tokens, 0))
            return _us(self._decode(self._decode_dense, tokens, _USUAL_CONTEXT))

        return np.array([_between(price, knot) for knot in FIRST_AXIS[part]])

    def logits(self) -> np.ndarray:
        """Output logits, by requests."""
        return np.array(
            [_between(lambda n: _us(self._decode(self._logits, n, _USUAL_CONTEXT)), k) for k in FIRST_AXIS["logits"]]
        )

    def prompt_attention(self) -> np.ndarray:
        """Attention of prompt chunks, by tokens and attended pairs.

        It has a valley that no sum can rise through: many short prompts cost more than one with the same tokens, and
        the package's estimate of a short history is below its measurement of none. One prompt without history, the
        usual case and a measured one, keeps its price; the slope on either side is levelled to it.
        """
        table = self._surface("prompt_attention", self._pairs_price, self._most_pairs)
        for row, tokens in zip(table, FIRST_AXIS["prompt_attention"], strict=True):
            alone = int(np.searchsorted(SECOND_AXIS["prompt_attention"], tokens * (tokens - 1) / 2))
            row[alone:] = np.maximum.accumulate(row[alone:])
            row[: alone + 1] = np.flip(np.minimum.accumulate(np.flip(row[: alone + 1])))
        return table

    def decode_attention(self) -> np.ndarray:
        """Attention of decodes, by their number and the sum of their contexts."""
        return self._surface("decode_attention", self._context_price, lambda requests: requests * _LONGEST)

    def _surface(self, part: str, price: Callable[[int, float], float], most: Callable[[int], float]) -> np.ndarray:
        """Prices at all knots; beyond what the package is asked about the last piece of a row goes on."""
        second = SECOND_AXIS[part]
        table = np.zeros(SHAPES[part])
        for row, knot in enumerate(FIRST_AXIS[part]):
            low, high = math.floor(knot), math.ceil(knot)
            asked = second <= most(low)
            for column in np.flatnonzero(asked):
                value = float(second[column])
                table[row, column] = (price(low, value) + price(high, value)) / 2.0
            table[row, ~asked] = np.nan
        return _continued(table, second)

    @staticmethod
    def _most_pairs(tokens: int) -> float:
        return tokens * (tokens - 1) / 2 + tokens * _LONGEST

    def _pairs_price(self, tokens: int, pairs: float) -> float:
        """Price of so many new tokens that attend to so many pairs: one chunk behind a history, or several prompts."""
        alone = tokens * (tokens - 1) / 2
        if pairs >= alone:
            history = round((pairs - alone) / tokens)
            return _us(self._prompt(self._prompt_attention, 1, tokens, history))
        prompts = min(tokens / (2 * pairs / tokens + 1), _MOST_PROMPTS)
        few, many = math.floor(prompts), math.ceil(prompts)
        (more_pairs, dear), (fewer_pairs, cheap) = self._equal_prompts(tokens, few), self._equal_prompts(tokens, many)
        if more_pairs <= fewer_pairs:
            return (dear + cheap) / 2.0
        share = min(1.0, max(0.0, (pairs - fewer_pairs) / (more_pairs - fewer_pairs)))
        return cheap + share * (dear - cheap)

    def _equal_prompts(self, tokens: int, prompts: int) -> tuple[float, float]:
        """Pairs and price of so many equal prompts without history that have about so many tokens."""
        length = max(1, round(tokens / prompts))
        price = _us(self._prompt(self._prompt_attention, prompts, length, 0))
        return prompts * length * (length - 1) / 2, price

    def _context_price(self, requests: int, context: float) -> float:
        mean = min(max(1.0, context / requests), _LONGEST)
        return _between(lambda tokens: _us(self._decode(self._decode_attention, requests, tokens)), mean)

    def measured(self) -> Measured:
        """How far measurements reach."""
        everything = [*self._prompt(range(self._n_prompt)), *self._decode(range(self._n_decode))]
        return reach(_data(self._system), self._engine, [name for name, *_ in everything])


def _continued(table: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Fill what was not asked: a longer batch's price stands for a shorter one that cannot reach so far."""
    last = np.flatnonzero(~np.isnan(table[-1]))[-1]
    slope = (table[-1, last] - table[-1, last - 1]) / (second[last] - second[last - 1])
    table[-1, last + 1 :] = table[-1, last] + max(0.0, slope) * (second[last + 1 :] - second[last])
    for row in range(len(table) - 2, -1, -1):
        table[row] = np.where(np.isnan(table[row]), table[row + 1], table[row])
    return table


def _us(operations: list[Operation]) -> float:
    return sum(milliseconds for _, milliseconds, _, _ in operations) * _US_PER_MS


def _between(price: Callable[[int], float], value: float) -> float:
    """Price at a value between whole numbers."""
    low, high = math.floor(value), math.ceil(value)
    first = price(low)
    return first if low == high else first + (value - low) * (price(high) - first)


def _count(ask: Callable[[Sequence[int]], list[Operation]]) -> int:
    """Number of operations: the package says so only by refusing."""
    place = 0
    while True:
        try:
            ask([place])
        except ConfigError as error:
            if "out of range" in str(error.__cause__):
                return place
            raise
        place += 1


def _compiled(deployed: Deployed, model: str, quantised: Quantised) -> Any:
    """The package's model of a deployment."""
    engine = _package("aiconfigurator_core.sdk.engine")
    if deployed.device not in SYSTEMS:
        raise UnknownChoiceError(
            f"device {shown(deployed.device)} has no measured kernels. Devices: {', '.join(sorted(SYSTEMS))}."
        )
    ranks = deployed.tensor_parallel * deployed.data_parallel
    if ranks % deployed.expert_parallel:
        raise ConfigError(
            f"expert_parallel must divide tensor_parallel x data_parallel, {ranks}; got {deployed.expert_parallel}."
        )
    return engine.EngineHandle.compile(
        model,
        SYSTEMS[deployed.device],
        deployed.engine,
        tp_size=deployed.tensor_parallel,
        attention_dp_size=deployed.data_parallel,
        moe_tp_size=ranks // deployed.expert_parallel,
        moe_ep_size=deployed.expert_parallel,
        gemm_quant_mode=_weights(deployed, model, quantised),
        moe_quant_mode=quantised.experts,
        kvcache_quant_mode=quantised.kv_cache,
        fmha_quant_mode=quantised.attention,
    )


def _weights(deployed: Deployed, model: str, quantised: Quantised) -> str | None:
    """Element type of weights outside experts; None: as the model's configuration says."""
    doubtful = deployed.engine == "vllm" and SYSTEMS[deployed.device] in _BLACKWELL
    if doubtful and (quantised.weights == "fp8_block" or (quantised.weights is None and _is_block_wise(model))):
        return "fp8"
    return quantised.weights


def _is_block_wise(model: str) -> bool:
    """Whether a model's weights have a scale for each block, so its configuration."""
    file = Path(model) / "config.json"
    if not file.is_file():
        file = _folder() / "model_configs" / f"{model.replace('/', '--')}_config.json"
    if not file.is_file():
        return False
    quantisation = json.loads(file.read_text(encoding="utf-8")).get("quantization_config") or {}
    return quantisation.get("quant_method") == "fp8" and "weight_block_size" in quantisation


def _source(deployed: Deployed) -> str:
    """Where the prices come from, for the table's head."""
    database = _package("aiconfigurator_core.sdk.perf_database")
    system = SYSTEMS[deployed.device]
    version = database.resolve_query_version(system, deployed.engine, "current")
    return f"aiconfigurator-core {_version()} (NVIDIA, Apache-2.0), kernels of {deployed.engine} {version} on {system}"


def _data(system: str) -> Path:
    """The package's tables of a system."""
    return _folder() / "systems" / "data" / system


def _folder() -> Path:
    return Path(next(iter(_package("aiconfigurator_core").__path__)))


def _version() -> str:
    from importlib.metadata import version

    return version("aiconfigurator-core")


def _package(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(
            "the extra 'silicon' must be installed to make tables of step prices; install aiconfigurator-core, or the "
            f"project with its extra silicon ({error})."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the package's remarks on fallbacks to itself: it is asked thousands of questions."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _asking(deployed: Deployed) -> Iterator[None]:
    """Say in one line what the package lacks; it raises errors of many kinds, so only calls to it stand below this."""
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"no measured kernels for {deployed.name}: {_lacking(error)}.") from error


def _lacking(error: Exception) -> str:
    """What the package lacks, without the place where it looked."""
    line = str(error).strip().partition("\n")[0].rstrip(".")
    return shown(re.sub(r" at /\S+$", "", line))
