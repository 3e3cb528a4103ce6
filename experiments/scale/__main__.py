"""`python -m experiments.scale NAME [key=value ...]`: see the package."""

import sys

from blis.foundation.checks import check_choice, check_int
from blis.foundation.errors import BlisError, ConfigError
from experiments.assignments import as_number, read_assignments

_KEYS = {
    "driver": {"evaluations": 100_000, "algorithm": "ga"},
    "cluster": {"evaluations": 3_000},
    "feed": {"workers": 24, "evaluation_ms": 4},
    "rate": {"evaluator": "threads", "suite": "default", "candidates": 60},
}


def main(words: list[str]) -> int:
    """Measure what is asked for, and print it."""
    try:
        name = check_choice("the measurement", words[0] if words else "", _KEYS)
        given = read_assignments(words[1:], tuple(_KEYS[name]))
        values = {key: _read(key, given[key], usual) if key in given else usual for key, usual in _KEYS[name].items()}
        _measure(name, values)
    except (ConfigError, BlisError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _read(key: str, text: str, usual: object) -> object:
    return check_int(key, as_number(text), 1) if isinstance(usual, int) else text


def _measure(name: str, values: dict[str, object]) -> None:
    if name == "driver":
        from experiments.scale.driver import measure_driver as measure
    elif name == "cluster":
        from experiments.scale.cluster import measure_cluster as measure
    elif name == "feed":
        from experiments.scale.feed import measure_feed as measure
    else:
        from experiments.scale.rate import measure_rate as measure
    measure(**values)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
