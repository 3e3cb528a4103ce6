"""`python -m experiments.validate [only=V-SJF,V-BUDGET] [--json]`: published findings, simulated again.

Directions and orders of size, not digits: those were found with an older simulator of the same kind, whose defects are
repaired here. Exit status 1 if a closed form does not hold.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

from blis.foundation.checks import check_choice
from blis.foundation.errors import ConfigError
from experiments.assignments import read_assignments
from experiments.validate import engines, exact, memory, pools, routers
from experiments.validate.finding import Finding, Outcome

FINDINGS: Sequence[Finding] = (
    *exact.FINDINGS, *routers.FINDINGS, *engines.FINDINGS, *memory.FINDINGS, *pools.FINDINGS
)  # fmt: skip


def main(words: Sequence[str]) -> int:
    """Simulate and print; 1 if a closed form fails, 2 if the command line is wrong."""
    try:
        given = read_assignments(words, ("only",), ("--json",))
        names = [one.name for one in FINDINGS]
        chosen = [check_choice("only", name, names) for name in given.get("only", ",".join(names)).split(",")]
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    found: list[tuple[Finding, Outcome]] = []
    for one in FINDINGS:
        if one.name in chosen:
            found.append((one, one.measure()))
            print(f"{one.name}: {'holds' if found[-1][1].holds else 'does not hold'}", file=sys.stderr, flush=True)
    print(json.dumps([_mapping(*pair) for pair in found], indent=1) if "--json" in words else _table(found))
    return int(any(one.is_exact and not outcome.holds for one, outcome in found))


def _mapping(finding: Finding, outcome: Outcome) -> dict[str, Any]:
    return {
        "name": finding.name,
        "kind": "closed form" if finding.is_exact else "direction",
        "says": finding.says,
        "figures": {name: round(float(value), 6) for name, value in outcome.figures.items()},
        "holds": bool(outcome.holds),
        "remark": outcome.remark,
    }


def _table(found: Sequence[tuple[Finding, Outcome]]) -> str:
    lines = ["| finding | says | here | holds |", "|---|---|---|---|"]
    for one, outcome in found:
        figures = ", ".join(f"{name} {value:.4g}" for name, value in outcome.figures.items())
        remark = f"; {outcome.remark}" if outcome.remark else ""
        lines.append(f"| {one.name} | {one.says} | {figures}{remark} | {'yes' if outcome.holds else '**no**'} |")
    for kind, is_exact in (("closed forms", True), ("directions", False)):
        own = [outcome.holds for one, outcome in found if one.is_exact == is_exact]
        if own:
            lines.append(f"\n{sum(own)} of {len(own)} {kind} hold.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
