"""This file lists the simulators that must agree with the recorded cases and the worked examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.reference import engine_runner, naive

Simulate = Callable[[dict[str, Any], list[dict[str, Any]], str], dict[str, Any]]

SIMULATORS = [
    pytest.param(naive.simulate, id="naive"),
    pytest.param(engine_runner.simulate, id="engine"),
]


@pytest.fixture(params=SIMULATORS)
def simulator(request: pytest.FixtureRequest) -> Simulate:
    return request.param
