"""One simulation as a value: start it, advance it, stop it at a decision, copy it, continue both."""

from collections.abc import Callable
from enum import IntEnum

from blis.engine import codes
from blis.engine._jit import plain
from blis.engine.aborting import ABORTED, LACKS_ROOM, TOO_EARLY, TOO_LATE
from blis.engine.codes import CLOCK_US, DECISION, IS_DECIDED, N_ROUTED, STOP_AT_ROUTING, STUCK_INSTANCE
from blis.engine.encoding_apart import next_encoding_us
from blis.engine.growth import grown
from blis.engine.laws import n_past
from blis.engine.loop import compiled_loop
from blis.engine.outside import compiled_abort
from blis.engine.reset import Resetting
from blis.engine.start import copy_state
from blis.engine.state import State
from blis.foundation.errors import BlisError, ContractError, StalledError
from blis.foundation.units import Int64Vector
from blis.foundation.words import listed
from blis.policies.binding import memory_of_all
from blis.policies.callables import decide_admission, decide_order, decide_routing, decide_scaling, decide_victim
from blis.prepare import PreparedRun
from blis.stage import Stage
from blis.workload.requests import Requests


class Cancellation(IntEnum):
    """What comes of taking a request away."""

    DONE = ABORTED
    TOO_LATE = TOO_LATE  #: it has ended, or its last token is known: it ends by itself
    TOO_EARLY = TOO_EARLY  #: it cannot be taken away where it is: not there yet, on its way, its KV moves; ask again


_STATUS_ERRORS = {codes.OUT_OF_EVENTS, codes.STALLED, codes.BAD_TARGET}


