"""One simulation as a value: start it, advance it, stop it at a decision, copy it, continue both."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from blis.cluster.instances import Cluster
from blis.engine import codes
from blis.engine.answers import addresses, compiled_answer
from blis.engine.codes import CLOCK_US, DECISION, IS_DECIDED, N_ROUTED, STOP_AT_ROUTING, STUCK_INSTANCE
from blis.engine.growth import grown
from blis.engine.loop import compiled_loop
from blis.engine.state import Records, State, Workload, copy_state, new_state, setting_record, workload_table
from blis.foundation.answers import QUESTIONS
from blis.foundation.checks import check_choice
from blis.foundation.errors import BlisError, ConfigError, ContractError, StalledError
from blis.foundation.semantics import CORRECTED, Semantics
from blis.foundation.slo import class_index
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.binding import BoundPolicy, bind, memory_for
from blis.policies.python_policies import decide_admission, decide_order, decide_routing, decide_victim
from blis.workload.requests import Requests

#: The policies of a cluster whose operator chose nothing.
DEFAULT_POLICIES: dict[str, str] = {
    "admission": "always-admit",
    "routing": "round-robin",
    "priority": "constant",
    "scheduling": "fcfs",
    "preemption": "newest",
}

#: What may be recorded of a run; the place is the number that the kernel knows.
TRACE_LEVELS = ("none", "summary", "decisions")

_STATUS_ERRORS = {codes.OUT_OF_EVENTS, codes.STALLED, codes.BAD_TARGET}


class Simulation:
    """A cluster, its policies and its requests at one moment of simulated time.

    Parameters
    ----------
    requests : Requests
        What arrives; shared by all copies, never changed.
    cluster : Cluster
        What serves.
    policies : mapping of question to BoundPolicy, to a name, to {"policy": name, parameter: value}, or to a callable
        Questions that are left out get `DEFAULT_POLICIES`.
    semantics : Semantics
        `corrected` unless a recording of the reference is to be reproduced.
    horizon_us : int, optional
        Events later than this do not happen.
    record_steps, record_routing : bool
        Keep step lengths (for inter-token times), and the chosen instance's score and regret.
    trace : {"none", "summary", "decisions"}
        What to record of decisions and batches, see `blis.explaining.trace`; it never changes what happens.
    max_events : int, optional
        Queueings and steps after which a run counts as stalled; by default far more than any run needs.

    Raises
    ------
    ConfigError
        If a policy or its parameters are wrong.
    """

    def __init__(
        self,
        requests: Requests,
        cluster: Cluster,
        policies: Mapping[str, BoundPolicy | Mapping[str, Any] | str | Callable[..., Any]] | None = None,
        *,
        semantics: Semantics = CORRECTED,
        horizon_us: int | None = None,
        record_steps: bool = True,
        record_routing: bool = False,
        trace: str = "none",
        max_events: int | None = None,
    ) -> None:
        if requests.block_size_tokens != cluster.block_size_tokens and len(requests.keys):
            raise ConfigError(
                f"requests: keys were made for blocks of {requests.block_size_tokens} tokens; the cluster's have "
                f"{cluster.block_size_tokens}."
            )
        self.requests = requests
        self.cluster = cluster
        self.semantics = semantics
        self.policies = bind_all(policies or {})
        self.horizon_us = horizon_us
        self.workload = workload_arrays(requests, cluster.block_size_tokens)
        self.limits = cluster.limits()
        level = TRACE_LEVELS.index(check_choice("trace", trace, TRACE_LEVELS))
        self.settings = self._settings(semantics, record_steps, record_routing or level > 0, level, max_events)
        self.answers = self._answers()
        self.coefficients = np.array(cluster.coefficients())
        n, m = len(requests), len(cluster.instances)
        self.parameters = _rows([self.policies[question].parameters for question in QUESTIONS])
        self.memory = _rows([memory_for(self.policies[question], m, n) for question in QUESTIONS])
        self.state = new_state(self.workload, self.settings, self.limits)

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
        loop = compiled_loop()
        while True:
            status = loop(
                self.workload, self.settings, self.limits, self.answers, self.parameters, self.memory,
                self.coefficients, self.state, until_us,
            )  # fmt: skip
            if status == codes.DONE:
                return True
            if status == codes.GROW:
                self.state = grown(self.state)
            elif self.decide(status):
                return False

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
        if status == codes.AT_ORDER:
            decide_order(self)
        else:
            decide_victim(self)
        return False

    def _decide_at(self, question: str, stop: int, here: int, ask: Callable[["Simulation"], None]) -> bool:
        cluster = self.state.scratch.cluster
        if not self.policies[question].is_python:
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
    def clock_us(self) -> int:
        """Time of the cluster's last event."""
        return int(self.state.scratch.cluster[CLOCK_US])

    @property
    def n_routed(self) -> int:
        """Requests routed so far."""
        return int(self.state.scratch.cluster[N_ROUTED])

    def fork(self) -> "Simulation":
        """An independent copy: both continue deterministically, without knowing of each other."""
        copy = object.__new__(Simulation)
        copy.__dict__.update(self.__dict__)
        copy.memory = self.memory.copy()
        copy.state = copy_state(self.state)
        return copy

    def _settings(
        self, semantics: Semantics, record_steps: bool, record_routing: bool, trace: int, max_events: int | None
    ) -> Records:
        cluster, policies = self.cluster, self.policies
        priority, scheduling, victim = policies["priority"], policies["scheduling"], policies["preemption"]
        sorts = bool(scheduling.flag("SORTS", True))
        ranks = bool(victim.flag("NEEDS_PRIORITY", victim.is_python))
        asks_order = (sorts or ranks) and (priority.is_python or scheduling.is_python)
        needs = policies["admission"].needs | policies["routing"].needs
        lookahead_us = lookahead(self.requests)
        flags = {name: getattr(semantics, name) for name in Semantics._fields if name != "load_counts_once"}
        return setting_record(
            n_instances=len(cluster.instances),
            block_size_tokens=cluster.block_size_tokens,
            n_keys=self.requests.n_keys,
            admission_latency_us=cluster.admission_latency_us,
            routing_latency_us=cluster.routing_latency_us,
            snapshot_refresh_us=cluster.snapshot_refresh_us,
            cache_signal_delay_us=cluster.cache_signal_delay_us,
            horizon_us=codes.NEVER_US - 2 if self.horizon_us is None else self.horizon_us,
            max_events=max_events if max_events is not None else self._event_budget(),
            max_idle_preemptions=self._preemption_budget(),
            queue_kind=_queue_kind(priority, scheduling, asks_order) if sorts else codes.ARRIVAL_ORDER,
            outputs_share_keys=outputs_share_keys(self.requests),
            load_kind=codes.LOAD_PENDING if semantics.load_counts_once else codes.LOAD_IN_FLIGHT,
            n_scorers=len(policies["routing"].scorers),
            needs_cached_blocks="cached_blocks" in needs,
            needs_affinity="affinity_blocks" in needs,
            ranks_victims=ranks and not asks_order,
            policy_scores=bool(policies["routing"].flag("SCORES", False)),
            looks=record_routing
            or lookahead_us < codes.NEVER_US
            or policies["admission"].flag("LOOKS", True)
            or policies["routing"].flag("LOOKS", True),
            asks_admission=policies["admission"].is_python,
            asks_routing=policies["routing"].is_python,
            asks_order=asks_order,
            asks_victim=victim.is_python,
            record_routing=record_routing,
            record_steps=record_steps,
            trace_level=trace,
            urgency_kind=_urgency_kind(priority, scheduling),
            least_steps=max(1, int(self.requests.output_tokens.min())) if len(self.requests) else 1,
            lookahead_us=lookahead_us,
            **flags,
        )

    def _event_budget(self) -> int:
        """Far more events than any run needs that gets on: every request needs a step per chunk and per token."""
        chunk = int(self.limits.step_token_budget.min())
        threshold = self.limits.long_prefill_threshold_tokens
        if threshold.max() > 0:
            chunk = min(chunk, int(threshold[threshold > 0].min()))
        steps = int((self.workload.table.input_tokens // max(chunk, 1) + self.workload.table.output_tokens + 2).sum())
        return 50 * steps + 1_000_000

    def _preemption_budget(self) -> int:
        """Preemptions without a completion after which an instance counts as stalled; a horizon ends any run."""
        if self.horizon_us is not None or not len(self.requests):
            return codes.NEVER_US
        return 100_000 + 10 * int(self.workload.table.output_tokens.max())

    def _answers(self) -> Any:
        """Addresses of the compiled answers, in the order that `blis.engine.views` gives."""

        def function(question: str) -> Any:
            policy = self.policies[question]
            return compiled_answer(question, DEFAULT_POLICIES[question]) if policy.is_python else policy.decide

        functions = [function(question) for question in QUESTIONS]
        functions.append(compiled_answer("latency", self.cluster.latency))
        functions.append(self._urgency())
        functions += [compiled_answer("scoring", name) for name in self.policies["routing"].scorers]
        return addresses(functions)

    def _urgency(self) -> Any:
        """The priority that the chosen one stands for: its own, or the one that it turns upside down."""
        priority = self.policies["priority"]
        if priority.is_python:
            return compiled_answer("priority", DEFAULT_POLICIES["priority"])
        stands_for = priority.flag("STANDS_FOR", None)
        return compiled_answer("priority", stands_for) if stands_for else priority.decide

    def _error(self, status: int) -> BlisError:
        if status == codes.BAD_TARGET:
            routing, preemption = self.policies["routing"].name, self.policies["preemption"].name
            return ContractError(
                f"a policy must choose among what its view lists: either routing {routing!r} chose instance "
                f"{self.decision} of {len(self.cluster.instances)}, or preemption {preemption!r} a position outside "
                "the batch."
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


def bind_all(
    policies: Mapping[str, BoundPolicy | Mapping[str, Any] | str | Callable[..., Any]], allow_python: bool = False
) -> dict[str, BoundPolicy]:
    """Every question's policy, ready to run; those not given get `DEFAULT_POLICIES`.

    Whether a name may mean Python code, says `allow_python`; see `blis.policies.binding.bind`.
    """
    unknown = [question for question in policies if question not in QUESTIONS]
    if unknown:
        raise ConfigError(f"policies: unknown question {unknown[0]!r}. Questions: {', '.join(QUESTIONS)}.")
    bound = {}
    for question in QUESTIONS:
        choice = policies.get(question, DEFAULT_POLICIES[question])
        bound[question] = choice if isinstance(choice, BoundPolicy) else bind(question, question, choice, allow_python)
    return bound


@lru_cache(maxsize=8)
def workload_arrays(requests: Requests, block_size_tokens: int) -> Workload:
    """The requests as the kernel reads them; made once for the many simulations that share them."""
    prompts = requests.prompt
    if len(prompts) and int(prompts.max()) >= len(prompts):
        # Policies may keep something for each prompt, so its identity must lie below the number of requests.
        prompts = np.unique(prompts, return_inverse=True)[1].astype(np.int64)
    classes = np.array([class_index(name) for name in requests.slo_classes] or [0], np.int64)
    table = workload_table(
        arrival_us=requests.arrival_us,
        input_tokens=requests.input_tokens,
        prompt_blocks=requests.input_tokens // block_size_tokens,
        output_tokens=requests.output_tokens,
        prompt=prompts,
        number=requests.number,
        slo_class=classes[requests.slo_class],
        tenant=requests.tenant.astype(np.int64),
        session=requests.session.astype(np.int64),
        turn=requests.round.astype(np.int64),
        **_followers(requests),
    )
    return Workload(table, requests.key_offsets, requests.keys)


def _followers(requests: Requests) -> dict[str, Int64Vector]:
    """For each request, its think time if it waits for another's end (else -1), and who waits for its own end."""
    n = len(requests)
    first, following = np.full(n, -1), np.full(n, -1)
    after = requests.after
    waiting = np.flatnonzero(after >= 0)[::-1]
    for request in waiting.tolist():
        before = int(after[request])
        following[request], first[before] = first[before], request
    think_us = np.where(after >= 0, requests.think_us, -1)
    return {"think_us": think_us, "first_follower": first, "next_follower": following}


def lookahead(requests: Requests) -> int:
    """Least time [µs] from a request's end to an arrival that waits for it; NEVER_US if no arrival waits."""
    waits = requests.after >= 0
    return int(requests.think_us[waits].min()) if waits.any() else codes.NEVER_US


def _queue_kind(priority: BoundPolicy, scheduling: BoundPolicy, asks_order: bool) -> int:
    if asks_order:
        return codes.CHANGING_ORDER
    if not scheduling.flag("USES_PRIORITY", True) or _is_fixed(priority):
        return codes.FIXED_ORDER
    return codes.CHANGING_ORDER


def _urgency_kind(priority: BoundPolicy, scheduling: BoundPolicy) -> int:
    """By what a waiting request is passed over wrongly; orders that only Python knows are not judged."""
    if not scheduling.flag("SORTS", True):
        return codes.BY_QUEUEING
    if priority.is_python or scheduling.is_python or not scheduling.flag("USES_PRIORITY", True):
        return codes.BY_NOTHING
    return codes.BY_PRIORITY


def _is_fixed(priority: BoundPolicy) -> bool:
    """Whether the order of two waiting requests by this priority never changes."""
    fixed = priority.flag("ORDER_IS_FIXED", False)
    return bool(fixed(priority.parameters) if callable(fixed) else fixed)


@lru_cache(maxsize=8)
def outputs_share_keys(requests: Requests) -> bool:
    """Whether two requests may write the same keyed block while they decode."""
    lengths = np.diff(requests.key_offsets)
    if not len(requests.keys):
        return False
    blocks = np.arange(len(requests.keys)) - np.repeat(requests.key_offsets[:-1], lengths)
    ends = (blocks + 1) * requests.block_size_tokens
    written = requests.keys[ends > np.repeat(requests.input_tokens, lengths)]
    return bool(len(written) and np.bincount(written).max() > 1)


def _rows(vectors: list[Float64Vector]) -> np.ndarray:
    """The vectors as rows of one matrix, filled up with zeros."""
    matrix = np.zeros((len(vectors), max(len(vector) for vector in vectors)))
    for row, vector in zip(matrix, vectors, strict=True):
        row[: len(vector)] = vector
    return matrix
