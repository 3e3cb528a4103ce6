"""SkyDiscover: a language model changes programs that an adaptive archive offers it (PyPI: skydiscover)."""

from pathlib import Path

from evolve.algorithms.outside_params import Params
from evolve.bridges.judging import Judging
from evolve.bridges.language_model import check_model
from evolve.bridges.packages.installed import check_installed
from evolve.bridges.packages.own_process import drive_process


def check(params: Params) -> None:
    """Say before the search begins what is missing."""
    check_installed("skydiscover", get="skydiscover")
    check_model(params)


def drive(judging: Judging, params: Params, folder: Path) -> None:
    """Let it discover in a process of its own until it is done, or the search is."""
    drive_process("skydiscover", judging, params, folder, {})
