"""The measured runs: `systems/silicon_sample.csv` of the package aiconfigurator-core, and how each was driven.

Those of aggregated serving are here, those of divided serving in `divided_points.py`.

A row is one server under one load: so many requests in flight, mean TTFT and mean time per output token. What the
rows do not say, the public scripts of their source do (InferenceMAX, whose results most rows are): ten requests per
user, all users start at once, lengths drawn between 0.8 and 1.0 times the nominal ones, no end-of-sequence token, the
prefix cache off, means over all requests. The other family (paths with `/data/`) has one length for all; its TTFT of
eight users at 1,024 tokens is that of one or two prompts, not of eight, so its users did not go in step.
"""

import csv
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from blis.foundation.errors import ConfigError
from experiments.fidelity.runs import Driven, Run

PARTS = ("public", "judge", "all")
#: Models whose scripts set --gpu-memory-utilization 0.95; the others set 0.9.
_GIVEN_MORE_MEMORY = ("MiniMaxAI/MiniMax-M2.5", "moonshotai/Kimi-K2.5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measured run of aggregated serving; or one server of a run of divided serving."""

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
    concurrency: int  #: requests in flight; of a server of divided serving: those that a rank has room for
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
    def servers(self) -> tuple["Point", ...]:
        """What has prices and memory."""
        return (self,)

    @property
    def refusal(self) -> str | None:
        """Why it cannot be simulated, whatever prices there are; None: it can."""
        return None

    @property
    def widths_in_words(self) -> str:
        """Its widths as the columns have them."""
        return f"tp{self.tensor_parallel} ep{self.expert_parallel} dp{self.data_parallel}"

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
        return (*self.deployment, self.version, self.input_tokens, self.output_tokens, without_load(self.source))

    @property
    def protocol(self) -> Driven:
        """How it was driven, as far as is known; what is not known is as in the public scripts."""
        return Driven(
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
    return [point for point in map(point_of, rows_of("agg")) if is_of(point, part)]


def is_of(run: Run, part: str) -> bool:
    """Is a run of this part?"""
    return part == "all" or run.is_public == (part == "public")


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


def rows_of(mode: str) -> list[dict[str, str]]:
    """The rows of a mode, `agg` or `disagg`, in the order of the file.

    Raises
    ------
    ConfigError
        If the package is absent.
    """
    with (package_folder() / "systems" / "silicon_sample.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["mode"] == mode]


def point_of(row: dict[str, str], pool: str = "") -> Point:
    """The point of a row, with the widths of a pool: its columns begin with `prefill_` or `decode_`."""
    return Point(
        id=row["id"],
        model=row["model_path"],
        system=row["system"],
        engine=row["backend"],
        version=row["backend_version"],
        precision=row["precision"],
        weights=row["gemm_quant_mode"] or None,
        experts=row["moe_quant_mode"] or None,
        tensor_parallel=_count(row[pool + "tp_size"]),
        expert_parallel=_count(row[pool + "moe_ep_size"]),
        expert_tensor_parallel=_count(row[pool + "moe_tp_size"]),
        data_parallel=_count(row[pool + "attention_dp_size"]),
        concurrency=_concurrency(row, pool),
        input_tokens=int(row["isl"]),
        output_tokens=int(row["osl"]),
        ttft_ms=float(row["silicon_ttft_ms"]),
        tpot_ms=float(row["silicon_tpot_ms"]),
        source=row["silicon_data_source"],
    )


def _count(text: str) -> int:
    """A width; the sample writes none as 0 or as nothing."""
    return max(1, int(text or 1))


def _concurrency(row: dict[str, str], pool: str) -> int:
    """Requests in flight at all servers together; `batch_size` is that of one rank of one server.

    In all 267 rows of divided serving that say both, this is the decode pool's batch, times ranks, times instances.
    """
    found = re.search(r"silicon_concurrency=(\d+)", row["silicon_data_source"])
    if found:
        return int(found.group(1))
    instances = _count(row[f"{pool}num_workers"]) if pool else 1
    return _count(row[pool + "batch_size"]) * _count(row[pool + "attention_dp_size"]) * instances


def without_load(source: str) -> str:
    """A source without what changes from load to load."""
    return re.sub(r"(silicon_concurrency|measured|workflow_run_id|gtl_task_id|gtl_job_id)=[^;]*;?", "", source)
