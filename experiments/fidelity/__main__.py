"""`python -m experiments.fidelity [--json OUT] [--part public|judge|all] [--models NAME ...] ...`: judge by real runs.

Simulates every measured run of aggregated serving, or with --divided of divided serving, and reports how far off TPOT
and TTFT are, by model, GPU, engine and widths. Exit status: 0 done, 2 wrong input, 130 interrupted.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from blis.command.ending import Arguments, ending
from blis.command.terminating import interruptible
from blis.foundation.checks import check_choice
from blis.foundation.errors import ConfigError
from blis.foundation.files import write_text_whole, write_whole
from experiments.fidelity.divided_points import read_divided_points
from experiments.fidelity.measuring import KINDS, Measured, measure
from experiments.fidelity.plotting import write_figure
from experiments.fidelity.points import PARTS, read_points
from experiments.fidelity.printing import print_report
from experiments.fidelity.runs import Run


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Judge as the command line says and return the exit status."""
    parsed = _parser().parse_args(arguments)
    return ending(lambda: _run(parsed))


def _run(parsed: argparse.Namespace) -> None:
    points = _chosen(parsed)
    for name in ("json", "plot"):
        path = getattr(parsed, name)
        if path and not Path(path).resolve().parent.is_dir():
            raise ConfigError(f"--{name}: {path!r} must be in a folder that exists.")
    measured = measure(points, tuple(parsed.latency), Path(parsed.tables), parsed.processes, fit=parsed.fit)
    if parsed.json:
        write_text_whole("--json", Path(parsed.json), json.dumps(_document(measured, parsed), indent=1) + "\n")
    if parsed.plot:
        write_whole("--plot", Path(parsed.plot), lambda aside: write_figure(measured, aside))
    print_report(measured, by_deployment=parsed.by_deployment)


def _chosen(parsed: argparse.Namespace) -> list[Run]:
    everything: list[Run] = [*(read_divided_points if parsed.divided else read_points)(parsed.part)]
    for name, of in (("models", "model"), ("systems", "system"), ("engines", "engine")):
        wanted = getattr(parsed, name)
        for one in wanted or ():
            check_choice(f"--{name}", one, {getattr(point, of) for point in everything})
        everything = [point for point in everything if not wanted or getattr(point, of) in wanted]
    if not everything:
        raise ConfigError("--models, --systems and --engines must leave at least one point; they leave none.")
    return everything


def _document(measured: Measured, parsed: argparse.Namespace) -> dict[str, object]:
    """Every point by itself: whoever doubts a median can look."""
    return {
        "serving": "divided" if parsed.divided else "aggregated",
        "part": parsed.part,
        "points": [
            {
                "id": one.point.id,
                "public": one.point.is_public,
                "servers": one.point.widths_in_words,
                "latency": kind,
                "measured_tpot_ms": one.point.tpot_ms,
                "simulated_tpot_ms": one.tpot_ms,
                "measured_ttft_ms": one.point.ttft_ms,
                "simulated_ttft_ms": one.ttft_ms,
            }
            for kind, judged in measured.judged.items()
            for one in judged
        ],
        "not_priced": [
            {"id": point.id, "latency": kind, "why": why}
            for kind, refused in measured.not_priced.items()
            for point, why in refused
        ],
        "fitted": [
            {"group": list(group), "factor": fit.factor, "step_us": fit.step_us}
            for group, fit in sorted(measured.fitted.items())
        ],
    }


def _parser() -> Arguments:
    parser = Arguments(
        prog="python -m experiments.fidelity", description="Judge the simulator by real serving runs (needs silicon)."
    )
    parser.add_argument(
        "--divided", action="store_true", help="runs of divided serving instead: a pool that prefills, one that decodes"
    )
    parser.add_argument("--json", metavar="OUT", help="write every point to a file")
    parser.add_argument("--plot", metavar="OUT.png", help="draw measured against simulated")
    parser.add_argument(
        "--part", choices=PARTS, default="all", help="public: to fit on; judge: kept aside; default all"
    )
    parser.add_argument("--models", nargs="+", metavar="NAME", help="only these, as the sample calls them")
    parser.add_argument("--systems", nargs="+", metavar="NAME", help="only these: h100_sxm, h200_sxm, b200_sxm ...")
    parser.add_argument("--engines", nargs="+", metavar="NAME", help="only these: vllm, sglang, trtllm")
    parser.add_argument(
        "--latency", nargs="+", choices=KINDS, default=["silicon"], help="latency models to judge; default silicon"
    )
    parser.add_argument("--fit", action="store_true", help="also with a factor and an overhead fitted on public points")
    parser.add_argument("--by-deployment", action="store_true", help="a row for every model, GPU, engine and width")
    parser.add_argument("--tables", metavar="FOLDER", default="outputs/fidelity/tables", help="where tables are kept")
    parser.add_argument("--processes", type=int, default=2, help="at once; default 2")
    return parser


if __name__ == "__main__":
    sys.exit(main())
