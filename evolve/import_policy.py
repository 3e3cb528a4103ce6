"""The command `python -m evolve.import_policy FILE [key=value ...]`: another router's configuration as a policy bundle.

Imports nothing heavy before it is needed, so that `--help` answers at once.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blis.command.ending import Arguments, ending
from blis.command.terminating import interruptible

OUTPUTS = ("text", "json")
_KEYS = ("from", "output", "output.file", "overwrite", "instances", "require")
_EPILOG = """\
options:
  from=ROUTER          {names}; default: FILE tells
  output=text|json     text: the bundle on standard output, the grades on standard error; json: one document
  output.file=PATH     write the bundle there, and the grades to standard output
  overwrite=true       replace a file that exists
  instances=N          workers of the router, for limits of all of them together (sglang, vllm)
  require=GRADE        exact, approximate: exit status 2 if a signal is worse

The bundle is what blis.run policies=, evolve.compare and a search's baselines take; limits of a queue are in its
lineage, for cluster.gateway.

examples:
  python -m evolve.import_policy endpoint-picker.yaml output.file=llm-d.yaml
  python -m evolve.import_policy sglang-flags.txt

Exit status: 0 written; 2 wrong input, no counterpart here, or worse than required.
"""


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Import what the command line names and return the exit status."""
    parser = Arguments(
        prog="python -m evolve.import_policy",
        description="Read another router's configuration as a policy bundle, with a grade of fidelity for each signal.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file", metavar="FILE", help="EndpointPickerConfig, Helm values that hold one, or a command line"
    )
    parser.add_argument("option", nargs="*", metavar="key=value", help="see below")
    if any(one in ("-h", "--help") for one in (sys.argv[1:] if arguments is None else arguments)):
        from evolve.exchange.choosing import names

        parser.epilog = _EPILOG.format(names=", ".join(names()))
    parsed = parser.parse_args(arguments)
    return ending(lambda: _import(parsed.file, parsed.option))


def _import(path: str, words: Sequence[str]) -> None:
    from blis.command.workload_choice import options_of
    from blis.foundation.checks import check_choice, check_int, check_keys
    from blis.foundation.errors import ConfigError
    from blis.foundation.files import check_path
    from blis.policies.binding import bind_all
    from blis.policies.bundle import bundle_text
    from evolve.exchange import APPROXIMATE, EXACT, GRADES, worst
    from evolve.exchange.choosing import as_bundle, router, router_of
    from evolve.exchange.files import check_target, read_text, write_whole
    from evolve.exchange.printing import print_grades

    given = check_keys("options", options_of(words), _KEYS)
    output = check_choice("output", given.get("output", "text"), OUTPUTS)
    required = given.get("require")
    if required is not None:
        check_choice("require", required, (EXACT, APPROXIMATE))
    n_instances = given.get("instances")
    if n_instances is not None:
        check_int("instances", n_instances, 1, 100_000)
    target = check_target(given)
    text = read_text(Path(check_path("file", path)))
    name = given.get("from") or router_of(Path(path), text)
    source = router("from", name)
    found = source.read(path, text, n_instances)
    bundle = as_bundle(found, source.TITLE, Path(path).name)
    try:
        bind_all(bundle.policies)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    written, grade = bundle_text(bundle), worst(found.signals)
    report: dict[str, Any] = {"from": name, "router": source.TITLE, "source": path, "fidelity": grade}
    report |= {"signals": [one.plain() for one in found.signals], "notes": [], "policies": dict(bundle.policies)}
    report |= {"gateway": found.gateway and dict(found.gateway), "text": written}
    is_refused = required is not None and GRADES.index(grade) > GRADES.index(required)
    if target is not None and not is_refused:
        write_whole(target, written)
        report["file"] = str(target)
    print_grades(report, output, written if target is None and not is_refused else None)
    if is_refused:
        raise ConfigError(f"{path}: fidelity must be {required} or better, as required; got {grade}.")


if __name__ == "__main__":
    sys.exit(main())
