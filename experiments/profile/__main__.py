"""`python -m experiments.profile [NAME] [seconds=10]`: see the package."""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from blis.foundation.checks import check_choice, check_number
from blis.foundation.errors import ConfigError
from experiments.assignments import as_number, read_assignments

_ROW = re.compile(r"^\s*([0-9.]+)%\s+(\S+.*?)\s+\[[.k]\]\s+(\S+)")
_SHOWN = 30


def main(words: list[str]) -> int:
    """Sample the run asked for, or be the run that is sampled."""
    if words[:1] == ["--sampled"]:
        _be_sampled(words[1], float(words[2]), Path(words[3]))
        return 0
    from experiments.profile.runs import RUNS

    name, *rest = words if words and "=" not in words[0] else ["headline", *words]
    try:
        check_choice("the run", name, RUNS)
        given = read_assignments(rest, ("seconds",))
        seconds = check_number("seconds", as_number(given.get("seconds", "10")), 0, 3600, "seconds")
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if shutil.which("perf") is None or shutil.which("nm") is None:
        print("error: needs `perf` and `nm` (Debian: apt-get install linux-perf binutils).", file=sys.stderr)
        return 2
    subprocess.run([sys.executable, "-c", "from blis.engine.loop import compile_loops; compile_loops()"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        data, symbols = str(Path(folder) / "perf.data"), Path(folder) / "symbols"
        own = [sys.executable, "-m", "experiments.profile", "--sampled", name, str(seconds), str(symbols)]
        record = ["perf", "record", "--quiet", "--freq", "4000", "--output", data, "--", *own]
        report = ["perf", "report", "--stdio", "--input", data, "--sort", "dso,symbol"]
        try:
            subprocess.run(record, check=True)
            listing = subprocess.run(report, check=True, capture_output=True, text=True).stdout
        finally:
            if symbols.exists():
                Path(symbols.read_text()).unlink(missing_ok=True)
    _print(listing)
    return 0


def _be_sampled(name: str, seconds: float, told: Path) -> None:
    """Run for so long; `told` says afterwards which file of symbols is to be removed once they were read."""
    from experiments.profile.symbols import write_symbols

    told.write_text(str(write_symbols()))
    from experiments.profile.runs import RUNS

    run = RUNS[name]()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        run()
        count += 1
    per_run_ms = (time.perf_counter() - start) / count * 1e3
    print(f"{name}: {count} runs of {per_run_ms:.1f} ms", file=sys.stderr)


def _print(listing: str) -> None:
    kernels: Counter[str] = Counter()
    others = 0.0
    for row in filter(None, map(_ROW.match, listing.splitlines())):
        share, place, name = float(row[1]), row[2], row[3]
        if "perf-" in place or "[JIT]" in place:
            kernels[name] += share
        else:
            others += share
    total = sum(kernels.values())
    for name, share in kernels.most_common(_SHOWN):
        print(f"{share / total:6.1%}  {name}")
    print(f"kernels {total:.0f} % of all samples, everything else (start, Python, memory) {others:.0f} %")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
