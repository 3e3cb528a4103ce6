"""Both simulators on one setting, in turn, and what that says of them."""

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.peers.children import NAMES, answer_of, whole_cpu_s
from experiments.peers.options import Options
from experiments.peers.setting import CACHE_WEIGHTS, Setting
from experiments.peers.trace import write_plain

REPEATS = 3  #: runs of one process


@dataclass(frozen=True, slots=True)
class Taken:
    """What one simulator took for a setting, the best of all its turns: a busy machine only ever adds."""

    run_cpu_s: float  #: a run and its figures, the trace read
    reading_cpu_s: float  #: reading the trace
    whole_cpu_s: float  #: a process from its start to its end
    evaluations_per_cpu_s: float  #: of routers that weigh cached blocks against load
    figures: Mapping[str, float]  #: what it says of the requests


@dataclass(frozen=True, slots=True)
class Compared:
    """Both on one setting."""

    setting: Setting
    taken: Mapping[str, Taken]  #: by the simulator's name

    def ratio(self, quantity: str) -> float:
        """How many times as fast ours is."""
        peer, own = (getattr(self.taken[name], quantity) for name in NAMES)
        return own / peer if quantity == "evaluations_per_cpu_s" else peer / own


def compare(options: Options, python: str) -> tuple[list[Compared], dict[str, str], int]:
    """The comparisons by block size, the simulators' versions, and the number of requests.

    Parameters
    ----------
    options : Options
    python : str        the Python that has DynoSim

    Raises
    ------
    ConfigError
        If the trace cannot be read by both.
    ChildError
        If a simulator fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "trace.jsonl"
        n_requests = write_plain(options.trace, plain)
        compared, versions = [], {}
        for block_size in options.block_sizes_tokens:
            one, versions = _compare_one(options, python, options.setting(str(plain), block_size), Path(folder))
            compared.append(one)
    return compared, versions, n_requests


def _compare_one(options: Options, python: str, setting: Setting, folder: Path) -> tuple[Compared, dict[str, str]]:
    answers: dict[str, list[Any]] = {name: [] for name in NAMES}
    whole_s: dict[str, list[float]] = {name: [] for name in NAMES}
    for turn in range(options.rounds):
        for name in NAMES:
            _say(f"{setting.block_size_tokens}-token blocks, round {turn + 1} of {options.rounds}: {name} ...")
            answers[name].append(answer_of(name, python, setting, REPEATS, CACHE_WEIGHTS))
            whole_s[name].append(whole_cpu_s(name, python, setting, folder / "run"))
    taken = {name: best(answers[name], whole_s[name]) for name in NAMES}
    return Compared(setting, taken), {name: answers[name][0]["version"] for name in NAMES}


def best(answers: list[Any], whole_s: list[float]) -> Taken:
    """The least of what the turns of one simulator took."""
    return Taken(
        run_cpu_s=min(min(answer["runs_cpu_s"]) for answer in answers),
        reading_cpu_s=min(answer["reading_cpu_s"] for answer in answers),
        whole_cpu_s=min(whole_s),
        evaluations_per_cpu_s=len(CACHE_WEIGHTS) / min(sum(answer["evaluations_cpu_s"]) for answer in answers),
        figures=answers[0]["figures"],
    )


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
