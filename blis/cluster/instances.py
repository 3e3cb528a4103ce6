"""What serves: the instances, their limits and latency models, and the latencies between them and the router."""

from dataclasses import dataclass

import numpy as np

from blis.cluster.disaggregation import Disaggregation
from blis.cluster.encoder import Encoder
from blis.cluster.fleet_plan import Fleet
from blis.cluster.gateway import Gateway
from blis.cluster.kv_tiers import KvTiers
from blis.cluster.latency import LatencyModel
from blis.cluster.lora import NO_LORA, LoraCosts
from blis.cluster.served_models import served_models
from blis.cluster.speculative import Speculative
from blis.cluster.swap_space import SwapSpace
from blis.engine.answers import compiled_answer
from blis.engine.batch_sums import SMALLEST
from blis.engine.instance_fields import limit_table
from blis.engine.records import Records
from blis.foundation.errors import ConfigError
from blis.foundation.roles import BITS
from blis.foundation.semantics import CORRECTED, Semantics
from blis.foundation.units import frozen

_ENCODER_NUMBERS = ("encoder_base_us", "encoder_token_us", "embedding_token_bytes")


@dataclass(frozen=True, slots=True)
class Instance:
    """One replica of the engine."""

    kv_blocks: int
    max_running_requests: int
    step_token_budget: int
    latency: LatencyModel
    long_prefill_threshold_tokens: int = 0  #: 0: none
    max_model_len_tokens: int = 0  #: 0: none
    async_scheduling: bool | None = None  #: two steps under way at a time; None: as the semantics have it
    kv_watermark: float = 0.0  #: share of the blocks that must stay free when a request joins others
    reserve_full_isl: bool | None = None  #: a request is taken if its whole prompt fits; None: as the semantics have it
    prefix_caching: bool = True  #: blocks can be found again
    speculative: Speculative | None = None  #: drafts of every decode; None: none
    model: str = ""
    role: str = "both"  #: what it does, see blis.foundation.roles
    context_length_range: tuple[int, int] | None = None  #: prompts that it is meant for [tokens]; None: any
    served_model_names: tuple[str, ...] = ()  #: under which requests ask for the model
    hardware: str = ""
    tensor_parallel: int = 1
    price_per_hour: float | None = None  #: US $ for all its GPUs; None: unknown
    lora: LoraCosts = NO_LORA  #: adapters that it serves, and what they cost
    kv_bytes_per_token: float = 0.0  #: KV of a token on each GPU; 0: unknown
    kv_layers: int = 1  #: that have KV
    encoder_base_us: float = 0.0  #: of each pass of its encoder of images, audio and video
    encoder_token_us: float = 0.0  #: of each token that the pass gives
    embedding_token_bytes: float = 0.0  #: of what it sends for each of these, where it encodes for others
    pool: int = 0  #: place in the plan of the pool that it belongs to


