"""What a Python callable sees of a run, made once for each state: arrays that follow the run and cannot be written to.

A record's field is a new array at every look, and a view of a decision has twenty: making them anew cost ten times what
a decision should. Here they are kept, and only the few numbers that differ from decision to decision are read.
"""

from typing import Any

import numpy as np

from blis.engine._jit import plain
from blis.engine.codes import (
    CLOCK_US,
    CURSOR,
    DRAW,
    INSTANCE,
    N_CANDIDATES,
    NEXT_TICK_US,
    NOW_US,
    READ_BEFORE_US,
    READ_US,
    SESSION_INSTANCE,
    TIE_DRAW,
)
from blis.engine.fleet_view import FleetView, fleet_view
from blis.engine.signals import router_view
from blis.engine.views import BatchView, QueueView, RequestView, RouterView, World
from blis.foundation.answers import QUESTIONS
from blis.foundation.units import Float64Vector
from blis.policies.stop import Stop

_router_view, _fleet_view = plain(router_view), plain(fleet_view)
#: Numbers of the view that differ from decision to decision: (place in the view, place in `scratch.cluster`).
_DIFFERING = [
    (RouterView._fields.index(name), place)
    for name, place in (("session_instance", SESSION_INSTANCE), ("tie_draw", TIE_DRAW), ("draw", DRAW))
]
_CANDIDATES = RouterView._fields.index("candidates")
_OF_REQUEST = ("arrival_us", "preemptions", "priority")  # from the state; the rest is the workload's
_NAMES = {"round": "turn"}  # of the views where the records call it otherwise


class Windows:
    """Views of one state of a run."""

    def __init__(self, stop: Stop) -> None:
        state, prepared = stop.state, stop.prepared
        self.state = state
        self.cluster, self.step = state.scratch.cluster, state.scratch.step
        self.priority = _column(state.requests, "priority")
        self.queue_key, self.link = _column(state.requests, "queue_key"), _column(state.requests, "link")
        self.waiting_head = _column(state.instances, "waiting_head")
        self.running_requests = _column(state.instances, "running_requests")
        self.victim_among_all = bool(stop.settings.victim_among_all)
        #: What each policy is asked with beside its views, and the policy as a plain Python function.
        self.own: dict[str, tuple[Float64Vector, Float64Vector]] = {}
        self.decide: dict[str, Any] = {}
        for row, question in enumerate(QUESTIONS):
            self.own[question] = (read_only(prepared.parameters[row]), stop.memory[row])
            self.decide[question] = plain(prepared.policies[question].decide)
        self._seen = tuple(read_only(_request_column(stop, name)) for name in RequestView._fields[1:])
        self._uncached = _column(state.learned.requests, "uncached_tokens")
        self._tenant = _column(stop.workload.table, "tenant")
        self._n_tenants = int(stop.settings.n_tenants)
        self._service = state.learned.tenants.view(np.ndarray)
        self._queue = tuple(
            _column(state.instances, name) for name in ("queued_requests", "running_requests", "used_blocks")
        )
        self._total_blocks = _column(prepared.limits, "total_blocks")
        self._candidates = read_only(state.scratch.candidates)
        self._eligible = read_only(state.scratch.eligible)
        first = _router_view(_world(stop), state, 0)
        self._router: list[Any] = [read_only(field) if isinstance(field, np.ndarray) else field for field in first]

    def router(self) -> RouterView:
        """What admission and routing decide on now."""
        fields = self._router.copy()
        fields[0] = int(self.cluster[CLOCK_US])
        for field, place in _DIFFERING:
            fields[field] = self.cluster[place]
        fields[_CANDIDATES] = self._eligible[: self.cluster[N_CANDIDATES]]
        return RouterView._make(fields)

    def request(self, request: int) -> RequestView:
        """What may be seen of a request now."""
        return RequestView(np.int64(request), *[column[request] for column in self._seen])  # type: ignore[arg-type]

    def queue(self, request: int) -> QueueView:
        """What the scheduler of the instance in the middle of a step may see of it when asked about a request."""
        instance = int(self.step[INSTANCE])
        queued, running, used = self._queue
        total = self._total_blocks[instance]
        service = self._service[instance * self._n_tenants + self._tenant[request]]
        return QueueView(
            int(self.step[NOW_US]),
            instance,
            queued[instance],
            running[instance],
            total - used[instance],
            total,
            self._uncached[request],
            service["input_tokens"],
            service["written_tokens"] + service["batch_tokens"],
            service["lift"],
        )

    def fleet(self, stop: Stop) -> FleetView:
        """What scaling decides on now; made anew, as it is seldom asked for."""
        cluster = self.cluster
        interval_us = int(cluster[READ_US] - cluster[READ_BEFORE_US])
        view = _fleet_view(_world(stop), self.state, int(cluster[NEXT_TICK_US]), int(cluster[READ_US]), interval_us)
        return FleetView._make(read_only(field) if isinstance(field, np.ndarray) else field for field in view)

    def candidates(self) -> BatchView:
        """The members that may have to give way, as the kernel listed them when it stopped."""
        count = self.n_candidates()
        return BatchView(int(self.step[NOW_US]), count, *[row[:count] for row in self._candidates])

    def first_candidate(self) -> int:
        """Position in the batch of the first of them."""
        return 0 if self.victim_among_all else int(self.step[CURSOR])

    def n_candidates(self) -> int:
        """How many they are."""
        return int(self.running_requests[self.step[INSTANCE]]) - self.first_candidate()


def windows(stop: Stop) -> Windows:
    """The views of the state that a run has now: another one if its arrays have grown, or it is a copy."""
    kept = stop.windows
    if not isinstance(kept, Windows) or kept.state is not stop.state:
        kept = stop.windows = Windows(stop)
    return kept


def read_only(array: Any) -> np.ndarray:
    """A view of an array through which it cannot be written to, whatever is done to the view's flags."""
    return np.asarray(memoryview(array.view(np.ndarray)).toreadonly())


def _request_column(stop: Stop, name: str) -> np.ndarray:
    """What requests have in a field of their view."""
    if name == "expected_output_tokens":
        return _column(stop.state.learned.requests, name)
    return _column(stop.state.requests if name in _OF_REQUEST else stop.workload.table, _NAMES.get(name, name))


def _column(records: Any, name: str) -> np.ndarray:
    """A field of records as a plain array."""
    field: np.ndarray = records.view(np.ndarray)[name]
    return field


def _world(stop: Stop) -> World:
    """The world without its compiled functions, which the making of a view never calls."""
    prepared = stop.prepared
    return World(
        stop.workload,
        stop.settings,
        prepared.limits,
        np.empty(0, np.int64),
        prepared.parameters,
        stop.memory,
        prepared.coefficients,
    )
