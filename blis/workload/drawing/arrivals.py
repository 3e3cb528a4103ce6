"""Samplers of the time between arrivals: poisson, constant, gamma and weibull; and normalized for a known number."""

import math
from typing import NamedTuple

import numpy as np

from blis.foundation.checks import check_choice, check_keys, check_number
from blis.foundation.units import US_PER_S, Float64Vector

PROCESSES = ("poisson", "constant", "gamma", "weibull", "normalized")
NORMALIZED = "normalized"  #: the one process that needs to know how many arrivals there are
CV_BOUNDS = {"gamma": (1e-6, 1e3), "weibull": (0.01, 10.4)}  #: of the processes that have one
SHAPE_BOUNDS = (0.05, 1000.0)  #: Weibull shapes searched; their CVs enclose the bounds above


class ArrivalProcess(NamedTuple):
    """A renewal process up to its rate."""

    process: str = "poisson"
    cv: float = 1.0  #: coefficient of variation of the gaps; gamma and weibull only


def arrival_process(where: str, process: object, cv: object, cv_key: str = "cv") -> ArrivalProcess:
    """The process of that name, its CV checked where it has one.

    Parameters
    ----------
    where : str
        Place of `process` in the configuration.
    process : object
        One of `PROCESSES`, None for poisson.
    cv : object
        Coefficient of variation, None for 1; poisson's is 1 and constant's 0 whatever is given.
    cv_key : str
        Place of `cv`.

    Raises
    ------
    ConfigError
    """
    name = "poisson" if process is None else check_choice(where, process, PROCESSES)
    low, high = CV_BOUNDS.get(name, (None, None))
    return ArrivalProcess(name, 1.0 if cv is None else check_number(cv_key, cv, low, high, above=0.0))


def arrival_process_from_mapping(where: str, mapping: object) -> ArrivalProcess:
    """The process in a mapping {process, cv}."""
    given = check_keys(where, mapping, ("process", "cv"), required=("process",))
    return arrival_process(f"{where}.process", given["process"], given.get("cv"), f"{where}.cv")


def draw_gaps(random: np.random.Generator, arrival: ArrivalProcess, rate: float, n: int) -> Float64Vector:
    """Draw `n` gaps between arrivals, continuing the sequence of `random`.

    Parameters
    ----------
    random : numpy.random.Generator
    arrival : ArrivalProcess
        Any but normalized, which is no matter of single gaps.
    rate : float > 0 [requests/s]
    n : int ≥ 0

    Returns
    -------
    (n,) float64 [µs], of mean 1e6 / rate. Not rounded: bursts have gaps far below a microsecond.

    Notes
    -----
    gamma: shape 1/cv², scale mean·cv². weibull: shape from `weibull_shape`, scale mean / Γ(1 + 1/shape).
    """
    mean_us = US_PER_S / rate
    if arrival.process == "constant":
        return np.full(n, mean_us)
    if arrival.process == "gamma":
        variance = arrival.cv * arrival.cv
        return random.standard_gamma(1.0 / variance, n) * (mean_us * variance)
    if arrival.process == "weibull":
        shape = weibull_shape(arrival.cv)
        return random.weibull(shape, n) * (mean_us / math.gamma(1.0 + 1.0 / shape))
    return random.standard_exponential(n) * mean_us


def normalized_times(random: np.random.Generator, n: int) -> Float64Vector:
    """Times of `n` arrivals with exponential gaps that are scaled so that all lie within [0, 1).

    The n + 1 gaps, that to the end included, are divided by their sum: a Poisson process of which it is known that
    it has n arrivals. (David and Nagaraja, Order Statistics, 3rd edition, section 6.4)

    Returns
    -------
    (n,) float64, ascending.
    """
    gaps = random.standard_exponential(n + 1)
    ends = gaps.cumsum()
    times: Float64Vector = ends[:-1] / ends[-1]
    return times


def weibull_shape(cv: float) -> float:
    """Shape of the Weibull distribution with that coefficient of variation, by bisection to the last digits.

    CV² = Γ(1 + 2/k) / Γ(1 + 1/k)² - 1 falls with k.
    """
    low, high = SHAPE_BOUNDS
    while True:
        middle = 0.5 * (low + high)
        if not low < middle < high:
            return middle
        log_ratio = math.lgamma(1.0 + 2.0 / middle) - 2.0 * math.lgamma(1.0 + 1.0 / middle)
        if math.expm1(log_ratio) > cv * cv:
            low = middle
        else:
            high = middle
