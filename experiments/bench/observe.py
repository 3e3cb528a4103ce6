"""A thousand streams from one server at once, sent in open loop: how late are requests sent?

The server is a process of its own, and answers all streams in the same moments, as one that computes in steps does.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from blis.observing.conducting import observe
from blis.observing.journal import read_journal
from blis.observing.settings import ObserveSettings
from experiments.bench import Measurement, peak_rss_mb

STEP_S = 0.1  #: between two tokens of a stream
OUTPUT_TOKENS = 100
STREAMS = 1_000
RATE = STREAMS / (STEP_S * OUTPUT_TOKENS)  #: requests/s that keep so many streams going
REQUESTS = 2_500
PROMPT_TOKENS = 128


def measure() -> Measurement:
    """Median lateness of the requests that were sent while a thousand others were under way."""
    command = [sys.executable, "-m", "experiments.stream_server", str(STEP_S)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdout is not None
        port = int(server.stdout.readline())
        try:
            start_s = time.perf_counter()
            observed = observe(_settings(f"http://127.0.0.1:{port}"), Path(folder))
            wall_s = time.perf_counter() - start_s
        finally:
            server.kill()
        sent = sorted(read_journal(Path(folder)).observations.values(), key=lambda one: one.send_us)
    full = [one for one in sent if one.arrival_us > 1.1e6 * STREAMS / RATE]
    late_ms = sorted((one.send_us - one.arrival_us) / 1000 for one in full)
    ends = [one.end_us for one in sent]
    at_once = max(
        place + 1 - sum(end <= one.send_us for end in ends) for place, one in enumerate(sent) if place % 50 == 0
    )
    p50_ms, p99_ms = statistics.median(late_ms), late_ms[int(0.99 * len(late_ms))]
    events_per_s = sum(len(one.times_us) for one in sent) / wall_s
    note = (
        f"lateness with {at_once} streams at once: median {p50_ms:.2f} ms, p99 {p99_ms:.1f}, max {late_ms[-1]:.1f}; "
        f"{observed.metrics['ok']} of {len(sent)} ok, {events_per_s:,.0f} events/s, "
        f"busy {observed.metrics['client_busy_share']:.0%} of a core"
    )
    times_s = {"lateness_p50": p50_ms / 1000, "lateness_p99": p99_ms / 1000}
    must = "1,000 streams, median lateness 5 ms"
    return Measurement("observe", wall_s, len(sent) / wall_s, peak_rss_mb(), must, None, note, times_s)


def _settings(url: str) -> ObserveSettings:
    shipped = read_yaml(conf_folder() / "observe.yaml")
    document = {key: value for key, value in shipped.items() if key not in ("defaults", "hydra", "scenario")}
    fixed = {"prompt": PROMPT_TOKENS, "output": OUTPUT_TOKENS}
    lengths = {
        f"{part}_tokens_{key}": 0 if key == "stdev" else value
        for part, value in fixed.items()
        for key in ("mean", "stdev", "min", "max")
    }
    document["workload"] = {"kind": "distribution", "rate": RATE, "num_requests": REQUESTS, **lengths}
    document["server"] = {**document["server"], "url": url}
    return ObserveSettings.from_mapping({**document, "scrape_s": None})
