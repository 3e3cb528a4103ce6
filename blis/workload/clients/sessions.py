"""How a session goes on: its rounds, the pauses between them, its tool calls, and what it remembers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blis.foundation.checks import check_choice, check_int, check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.units import US_PER_MS, Int64Vector
from blis.workload.drawing.lengths import LONGEST_TOKENS, Constant, Lengths, lengths_or_number

GROWTHS = ("accumulate", "full", "none", "bounded")  #: `full` is another word for `accumulate`
UNBOUNDED = 2**62  #: [tokens] more than any conversation has
LONGEST_PAUSE_US = 10**13  #: four months
MOST_ROUNDS = 10_000  #: requests in one session; more are slips of the pen
_EXPECTATION_DRAWS = 65_536


@dataclass(frozen=True, slots=True)
class Pause:
    """Time from the end of one request to the start of the next."""

    lengths: Lengths  #: in units of `unit_us`
    unit_us: int

    def draw(self, random: np.random.Generator, n: int) -> Int64Vector:
        """Draw `n` pauses [µs]."""
        return self.lengths.draw(random, n) * self.unit_us


@dataclass(frozen=True, slots=True)
class Tools:
    """Calls of tools within a round: each is answered after a while by one more request."""

    calls: Lengths  #: in a round, ≥ 0
    latency: Pause  #: of a call
    output_tokens: Lengths  #: that a call adds to the prompt, ≥ 1


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """The law of a client's sessions."""

    rounds: Lengths  #: prompts by the user, ≥ 1
    think_time: Pause  #: before each of them but the first
    context_tokens: int  #: most that a prompt repeats of the session: `UNBOUNDED` for all, 0 for nothing
    tools: Tools | None = None
    estimated_us_per_output_token: float = 0.0  #: of an answer, until the next pause begins; open loop only
    starts_at_rate: bool = False  #: whether the client's rate is that of sessions, and not of all their requests

    @property
    def expected_requests(self) -> float:
        """Mean number of requests in a session, from a fixed sample where the rounds or the calls vary."""
        if isinstance(self.rounds, Constant) and self.tools is None:
            return float(self.rounds.value)
        return float(self.draw_requests(0, ("expectation",), _EXPECTATION_DRAWS)[0].mean())

    def draw_requests(self, seed: int, names: tuple[str | int, ...], n: int) -> tuple[Int64Vector, Int64Vector]:
        """Draw the course of `n` sessions from streams under `names`; more sessions never change the first ones.

        Returns
        -------
        requests : (n,) int64
            Number of requests of each session, ≥ 1.
        call : (requests.sum(),) int64
            Place of each request within its round: 0 for the user's prompt, k for the answer of the k-th tool call.

        Raises
        ------
        ConfigError
            If a session has more requests than `MOST_ROUNDS`.
        """
        rounds = self.rounds.draw(stream(seed, *names, "rounds"), n)
        _check_most(rounds)
        if self.tools is None:
            return rounds, np.zeros(int(rounds.sum()), np.int64)
        calls = draw_by_round(self.tools.calls, seed, (*names, "tool_calls"), rounds)
        first = np.concatenate(([0], np.cumsum(rounds)[:-1]))
        requests = rounds + np.add.reduceat(calls, first) if n else rounds
        _check_most(requests)
        ends = np.cumsum(calls + 1)
        return requests, np.arange(int(ends[-1]) if n else 0) - np.repeat(ends - calls - 1, calls + 1)


def draw_by_round(
    lengths: Lengths | Pause, seed: int, names: tuple[str | int, ...], rounds: Int64Vector
) -> Int64Vector:
    """One draw for each round of each session, from one stream per round that all sessions share.

    Session s meets the same numbers however many sessions there are and however long the others are.

    Parameters
    ----------
    rounds : (n,) int64
        Length of each session, ≥ 1.

    Returns
    -------
    (rounds.sum(),) int64, session after session.
    """
    starts = np.concatenate(([0], np.cumsum(rounds)))
    drawn = np.empty(starts[-1], np.int64)
    reached = np.arange(len(rounds))
    for turn in range(int(rounds.max(initial=0))):
        reached = reached[rounds[reached] > turn]
        values = lengths.draw(stream(seed, *names, turn), int(reached[-1]) + 1)
        drawn[starts[reached] + turn] = values[reached]
    return drawn


def _check_most(requests: Int64Vector) -> None:
    if len(requests) and requests.max() > MOST_ROUNDS:
        raise ConfigError(f"workload: a session must have at most {MOST_ROUNDS} requests; got {requests.max()}.")


def sessions_from_mapping(where: str, mapping: object) -> SessionPlan:
    """The plan in a mapping {rounds, think_time_ms, context_growth, max_context_tokens, tools}.

    Raises
    ------
    ConfigError
    """
    keys = ("rounds", "think_time_ms", "context_growth", "max_context_tokens", "tools")
    given = check_keys(where, mapping, keys, required=("rounds", "think_time_ms"))
    tools = given.get("tools")
    return SessionPlan(
        rounds=lengths_or_number(f"{where}.rounds", given["rounds"], 1, "rounds"),
        think_time=_pause(f"{where}.think_time_ms", given["think_time_ms"]),
        context_tokens=_context_tokens(where, {"context_growth": "accumulate", **given}),
        tools=None if tools is None else _tools(f"{where}.tools", tools),
    )


def multi_turn_from_mapping(where: str, mapping: object) -> SessionPlan:
    """The plan in a mapping {max_rounds, think_time_us, context_growth}, the published form of the same.

    Every session has `max_rounds` rounds, and sessions start at the client's rate. In an open loop an answer is taken
    to last 1 µs per token, as the reference has it.
    """
    keys = ("max_rounds", "think_time_us", "context_growth", "single_session")
    given = check_keys(where, mapping, keys, required=("max_rounds",))
    if given.get("single_session"):
        raise ConfigError(f"{where}.single_session must be false: sessions start as the client's arrival says.")
    growth = given.get("context_growth") or "none"
    think_us = check_int(f"{where}.think_time_us", given.get("think_time_us", 0), 0, LONGEST_PAUSE_US, "µs")
    return SessionPlan(
        rounds=Constant(check_int(f"{where}.max_rounds", given["max_rounds"], 1, MOST_ROUNDS)),
        think_time=Pause(Constant(think_us), 1),
        context_tokens=_context_tokens(where, {"context_growth": growth}),
        estimated_us_per_output_token=1,
        starts_at_rate=True,
    )


def _context_tokens(where: str, given: Mapping[str, object]) -> int:
    growth = check_choice(f"{where}.context_growth", given["context_growth"], GROWTHS)
    most = given.get("max_context_tokens")
    if growth == "bounded":
        return check_int(f"{where}.max_context_tokens", most, 1, LONGEST_TOKENS, "tokens")
    if most is not None:
        raise ConfigError(f"{where}.max_context_tokens needs context_growth bounded; got {most!r} with {growth!r}.")
    return 0 if growth == "none" else UNBOUNDED


def _tools(where: str, mapping: object) -> Tools:
    keys = ("calls", "latency_ms", "output_tokens")
    given = check_keys(where, mapping, keys, required=keys)
    return Tools(
        calls=lengths_or_number(f"{where}.calls", given["calls"], 0, "calls", floor=0),
        latency=_pause(f"{where}.latency_ms", given["latency_ms"]),
        output_tokens=lengths_or_number(f"{where}.output_tokens", given["output_tokens"], 1),
    )


def _pause(where: str, value: object) -> Pause:
    return Pause(lengths_or_number(where, value, 0, "ms", floor=0), US_PER_MS)
