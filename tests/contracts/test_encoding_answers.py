"""What every answer to the question of encoding media apart must honour."""

from typing import Any

import numpy as np
import pytest

from blis.engine._jit import plain
from blis.engine.views import EncodingView
from blis.foundation.answers import choices
from blis.policies.binding import bind, memory_for
from tests.contracts.test_answers import REQUEST, router_view

NAMES = choices("encoding")


def encoding_view(**changes: Any) -> EncodingView:
    """Two instances that encode, with little to do."""
    seen = EncodingView(
        target_instance=1, encoder_tokens=400, encode_instances=2, encode_requests=3, encode_tokens=1200,
        encode_budget_tokens=4096, target_queued_requests=1, target_queued_tokens=900, target_running_requests=8,
        target_budget_tokens=2048, transfers=1,
    )  # fmt: skip
    return seen._replace(**changes)


def asked(name: str | dict[str, Any], **changes: Any) -> int:
    policy = bind("encoding", "encoding", name)
    memory = memory_for(policy, 4, 10)
    return int(plain(policy.decide)(router_view(4, 0), encoding_view(**changes), REQUEST, policy.parameters, memory))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_situation_gets_the_same_answer_and_stays_as_it_is(name: str) -> None:
    view, encoders = router_view(4, 0), encoding_view()
    before = [np.copy(part) for part in view]
    policy = bind("encoding", "encoding", name)

    answers = {
        int(plain(policy.decide)(view, encoders, REQUEST, policy.parameters, memory_for(policy, 4, 10)))
        for _ in range(3)
    }

    assert len(answers) == 1
    assert all(np.array_equal(old, new) for old, new in zip(before, view, strict=True))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "never"])
def test_idle_instances_that_encode_are_used(name: str) -> None:
    assert asked(name, encode_requests=0, encode_tokens=0) == 1


@pytest.mark.parametrize(("waiting", "apart"), [(0, 1), (2000, 1), (2001, 0)])
def test_a_queue_beyond_the_threshold_of_each_instance_is_not_joined(waiting: int, apart: int) -> None:
    assert asked({"policy": "queue-threshold", "tokens": 1000}, encode_tokens=waiting) == apart
