"""The scorer of llm-d for adapters."""

import numpy as np

from blis.foundation.answers import answer
from tests.contracts.test_answers import REQUEST, router_view


def test_an_adapter_scores_by_whether_it_runs_has_a_slot_or_is_waited_for() -> None:
    # llm-d-router 0.9, lora-affinity-scorer: active 1, room 0.8, waiting 0.6, else 0.
    view = router_view(5, 0)._replace(
        adapter_use=np.array([2, 0, 1, 0, 1]),
        adapters_in_use=np.array([4, 3, 4, 4, 1]),
        adapter_slots=np.full(5, 4),
    )
    scores = np.zeros(5)

    answer("scoring", "lora-affinity").score(view, REQUEST._replace(adapter=1), scores)

    assert scores.tolist() == [1.0, 0.8, 0.6, 0.0, 0.8]
