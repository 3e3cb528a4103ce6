"""Verdicts on arrivals, with their reasons."""

from typing import TYPE_CHECKING

import numpy as np

from blis.result import Result

if TYPE_CHECKING:
    import pyarrow


def table(result: Result) -> "pyarrow.Table":
    """One row per admission decision."""
    import pyarrow as pa

    trace, reasons = result.trace, reason_texts(result)
    admissions = trace.admissions
    return pa.table(
        {
            "request": result.requests.number[admissions.request],
            "clock_us": admissions.clock_us,
            "admitted": admissions.verdict == 0,
            "reason_code": admissions.verdict,
            "reason": [reasons.get(code, f"reason {code}") for code in admissions.verdict.tolist()],
            "tenant": np.array(result.requests.tenants, dtype=object)[result.requests.tenant[admissions.request]],
        }
    )


def reason_texts(result: Result) -> dict[int, str]:
    """What the admission policy's verdicts mean."""
    return {0: "admitted"} | dict(enumerate(result.policies["admission"].flag("REASONS", ()), 1))
