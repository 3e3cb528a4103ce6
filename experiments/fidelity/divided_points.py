"""The measured runs of divided serving: rows of the same sample with a pool that prefills and a pool that decodes.

InferenceMAX drives them as it does whole servers: `sa-bench` of NVIDIA's srt-slurm (`benchmarks/scripts/sa-bench`)
sends ten requests per user, all users at once, lengths between 0.8 and 1.0 times the nominal ones, no end-of-sequence
token, means over all requests; its warm-up is a run of its own before. The recipes there switch the prefix cache off
and let Dynamo's front end deal requests out in turn.
"""

import math
from dataclasses import dataclass, replace

from experiments.fidelity.points import Point, is_of, point_of, rows_of, without_load
from experiments.fidelity.runs import Driven

NOT_SAID = "the row does not say how many instances serve"
REPEATED = "the same measurement stands in another row, which says how many instances serve"


@dataclass(frozen=True, slots=True, kw_only=True)
class DividedPoint:
    """One measured run of divided serving."""

    id: str
    model: str
    system: str
    engine: str
    version: str
    precision: str
    prefill: Point  #: an instance of those that compute prompts
    decode: Point  #: an instance of those that write answers
    n_prefill: int  #: instances; 0: the row does not say
    n_decode: int
    concurrency: int  #: requests in flight, at all instances together
    input_tokens: int
    output_tokens: int
    ttft_ms: float
    tpot_ms: float
    source: str
    is_repeated: bool  #: another row has the same measurement, and says how many instances serve

    @property
    def servers(self) -> tuple[Point, ...]:
        """What has prices and memory: an instance of each pool."""
        return self.prefill, self.decode

    @property
    def refusal(self) -> str | None:
        """Why it cannot be simulated, whatever prices there are; None: it can."""
        if self.n_prefill and self.n_decode:
            return None
        return REPEATED if self.is_repeated else NOT_SAID

    @property
    def protocol(self) -> Driven:
        """How it was driven."""
        return self.decode.protocol

    @property
    def is_public(self) -> bool:
        """Whether something may be fitted to it."""
        return self.decode.is_public

    @property
    def deployment(self) -> tuple[object, ...]:
        """What decides its prices."""
        return self.prefill.deployment, self.decode.deployment

    @property
    def series(self) -> tuple[object, ...]:
        """Points that differ in nothing but the number of users."""
        pools = self.n_prefill, self.n_decode, *self.deployment
        return (*pools, self.version, self.input_tokens, self.output_tokens, without_load(self.source))

    @property
    def widths_in_words(self) -> str:
        """Instances and widths of both pools."""
        return f"{self.n_prefill}x {self.prefill.widths_in_words} + {self.n_decode}x {self.decode.widths_in_words}"


def read_divided_points(part: str = "all") -> list[DividedPoint]:
    """The points of divided serving of a part, in the order of the file, those that nothing can be said about included.

    Raises
    ------
    ConfigError
        If the package is absent.
    """
    rows = rows_of("disagg")
    said = {_measurement(row) for row in rows if row["prefill_num_workers"] and row["decode_num_workers"]}
    points = [_divided_point(row, is_repeated=_measurement(row) in said) for row in rows]
    return [point for point in points if is_of(point, part)]


def _measurement(row: dict[str, str]) -> tuple[str, ...]:
    """What no two runs have in common: both means to the last digit, beside what was asked for."""
    columns = ("system", "backend", "isl", "osl", "silicon_ttft_ms", "silicon_tpot_ms")
    return tuple(row[column] for column in columns)


def _divided_point(row: dict[str, str], *, is_repeated: bool) -> DividedPoint:
    n_prefill, n_decode = (int(row[f"{pool}_num_workers"] or 0) for pool in ("prefill", "decode"))
    prefill, decode = (point_of(row, f"{pool}_") for pool in ("prefill", "decode"))
    users = decode.concurrency
    prefill, decode = _in_ranks(prefill, most_gpus=1), _in_ranks(decode, most_gpus=_node_gpus(decode.system))
    return DividedPoint(
        id=decode.id,
        model=decode.model,
        system=decode.system,
        engine=decode.engine,
        version=decode.version,
        precision=decode.precision,
        prefill=replace(prefill, concurrency=_room(1)),
        decode=replace(decode, concurrency=_room(users / (max(1, n_decode) * decode.data_parallel))),
        n_prefill=n_prefill,
        n_decode=n_decode,
        concurrency=users,
        input_tokens=decode.input_tokens,
        output_tokens=decode.output_tokens,
        ttft_ms=decode.ttft_ms,
        tpot_ms=decode.tpot_ms,
        source=decode.source,
        is_repeated=is_repeated,
    )


def _node_gpus(system: str) -> int:
    return 4 if system.startswith("gb") else 8


def _in_ranks(server: Point, most_gpus: int) -> Point:
    """The server with ranks of attention where its recipe has them and its row does not.

    InferenceMAX's rows of vLLM tell experts in parallel, but never ranks of attention. All recipes of these runs
    (srt-slurm, `recipes/vllm/kimi-k2.5`: `dep4`, `tep4`, `dep8`, `dep16`) have them in every server that prefills, and
    in every server that decodes on several nodes.
    """
    is_silent = server.engine == "vllm" and server.is_inferencemax and server.data_parallel == 1
    if is_silent and server.tensor_parallel > most_gpus and server.expert_parallel == server.tensor_parallel:
        return replace(server, tensor_parallel=1, data_parallel=server.tensor_parallel)
    return server


def _room(requests: float) -> int:
    """How many requests a rank may run that has so many in the mean: a power of two, as recipes have it."""
    return int(2 ** max(8, math.ceil(math.log2(requests))))
