"""What a Python callable's question is answered from: a run that has stopped at a decision."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from blis.engine.records import Records
from blis.engine.state import State, Workload
from blis.policies.binding import BoundPolicy


class Bound(Protocol):
    """What does not change while a run goes on."""

    @property
    def policies(self) -> Mapping[str, BoundPolicy]:
        """By question."""

    @property
    def limits(self) -> Records:
        """(m,) of the instances."""

    @property
    def parameters(self) -> np.ndarray:
        """float64 (questions and filters, widest) one row each."""

    @property
    def coefficients(self) -> np.ndarray:
        """float64 (m, k) of the latency model."""


class Stop(Protocol):
    """A run that waits for an answer."""

    workload: Workload
    settings: Records
    memory: np.ndarray
    state: State
    windows: object  #: what Python callables see of the state, kept by `blis.policies.windows`; None before the first

    @property
    def prepared(self) -> Bound:
        """What does not change."""

    @property
    def clock_us(self) -> int:
        """Time of the cluster's last event."""
