"""All anomalies of a traced run, as one plain mapping."""

from typing import Any

from blis.explaining.anomalies import Evidence, Finding
from blis.foundation.answers import answer, choices


def findings(evidence: Evidence) -> dict[str, Finding]:
    """What every detector of `blis.explaining.anomalies` that applies to the cluster found, by its name."""
    detectors = {name: answer("anomalies", name) for name in choices("anomalies")}
    return {
        name: detector.find(evidence)
        for name, detector in detectors.items()
        if not hasattr(detector, "applies") or detector.applies(evidence)
    }


def findings_document(found: dict[str, Finding]) -> dict[str, Any]:
    """The findings as plain data, ready for JSON, with each detector's rule."""
    return {
        name: {
            "count": finding.count,
            "rate": finding.rate,
            "rate_of": finding.rate_of,
            "rule": answer("anomalies", name).RULE,
            "compatible": answer("anomalies", name).COMPATIBLE,
            "examples": [
                {"text": one.text, "time_s": one.time_s, "request": one.request, "instance": one.instance}
                for one in finding.examples
            ],
        }
        for name, finding in found.items()
    }
