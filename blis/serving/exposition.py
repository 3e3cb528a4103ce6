"""The state of a deployment as vLLM's server exposes it to Prometheus: its names, its labels.

Names: vllm/v1/metrics/loggers.py of vLLM. Times are simulated seconds.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from blis.serving.front import Front
from blis.serving.statistics import KINDS

_LABELS = ("model_name", "engine")
#: Those that follow from what an instance counts: name, what it is, and the fields that are added up.
_GAUGES = (
    ("num_requests_running", "Requests in the batch.", "running_requests"),
    ("num_requests_waiting", "Requests in the wait queue.", "queued_requests"),
)


def exposition(front: Front) -> tuple[bytes, str]:
    """The metrics as text, and its content type."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(front))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Collector:
    def __init__(self, front: Front) -> None:
        self._front = front
        self._instances = front.engine.simulation.state.instances.view(np.ndarray)
        self._labels = [[front.models[0], str(place)] for place in range(len(self._instances))]

    def collect(self) -> Iterator[Any]:
        yield from self._of_instances()
        yield from self._of_tokens()
        yield from self._histograms()
        yield self._cache_config()

    def _family(self, kind: type, name: str, what: str, values: Iterable[float]) -> Any:
        family = kind(f"vllm:{name}", what, labels=_LABELS)
        for labels, value in zip(self._labels, values, strict=True):
            family.add_metric(labels, float(value))
        return family

    def _of_instances(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        instances, limits = self._instances, self._front.engine.simulation.limits
        for name, what, field in _GAUGES:
            yield self._family(GaugeMetricFamily, name, what, instances[field])
        waiting = instances["queued_requests"]
        by_reason = GaugeMetricFamily(
            "vllm:num_requests_waiting_by_reason", "Requests in the wait queue, by why.", labels=(*_LABELS, "reason")
        )
        for labels, value in zip(self._labels, waiting, strict=True):
            by_reason.add_metric([*labels, "capacity"], float(value))
            by_reason.add_metric([*labels, "deferred"], 0.0)
        yield by_reason
        usage = instances["used_blocks"] / limits.total_blocks
        yield self._family(GaugeMetricFamily, "kv_cache_usage_perc", "Share of the KV blocks in use, 1: all.", usage)
        # Whoever waits has not asked the cache yet.
        queries = instances["input_tokens"] - instances["queued_tokens"]
        yield self._family(CounterMetricFamily, "prefix_cache_queries", "Tokens asked of the prefix cache.", queries)
        hits = instances["cache_hit_tokens"]
        yield self._family(CounterMetricFamily, "prefix_cache_hits", "Tokens found in the prefix cache.", hits)
        preemptions = instances["preemptions"]
        yield self._family(CounterMetricFamily, "num_preemptions", "Preemptions of running requests.", preemptions)

    def _of_tokens(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily

        statistics = self._front.engine.statistics
        prompts, outputs = statistics.prompt_tokens, statistics.generation_tokens
        yield self._family(CounterMetricFamily, "prompt_tokens", "Prompt tokens of requests that have begun.", prompts)
        yield self._family(CounterMetricFamily, "generation_tokens", "Output tokens.", outputs)
        success = CounterMetricFamily(
            "vllm:request_success", "Requests that have ended, by why.", labels=(*_LABELS, "finished_reason")
        )
        for reason, counts in statistics.ends.items():
            for labels, count in zip(self._labels, counts.tolist(), strict=True):
                success.add_metric([*labels, reason], count)
        yield success

    def _histograms(self) -> Iterator[Any]:
        from prometheus_client.core import HistogramMetricFamily

        for key, kind in KINDS.items():
            histogram = self._front.engine.statistics.histograms[key]
            family = HistogramMetricFamily(f"vllm:{kind.name}", kind.what, labels=_LABELS)
            names = [*map(str, kind.bounds), "+Inf"]
            for place, labels in enumerate(self._labels):
                counts = np.cumsum(histogram.counts[place]).tolist()
                family.add_metric(labels, list(zip(names, counts, strict=True)), float(histogram.sums[place]))
            yield family

    def _cache_config(self) -> Any:
        from prometheus_client.core import GaugeMetricFamily

        cluster = self._front.engine.prepared.cluster
        names = ("block_size", "num_gpu_blocks", "enable_prefix_caching", "engine")
        family = GaugeMetricFamily("vllm:cache_config_info", "What the KV cache is like.", labels=names)
        for place, one in enumerate(cluster.instances):
            values = [str(cluster.block_size_tokens), str(one.kv_blocks), str(one.prefix_caching), str(place)]
            family.add_metric(values, 1.0)
        return family
