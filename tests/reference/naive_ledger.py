"""This file keeps what an instance learns while it serves: who has got how much, and how long outputs were."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from tests.reference.naive_request import Request


class Ledger:
    """The books of one instance, written token by token."""

    def __init__(self) -> None:
        self.outputs: dict[tuple[str, str], list[int]] = defaultdict(list)  # of tenant and class, in order
        self.all_outputs: list[int] = []
        self.prompts: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        self.lifts: defaultdict[str, float] = defaultdict(float)

    def complete(self, request: Request) -> None:
        """Learn how long an output was."""
        self.outputs[request.tenant, request.named_class].append(len(request.output))
        self.all_outputs.append(len(request.output))

    def counter(self, tenant: str, weights: tuple[float, float]) -> float:
        """What a tenant has got, as fair shares count it."""
        return self.lifts[tenant] + (weights[0] * self.prompts[tenant] + weights[1] * self.tokens[tenant])

    def lift(self, tenant: str, waiting: Iterable[str], weights: tuple[float, float]) -> None:
        """A tenant without anybody waiting sends again: it gets no less than the least of those who have."""
        counters = [self.counter(other, weights) for other in waiting]
        if counters:
            self.lifts[tenant] += max(0.0, min(counters) - self.counter(tenant, weights))


def mean_of(outputs: list[int]) -> float:
    """The plain mean of the first eight; then each further one moves it by an eighth."""
    mean = 0.0
    for count, output in enumerate(outputs, 1):
        mean += (output - mean) * max(1 / 8, 1 / count)
    return mean


def expected_output(request: Request, ledgers: list[Ledger]) -> float:
    """What a request like this one has written in the mean, each instance counting by what it has completed."""
    own = [ledger.outputs[request.tenant, request.named_class] for ledger in ledgers]
    for outputs in (own, [ledger.all_outputs for ledger in ledgers]):
        count = sum(map(len, outputs))
        if count:
            return sum(len(one) * mean_of(one) for one in outputs) / count
    return 0.0
