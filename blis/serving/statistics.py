"""What a server counts of its tokens and requests while it runs, by instance: the contents of its histograms.

Buckets are those of vLLM's metrics (vllm/v1/metrics/loggers.py). Times are simulated.
"""

from typing import NamedTuple

import numpy as np

from blis.foundation.units import US_PER_S, Float64Vector, Int64Vector
from blis.online import OnlineSimulation
from blis.serving.token_times import Tokens

_TTFT_S = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0),
    *(80.0, 160.0, 640.0, 2560.0),
)
_ITL_S = (*(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0),)
_LATENCY_S = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0),
    *(960.0, 1920.0, 7680.0),
)
_TOKENS = tuple(float(digit * 10**power) for power in range(6) for digit in (1, 2, 5))
_ITERATION = (1.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0)


class Kind(NamedTuple):
    """One histogram."""

    name: str  #: behind vllm:
    what: str
    bounds: tuple[float, ...]  #: upper, inclusive


KINDS = {
    "ttft": Kind("time_to_first_token_seconds", "Time to first token.", _TTFT_S),
    "itl": Kind("inter_token_latency_seconds", "Time between two tokens of a request.", _ITL_S),
    "tpot": Kind("request_time_per_output_token_seconds", "Mean time between a request's tokens.", _ITL_S),
    "e2e": Kind("e2e_request_latency_seconds", "Time from arrival to the last token.", _LATENCY_S),
    "queue": Kind("request_queue_time_seconds", "Time in the wait queue.", _LATENCY_S),
    "prefill": Kind("request_prefill_time_seconds", "Time from being taken to the first token.", _LATENCY_S),
    "decode": Kind("request_decode_time_seconds", "Time from the first token to the last.", _LATENCY_S),
    "inference": Kind("request_inference_time_seconds", "Time from being taken to the last token.", _LATENCY_S),
    "prompt": Kind("request_prompt_tokens", "Prompt tokens of a request.", _TOKENS),
    "generation": Kind("request_generation_tokens", "Output tokens of a request.", _TOKENS),
}


class Histogram:
    """Counts in buckets, by instance."""

    def __init__(self, bounds: tuple[float, ...], n_instances: int) -> None:
        self._bounds = np.array(bounds)
        self.counts = np.zeros((n_instances, len(bounds) + 1), np.int64)  #: the last bucket has no bound
        self.sums = np.zeros(n_instances)

    def add(self, instances: Int64Vector, values: Float64Vector) -> None:
        """Count values of instances."""
        np.add.at(self.counts, (instances, np.searchsorted(self._bounds, values)), 1)
        np.add.at(self.sums, instances, values)


class Statistics:
    """Follows what a simulation hands out."""

    def __init__(self, simulation: OnlineSimulation) -> None:
        self._simulation = simulation
        m = len(simulation.limits)
        self.histograms = {key: Histogram(kind.bounds, m) for key, kind in KINDS.items()}
        self.generation_tokens = np.zeros(m, np.int64)  #: handed out, or known and due
        self.prompt_tokens = np.zeros(m, np.int64)  #: of requests that have their first token
        self.ends = {reason: np.zeros(m, np.int64) for reason in ("stop", "length", "abort")}
        self._latest_us = np.zeros(1024, np.int64)

    def note(self, tokens: Tokens) -> None:
        """Count tokens, and the requests that begin or end with them."""
        rows = tokens.requests
        n = len(self._simulation)
        if n > len(self._latest_us):
            self._latest_us = np.concatenate([self._latest_us, np.zeros(2 * n, np.int64)])
        requests = self._simulation.state.requests.view(np.ndarray)[rows]
        instances = requests["instance"]
        np.add.at(self.generation_tokens, instances, tokens.counts)
        before_us = self._latest_us[rows]
        begins = before_us == 0
        later = ~begins
        if later.any():
            gaps_s = (tokens.times_us[later] - before_us[later]) / US_PER_S
            self.histograms["itl"].add(instances[later], gaps_s)
        if begins.any():
            self._note_first(rows[begins], requests[begins])
        self._latest_us[rows] = np.maximum(tokens.times_us, 1)
        if tokens.is_last.any():
            self._note_last(rows[tokens.is_last], requests[tokens.is_last])

    def move_up(self, count: int) -> None:
        """The simulation has forgotten its first requests."""
        self._latest_us = np.concatenate([self._latest_us[count:], np.zeros(count, np.int64)])

    def _note_first(self, rows: Int64Vector, requests: np.ndarray) -> None:
        table = self._simulation.table.view(np.ndarray)[rows]
        instances = requests["instance"]
        np.add.at(self.prompt_tokens, instances, table["input_tokens"])
        self.histograms["ttft"].add(instances, (requests["first_token_us"] - table["arrival_us"]) / US_PER_S)

    def _note_last(self, rows: Int64Vector, requests: np.ndarray) -> None:
        table = self._simulation.table.view(np.ndarray)[rows]
        instances, outputs = requests["instance"], table["output_tokens"]
        arrival_us, taken_us = table["arrival_us"], requests["scheduled_us"]
        first_us, end_us = requests["first_token_us"], requests["leaves_us"]
        spans_us = {
            "e2e": end_us - arrival_us,
            "queue": taken_us - requests["queued_us"],
            "prefill": first_us - taken_us,
            "decode": end_us - first_us,
            "inference": end_us - taken_us,
        }
        for key, span_us in spans_us.items():
            self.histograms[key].add(instances, span_us / US_PER_S)
        several = outputs > 1
        mean_us = (end_us - first_us)[several] / (outputs[several] - 1)
        self.histograms["tpot"].add(instances[several], mean_us / US_PER_S)
        self.histograms["prompt"].add(instances, table["input_tokens"].astype(float))
        self.histograms["generation"].add(instances, outputs.astype(float))

    def note_end(self, instance: int, reason: str) -> None:
        """Count how a request ended."""
        if instance >= 0:
            self.ends[reason][instance] += 1
