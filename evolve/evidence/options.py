"""How much evidence is wanted, as a command line asks for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blis.foundation.checks import check_flag, check_int
from blis.foundation.errors import ConfigError
from blis.workload.requests import MOST_REQUESTS
from evolve.comparing.sequential import Precision
from evolve.evidence import ceiling
from evolve.judging.baselines import bundle_policies
from evolve.records import Phenotype


@dataclass(frozen=True, slots=True)
class Options:
    """How much evidence is wanted, and where it is measured."""

    evaluator: Mapping[str, Any] | str
    tracker: Mapping[str, Any] | str = "none"  #: see `evolve.trackers.opening`; the report is added to its store
    precision: Precision = field(default_factory=Precision)  #: of the comparison with each rival
    sweep_seeds: int = 6  #: seeds of the sweeps, and of ablation and sensitivity
    random_search: bool = True  #: search at random with the same budget where no such search is found
    extent: ceiling.Extent | None = None  #: of the look-ahead; None: nobody looks ahead
    seed: int = 1  #: of the bootstrap
    allow_python: bool = False  #: whether a baseline of the search may be a Python callable
    today: Phenotype | None = None  #: what runs today, a rival of its own
    rivals: Mapping[str, Phenotype] = field(default_factory=dict)  #: whom the champion meets beside the baselines

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any], allow_python: bool = False) -> "Options":
        """The options among the values of `conf/evolve_report.yaml`, which cannot allow Python callables itself.

        Raises
        ------
        ConfigError
            If a value is wrong.
        """
        if not isinstance(given["random_search"], bool):
            raise ConfigError(f"random_search must be true or false; got {given['random_search']!r}.")
        return cls(
            evaluator=given["evaluator"],
            tracker=given["tracker"],
            precision=Precision.checked(given["half_width"], given["first_seeds"], given["most_runs"]),
            sweep_seeds=check_int("sweep_seeds", given["sweep_seeds"], 2, 10_000),
            random_search=given["random_search"],
            extent=_extent(given),
            seed=check_int("seed", given["seed"], 0),
            allow_python=allow_python,
            today=None if given["today"] is None else bundle_policies("today", given["today"]),
            rivals=_rivals(given["rivals"]),
        )


def _rivals(paths: object) -> dict[str, Phenotype]:
    """The policies of bundles, by the names of their files."""
    if not isinstance(paths, Sequence) or isinstance(paths, str):
        raise ConfigError(f"rivals must be a list of policy bundles; got {paths!r}.")
    files = {Path(str(path)).stem: str(path) for path in paths}
    if len(files) < len(paths):
        raise ConfigError(f"rivals must be files of different names; got {', '.join(map(str, paths))}.")
    return {name: bundle_policies(f"rivals.{name}", path) for name, path in files.items()}


def _extent(given: Mapping[str, Any]) -> ceiling.Extent | None:
    """How far is looked ahead, if at all."""
    n_seeds = check_int("ceiling_seeds", given["ceiling_seeds"], 2, 10_000)
    num_requests = check_int("ceiling_requests", given["ceiling_requests"], 1, MOST_REQUESTS)
    return ceiling.Extent(n_seeds, num_requests) if check_flag("ceiling", given["ceiling"]) else None
