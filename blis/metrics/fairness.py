"""Whether tenants are served alike: Jain's index over what each of them got."""

from blis.engine.tallies import tenant_sums
from blis.foundation.units import Float64Vector, Int32Vector
from blis.metrics.served import Served


def jain_index(values: Float64Vector) -> float | None:
    """(sum of x)² / (n · sum of x²): 1 if all are equal, 1 / n if one has everything; None of none.

    All zero is all equal, so 1. Source: Jain, Chiu and Hawe, DEC-TR-301 (1984).

    Parameters
    ----------
    values : (n,) float64, ≥ 0
    """
    if len(values) < 2:
        return 1.0 if len(values) else None
    largest = float(values.max())
    if largest == 0:
        return 1.0
    scaled = values / largest  # the index has no scale; squares of it neither overflow nor vanish
    return float(scaled.sum()) ** 2 / (len(values) * float((scaled * scaled).sum()))


def fairness_figures(served: Served, tenant: Int32Vector, n_tenants: int) -> dict[str, float | None]:
    """Jain's index over tenants, of the share of their tokens that was served and of their mean E2E.

    The share is prompt and output tokens of a tenant's completed requests over those of its requests that had arrived:
    relative to what it asked for, so that a small tenant need not be served as much as a large one. It stays at 1
    where everybody is served completely, however late; the mean E2E of completed requests tells who waits. A tenant of
    which no request has arrived counts in neither, one without a completed request not in the second.
    """
    asked, got, n_completed, e2e_us = tenant_sums(
        served.status, served.arrived, served.e2e_us, served.input_tokens, served.output_tokens, tenant, n_tenants
    )
    asks, is_served = asked > 0, n_completed > 0
    return {
        "jain_throughput": jain_index(got[asks] / asked[asks]),
        "jain_latency": jain_index(e2e_us[is_served] / n_completed[is_served]),
    }
