"""`python -m experiments.wrong_inputs`: see the package."""

import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from blis.foundation.checks import check_int, check_number
from blis.foundation.errors import ConfigError
from experiments.assignments import as_number, read_assignments
from experiments.wrong_inputs.commands import calls
from experiments.wrong_inputs.inputs import make_inputs
from experiments.wrong_inputs.trials import Worker, drawn, judged, keep

_DEFAULTS = {"minutes": "15", "seed": "1", "only": "", "kept": "wrong_inputs"}


def main() -> int:
    """Try wrong inputs for some minutes; the exit status is 1 if any was not refused as it must be."""
    try:
        given = {**_DEFAULTS, **read_assignments(sys.argv[1:], _DEFAULTS)}
        minutes = check_number("minutes", as_number(given["minutes"]), 0, 7 * 24 * 60, "minutes")
        draw = random.Random(check_int("seed", as_number(given["seed"]), 0))
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    kept = Path(given["kept"]).resolve()
    tried: Counter[tuple[str, str]] = Counter()
    statuses: Counter[tuple[str, object]] = Counter()
    failures: Counter[tuple[str, str, str]] = Counter()
    with tempfile.TemporaryDirectory(prefix="wrong-inputs-") as scratch:
        whole = Path(scratch) / "whole"
        whole.mkdir()
        with_search = given["only"] in ("", "evolve") or given["only"].startswith("evolve")
        make_inputs(whole, with_search)
        every = [call for call in calls(with_search) if call.command.startswith(given["only"])]
        worker = Worker()
        end_s = time.monotonic() + 60 * minutes
        number = 0
        for call in every:  # what works must work, or its trials say nothing
            folder = _copied(whole, Path(scratch) / "trial")
            result = worker.call(call.command, list(call.arguments), folder)
            if result["status"] not in call.ends:
                print(f"{call.command} {' '.join(call.arguments)} must work: {result['status']} {result['err']}")
        while time.monotonic() < end_s:
            call = draw.choice(every)
            folder = _copied(whole, Path(scratch) / "trial")
            trial = drawn(draw, call, folder)
            before = {str(path.relative_to(folder)) for path in folder.rglob("*")}
            result = worker.call(call.command, trial.arguments, folder)
            number += 1
            tried[call.command, trial.kind] += 1
            statuses[call.command, result["status"]] += 1
            why = judged(result, folder, before, call.command == "blis.verify")
            if why is not None:
                last = (result["err"].strip().splitlines() or [""])[-1]
                failures[call.command, trial.kind, why] += 1
                keep(kept, number, trial, result, why, folder)
                print(f"{number}: {call.command} {trial.kind}: {why}: {last[:150]}", flush=True)
        worker.stop()
    print(f"\n{number} trials")
    for (command, kind), count in sorted(tried.items()):
        print(f"  {command:24} {kind:18} {count:6}")
    for (command, status), count in sorted(statuses.items(), key=str):
        print(f"  {command:24} status {status!s:11} {count:6}")
    print(f"{sum(failures.values())} not refused as they must be{f', kept in {kept}' if failures else ''}")
    for (command, kind, why), count in failures.most_common():
        print(f"  {command:24} {kind:18} {why:24} {count:6}")
    return 1 if failures else 0


def _copied(whole: Path, folder: Path) -> Path:
    """The inputs that work, in a folder for one trial."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder, symlinks=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
