"""The command `python -m blis.saturation`: the highest arrival rate that a scenario's cluster carries.

What that means, and how it is found, says `blis.capacity.stability`. The value is printed, to be written into the file
by hand.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from blis.command.composition import command, output_folder
from blis.command.ending import tell
from blis.command.overrides import translated
from blis.command.terminating import interruptible
from blis.foundation.answers import choices
from blis.foundation.checks import check_choice, check_flag, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.files import write_text_whole, write_whole
from blis.foundation.words import shown

OUTPUTS = ("text", "json")
_KEYS = ("scenario", "num_requests", "seeds", "precision", "loads", "output", "plots")


@dataclass(frozen=True, slots=True)
class SaturationSettings:
    """What one measurement is told to do."""

    scenario: str  #: name or path
    physics: str | None  #: kind of latency model; None: the scenario's own
    num_requests: int  #: ≥ 100, of each run
    seeds: tuple[int, ...]
    precision: float  #: relative width of the last bracket
    loads: tuple[float, ...]  #: factors of the result, for the table and the figure
    output: str  #: text or json
    plots: bool

    @classmethod
    def from_mapping(cls, mapping: object) -> "SaturationSettings":
        """The settings in a composed configuration, as plain data.

        Raises
        ------
        ConfigError
            If a key is absent or unknown, or a value wrong.
        """
        given = check_keys("saturation", mapping, _KEYS, _KEYS)
        node = given["scenario"]
        chosen = check_keys("scenario", node if node is not None else {}, ("name", "physics"))
        name, physics = chosen.get("name"), chosen.get("physics")
        if not isinstance(name, str) or not name:
            raise ConfigError("scenario must be given; add scenario=NAME, a file of conf/scenario or a path.")
        return cls(
            scenario=name,
            physics=None if physics is None else check_choice("scenario.physics", physics, choices("latency")),
            num_requests=check_int("num_requests", given["num_requests"], 100),
            seeds=tuple(check_int(f"seeds[{k}]", seed, 0) for k, seed in enumerate(_list("seeds", given["seeds"]))),
            precision=check_number("precision", given["precision"], 1e-4, 0.5),
            loads=tuple(
                check_number(f"loads[{k}]", load, maximum=10, above=0)
                for k, load in enumerate(_list("loads", given["loads"]))
            ),
            output=check_choice("output", given["output"], OUTPUTS),
            plots=check_flag("plots", given["plots"]),
        )


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's own) and return its exit status."""
    return command("saturation", sys.argv[1:] if arguments is None else arguments, _run, translated)


def _run(config: Any) -> None:
    """One measurement of a composed configuration; called by Hydra, once per job."""
    from blis.capacity.figure import check_can_draw, write_figure
    from blis.families.named import read_named
    from blis.output.printing import json_text

    folder = output_folder()
    settings = SaturationSettings.from_mapping(config)
    if settings.plots:
        check_can_draw()
    document = measure(settings, read_named(settings.scenario))
    if settings.output == "json":
        sys.stdout.write(json_text(document))
    else:
        tell(document["notes"])
        _print_text(document)
    write_text_whole("hydra.run.dir", folder / "saturation.json", json_text(document))
    if settings.plots:
        write_whole("hydra.run.dir", folder / "saturation.png", partial(write_figure, document))
    if sys.stderr.isatty():
        print(f"written: {folder}", file=sys.stderr)


def measure(settings: SaturationSettings, scenario: Any) -> dict[str, Any]:
    """The saturation rate of a `ScenarioFile`, and what happens at factors of it, ready for JSON."""
    from blis.capacity.stability import (
        KEEPS_UP,
        OVERLOAD,
        REFERENCE_POLICIES,
        WARM_UP,
        Probe,
        doubts,
        flood_throughput,
        probe,
        saturation_rate,
    )

    probes: dict[float, Probe] = {}

    def probe_at(rate: float) -> Probe:
        if rate not in probes:
            probes[rate] = probe(scenario, rate, settings.num_requests, settings.seeds, settings.physics)
        return probes[rate]

    physics = settings.physics or scenario.physics
    start = flood_throughput(scenario, settings.num_requests, settings.seeds[0], settings.physics)
    rate = saturation_rate(probe_at, start, settings.precision)
    return {
        "scenario": scenario.name,
        "saturation_rate": rate,
        "physics": physics,
        "own_physics": scenario.physics,
        "written_rates": dict(scenario.saturation_rates),
        "policies": REFERENCE_POLICIES,
        "num_requests": settings.num_requests,
        "seeds": list(settings.seeds),
        "precision": settings.precision,
        "warm_up": WARM_UP,
        "keeps_up": KEEPS_UP,
        "notes": list(doubts(rate, probe_at(OVERLOAD * rate))),
        "search": [_row(probes[key]) for key in sorted(probes)],
        "sweep": [{"load": load, **_row(probe_at(load * rate))} for load in sorted(settings.loads)],
    }


def _row(probe: Any) -> dict[str, Any]:
    return {
        "rate": probe.rate,
        "throughput": probe.throughput,
        "goodput": probe.goodput,
        "ttft_p50_ms": probe.ttft_p50_ms,
        "ttft_p99_ms": probe.ttft_p99_ms,
    }


def _print_text(document: dict[str, Any]) -> None:
    written = document["written_rates"].get(document["physics"])
    rates = {**document["written_rates"], document["physics"]: document["saturation_rate"]}
    text = f"{document['saturation_rate']:.4g}"
    line = "{" + ", ".join(f"{kind}: {rate:.4g}" for kind, rate in rates.items()) + "}"
    is_own = list(rates) == [document["own_physics"]]
    print(f"{document['scenario']}: saturation_rate: {text if is_own else line} # requests/s")
    print(f"in the file: {'nothing yet' if written is None else f'{written:.4g}'}")
    print(f"{'load':>5} {'requests/s':>11} {'completed/s':>12} {'in time/s':>10} {'TTFT p50 [ms]':>14} {'p99 [ms]':>9}")
    for row in document["sweep"]:
        p50, p99 = ("-" if row[key] is None else f"{row[key]:,.0f}" for key in ("ttft_p50_ms", "ttft_p99_ms"))
        print(
            f"{row['load']:>5.2f} {row['rate']:>11,.2f} {row['throughput']:>12,.2f} {row['goodput']:>10,.2f} "
            f"{p50:>14} {p99:>9}"
        )
    sys.stdout.flush()


def _list(where: str, value: object) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{where} must be a list of at least one number; got {shown(value)}.")
    return value


if __name__ == "__main__":
    sys.exit(main())
