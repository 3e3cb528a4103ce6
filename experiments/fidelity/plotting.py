"""Measured against simulated, one dot per run."""

from pathlib import Path

from experiments.fidelity.judging import Judged
from experiments.fidelity.measuring import Measured

_COLOURS = {
    "h100_sxm": "#1b6ca8",
    "h200_sxm": "#2a9d8f",
    "b200_sxm": "#e07a1f",
    "b300_sxm": "#b5373e",
    "gb200": "#7b4ea3",
    "gb300": "#8c7a2f",
}


def write_figure(measured: Measured, path: Path) -> None:
    """Draw TPOT and TTFT for every latency model that was judged, as a PNG file."""
    from matplotlib.figure import Figure

    kinds = [kind for kind, judged in measured.judged.items() if judged]
    figure = Figure(figsize=(4.2 * len(kinds), 8.0), layout="constrained")
    panels = figure.subplots(2, len(kinds), squeeze=False)
    for column, kind in enumerate(kinds):
        judged = measured.judged[kind]
        _panel(panels[0][column], judged, "tpot", f"{kind}: time per output token [ms]")
        _panel(panels[1][column], judged, "ttft", f"{kind}: time to first token [ms]")
    panels[0][0].legend(fontsize=8, frameon=False, loc="upper left")
    figure.savefig(path, dpi=120, format="png")


def _panel(axes: object, judged: list[Judged], what: str, title: str) -> None:
    values = [
        (getattr(one.point, f"{what}_ms"), getattr(one, f"{what}_ms"), one.point.system, one.point.is_public)
        for one in judged
    ]
    least, most = min(min(v[:2]) for v in values) * 0.8, max(max(v[:2]) for v in values) * 1.25
    for system, colour in _COLOURS.items():
        for public, marker in ((True, "o"), (False, "^")):
            chosen = [v for v in values if v[2] == system and v[3] == public]
            if chosen:
                label = f"{system.partition('_')[0].upper()}, {'public' if public else 'judge'}"
                axes.scatter(
                    *zip(*(v[:2] for v in chosen), strict=True), s=9, alpha=0.55, color=colour, marker=marker,
                    linewidths=0, label=label,
                )  # fmt: skip
    axes.plot((least, most), (least, most), color="black", linewidth=0.8)
    for factor in (0.8, 1.25):
        axes.plot((least, most), (least * factor, most * factor), color="grey", linewidth=0.5, linestyle="--")
    axes.set(xscale="log", yscale="log", xlim=(least, most), ylim=(least, most), xlabel="measured", ylabel="simulated")
    axes.set_title(title, fontsize=9)
