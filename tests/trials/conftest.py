import pytest

from evolve.trials.workloads import Workloads
from tests.trials.small_suite import small_suite


@pytest.fixture(scope="session")
def workloads(tmp_path_factory) -> Workloads:
    return Workloads(small_suite(tmp_path_factory.mktemp("scenarios")))
