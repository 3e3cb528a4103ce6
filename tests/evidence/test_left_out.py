"""A report that is asked to look ahead says where it cannot."""

from types import SimpleNamespace
from typing import Any, cast

from evolve.evidence.ceiling import Extent
from evolve.evidence.inquiry import Inquiry
from evolve.records import Phenotype
from evolve.trials.suite import Suite


def role(seed: int, *scenarios: str) -> dict[str, Any]:
    return {"scenarios": list(scenarios), "seeds": [seed]}


def test_clusters_that_no_look_ahead_foresees_are_left_out_with_a_note() -> None:
    tested = role(3, "gpu-failure", "agentic-remote-kv")
    suite = Suite.from_mapping(
        "suite", {"train": role(1, "prefix-heavy"), "validation": role(2, "bursty"), "test": tested}
    )
    settings = SimpleNamespace(suite=suite, rules=SimpleNamespace(goals=SimpleNamespace(needs_trace=False)))
    notes: list[str] = []
    inquiry = Inquiry(
        champion=Phenotype({}),
        rivals={},
        objectives=[],
        settings=cast(Any, settings),
        options=cast(Any, SimpleNamespace(extent=Extent(num_requests=20), seed=0)),
        seed_at=lambda place: place,
        done=lambda question, count: None,
        notes=notes,
    )

    assert inquiry.ceiling([]) is None

    assert notes == [
        "ceiling: gpu-failure is left out, since no look-ahead foresees failures yet.",
        "ceiling: agentic-remote-kv is left out, since no look-ahead foresees kv_tiers yet.",
    ]
