"""Simulates many measured runs at once, and gathers what came of them."""

import signal
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path

from blis.cluster.catalog import read_device
from blis.cluster.latency import LatencyModel
from blis.cluster.latency.silicon import REQUEST_US, REQUEST_US_PER_TOKEN, coefficients
from blis.foundation.answers import answer
from blis.foundation.errors import ConfigError
from experiments.fidelity.divided_points import DividedPoint
from experiments.fidelity.divided_simulating import simulate_divided
from experiments.fidelity.fitting import NO_FIT, Fit, fitted, group_of
from experiments.fidelity.judging import Judged
from experiments.fidelity.memory import kv_blocks_of, model_of
from experiments.fidelity.points import Point
from experiments.fidelity.pricing import DEVICES, table_of
from experiments.fidelity.runs import Run
from experiments.fidelity.simulating import simulate_point

KINDS = ("silicon", "affine", "roofline", "trained-physics")
FITTED = "silicon, fitted"
#: Names in the table of affine coefficients.
_AFFINE = {
    ("meta-llama/Llama-3.1-70B", "fp8"): "redhatai/llama-3.1-nemotron-70b-instruct-hf-fp8-dynamic",
    ("Qwen/Qwen3-32B", ""): "qwen/qwen3-32b",
}


_Outcomes = list[tuple[Run, Judged | str]]


@dataclass(slots=True)
class Measured:
    """What came of the points, by latency model."""

    judged: dict[str, list[Judged]] = field(default_factory=dict)
    not_priced: dict[str, list[tuple[Run, str]]] = field(default_factory=dict)
    fitted: dict[Hashable, Fit] = field(default_factory=dict)


def measure(points: Sequence[Run], kinds: Sequence[str], tables: Path, processes: int, *, fit: bool) -> Measured:
    """Simulate all points under each kind of prices.

    Parameters
    ----------
    points : sequence of Run    servers, or pools of them
    kinds : sequence of str     latency models
    tables : Path               where tables made from kernels are kept
    processes : int             at once
    fit : bool                  also with what is fitted on the public points

    Returns
    -------
    Measured
        Points in the order of the file, whatever the number of processes.
    """
    measured = Measured()
    for kind in kinds:
        judged, refused = _simulated(points, kind, {}, tables, processes)
        measured.judged[kind], measured.not_priced[kind] = judged, refused
    if fit and "silicon" in measured.judged:
        measured.fitted = fitted(measured.judged["silicon"])
        again = [one.point for one in measured.judged["silicon"]]
        measured.judged[FITTED], _ = _simulated(again, "silicon", measured.fitted, tables, processes)
        measured.not_priced[FITTED] = []
    return measured


def _simulated(
    points: Sequence[Run], kind: str, fits: Mapping[Hashable, Fit], tables: Path, processes: int
) -> tuple[list[Judged], list[tuple[Run, str]]]:
    batches: dict[tuple[object, ...], list[Run]] = defaultdict(list)
    for point in points:
        batches[point.deployment].append(point)
    judged, refused = {}, {}
    tasks = [
        (batch, kind, [fits.get(group_of(point), NO_FIT) for point in batch], tables) for batch in batches.values()
    ]
    ignored = (signal.SIGINT, signal.SIG_IGN)  # who is interrupted is this process, and it ends the others
    with get_context("spawn").Pool(processes, signal.signal, ignored) as pool:
        for outcomes in _shown(pool.imap_unordered(_batch, tasks), len(tasks)):
            for point, outcome in outcomes:
                if isinstance(outcome, Judged):
                    judged[point.id] = outcome
                else:
                    refused[point.id] = (point, outcome)
    return (
        [judged[point.id] for point in points if point.id in judged],
        [refused[point.id] for point in points if point.id in refused],
    )


def _shown(outcomes: Iterable[_Outcomes], count: int) -> Iterable[_Outcomes]:
    """The outcomes as they come, with a bar on a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(outcomes, "simulating", count, console=console, disable=not console.is_terminal)


def _batch(task: tuple[list[Run], str, list[Fit], Path]) -> _Outcomes:
    """All points of one deployment: its prices are looked up once."""
    points, kind, fits, tables = task
    outcomes: _Outcomes = [(point, point.refusal) for point in points if point.refusal]
    asked = [(point, fit) for point, fit in zip(points, fits, strict=True) if not point.refusal]
    if not asked:
        return outcomes
    try:
        prices = [_prices(server, kind, tables) for server in points[0].servers]
        blocks = [[kv_blocks_of(server, tables) for server in point.servers] for point, _ in asked]
    except ConfigError as error:
        return outcomes + [(point, str(error)) for point, _ in asked]
    for (point, fit), counts in zip(asked, blocks, strict=True):
        # What is fitted to the time per output token is the price of who writes: the last server.
        latencies = [*(priced(NO_FIT) for priced in prices[:-1]), prices[-1](fit)]
        outcomes.append((point, Judged(point, *_simulate(point, kind, latencies, counts, tables))))
    return outcomes


def _simulate(
    point: Run, kind: str, latencies: list[LatencyModel], kv_blocks: list[int], tables: Path
) -> tuple[float, float]:
    if isinstance(point, DividedPoint):
        return simulate_divided(point, kind, latencies, kv_blocks, tables)
    (server,), (latency,), (count,) = point.servers, latencies, kv_blocks
    return simulate_point(server, kind, latency, count)


def _prices(point: Point, kind: str, tables: Path) -> Callable[[Fit], LatencyModel]:
    """Prices of a point's server, by fit; only measured kernels take one, whose overhead is added before its factor."""
    if kind == "silicon":
        table = table_of(point, tables)
        # TensorRT-LLM's front end is no Python server, for which the overheads of a request were found.
        outside = (0.0, 0.0) if point.engine == "trtllm" else (REQUEST_US, REQUEST_US_PER_TOKEN)
        return lambda fit: LatencyModel(coefficients(table, fit.factor, fit.step_us / fit.factor), *outside, 0.0, 0.0)
    latency = answer("latency", kind)
    model, device = model_of(point, tables), read_device(DEVICES[point.system])
    if kind == "affine":
        model = replace(model, name=_AFFINE.get((point.model, point.precision), point.model.lower()))
    prepared: LatencyModel = latency.prepare(latency.Params(), model, device, point.widths[0])
    return lambda fit: prepared
