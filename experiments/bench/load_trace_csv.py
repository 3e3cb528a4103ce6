"""Loading 1,000,000 requests with literal token ids, 32 each."""

from experiments.bench import Measurement
from experiments.bench._logs import measure_loading, write_trace_csv


def measure() -> Measurement:
    """Time of one reading, from the file to the table of requests."""
    return measure_loading("load_trace_csv", "trace-csv", write_trace_csv)
