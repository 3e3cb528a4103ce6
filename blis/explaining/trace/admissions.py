"""Verdicts on arrivals, with their reasons."""

from typing import TYPE_CHECKING

from blis.foundation.columns import table_of, texts
from blis.result import Result

if TYPE_CHECKING:
    import pyarrow


def table(result: Result) -> "pyarrow.Table":
    """One row per admission decision."""
    trace, reasons = result.trace, reason_texts(result)
    admissions, tenants = trace.admissions, result.requests.tenants
    return table_of(
        {
            "request": result.requests.number[admissions.request],
            "clock_us": admissions.clock_us,
            "admitted": admissions.verdict == 0,
            "reason_code": admissions.verdict,
            "reason": texts([reasons.get(code, f"reason {code}") for code in admissions.verdict.tolist()]),
            "tenant": texts([tenants[place] for place in result.requests.tenant[admissions.request].tolist()]),
        }
    )


def reason_texts(result: Result) -> dict[int, str]:
    """What the admission policy's verdicts mean."""
    return {0: "admitted"} | dict(enumerate(result.policies["admission"].flag("REASONS", ()), 1))
