"""What both simulators are asked to simulate."""

from dataclasses import asdict, dataclass
from typing import Any

#: Length of every step, with or without prompts [ms]: the one price that both simulators have.
STEP_MS = 10

#: Weights of cached blocks in a router's choice, the weight of load being 1: one evaluation of a search each.
CACHE_WEIGHTS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)


@dataclass(frozen=True, slots=True)
class Setting:
    """One cluster and one trace; all of its numbers mean the same to both."""

    trace: str  #: a plain Mooncake trace
    block_size_tokens: int
    kv_blocks: int  #: of each worker
    workers: int
    token_budget: int  #: most tokens of a step
    running_requests: int  #: most requests of a batch
    step_ms: int = STEP_MS

    def to_mapping(self) -> dict[str, Any]:
        """The setting as JSON holds it."""
        return asdict(self)
