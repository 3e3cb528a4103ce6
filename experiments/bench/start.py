"""`python -m blis.run` on the default workload: warm start, and the first start ever, which compiles."""

import os
import resource
import subprocess
import sys
import tempfile
import time

from experiments.bench import Measurement, median_wall_s

REQUESTS = 2_000


def measure() -> Measurement:
    """Wall time of the warm command; the ratio is the cold one's time over it."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = os.environ | {"BLIS_CACHE_DIR": os.path.join(folder, "cache")}
        fresh.pop("NUMBA_CACHE_DIR", None)
        start = time.perf_counter()
        _run(folder, fresh)
        cold_s = time.perf_counter() - start
        warm_s = median_wall_s(lambda: _run(folder, fresh))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    note = f"first start ever {cold_s:.1f} s"
    return Measurement("start", warm_s, REQUESTS / warm_s, peak, "3 s; first 60 s", cold_s / warm_s, note)


def _run(folder: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "blis.run", f"hydra.run.dir={folder}/run"]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