class Simulation:
    """A cluster, its policies and its requests at one moment of simulated time.

    Parameters
    ----------
    requests : Requests
        What arrives; shared by all copies, never changed.
    prepared : PreparedRun
        What serves, and how it decides; shared by all copies, never changed.
    seed : int ≥ 0
        Decides which of equally good instances gets a request, where ties are drawn.
    record_steps, record_routing : bool
        Keep step lengths (for inter-token times), and the chosen instance's score and regret.
    trace : {"none", "summary", "decisions"}
        What to record of decisions and batches, see `blis.explaining.trace`; it never changes what happens.
    max_events : int, optional
        Queueings and steps after which a run counts as stalled; by default far more than any run needs.

    Raises
    ------
    ConfigError
        If the requests were made for another block size.
    """

    def __init__(
        self,
        requests: Requests,
        prepared: PreparedRun,
        *,
        seed: int = 0,
        record_steps: bool = True,
        record_routing: bool = False,
        trace: str = "none",
        max_events: int | None = None,
    ) -> None:
        stage = Stage(
            requests,
            prepared.prepared_cluster,
            seed=seed,
            record_steps=record_steps,
            record_routing=record_routing,
            trace=trace,
            max_events=max_events,
        )
        self._begin(stage, prepared)
        self.state = stage.state(self.settings)

    @classmethod
    def on(cls, stage: Stage, prepared: PreparedRun) -> "Simulation":
        """A simulation on a stage that `prepared` is for, in the arrays of a run that has left it, see `leave`."""
        simulation = object.__new__(cls)
        simulation._begin(stage, prepared)
        simulation.state, simulation._left = stage.state_left(simulation.settings)
        return simulation

    def leave(self) -> None:
        """Let the stage's next run have the arrays: nothing of this simulation's state may be read any more."""
        self._stage.leave(self.state, self._left)
        del self.state

    def _begin(self, stage: Stage, prepared: PreparedRun) -> None:
        self._stage = stage
        self._left: Resetting | None = None
        self.requests, self.workload, self.seed = stage.requests, stage.workload, stage.seed
        self.prepared = prepared
        self.settings = stage.settings(prepared)
        self.memory = memory_of_all(
            prepared.policies, len(prepared.limits), len(self.requests), int(self.settings.n_tenants)
        )
        self.windows: object = None

    def run(self) -> "Simulation":
        """Run to the end, or to the horizon, and return the simulation itself."""
        self.advance(codes.NEVER_US)
        return self

    def advance(self, until_us: int) -> bool:
        """Run all events before `until_us`, deciding in Python where a policy is a Python callable.

        Returns
        -------
        bool
            False if the run stopped earlier, at the decision that `stop_at_routing` or `stop_at_admission` asked for.

        Raises
        ------
        StalledError
            If the run makes no progress.
        ContractError
            If a policy decides for something that does not exist.
        """
        loop = compiled_loop(self.settings)
        prepared = self.prepared
        while True:
            try:
                status = loop(
                    self.workload, self.settings, prepared.limits, prepared.answers, prepared.parameters, self.memory,
                    prepared.coefficients, self.state, until_us,
                )  # fmt: skip
            except Exception as error:
                self.blame(error)
                raise
            if status == codes.DONE:
                return True
            if status == codes.GROW:
                self.state = grown(self.state)
            elif self.decide(status):
                return False

    def cancel(self, request: int, now_us: int) -> Cancellation:
        """Take a request away at `now_us`, as when its client has gone: up to then the simulation must have advanced.

        Its blocks and its place are free for others; it has ended as `cancelled`, and requests that wait for its end
        come as after a refusal.
        """
        prepared = self.prepared
        while True:
            found = compiled_abort()(
                self.workload, self.settings, prepared.limits, prepared.answers, prepared.parameters, self.memory,
                prepared.coefficients, self.state, request, now_us,
            )  # fmt: skip
            if found != LACKS_ROOM:
                return Cancellation(found)
            self.state = grown(self.state)

    def decide(self, status: int) -> bool:
        """Let Python answer what the kernel stopped for; True if this is the decision that a stop was asked for.

        Raises
        ------
        StalledError, ContractError
            If the kernel stopped because nothing moved, or because of an answer that does not exist.
        """
        if status in _STATUS_ERRORS:
            raise self._error(status)
        if status == codes.AT_ADMISSION:
            return self._decide_at("admission", codes.STOP_AT_ADMISSION, self.arriving, decide_admission)
        if status == codes.AT_ROUTING:
            return self._decide_at("routing", STOP_AT_ROUTING, self.n_routed, decide_routing)
        if status == codes.AT_SCALING:
            decide_scaling(self)
        elif status == codes.AT_ORDER:
            decide_order(self)
        else:
            decide_victim(self)
        return False

    def blame(self, error: Exception) -> None:
        """Say which policy an exception out of the kernel is from, if one of the user's was compiled into it.

        Raises
        ------
        ContractError
            If there is such a policy.
        """
        compiled = [
            f"{question} {policy.name!r}"
            for question, policy in self.prepared.policies.items()
            if ":" in policy.name and not policy.is_python
        ]
        if compiled:
            what = f"{type(error).__name__}: {error}"
            raise ContractError(f"{' or '.join(compiled)} failed at {self.clock_us} µs: {what}.") from error

    def _decide_at(self, question: str, stop: int, here: int, ask: Callable[["Simulation"], None]) -> bool:
        cluster = self.state.scratch.cluster
        if not self.prepared.policies[question].is_python:
            return True  # the policy itself never makes the kernel stop
        ask(self)
        is_asked_for = bool(cluster[stop] == here)
        if is_asked_for:
            cluster[stop] = -1
        return is_asked_for

    def stop_at_routing(self, rank: int) -> None:
        """Ask the run to stop at the routing decision number `rank` (from 0), after the policy has decided."""
        self.state.scratch.cluster[STOP_AT_ROUTING] = rank

    def stop_at_admission(self, request: int) -> None:
        """Ask the run to stop at the admission of `request`, after the policy has decided."""
        self.state.scratch.cluster[codes.STOP_AT_ADMISSION] = request

    @property
    def arriving(self) -> int:
        """Request whose admission is decided at the present stop."""
        return int(self.state.scratch.cluster[codes.NEXT_ADMISSION])

    @property
    def decision(self) -> int:
        """What the policy decided at the present stop; it can be replaced before the run goes on.

        An instance at a routing; at an admission 0, or the number of the reason to refuse.
        """
        return int(self.state.scratch.cluster[DECISION])

    @decision.setter
    def decision(self, choice: int) -> None:
        self.state.scratch.cluster[DECISION] = choice
        self.state.scratch.cluster[IS_DECIDED] = 1

    @property
    def candidates(self) -> Int64Vector:
        """Instances that may be chosen at the present stop, if it is a routing."""
        return self.state.scratch.eligible[: self.state.scratch.cluster[codes.N_CANDIDATES]].copy()

    @property
    def clock_us(self) -> int:
        """Time of the cluster's last event."""
        return int(self.state.scratch.cluster[CLOCK_US])

    @property
    def n_routed(self) -> int:
        """Requests routed so far."""
        return int(self.state.scratch.cluster[N_ROUTED])

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen any more: no request is to come, and no instance has an event before it."""
        places = self.state.gateway.places
        is_asked = min(places[codes.NEXT_CYCLE_US], places[codes.NEXT_SWEEP_US]) < codes.NEVER_US
        n_held = 0 if is_asked else places[codes.GATE_REQUESTS]  # who waits there will wait for ever
        all_routed = n_past(self.state) + n_held == len(self.requests)
        is_quiet = self.state.transfers.places[codes.START_ROOT] < 0
        is_quiet = is_quiet and plain(next_encoding_us)(self.state) == codes.NEVER_US
        return bool(all_routed and is_quiet and self.state.instances.next_event_us.min() == codes.NEVER_US)

    def fork(self) -> "Simulation":
        """An independent copy: both continue deterministically, without knowing of each other."""
        copy = object.__new__(Simulation)
        copy.__dict__.update(self.__dict__)
        copy._left = None
        copy.memory = self.memory.copy()
        copy.state = copy_state(self.state)
        return copy

    def _error(self, status: int) -> BlisError:
        if status == codes.BAD_TARGET:
            questions = ("routing", "preemption", "fairness")
            routing, preemption, fairness = (self.prepared.policies[question].name for question in questions)
            return ContractError(
                f"a policy must choose among what its view lists: either routing {routing!r} chose instance "
                f"{self.decision} of {len(self.prepared.limits)}, candidates {listed(self.candidates.tolist())}, or "
                f"preemption {preemption!r} a position outside the batch, or fairness {fairness!r} a tenant that has "
                "nobody waiting."
            )
        return StalledError(stuck_message(self.state, status))


def stuck_message(state: State, status: int) -> str:
    """What was stuck, where, and what can be done."""
    instance = int(state.scratch.cluster[STUCK_INSTANCE])
    why = "used up its event budget" if status == codes.OUT_OF_EVENTS else "preempts without completing anything"
    one = state.instances[instance]
    return (
        f"the run {why}: instance {instance} at {one.clock_us} µs has {one.running_requests} requests running, "
        f"{one.queued_requests} waiting, {one.preemptions} preemptions ({one.idle_preemptions} since its last "
        f"completion) and {one.completed_requests} completions. Give it more KV blocks, fewer running requests, or a "
        "horizon."
    )
