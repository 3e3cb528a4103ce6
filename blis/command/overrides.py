"""The command line as Hydra needs it: bare names of policies and scenarios, keys without a plus, free text quoted.

Why, says the head of conf/run.yaml.
"""

import re
from collections.abc import Sequence

from blis.foundation.checks import nearest
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

#: As `blis.policies.binding` has them, whose imports would keep `--help` waiting.
QUESTIONS = (
    *("admission", "routing", "filtering", "priority", "scheduling", "preemption", "eviction", "scaling"),
    *("saturation", "fairness", "queue_order", "ceiling"),
    *("tiering", "tier_eviction", "tier_writing", "preemption_mode"),
    *("disaggregation", "prefill_routing", "encoding", "encode_routing"),
)
GROUPS = ("cluster", "workload")
#: Texts with commas or symbols in them: one value, never a sweep. To sweep over them, quote each.
TEXTS = ("routing.scorers", "routing.formula", "priority.formula", "fitness")
#: Nodes that may be set by one of their values alone.
NAMED = {"scenario": "name", "counterfactual": "kind"}
PATHS = ("policies", "scenario", "workload.path", "workload.data_path")

_SWITCHES = {
    *("-h", "--help", "--hydra-help", "--version", "--resolve", "--run", "-r", "--multirun", "-m"),
    *("--shell-completion", "-sc"),
}
_FLAGS_WITH_VALUE = {
    *("--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
    *("--experimental-rerun", "--info", "-i"),
}
_ASSIGNMENT = re.compile(r"([A-Za-z_][\w.]*)=(.*)", re.DOTALL)
_MEMBER = re.compile(r"[^\[\],\s]+#\w*")
_PLAIN_PATH = re.compile(r"[\w./:~+-]*")


def check_arguments(arguments: Sequence[str]) -> None:
    """Refuse what Hydra's parsers would fail on: unknown flags, numbers of very many digits, very deep nesting.

    Raises
    ------
    ConfigError
        Naming the flag or the key.
    """
    from blis.foundation.strict_yaml import LONGEST_NUMBER, MOST_DEPTH  # slow: see `blis.command.terminating`

    flags_apart(arguments)
    many_digits = re.compile(rf"[\d_]{{{LONGEST_NUMBER + 1},}}")
    for argument in arguments:
        key, _, value = argument.partition("=")
        where = shown(key)[1:-1]
        if many_digits.search(argument):
            raise ConfigError(f"{where} must have numbers of at most {LONGEST_NUMBER} digits; got more.")
        depth = deepest = 0
        for character in value or key:
            depth += (character in "[{(") - (character in "]})")
            deepest = max(deepest, depth)
        if deepest > MOST_DEPTH:
            raise ConfigError(f"{where} must hold values at most {MOST_DEPTH} deep in one another; got more.")


def flags_apart(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Hydra's flags, each with its value, and all other words.

    Raises
    ------
    ConfigError
        If there is no such flag.
    """
    flags: list[str] = []
    words: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-"):
            words.append(argument)
            continue
        name = argument.partition("=")[0]
        if name not in _SWITCHES | _FLAGS_WITH_VALUE:
            known = sorted(_SWITCHES | _FLAGS_WITH_VALUE)
            raise ConfigError(f"no flag named {shown(name)}{nearest(name, known)} Flags: {', '.join(known)}.")
        flags.append(argument)
        if argument in _FLAGS_WITH_VALUE and rest and not rest[0].startswith("-"):
            flags.append(rest.pop(0))
    return flags, words


def translated(arguments: Sequence[str]) -> list[str]:
    """The flags, then the overrides, with `routing=NAME` as `++routing.policy=NAME` and so on.

    What begins with + or ~, group choices, and keys of Hydra itself are left alone.

    Raises
    ------
    ConfigError
        If there is no such flag.
    """
    flags, overrides = flags_apart(arguments)
    is_sweep = "-m" in flags or "--multirun" in flags
    return [*flags, *(_translated(override, is_sweep) for override in overrides)]


def members_quoted(value: str) -> str:
    """A value that names scenarios, with quotes around members of families, whose # Hydra does not know."""
    return value if "'" in value or '"' in value else _MEMBER.sub(lambda found: f"'{found[0]}'", value)


def _translated(override: str, is_sweep: bool) -> str:
    match = _ASSIGNMENT.fullmatch(override)
    if match is None:
        return override
    key, value = match.groups()
    if key in TEXTS and not value.startswith(("[", "{", "'", '"', "choice(")):
        value = _quoted(value)
    elif key in PATHS and value[:1] not in ("'", '"'):
        pieces = value.split(",") if is_sweep else [value]
        value = ",".join(piece if _PLAIN_PATH.fullmatch(piece) else _quoted(piece) for piece in pieces)
    if key in GROUPS or key.partition(".")[0] == "hydra":
        return f"{key}={value}"
    if key in QUESTIONS and not value.startswith("{"):
        key = f"{key}.policy"
    if key in NAMED and not value.startswith("{"):
        key = f"{key}.{NAMED[key]}"
    return f"++{key}={value}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\'", "\\\\'").replace("'", "\\'")
    return f"'{escaped}'"
