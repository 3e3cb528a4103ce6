"""Loading an Azure log of 1,000,000 requests."""

from experiments.bench import Measurement
from experiments.bench._logs import measure_loading, write_azure


def measure() -> Measurement:
    """Time of one reading, from the file to the table of requests."""
    return measure_loading("load_azure", "azure", write_azure)
