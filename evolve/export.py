"""The command `python -m evolve.export CHAMPION.yaml to=ROUTER [key=value ...]`: a champion as another router says it.

Imports nothing heavy before it is needed, so that `--help` answers at once.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from blis.command.ending import Arguments, ending
from blis.command.terminating import interruptible

OUTPUTS = ("text", "json")
_KEYS = ("to", "output", "output.file", "overwrite", "gateway", "instances", "require")
_EPILOG = """\
options:
  to=ROUTER            {names}
  output=text|json     text: the file on standard output, the grades on standard error; json: one document
  output.file=PATH     write the file there, and the grades to standard output
  overwrite=true       replace a file that exists
  gateway={{...}}        limits of the queue, as cluster.gateway has them; default: as its lineage tells
  instances=N          of the cluster, for limits of a whole cluster (sglang, vllm)
  require=GRADE        exact, approximate: exit status 2 if a signal is worse

examples:
  python -m evolve.export outputs/search/champion.yaml to=llm-d output.file=epp.yaml
  python -m evolve.export champion.yaml to=sglang

Exit status: 0 written; 2 wrong input, nothing that can be said there, or worse than required.
"""


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Export what the command line names and return the exit status."""
    parser = Arguments(
        prog="python -m evolve.export",
        description="Write a champion as another router's configuration, with a grade of fidelity for each signal.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("champion", metavar="CHAMPION.yaml", help="a policy bundle, such as a search's champion.yaml")
    parser.add_argument("option", nargs="*", metavar="key=value", help="see below")
    if any(one in ("-h", "--help") for one in (sys.argv[1:] if arguments is None else arguments)):
        from evolve.exchange.choosing import names

        parser.epilog = _EPILOG.format(names=", ".join(names()))
    parsed = parser.parse_args(arguments)
    return ending(lambda: _export(parsed.champion, parsed.option))


def _export(path: str, words: Sequence[str]) -> None:
    from blis.command.workload_choice import options_of
    from blis.foundation.checks import check_choice, check_int, check_keys
    from blis.foundation.errors import ConfigError
    from evolve.exchange import APPROXIMATE, EXACT, GRADES, worst
    from evolve.exchange.choosing import read_champion, router
    from evolve.exchange.commented import commented
    from evolve.exchange.files import check_target, write_whole
    from evolve.exchange.printing import print_grades

    given = check_keys("options", options_of(words), _KEYS, ("to",))
    target = router("to", given["to"])
    output = check_choice("output", given.get("output", "text"), OUTPUTS)
    required = given.get("require")
    if required is not None:
        check_choice("require", required, (EXACT, APPROXIMATE))
    n_instances = given.get("instances")
    if n_instances is not None:
        check_int("instances", n_instances, 1, 100_000)
    file = check_target(given)
    found = target.export(read_champion(path, _limits(given.get("gateway")), n_instances))
    grade = worst(found.signals)
    text = None if found.text is None else commented(target.TITLE, path, found)
    report: dict[str, Any] = {"to": given["to"], "router": target.TITLE, "champion": path, "fidelity": grade}
    report |= {"signals": [one.plain() for one in found.signals], "notes": list(found.notes), "text": text}
    is_refused = text is None or (required is not None and GRADES.index(grade) > GRADES.index(required))
    if file is not None and not is_refused:
        write_whole(file, str(text))
        report["file"] = str(file)
    print_grades(report, output, text if file is None and not is_refused else None)
    if text is None:
        raise ConfigError(f"{path}: nothing of its routing can be said in {target.TITLE}; the signals say why.")
    if is_refused:
        raise ConfigError(f"{path}: fidelity must be {required} or better, as required; got {grade}.")


def _limits(value: object) -> Any:
    from blis.foundation.checks import check_keys
    from blis.foundation.errors import ConfigError

    if value is None:
        return None
    if not isinstance(value, dict):
        raise ConfigError(f"gateway must be a mapping such as {{capacity_requests: 100}}; got {value!r}.")
    return check_keys("gateway", value, tuple(value))


if __name__ == "__main__":
    sys.exit(main())