@dataclass(frozen=True, slots=True)
class Cluster:
    """Instances behind one router; all share one latency formula, each has its own coefficients."""

    instances: tuple[Instance, ...]
    latency: str  #: name of the latency model
    block_size_tokens: int = 16
    admission_latency_us: int = 0
    routing_latency_us: int = 0
    snapshot_refresh_us: int = 0  #: 0: signals are live
    cache_signal_delay_us: int = 0  #: 0: prefix signals are live
    router_index_blocks: int | None = None  #: remembered of each instance; None: as the semantics have it
    router_ties: str | None = None  #: one of blis.cluster.plan.TIE_RULES; None: as the semantics have it
    fleet: Fleet | None = None  #: which instances come and go; None: all are there all the time
    gateway: Gateway | None = None  #: a queue in front of the router; None: there is none
    kv_tiers: KvTiers | None = None  #: what lies beneath the GPUs' KV blocks; None: nothing
    request_timeout_us: int | None = None  #: from arrival until a client gives up, wherever; None: nobody does
    swap: SwapSpace | None = None  #: where blocks of preempted requests may go; None: they are computed anew
    disaggregation: Disaggregation | None = None  #: prefill and decode may be divided; None: they never are
    encoder: Encoder | None = None  #: what encoding media takes; None: they are priced as text

    def __post_init__(self) -> None:
        if not self.instances:
            raise ConfigError("cluster.instances must hold at least one instance; got none.")

    @property
    def moves_kv(self) -> bool:
        """Whether requests may wait for KV that comes from elsewhere."""
        loads_apart = self.kv_tiers is not None and self.kv_tiers.plan.load == "request"
        swaps_apart = self.swap is not None and self.swap.plan.copies == "beside"
        return loads_apart or swaps_apart or self.disaggregation is not None

    @property
    def encodes_apart(self) -> bool:
        """Whether there are instances that do nothing but encode for others."""
        return any(one.role == "encode" for one in self.instances)

    def limits(self, semantics: Semantics = CORRECTED) -> Records:
        """The instances' numbers as the kernel reads them; the semantics say what an instance leaves open."""
        own = (
            "kv_blocks",
            "max_running_requests",
            "step_token_budget",
            "long_prefill_threshold_tokens",
            "max_model_len_tokens",
        )
        step_time = compiled_answer("latency", self.latency)
        names = served_models(self.instances)
        models = sorted({one.model for one in self.instances})
        rows = []
        for one in self.instances:
            row = {name: getattr(one, name) for name in own}
            row["total_blocks"] = row.pop("kv_blocks")
            row |= _batch_rules(one, semantics)
            row |= _drafts(one)
            row |= one.lora._asdict()
            row["roles"] = BITS[one.role]
            row["context_low_tokens"], row["context_high_tokens"] = one.context_length_range or (-1, -1)
            row |= {"kv_kind": models.index(one.model), "kv_layers": one.kv_layers}
            row["kv_bytes_per_token"] = one.kv_bytes_per_token
            row |= {name: getattr(one, name) for name in _ENCODER_NUMBERS}
            row["serves"] = sum(1 << names.index(name) for name in one.served_model_names)
            row |= {
                "queueing_us": one.latency.queueing_us,
                "queueing_us_per_token": one.latency.queueing_us_per_token,
            }
            row |= {
                "output_token_us": int(one.latency.output_token_us),
                "completion_us": int(one.latency.completion_us),
                "least_step_us": max(1, min(int(step_time(sums, one.latency.coefficients)) for sums in SMALLEST)),
            }
            rows.append(row)
        return limit_table(rows)

    def coefficients(self) -> np.ndarray:
        """Latency coefficients, float64 (n_instances, k), read-only."""
        return frozen(np.stack([one.latency.coefficients for one in self.instances]), np.float64)


def _batch_rules(one: Instance, semantics: Semantics) -> dict[str, float]:
    """How an instance forms its batches."""

    def chosen(own: bool | None, otherwise: bool) -> int:
        return int(otherwise if own is None else own)

    return {
        # An engine that drafts composes a step once it knows how many drafts the one before it accepted.
        "async_scheduling": chosen(one.async_scheduling, semantics.async_scheduling and one.speculative is None),
        # vLLM counts the block that it keeps for itself.
        "watermark_blocks": int(one.kv_watermark * (one.kv_blocks + 1)),
        "reserve_full_isl": chosen(one.reserve_full_isl, semantics.reserve_full_isl),
        "prefix_caching": int(one.prefix_caching),
    }


def _drafts(one: Instance) -> dict[str, float]:
    """What an instance drafts for its decodes."""
    drafts = one.speculative
    return {
        "decodes_at_once": 0 if drafts else one.step_token_budget,
        "draft_tokens": drafts.draft_tokens if drafts else 0,
        "acceptance_rate": drafts.acceptance_rate if drafts else 0.0,
        "drafting_us": drafts.drafting_us if drafts else 0,
    }
