"""The command line's overrides as Hydra needs them: policies by their bare name, every key without a plus, free text quoted.

Why, says the head of conf/run.yaml.
"""

import re
from collections.abc import Sequence

QUESTIONS = ("admission", "routing", "priority", "scheduling", "preemption")
GROUPS = ("cluster", "workload")
#: Texts with commas or symbols in them: one value, never a sweep. To sweep over them, quote each.
TEXTS = ("routing.scorers", "routing.formula", "priority.formula")
PATHS = ("policies", "workload.path", "workload.data_path")

_FLAGS_WITH_VALUE = {"--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--package", "-p"}
_ASSIGNMENT = re.compile(r"([A-Za-z_][\w.]*)=(.*)", re.DOTALL)
_PLAIN_PATH = re.compile(r"[\w./:~+-]*")


def translated(arguments: Sequence[str]) -> list[str]:
    """The arguments with `routing=NAME` as `++routing.policy=NAME` and so on; flags stay as they are.

    What begins with + or ~, group choices, and keys of Hydra itself are left alone.
    """
    is_sweep = any(argument in ("-m", "--multirun") for argument in arguments)
    out: list[str] = []
    for place, argument in enumerate(arguments):
        is_value = place > 0 and arguments[place - 1] in _FLAGS_WITH_VALUE
        match = None if is_value else _ASSIGNMENT.fullmatch(argument)
        out.append(argument if match is None else _translated(match[1], match[2], is_sweep))
    return out


def _translated(key: str, value: str, is_sweep: bool) -> str:
    if key in TEXTS and not value.startswith(("[", "{", "'", '"', "choice(")):
        value = _quoted(value)
    elif key in PATHS and value[:1] not in ("'", '"'):
        pieces = value.split(",") if is_sweep else [value]
        value = ",".join(piece if _PLAIN_PATH.fullmatch(piece) else _quoted(piece) for piece in pieces)
    if key in GROUPS or key.partition(".")[0] == "hydra":
        return f"{key}={value}"
    if key in QUESTIONS and not value.startswith("{"):
        key = f"{key}.policy"
    return f"++{key}={value}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\'", "\\\\'").replace("'", "\\'")
    return f"'{escaped}'"
