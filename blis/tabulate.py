"""Command line: make the table of what a model's steps cost on a GPU, from kernels that were measured there.

    python -m blis.tabulate model=NAME device=NAME [tensor_parallel=N] [key=value ...] [--json]

Exit status: 0 written, 1 failed, 2 wrong input, 130 interrupted.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blis.command.ending import Arguments, ending
from blis.command.terminating import interruptible
from blis.command.workload_choice import options_of
from blis.foundation.checks import check_choice, check_flag, check_int, check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.files import is_file, is_folder, write_text_whole
from blis.foundation.words import shown

if TYPE_CHECKING:
    from blis.cluster.steps.table import Deployed, StepTable

_KEYS = (
    "model",
    "model_config_folder",
    "device",
    "tensor_parallel",
    "expert_parallel",
    "data_parallel",
    "engine",
    "to",
    "overwrite",
)
_EPILOG = """\
options:
  model=NAME               a shipped model or a folder with its config.json (model_config_folder=FOLDER: look there)
  device=NAME              a file of hardware/: H100, H200, B200, A100-80, L40S ...
  tensor_parallel=N        GPUs that divide each layer; default 1
  expert_parallel=N        groups over which the experts are dealt out; default 1
  data_parallel=N          ranks of attention; default 1
  engine=NAME              whose kernels: vllm (default), sglang, trtllm
  to=PATH                  file, or folder for a file of the table's name; default: the working folder
  overwrite=true           replace a file that exists

Needs the extra 'silicon'. A run uses the table with cluster.latency.kind=silicon and cluster.latency.table=FILE; tables
in hardware/steps/ are found by themselves.

example:
  python -m blis.tabulate model=qwen/qwen3-14b device=H100 tensor_parallel=2

Exit status: 0 written; 1 failed; 2 wrong input; 130 interrupted.
"""
#: Batches whose prices are shown: what, prompt tokens, decodes, tokens of context of each.
_SHOWN = (
    ("1 decode behind 1,024 tokens", 0, 1, 1024),
    ("16 decodes behind 1,024 tokens", 0, 16, 1024),
    ("64 decodes behind 1,024 tokens", 0, 64, 1024),
    ("64 decodes behind 16,384 tokens", 0, 64, 16384),
    ("256 decodes behind 1,024 tokens", 0, 256, 1024),
    ("prompt of 512 tokens", 512, 0, 0),
    ("prompt of 2,048 tokens", 2048, 0, 0),
    ("prompt of 8,192 tokens", 8192, 0, 0),
)


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Make the table that the command line names and return the exit status."""
    parsed = _parser().parse_args(arguments)
    return ending(lambda: _tabulate(parsed.option, parsed.json))


def _tabulate(options: Sequence[str], as_json: bool) -> None:
    report = tabulate(options_of(options))
    if as_json:
        print(json.dumps(report, indent=2, allow_nan=False, ensure_ascii=False))
    else:
        _print(report)


def tabulate(options: dict[str, Any]) -> dict[str, Any]:
    """Make a table, write it, and report.

    Parameters
    ----------
    options : dict
        As the command line's.

    Returns
    -------
    dict
        `name` of the table, `file`, `source`, `measured` (how far measurements reach) and `examples`: for some batches
        `batch` and `step_ms`.

    Raises
    ------
    ConfigError
    """
    from blis.cluster.catalog import model_folder, read_model
    from blis.cluster.steps.file import SUFFIX, written
    from blis.cluster.steps.making import SYSTEMS, make_table
    from blis.cluster.steps.shipped import ENGINES
    from blis.cluster.steps.table import Deployed

    given = check_keys("tabulate", options, _KEYS, ("model", "device"))
    name, folder = model_folder(given["model"], given.get("model_config_folder"))
    read_model(given["model"], given.get("model_config_folder"))  # a damaged configuration is told in our words
    deployed = Deployed(
        model=name.rpartition("/")[2],
        device=check_choice("device", given["device"], SYSTEMS),
        tensor_parallel=check_int("tensor_parallel", given.get("tensor_parallel", 1), 1, 1024, "GPUs"),
        engine=check_choice("engine", given.get("engine", ENGINES[0]), ENGINES),
        expert_parallel=check_int("expert_parallel", given.get("expert_parallel", 1), 1, 1024, "groups"),
        data_parallel=check_int("data_parallel", given.get("data_parallel", 1), 1, 1024, "ranks"),
    )
    path = _target(given.get("to", "."), f"{deployed.name}{SUFFIX}")
    if is_file(path) and not check_flag("overwrite", given.get("overwrite", False)):
        raise ConfigError(f"{path} exists already; give overwrite=true to replace it.")
    table = make_table(deployed, str(folder))
    write_text_whole("to", path, written(table))
    return _report(deployed, table, path)


def _report(deployed: "Deployed", table: "StepTable", path: Path) -> dict[str, Any]:
    from dataclasses import asdict

    from blis.cluster.latency.silicon import coefficients, step_time
    from blis.engine.batch_sums import BatchSums

    prices = coefficients(table)
    examples = []
    for words, prompt, decodes, context in _SHOWN:
        sums = BatchSums(int(prompt > 0), prompt, 0, prompt * max(0, prompt - 1), 0, decodes, decodes * context)
        examples.append({"batch": words, "step_ms": step_time(sums, prices) / 1e3})
    return {
        "name": deployed.name,
        "file": str(path),
        "source": table.source,
        "measured": asdict(table.measured),
        "examples": examples,
    }


def _target(to: object, name: str) -> Path:
    if not isinstance(to, str) or not to:
        raise ConfigError(f"to must be the path of a file or a folder; got {shown(to)}.")
    path = Path(to)
    path = path / name if is_folder(path) else path
    if not is_folder(path.parent):
        raise ConfigError(f"to: {shown(str(path))} must be in a folder that exists.")
    return path


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=report["name"], caption=report["source"])
    table.add_column("batch")
    table.add_column("step [ms]", justify="right")
    for example in report["examples"]:
        table.add_row(example["batch"], f"{example['step_ms']:.2f}")
    Console(width=100).print(table)
    measured = report["measured"]
    print(
        f"measured up to {measured['step_tokens']:,} tokens a step, {measured['decode_requests']:,} decodes, "
        f"{measured['context_tokens']:,} tokens of context, prompts of {measured['prompt_tokens']:,}"
    )
    print(f"written: {report['file']}")


def _parser() -> Arguments:
    parser = Arguments(
        prog="python -m blis.tabulate",
        description="Make the table of what a model's steps cost on a GPU, from kernels that were measured there.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("option", nargs="*", metavar="key=value", help="see below")
    parser.add_argument("--json", action="store_true", help="print a report as one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
