import pytest

from blis.fitness.objectives import OBJECTIVES
from evolve.comparing import Objective


@pytest.fixture
def objectives() -> list[Objective]:
    return [
        Objective("ttft-p99", 1.0, OBJECTIVES["ttft_p99_ms"], lambda record: record.figures.get("ttft")),
        Objective("goodput", 1.0, OBJECTIVES["goodput_rps"], lambda record: record.figures.get("goodput")),
    ]
