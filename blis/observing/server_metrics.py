"""What a server says of itself, read from its Prometheus metrics before, during and after a run.

The texts are kept as they come, in a file that only grows; the table is made of them at the end.
"""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from blis.foundation.columns import table_of, texts
from blis.observing.clock import Clock
from blis.observing.exchange import HTTP_OK, beginning
from blis.observing.packages import needed

if TYPE_CHECKING:
    import pyarrow

NAME = "scrapes.jsonl"
TABLE = "server_metrics.parquet"
MOST_BYTES = 2**26
TIMEOUT_S = 10.0

#: Counters whose growth is reported, by the names that servers give them: vLLM's, and its earlier ones.
GROWTH = {
    "prefix_cache_queries": ("vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total"),
    "prefix_cache_hits": ("vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"),
    "preemptions": ("vllm:num_preemptions_total",),
    "prompt_tokens": ("vllm:prompt_tokens_total",),
    "generation_tokens": ("vllm:generation_tokens_total",),
}


class Sample(NamedTuple):
    """One value of one metric."""

    time_us: int
    name: str
    labels: str  #: JSON, its keys in order
    value: float


class Scraper:
    """Reads one server's metrics."""

    def __init__(self, session: Any, path: str, clock: Clock, folder: Path) -> None:
        self._session, self._path, self._clock = session, path, clock
        self._file = folder / NAME
        self.n_read = 0
        self.n_failed = 0

    async def scrape(self) -> bool:
        """Read once; whether the server has metrics."""
        aiohttp = needed("aiohttp")
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        time_us = self._clock.now_us()
        try:
            async with self._session.get(self._path.lstrip("/"), timeout=timeout, allow_redirects=False) as response:
                if response.status != HTTP_OK:
                    self.n_failed += 1
                    return False
                text = (await beginning(response, MOST_BYTES)).decode("utf-8", "replace")
        except (aiohttp.ClientError, OSError):
            self.n_failed += 1
            return False
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time_us": time_us, "text": text}) + "\n")
        self.n_read += 1
        return True

    async def repeat(self, every_s: float) -> None:
        """Read again and again, until it is cancelled."""
        while True:
            await asyncio.sleep(every_s)
            await self.scrape()


def read_samples(folder: Path) -> list[Sample]:
    """Everything that was read, in order; a text that is no metrics is passed over."""
    path = folder / NAME
    if not path.exists():
        return []
    samples: list[Sample] = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        try:
            entry = json.loads(line)
        except ValueError:  # cut off by a kill
            continue
        samples += _parsed(entry["time_us"], entry["text"])
    return samples


def metrics_table(samples: Iterable[Sample]) -> "pyarrow.Table":
    """One row per value: time_us, name, labels, value."""
    kept = list(samples)
    return table_of(
        {
            "time_us": np.array([one.time_us for one in kept], np.int64),
            "name": texts([one.name for one in kept]),
            "labels": texts([one.labels for one in kept]),
            "value": np.array([one.value for one in kept], np.float64),
        }
    )


def growth(samples: Iterable[Sample]) -> dict[str, float]:
    """By how much the counters grew between the first and the last reading, over all labels; what there is of them."""
    found: dict[str, dict[int, float]] = {}
    for sample in samples:
        for key, names in GROWTH.items():
            if sample.name in names:
                by_time = found.setdefault(key, {})
                by_time[sample.time_us] = by_time.get(sample.time_us, 0.0) + sample.value
    return {key: by_time[max(by_time)] - by_time[min(by_time)] for key, by_time in found.items()}


def server_figures(samples: list[Sample]) -> Mapping[str, Any]:
    """What the results say of the server's own metrics."""
    grown = growth(samples)
    queries, hits = grown.get("prefix_cache_queries", 0.0), grown.get("prefix_cache_hits")
    return {
        "scrapes": len({sample.time_us for sample in samples}),
        "growth": grown,
        "prefix_cache_hit_rate": hits / queries if queries > 0 and hits is not None else None,
    }


def _parsed(time_us: int, text: str) -> Iterator[Sample]:
    parser = needed("prometheus_client.parser")
    try:
        for family in parser.text_string_to_metric_families(text):
            for one in family.samples:
                yield Sample(time_us, one.name, json.dumps(one.labels, sort_keys=True), float(one.value))
    except ValueError:
        return
