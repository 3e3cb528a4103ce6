import pytest

from evolve.trials.workloads import Workloads
from tests.evaluators.hostile import FOLDER
from tests.trials.small_suite import small_suite


@pytest.fixture(scope="session")
def workloads(tmp_path_factory) -> Workloads:
    return Workloads(small_suite(tmp_path_factory.mktemp("scenarios")))


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory):
    """Ray on this machine with two workers, for all tests of the session; the folder that hostile policies write to."""
    ray = pytest.importorskip("ray")
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER, str(folder))  # workers inherit it
        from evolve.evaluators.ray_cluster import started_ray

        started_ray(2, None)
    yield folder
    ray.shutdown()
