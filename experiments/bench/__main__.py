"""`python -m experiments.bench [NAME ...] [--json]`: measure rows of the performance budget on this machine.

Each row runs in a process of its own, so that its peak memory is its own.
"""

import argparse
import importlib
import json
import os
import pkgutil
import subprocess
import sys

import experiments.bench


def names() -> list[str]:
    """Rows that can be measured."""
    return sorted(
        info.name for info in pkgutil.iter_modules(experiments.bench.__path__) if not info.name.startswith("_")
    )


def main() -> int:
    """Measure the rows asked for, and print them."""
    parser = argparse.ArgumentParser(prog="python -m experiments.bench", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"rows: {', '.join(names())}; default: all")
    parser.add_argument("--json", action="store_true", help="one JSON object per line instead of a table")
    options = parser.parse_args()
    chosen = options.name or names()
    for name in chosen:
        if name not in names():
            print(f"error: no row named {name!r}. Rows: {', '.join(names())}.", file=sys.stderr)
            return 2
    if options.json and len(chosen) == 1 and os.environ.get("BLIS_BENCH_ROW"):
        measurement = importlib.import_module(f"experiments.bench.{chosen[0]}").measure()
        print(json.dumps(measurement.to_mapping()))
        return 0
    # In a process of its own: compiling would count as a row's memory.
    subprocess.run([sys.executable, "-c", "from blis.engine.loop import compile_loops; compile_loops()"], check=True)
    rows = []
    for name in chosen:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "experiments.bench", name, "--json"]
        own = os.environ | {"BLIS_BENCH_ROW": "1"}
        finished = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, env=own)
        if finished.returncode != 0:
            return 1
        rows.append(json.loads(finished.stdout))
        if options.json:
            print(finished.stdout.strip(), flush=True)
    if not options.json:
        _print_table(rows)
    return 0


def _print_table(rows: list[dict[str, object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{os.cpu_count()} cores")
    for heading in ("row", "wall", "requests/s", "peak MB", "ratio", "must", "note"):
        table.add_column(heading, justify="left" if heading in ("row", "must", "note") else "right")
    for row in rows:
        wall_s, ratio = float(str(row["wall_s"])), row.get("ratio")
        wall = f"{wall_s * 1e3:.1f} ms" if wall_s < 1 else f"{wall_s:.2f} s"
        cells = [
            str(row["name"]),
            wall,
            f"{float(str(row['requests_per_s'])):,.0f}",
            f"{float(str(row['peak_rss_mb'])):.0f}",
        ]
        cells += [f"{float(str(ratio)):.2f}" if ratio is not None else "", str(row["must"]), str(row.get("note", ""))]
        table.add_row(*cells)
    Console(width=140).print(table)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
