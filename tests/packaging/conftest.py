"""Builds the distributions once, and makes environments with the wheel in them."""

import sys
from collections.abc import Callable

import pytest

from tests.packaging.environments import EXTRAS, ROOT, Distributions, Environment, check


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation"]
    check([*build, "--outdir", str(folder / "both"), str(ROOT)])
    check([*build, "--wheel", "--outdir", str(folder / "tree"), str(ROOT)])
    (sdist,) = (folder / "both").glob("*.tar.gz")
    (wheel,) = (folder / "both").glob("*.whl")
    (wheel_of_tree,) = (folder / "tree").glob("*.whl")
    return Distributions(sdist, wheel, wheel_of_tree)


@pytest.fixture(scope="session")
def install(distributions: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Environment]:
    """Makes environments; those of other Pythons take the interpreter's path."""

    def installed(extras: str = EXTRAS, interpreter: str = sys.executable) -> Environment:
        return Environment(tmp_path_factory.mktemp("elsewhere"), distributions.wheel, extras, interpreter)

    return installed


@pytest.fixture(scope="session")
def elsewhere(install: Callable[..., Environment]) -> Environment:
    return install()
