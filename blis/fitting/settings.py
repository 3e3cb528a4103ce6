"""What a fit is told to do, from plain mappings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blis.calibrating.calibration import Options
from blis.calibrating.measured_run import MeasuredRun
from blis.calibrating.settings import KEYS, options_from, runs_from
from blis.cluster.plan import ClusterPlan
from blis.fitting.objective import N_VERSIONS
from blis.fitting.parameters import Parameter, parameters_of
from blis.foundation.checks import check_int, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

#: Keys of a fit beside those of the cluster and its policies.
FIT_KEYS = (*KEYS, "parameters", "hold_out", "replays")
MOST_SHARE = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class FitSettings:
    """What one fit is told to do."""

    runs: tuple[MeasuredRun, ...]  #: learned from, and then tried on what is held out of them
    held_out: tuple[MeasuredRun, ...]  #: only tried on
    share: float  #: of each run's requests, the last ones, that are held out
    names: tuple[str, ...] | None  #: what is learned; None: all of the latency model
    replays: int  #: of each run, per evaluation
    options: Options

    def parameters(self, plan: ClusterPlan) -> tuple[Parameter, ...]:
        """What is learned of a cluster."""
        return parameters_of(plan, self.names)


def fit_settings(given: Mapping[str, Any]) -> FitSettings:
    """The settings in a mapping with `FIT_KEYS`.

    Raises
    ------
    ConfigError
        If a value is wrong, or a file cannot be read.
    """
    options = options_from(given)
    hold_out, share = given.get("hold_out"), 0.0
    kept: list[MeasuredRun] = []
    runs = runs_from("real", given.get("real"), given.get("format"))
    if isinstance(hold_out, str) or (isinstance(hold_out, Sequence) and hold_out):
        kept = runs_from("hold_out", hold_out, given.get("format"))
    elif hold_out is not None:
        share = check_number("hold_out", hold_out, 0, MOST_SHARE)
    known = {str(run.path.resolve()) for run in runs}
    for run in kept:
        if str(run.path.resolve()) in known:
            raise ConfigError(f"hold_out must hold other files than real; both have {run.path}.")
    names = given.get("parameters")
    if names is not None and (isinstance(names, str) or not isinstance(names, Sequence)):
        raise ConfigError(f"parameters must be a list of names, such as [scale,request_us]; got {shown(names)}.")
    return FitSettings(
        runs=tuple(runs),
        held_out=tuple(kept),
        share=share,
        names=None if names is None else tuple(names),
        replays=check_int("replays", given.get("replays", 1), 1, N_VERSIONS),
        options=options,
    )
