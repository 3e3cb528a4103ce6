"""A policy decides the same whether it is compiled or called as a Python function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from blis.foundation.answers import (
    COMPILED_QUESTIONS,
    DISAGGREGATION_QUESTIONS,
    ENCODING_QUESTIONS,
    FOLDERS,
    GATEWAY_QUESTIONS,
    answer,
)
from blis.outcome import outcome
from blis.policies.binding import fields
from blis.prepare import with_policies
from experiments.fuzz.sameness import differences
from experiments.fuzz.subject import Subject

#: Asked of a part of the cases only, for Python is slow.
SHARE = 0.3


def check(subject: Subject) -> Iterator[str]:
    """Let Python decide one question that has a policy without parameters."""
    random = subject.random("python")
    if subject.stalled or subject.case.mode == "python" or random.random() > SHARE:
        return
    not_asked = {"filtering", "scaling", *COMPILED_QUESTIONS, *GATEWAY_QUESTIONS}
    not_asked |= {*DISAGGREGATION_QUESTIONS, *ENCODING_QUESTIONS}
    if subject.cluster.disaggregation is not None and subject.prepared.prepared_policies.when_divided:
        not_asked.add("routing")  # is asked within the engine, and refused in Python
    able = [
        question
        for question, policy in subject.policies.items()
        if question not in not_asked and _is_able(question, policy)
    ]
    if not able:
        return
    subject.asked.add("python_policies")
    question = random.choice(able)
    module = subject.policies[question].module
    assert module is not None
    function = getattr(module, FOLDERS[question][1])
    prepared = with_policies(subject.prepared, {**subject.policies, question: function})
    for line in differences(subject.outcome, outcome(subject.start(prepared=prepared).run()), stopped=True):
        yield f"with {question} {subject.policies[question].name} in Python, {line}"


def _is_able(question: str, policy: Any) -> bool:
    """Whether its function runs without what is compiled for it: parameters, memory, the queue's order, or scores."""
    if (
        policy.flag("SCORES", False)
        or fields(answer(question, policy.name))
        or policy.flag("memory_size", None) is not None
    ):
        return False
    return question != "scheduling" or bool(policy.flag("SORTS", True))
