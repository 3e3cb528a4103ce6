"""The shipped autoscalers are genomes of `problem=autoscaler`, exactly, and a search can tell them apart."""

from functools import cache

import pytest

from blis.foundation.answers import choices
from blis.outcome import outcome
from blis.prepare import bind_run, prepare
from blis.scenario import Scenario
from blis.simulate import Simulation
from blis.workload.requests import Requests
from evolve.records import Phenotype
from tests.genomes.problems import problem

#: A day of twenty minutes, which one instance carries at night and four at noon; what comes loads for ten seconds.
DAY = {
    "cluster": {
        "instances": 2,
        "model": "meta-llama/llama-3.1-8b-instruct",
        "hardware": "H100",
        "tensor_parallel": 1,
        "latency": {"kind": "affine", "alpha_us": [500, 1, 0], "beta_us": [20_000, 20, 60]},
        "kv_blocks": 2500,
        "max_running_requests": 12,
        "autoscaling": {"maximum": 5, "tick_s": 5, "load_s": 10},
    },
    "workload": {
        "kind": "spec",
        "spec": {
            "aggregate_rate": 4,
            "num_requests": 4800,
            "clients": [
                {
                    "id": "all", "rate_fraction": 1, "arrival": {"process": "poisson"},
                    "profile": {"type": "diurnal", "amplitude": 0.9, "period_s": 1200, "peak_s": 500},
                    "input_distribution": {"type": "exponential", "params": {"mean": 600}},
                    "output_distribution": {"type": "exponential", "params": {"mean": 150}},
                }
            ],
        },
    },
}  # fmt: skip


@cache
def day() -> tuple[Scenario, Requests]:
    made = Scenario.from_mapping(DAY)
    return made, made.requests(3)


def served(phenotype: Phenotype) -> tuple[bytes, ...]:
    """What became of requests and instances."""
    made, requests = day()
    done = outcome(Simulation(requests, bind_run(prepare(made).cluster, phenotype.policies), seed=3).run())
    return done.requests.e2e_us.tobytes(), done.instances.present_us.tobytes()


def test_every_answer_but_the_oscillator_is_a_seed() -> None:
    assert set(problem("autoscaler").seeds) == set(choices("scaling")) - {"oscillator"}


@pytest.mark.parametrize("name", problem("autoscaler").seeds)
def test_a_seed_does_what_the_answer_does(name: str) -> None:
    searched = problem("autoscaler")
    decoded = searched.decode(searched.seeds[name])

    assert served(decoded) == served(Phenotype({**decoded.policies, "scaling": name}))
    assert searched.encode({**decoded.policies, "scaling": name}) == searched.seeds[name]


def test_a_day_tells_the_seeds_apart() -> None:
    searched = problem("autoscaler")

    assert len({served(searched.decode(genome)) for genome in searched.seeds.values()}) == len(searched.seeds)
