"""The command `python -m evolve.compare A.yaml B.yaml ...`: which of these policies is better, and by how much?

Imports nothing heavy before it is needed, so that `--help` answers at once.
"""

import sys
from collections.abc import Sequence
from typing import Any

from blis.command.composition import command
from blis.command.overrides import flags_apart, members_quoted
from blis.command.terminating import interruptible
from blis.foundation.errors import ConfigError

OUTPUTS = ("text", "json")
_KEYS = (
    *("policies", "suite", "suite_file", "scenario", "roles", "objectives"),
    *("half_width", "most_runs", "first_seeds", "seed", "evaluator", "output"),
)


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default the process's own) and return its exit status.

    The comparison goes to standard output, progress to standard error; `blis.command.composition` says what a status
    means.
    """
    return command("evolve_compare", sys.argv[1:] if arguments is None else arguments, _run, _spelled_out)


def _spelled_out(arguments: Sequence[str]) -> list[str]:
    """The policies as `policies=[A.yaml,B.yaml]`, and a suite in a file by its own key."""
    policies: list[str] = []
    spelled, words = flags_apart(arguments)
    for word in words:
        key, is_assignment, value = word.partition("=")
        if not is_assignment:
            policies.append(_quoted(word))
        elif key == "scenario":  # the folder conf/scenario makes Hydra take it for the choice of a group
            spelled.append(f"++scenario.names={members_quoted(value)}")
        elif key == "suite" and value.endswith((".yaml", ".yml")):
            spelled.append(f"suite_file={_quoted(value)}")
        else:
            spelled.append(word)
    asks = any(one.startswith(("policies=", "-")) for one in spelled)
    if len(policies) < 2 and not asks:
        raise ConfigError("policies must be at least two: python -m evolve.compare A.yaml B.yaml [key=value ...].")
    return [f"policies=[{','.join(policies)}]", *spelled] if policies else spelled


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _run(config: Any) -> None:
    from blis.foundation.checks import check_choice, check_keys
    from blis.output.printing import print_json
    from evolve.evidence.bundles import compare_bundles
    from evolve.evidence.question import Question
    from evolve.evidence.reporting import progress

    given = check_keys("compare", config, _KEYS, _KEYS)
    output = check_choice("output", given["output"], OUTPUTS)
    question = Question.from_mapping(given)
    with progress() as done:
        found = compare_bundles(question, given["evaluator"], lambda count: done("policies", count))
    if output == "json":
        print_json(found.plain())
    else:
        print(found.text(), end="")


if __name__ == "__main__":
    sys.exit(main())
