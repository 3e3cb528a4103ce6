"""Loading a Mooncake trace of 1,000,000 requests of 1,000 tokens."""

from experiments.bench import Measurement
from experiments.bench._logs import measure_loading, write_mooncake


def measure() -> Measurement:
    """Time of one reading, from the file to the table of requests."""
    return measure_loading("load_mooncake", "mooncake", write_mooncake)
