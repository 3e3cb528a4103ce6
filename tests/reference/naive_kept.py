"""This file is what the router keeps of its decisions, and the latency that it expects from that and from reports."""

from __future__ import annotations

import math
from typing import NamedTuple

from tests.reference.naive_instance import Instance
from tests.reference.naive_latency import Share
from tests.reference.naive_priority import urgency
from tests.reference.naive_request import Request
from tests.reference.naive_scorers import Kept, PrefixAffinity, Signals, leading


class Sent(NamedTuple):
    """A request that was sent somewhere, with the tokens of its prompt that the router took for uncached."""

    request: Request
    instance: int
    tokens: int


class Book:
    """Everything that was sent where."""

    def __init__(self, instances: list[Instance], capacity: list[int]) -> None:
        self.instances = instances
        self.prefixes = PrefixAffinity(capacity)
        self.sent: list[Sent] = []
        self.home_of: dict[str | int, int] = {}
        self.last_routed_us = [0] * len(instances)

    def consult(self, request: Request, signals: list[Signals]) -> list[Signals]:
        """What is known of each instance, with what the book says of it."""
        done = [one for instance in self.instances for one in instance.completed]
        mean_output = sum(len(one.output) for one in done) / len(done) if done else 0.0
        found = []
        for index, one in enumerate(signals):
            kept = Kept(
                sent=leading(request.prompt_keys, self.prefixes.index[index]),
                waiting=tuple(
                    (sent.tokens, urgency(sent.request))
                    for sent in self.sent
                    if sent.instance == index and not sent.request.is_answered
                ),
                is_home=request.session is not None and self.home_of.get(request.session) == index,
                last_routed_us=self.last_routed_us[index],
            )
            instance = self.instances[index]
            ttft_us = _expected_ttft_us(request, one, kept, instance, mean_output)
            found.append(
                one._replace(kept=kept._replace(ttft_us=ttft_us, itl_us=_expected_itl_us(request, one, instance)))
            )
        return found

    def enter(self, request: Request, signals: list[Signals], chosen: int) -> None:
        """The request goes there."""
        one = signals[chosen]
        tokens = max(0, len(request.prompt) - one.kept.sent * one.block_size)
        self.sent.append(Sent(request, chosen, tokens))
        self.prefixes.learn(request, signals, chosen)
        self.last_routed_us[chosen] = one.now
        if request.session is not None:
            self.home_of[request.session] = chosen


def _expected_ttft_us(request: Request, one: Signals, kept: Kept, instance: Instance, mean_output: float) -> float:
    prompt, size = len(request.prompt), one.block_size
    cached = min(kept.sent, (prompt - 1) // size) * size
    tokens = kept.tokens + prompt - cached
    start_us = instance.latency.exact_queueing_us(prompt)
    if one.in_flight > 0:
        start_us = max(start_us, (1.5 if instance.has_two_batches else 0.5) * one.step_us)
    return (
        start_us
        + _room_us(one, instance, tokens, mean_output)
        + _prefill_us(one, instance, tokens, cached)
        + instance.latency.per_token_us
    )


def _room_us(one: Signals, instance: Instance, tokens: int, mean_output: float) -> float:
    """Until enough others have ended."""
    if one.in_flight == 0:
        return 0.0
    running = min(one.in_flight, instance.max_running)
    lacking = math.ceil(tokens / one.block_size) + one.used - one.total
    ends = max(float(one.in_flight + 1 - instance.max_running), lacking * running / max(1, one.used))
    return ends * max(1, one.step_us) * mean_output / running if ends > 0 else 0.0


def _prefill_us(one: Signals, instance: Instance, tokens: int, cached: int) -> float:
    """Steps at the full budget, the last with what is left; decodes beside."""
    decodes = one.decodes * (1 + instance.drafts.width)
    budget = max(1, instance.step_budget - decodes)
    n_whole = (tokens - 1) // budget
    rest = tokens - n_whole * budget
    beside = [Share(False, decodes, one.context)]
    length_us = float(instance.latency.step_us([Share(True, rest, cached, rest + cached), *beside]))
    if n_whole > 0:
        length_us += n_whole * float(instance.latency.step_us([Share(True, budget, 0, budget), *beside]))
    return length_us


def _expected_itl_us(request: Request, one: Signals, instance: Instance) -> float:
    width, rate = instance.drafts.width, instance.drafts.rate
    decodes = Share(False, (one.decodes + 1) * (1 + width), one.context + len(request.prompt))
    written = sum(rate**k for k in range(width + 1))
    return instance.latency.step_us([decodes]) / written + instance.latency.per_token_us
