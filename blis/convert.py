"""Command line: turn one log or workload into a log of another format, and say what is lost.

    python -m blis.convert FROM TO [key=value ...] [--json]

Exit status: 0 written, 1 failed, 2 wrong input, 130 interrupted.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blis.command.workload_choice import options_of, readers, source_mapping, writers
from blis.foundation.answers import answer
from blis.foundation.checks import check_choice, check_int
from blis.foundation.errors import BlisError, ConfigError
from blis.foundation.placing import place_together

if TYPE_CHECKING:
    from blis.workload.logs.losses import Loss
    from blis.workload.requests import Requests

WRITTEN, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
BLOCK_SIZE_TOKENS = 16  #: in which sharing is counted
DEFAULT_SEED = 42

_EPILOG = """\
options:
  from=FORMAT       {readers};
                    default: FROM tells
  to=FORMAT         {writers}; default: .jsonl[.gz] is mooncake, .yaml trace-v2
  overwrite=true    replace files that exist
  seed=N            of what is drawn (spec, servegen, shared-prefix, distribution); default 42
  KEY=VALUE         a parameter of the workload FROM: rate=40, num_requests=1000, failures=keep ...

examples:
  python -m blis.convert log.csv log.jsonl.gz
  python -m blis.convert chatbot chatbot.yaml rate=10 num_requests=5000 seed=7

Exit status: 0 written; 1 failed; 2 wrong input; 130 interrupted.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert what the command line names and return the exit status."""
    parsed = _parser().parse_args(arguments)
    try:
        report = convert(parsed.source, Path(parsed.target), options_of(parsed.option))
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (BlisError, OSError, MemoryError) as error:
        print(f"error: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
        return WRONG_INPUT if isinstance(error, ConfigError | OSError) else FAILED
    for note in report["notes"]:
        print(f"note: {note}", file=sys.stderr)
    for loss in report["lost"]:
        why = f": {loss['why']}" if loss["why"] else ""
        print(f"lost: {loss['what']} ({loss['requests']} requests){why}", file=sys.stderr)
    if parsed.json:
        print(json.dumps(report, indent=2, allow_nan=False, ensure_ascii=False))
    else:
        print(f"{report['requests']} requests, {report['from']} to {report['to']}: {', '.join(report['files'])}")
    return WRITTEN


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
    overwrite = given.pop("overwrite", False)
    if not isinstance(overwrite, bool):
        raise ConfigError(f"overwrite must be true or false; got {overwrite!r}.")
    form = _writer_name(target, form)
    writer = answer("workload", form)
    files = _files(form, target)
    _check_target(files, overwrite, Path(source))
    plan = workload_plan(source_mapping(source, kind, given), "from")
    requests = _generate(plan.kind, plan.params, seed)
    with _aside(target) as unfinished:
        lost: Sequence[Loss] = writer.write(requests, unfinished)
        place_together(_files(form, unfinished), files, overwrite)
    return {
        "from": plan.kind,
        "to": form,
        "requests": len(requests),
        "files": [str(path) for path in files],
        "notes": list(requests.notes),
        "lost": [{"what": loss.what, "requests": loss.n_requests, "why": loss.why} for loss in lost],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
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
        if path.is_dir() or not path.parent.is_dir():
            raise ConfigError(f"{path} must be a file in a folder that exists.")
        if path.exists() and not overwrite:
            raise ConfigError(f"{path} exists already; give overwrite=true to replace it.")
    for path in files[1:]:
        if path.exists() and source.exists() and path.samefile(source):
            raise ConfigError(
                f"{path} is FROM, and would be replaced by the file beside {files[0]}; give TO another name."
            )


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """A name like the target's, in a folder of its own beside it."""
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=target.parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder) / target.name


if __name__ == "__main__":
    sys.exit(main())
