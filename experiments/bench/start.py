"""`python -m blis.run` on the default workload: warm start and its parts, and the first start ever, which compiles.

Beside it `python -m evolve.run` to its first generation, with threads, without MLflow.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from experiments.bench import REPEATS, Measurement, median_wall_s

REQUESTS = 2_000

#: As `experiments.start_parts` names them.
PARTS = ("import", "composition", "kernels", "simulation", "output")


def measure() -> Measurement:
    """Wall time of the warm command; the ratio is the cold one's time over it."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = os.environ | {"BLIS_CACHE_DIR": os.path.join(folder, "cache")}
        fresh.pop("NUMBA_CACHE_DIR", None)
        fresh.pop("PYTHONDONTWRITEBYTECODE", None)  # a warm start finds the byte code of what it imports
        start = time.perf_counter()
        _run(folder, fresh)
        cold_s = time.perf_counter() - start
        warm_s = median_wall_s(lambda: _run(folder, fresh))
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        cpu_s = statistics.median(_cpu_s(folder, fresh) for _ in range(REPEATS))
        timed = [_parts_s(folder, fresh) for _ in range(REPEATS)]
        searches = [_search_s(folder, fresh, place) for place in range(REPEATS + 1)][1:]  # the first compiles the rest
    search_s, search_cpu_s = (statistics.median(one) for one in zip(*searches, strict=True))
    parts_s = {part: statistics.median(one[part] for one in timed) for part in PARTS}
    note = f"{cpu_s:.2f} CPU s; first start ever {cold_s:.1f} s; " + ", ".join(
        f"{part} {parts_s[part]:.2f}" for part in PARTS
    )
    note += f"; evolve.run to its first generation {search_s:.1f} s, {search_cpu_s:.1f} CPU s"
    must = "1 s, 1.2 CPU s; first 35 s; search 4 s"
    searching_s = {"search": search_s, "search_cpu": search_cpu_s}
    times_s = {"cpu": cpu_s, "first_start": cold_s, **parts_s, **searching_s}
    return Measurement("start", warm_s, REQUESTS / warm_s, peak, must, cold_s / warm_s, note, times_s)


def _run(folder: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "blis.run", f"hydra.run.dir={folder}/run"]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def _cpu_s(folder: str, environment: dict[str, str]) -> float:
    before_s = _children_cpu_s()
    _run(folder, environment)
    return _children_cpu_s() - before_s


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _search_s(folder: str, environment: dict[str, str], place: int) -> tuple[float, float]:
    """Wall and CPU time of a search from the start of its process to its first generation."""
    command = [sys.executable, "-m", "experiments.search_start", f"{folder}/search{place}"]  # each has its own folder
    before_s, start_s = _children_cpu_s(), time.perf_counter()
    subprocess.run(command, check=True, env=environment, capture_output=True)
    return time.perf_counter() - start_s, _children_cpu_s() - before_s


def _parts_s(folder: str, environment: dict[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", "experiments.start_parts", f"{folder}/run"]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    parts: dict[str, float] = json.loads(done.stdout)
    return parts
