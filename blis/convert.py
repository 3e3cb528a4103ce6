"""Command line: turn one log or workload into a log of another format, and say what is lost.

    python -m blis.convert FROM TO [key=value ...] [--json]

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
from blis.command.workload_choice import options_of, readers, source_mapping, writers
from blis.foundation.answers import answer
from blis.foundation.checks import check_choice, check_flag, check_int
from blis.foundation.errors import ConfigError
from blis.foundation.files import folder_aside, is_file, is_folder
from blis.foundation.placing import place_together
from blis.foundation.words import shown

if TYPE_CHECKING:
    from blis.workload.logs.losses import Loss
    from blis.workload.requests import Requests

BLOCK_SIZE_TOKENS = 16  #: in which sharing is counted
DEFAULT_SEED = 42

_EPILOG = """\
options:
  from=FORMAT       {readers};
                    default: FROM tells
  to=FORMAT         {writers}; default: .jsonl[.gz] is mooncake, .yaml trace-v2
  overwrite=true    replace files that exist
  seed=N            of what is drawn (spec, servegen, inference-perf, distribution ...); default 42
  KEY=VALUE         a parameter of the workload FROM: rate=40, num_requests=1000, failures=keep ...

examples:
  python -m blis.convert log.csv log.jsonl.gz
  python -m blis.convert chatbot chatbot.yaml rate=10 num_requests=5000 seed=7

Exit status: 0 written; 1 failed; 2 wrong input; 130 interrupted.
"""


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Convert what the command line names and return the exit status."""
    parsed = _parser().parse_args(arguments)
    return ending(lambda: _convert(parsed.source, parsed.target, parsed.option, parsed.json))


def _convert(source: str, target: str, options: Sequence[str], as_json: bool) -> None:
    report = convert(source, Path(target), options_of(options))
    for note in report["notes"]:
        print(f"note: {note}", file=sys.stderr)
    for loss in report["lost"]:
        why = f": {loss['why']}" if loss["why"] else ""
        print(f"lost: {loss['what']} ({loss['requests']} requests){why}", file=sys.stderr)
    if as_json:
        print(json.dumps(report, indent=2, allow_nan=False, ensure_ascii=False))
    else:
        print(f"{report['requests']} requests, {report['from']} to {report['to']}: {', '.join(report['files'])}")


def convert(source: str, target: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Read a workload, write it as a log, and report.

    Parameters
    ----------
    source : str
        A path, or the name of a workload.
    target : Path
        File to write. All files are made aside and moved into place together.
    options : dict
        from, to, overwrite, seed, and parameters of the workload.

    Returns
    -------
    dict
        `from`, `to`, `requests`, `files`, `notes` of the reader, and `lost`: for each aspect that the format cannot
        hold, `what`, how many `requests` have it, and `why`.

    Raises
    ------
    ConfigError
    """
    from blis.workload.plan import workload_plan

    given = dict(options)
    kind, form = given.pop("from", None), given.pop("to", None)
    seed = check_int("seed", given.pop("seed", DEFAULT_SEED), 0)
    overwrite = check_flag("overwrite", given.pop("overwrite", False))
    form = _writer_name(target, form)
    files = _files(form, target)
    _check_target(files, overwrite, Path(source))
    plan = workload_plan(source_mapping(source, kind, given), "from")
    requests = _generate(plan.kind, plan.params, seed)
    lost = _written(form, requests, target, overwrite)
    return {
        "from": plan.kind,
        "to": form,
        "requests": len(requests),
        "files": [str(path) for path in files],
        "notes": list(requests.notes),
        "lost": [{"what": loss.what, "requests": loss.n_requests, "why": loss.why} for loss in lost],
    }


def _parser() -> Arguments:
    parser = Arguments(
        prog="python -m blis.convert",
        description="Turn one log or workload into a log of another format, and say what is lost.",
        epilog=_EPILOG.format(readers=", ".join(readers()), writers=", ".join(writers())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="FROM", help="file, folder (ServeGen), or name of a workload")
    parser.add_argument("target", metavar="TO", help="file to write")
    parser.add_argument("option", nargs="*", metavar="key=value", help="see below")
    parser.add_argument("--json", action="store_true", help="print a report as one JSON document")
    return parser


def _generate(kind: str, params: Any, seed: int) -> "Requests":
    requests: Requests = answer("workload", kind).generate(params, seed, BLOCK_SIZE_TOKENS)
    return requests


def _writer_name(target: Path, form: object) -> str:
    forms = writers()
    if form is not None:
        return check_choice("to", form, forms)
    for name in forms:
        if target.name.endswith(answer("workload", name).SUFFIXES):
            return name
    raise ConfigError(f"{target}: the name does not tell the format; give to=FORMAT: {', '.join(forms)}.")


def _files(form: str, target: Path) -> tuple[Path, ...]:
    """All files of a log that is written to `target`; where there are several, its name must tell theirs."""
    writer = answer("workload", form)
    if not hasattr(writer, "files"):
        return (target,)
    if not target.name.endswith(writer.SUFFIXES):
        raise ConfigError(
            f"{target}: the name must end in {' or '.join(writer.SUFFIXES)} for {form}, which has a file beside it."
        )
    files: tuple[Path, ...] = writer.files(target)
    return files


def _check_target(files: Sequence[Path], overwrite: bool, source: Path) -> None:
    for path in files:
        if is_folder(path) or not is_folder(path.parent):
            raise ConfigError(f"{path} must be a file in a folder that exists.")
        if is_file(path) and not overwrite:
            raise ConfigError(f"{path} exists already; give overwrite=true to replace it.")
    for path in files[1:]:
        if path.exists() and source.exists() and path.samefile(source):
            raise ConfigError(
                f"{path} is FROM, and would be replaced by the file beside {files[0]}; give TO another name."
            )


def _written(form: str, requests: "Requests", target: Path, overwrite: bool) -> "Sequence[Loss]":
    """Write all files of a log, or none; what the format cannot hold."""
    try:
        with folder_aside(target.parent) as aside:
            unfinished = aside / target.name
            lost: Sequence[Loss] = answer("workload", form).write(requests, unfinished)
            place_together(_files(form, unfinished), _files(form, target), overwrite)
    except OSError as error:
        raise ConfigError(f"TO: {shown(str(target))} cannot be written: {error.strerror or error}.") from error
    return lost


if __name__ == "__main__":
    sys.exit(main())
