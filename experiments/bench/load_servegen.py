"""A day of 1,000,000 requests of 1,000 recorded clients."""

from experiments.bench import Measurement
from experiments.bench._logs import measure_loading, write_servegen


def measure() -> Measurement:
    """Time of one reading, from the file to the table of requests."""
    return measure_loading("load_servegen", "servegen", write_servegen)
