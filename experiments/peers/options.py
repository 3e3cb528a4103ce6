"""What the command line of the comparison may say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from blis.foundation.checks import check_int
from blis.foundation.errors import ConfigError
from blis.workload.kinds.mooncake import EXCERPT
from experiments.assignments import as_number, read_assignments
from experiments.peers.setting import Setting

KEYS = ("python", "trace", "blocks", "workers", "kv_tokens", "budget", "running", "rounds")
BLOCKS = "512,64,16"
LONGEST_BLOCK_TOKENS = 512  #: of the trace's own blocks


@dataclass(frozen=True, slots=True)
class Options:
    """A checked command line."""

    python: str | None = None  #: the Python that has DynoSim
    trace: Path = EXCERPT
    block_sizes_tokens: tuple[int, ...] = (512, 64, 16)
    workers: int = 4
    kv_tokens: int = 2_800_000  #: memory of each worker
    token_budget: int = 8192
    running_requests: int = 256
    rounds: int = 3  #: so often both take their turn
    json: bool = False

    def setting(self, trace: str, block_size_tokens: int) -> Setting:
        """What both simulate with blocks of this size."""
        return Setting(
            trace=trace,
            block_size_tokens=block_size_tokens,
            kv_blocks=self.kv_tokens // block_size_tokens,
            workers=self.workers,
            token_budget=self.token_budget,
            running_requests=self.running_requests,
        )


def read_options(words: list[str]) -> Options:
    """The options in words of the form key=value, and --json.

    Raises
    ------
    ConfigError
        If a key is unknown or a value wrong.
    """
    given = read_assignments(words, KEYS, flags=("--json",))
    return Options(
        python=given.get("python") or None,
        trace=Path(given.get("trace") or EXCERPT),
        block_sizes_tokens=_block_sizes(given.get("blocks", BLOCKS)),
        workers=_count("workers", given, 4, 1024),
        kv_tokens=_count("kv_tokens", given, 2_800_000, 10**9, LONGEST_BLOCK_TOKENS),
        token_budget=_count("budget", given, 8192, 10**6),
        running_requests=_count("running", given, 256, 10**5),
        rounds=_count("rounds", given, 3, 100),
        json="--json" in words,
    )


def _block_sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(check_int("blocks", as_number(word), 1, LONGEST_BLOCK_TOKENS, "tokens") for word in text.split(","))
    for size in sizes:
        if LONGEST_BLOCK_TOKENS % size:
            raise ConfigError(f"blocks must divide {LONGEST_BLOCK_TOKENS} tokens, the trace's own blocks; got {size}.")
    return sizes


def _count(key: str, given: dict[str, str], default: int, most: int, least: int = 1) -> int:
    return check_int(key, as_number(given[key]), least, most) if key in given else default
