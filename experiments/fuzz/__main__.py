"""`python -m experiments.fuzz [minutes=15] [seed=N] [cases=N] [mode=mixed] [folder=DIR] [case=FILE] [--json]`."""

from __future__ import annotations

import json
import sys

from blis.command.terminating import interruptible
from blis.foundation.errors import BlisError
from experiments.fuzz.case import read_case
from experiments.fuzz.options import Options, read_options
from experiments.fuzz.run import fuzz, repeat


@interruptible
def main(words: list[str]) -> int:
    """0: all is well; 1: a case failed; 2: the command line or the file is wrong; 130: stopped early."""
    try:
        options = read_options(words)
        if options.case is not None:
            return _repeat(options, options.case)
        counts = fuzz(options)
    except (BlisError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(counts.to_mapping()))
    else:
        print("\n".join(counts.lines()))
    if counts.failures:
        return 1
    return 130 if counts.stopped else 0


def _repeat(options: Options, path: str) -> int:
    verdict = repeat(read_case(path))
    if options.json:
        print(json.dumps(verdict))
    elif verdict["refused"]:
        print(f"not valid: {verdict['refused']}")
    else:
        print("\n".join(f"failed: {line}" for line in verdict["failures"]) or "all is well")
    return 1 if verdict["failures"] or verdict["refused"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
