"""From the configuration's `evaluator` node to the place where work runs."""

from collections.abc import Mapping
from typing import Any

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from evolve.evaluators import Evaluator, serial, threads
from evolve.trials.evaluation import TIMEOUT_S
from evolve.trials.workloads import Workloads

NAMES = ("serial", "threads", "ray", "isolated")
MOST_WORKERS = 10_000
#: A month [s].
MOST_TIMEOUT_S = 30 * 24 * 3600.0


def open_evaluator(where: str, choice: Mapping[str, Any] | str, workloads: Workloads) -> Evaluator:
    """The evaluator that a configuration names.

    Parameters
    ----------
    where : str
        Path of the choice, for messages.
    choice : mapping or str
        A name, or a mapping with `name`, one of `NAMES`, and what is not to have its default: `workers` (threads and
        ray; null: one for each core), `address` (ray: of a cluster that runs; null: one of this machine, which lasts as
        long as the process), and `timeout_s` (wall clock that one simulation may take; null: `TIMEOUT_S`).
    workloads : Workloads
        What tasks name.

    Raises
    ------
    ConfigError
        If a name or a key is unknown, a value wrong, or Ray cannot be reached.
    """
    given = (
        {"name": choice}
        if isinstance(choice, str)
        else check_keys(where, choice, ("name", "workers", "address", "timeout_s"))
    )
    name = check_choice(where, given.get("name"), NAMES)
    workers, address, timeout_s = (given.get(key) for key in ("workers", "address", "timeout_s"))
    if workers is not None:
        workers = check_int(f"{where}.workers", workers, 1, MOST_WORKERS)
    timeout_s = (
        TIMEOUT_S
        if timeout_s is None
        else check_number(f"{where}.timeout_s", timeout_s, maximum=MOST_TIMEOUT_S, unit="s", above=0)
    )
    if address is not None and (name != "ray" or not isinstance(address, str) or not address):
        raise ConfigError(
            f"{where}.address must be null, or with evaluator 'ray' the address of a cluster; got {address!r}."
        )
    if name == "ray":
        from evolve.evaluators import ray_pool

        return ray_pool.Pool(workloads, workers, address, timeout_s)
    if name == "threads":
        return threads.Pool(workloads, workers, timeout_s)
    if workers not in (None, 1):
        raise ConfigError(f"{where}.workers must be 1 or null with evaluator {name!r}; got {workers!r}.")
    if name == "isolated":
        from evolve.evaluators import isolated

        return isolated.Pool(workloads, timeout_s)
    return serial.Pool(workloads, timeout_s)
