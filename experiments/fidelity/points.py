"""The measured runs: `systems/silicon_sample.csv` of the package aiconfigurator-core, and how each was driven.

A row is one server under one load: so many requests in flight, mean TTFT and mean time per output token. What the
rows do not say, the public scripts of their source do (InferenceMAX, whose results most rows are): ten requests per
user, all users start at once, lengths drawn between 0.8 and 1.0 times the nominal ones, no end-of-sequence token, the
prefix cache off, means over all requests. The other family (paths with `/data/`) has one length for all; its TTFT of
eight users at 1,024 tokens is that of one or two prompts, not of eight, so its users did not go in step.
"""

import csv
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blis.foundation.errors import ConfigError

PARTS = ("public", "judge", "all")
#: Models whose scripts set --gpu-memory-utilization 0.95; the others set 0.9.
_GIVEN_MORE_MEMORY = ("MiniMaxAI/MiniMax-M2.5", "moonshotai/Kimi-K2.5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How the load was made."""

    rounds: int  #: requests per user
    starts_at_once: bool  #: all users; else at moments of their own, and what they did first does not count
    least_share: float  #: of the nominal lengths, from which they are drawn up to 1
    step_token_budget: int
    max_running_requests: int
    async_scheduling: bool  #: the engine composes a step while the one before it runs
    memory_utilisation: float  #: share of each GPU's memory that the server was given


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measured run of aggregated serving."""

    id: str
    model: str
    system: str
    engine: str
    version: str
    precision: str
    weights: str | None  #: element types by the package's names; None: as the model's configuration says
    experts: str | None
    tensor_parallel: int
    expert_parallel: int
    expert_tensor_parallel: int
    data_parallel: int
    concurrency: int
    input_tokens: int
    output_tokens: int
    ttft_ms: float
    tpot_ms: float
    source: str

    @property
    def widths(self) -> tuple[int, int, int]:
        """GPUs of a tensor-parallel group, groups of experts, and ranks of attention, as the run really had them.

        The columns multiply one width by itself where a script asks for attention by data parallelism: a run of four
        GPUs stands there as tensor_parallel 4, data_parallel 4 and 16 groups of experts. The same measurements stand in
        the sample a second time as tensor_parallel 4 with 4 groups (Kimi-K2.5, B200), and memory bounds those of
        MiniMax-M2.5 on H100 as it bounds four GPUs.
        """
        squared = self.tensor_parallel == self.data_parallel > 1
        if squared and self.expert_parallel == self.tensor_parallel * self.data_parallel:
            return self.tensor_parallel, self.tensor_parallel, 1
        return self.tensor_parallel, self.expert_parallel, self.data_parallel

    @property
    def is_public(self) -> bool:
        """Whether something may be fitted to it."""
        return zlib.crc32(self.id.encode()) % 2 == 0

    @property
    def is_inferencemax(self) -> bool:
        """Whether the public scripts drove it."""
        return "/data/" not in self.source

    @property
    def deployment(self) -> tuple[object, ...]:
        """What decides its prices."""
        return (
            self.model,
            self.system,
            self.engine,
            self.weights,
            self.experts,
            self.tensor_parallel,
            self.expert_tensor_parallel,
            self.expert_parallel,
            self.data_parallel,
        )

    @property
    def series(self) -> tuple[object, ...]:
        """Points that differ in nothing but the number of users."""
        return (*self.deployment, self.version, self.input_tokens, self.output_tokens, _without_load(self.source))

    @property
    def protocol(self) -> Protocol:
        """How it was driven, as far as is known; what is not known is as in the public scripts."""
        return Protocol(
            rounds=10,
            starts_at_once=self.is_inferencemax,
            least_share=0.8 if self.is_inferencemax else 1.0,
            step_token_budget=8192,
            max_running_requests=max(256, self.concurrency),
            async_scheduling=True,
            memory_utilisation=0.95 if self.model in _GIVEN_MORE_MEMORY else 0.9,
        )


def read_points(part: str = "all") -> list[Point]:
    """The aggregated points of a part, in the order of the file.

    Raises
    ------
    ConfigError
        If the package is absent.
    """
    points = [_point(row) for row in _rows() if row["mode"] == "agg"]
    return [point for point in points if part == "all" or point.is_public == (part == "public")]


def package_folder() -> Path:
    """The folder of the package that holds the sample.

    Raises
    ------
    ConfigError
        If the package is absent.
    """
    try:
        import aiconfigurator_core
    except ImportError as error:
        raise ConfigError(
            "the extra 'silicon' must be installed: it brings the measured runs and the kernels to price them by."
        ) from error
    return Path(next(iter(aiconfigurator_core.__path__)))


def _rows() -> Iterator[dict[str, str]]:
    with (package_folder() / "systems" / "silicon_sample.csv").open(newline="") as file:
        yield from csv.DictReader(file)


def _point(row: dict[str, str]) -> Point:
    return Point(
        id=row["id"],
        model=row["model_path"],
        system=row["system"],
        engine=row["backend"],
        version=row["backend_version"],
        precision=row["precision"],
        weights=row["gemm_quant_mode"] or None,
        experts=row["moe_quant_mode"] or None,
        tensor_parallel=_count(row["tp_size"]),
        expert_parallel=_count(row["moe_ep_size"]),
        expert_tensor_parallel=_count(row["moe_tp_size"]),
        data_parallel=_count(row["attention_dp_size"]),
        concurrency=_concurrency(row),
        input_tokens=int(row["isl"]),
        output_tokens=int(row["osl"]),
        ttft_ms=float(row["silicon_ttft_ms"]),
        tpot_ms=float(row["silicon_tpot_ms"]),
        source=row["silicon_data_source"],
    )


def _count(text: str) -> int:
    """A width; the sample writes none as 0 or as nothing."""
    return max(1, int(text or 1))


def _concurrency(row: dict[str, str]) -> int:
    """Requests in flight at the whole server; `batch_size` is that of one rank."""
    found = re.search(r"silicon_concurrency=(\d+)", row["silicon_data_source"])
    return int(found.group(1)) if found else int(row["batch_size"]) * _count(row["attention_dp_size"])


def _without_load(source: str) -> str:
    """The source without what changes from load to load."""
    return re.sub(r"(silicon_concurrency|measured|workflow_run_id|gtl_task_id|gtl_job_id)=[^;]*;?", "", source)
