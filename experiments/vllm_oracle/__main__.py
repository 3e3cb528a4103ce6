"""`python -m experiments.vllm_oracle run|compare|invent ...`: see the package."""

from __future__ import annotations

import sys

from blis.foundation.checks import nearest
from blis.foundation.errors import BlisError, ConfigError
from experiments.vllm_oracle.comparison import compare
from experiments.vllm_oracle.invented import COLLECTIONS, collection
from experiments.vllm_oracle.recording import read_recording, write_json
from experiments.vllm_oracle.replay import replay
from experiments.vllm_oracle.scenario import changed, read_scenarios

USAGE = {
    "run": "run SCENARIOS.json OUT.json [key=value ...]",
    "compare": "compare SCENARIOS.json A.json B.json [key=value ...]",
    "invent": "invent COLLECTION OUT.json [FIRST LAST]",
}


def main(words: list[str]) -> int:
    """0: done, or equal; 1: different; 2: the command line or a file is wrong."""
    try:
        verb, *rest = words or [""]
        if verb not in USAGE:
            raise ConfigError(f"no command {verb!r}{nearest(verb, USAGE)} Commands: {'; '.join(USAGE.values())}.")
        return {"run": _run, "compare": _compare, "invent": _invent}[verb](rest)
    except (BlisError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _run(words: list[str]) -> int:
    (source, target), changes = _split("run", words, 2)
    scenarios = [changed(one, changes) for one in read_scenarios(source)]
    found = {}
    for one in scenarios:
        found[one.name] = replay(one)
        print(f"{one.name}: {len(one.requests)} requests, {len(found[one.name]['steps'])} steps", file=sys.stderr)
    write_json(target, {"scenarios": found})
    return 0


def _compare(words: list[str]) -> int:
    (source, one, other), _ = _split("compare", words, 3)
    scenarios = read_scenarios(source)
    verdict = compare(scenarios, one, read_recording(one), other, read_recording(other))
    print("\n".join(verdict.lines))
    return 1 if verdict.differs else 0


def _invent(words: list[str]) -> int:
    if len(words) not in (2, 4):
        raise ConfigError(f"invent takes two words, or four; got {len(words)}. Usage: {USAGE['invent']}.")
    name, target, *seeds = words
    if name not in COLLECTIONS:
        raise ConfigError(f"no collection {name!r}{nearest(name, COLLECTIONS)} Choices: {', '.join(COLLECTIONS)}.")
    if not all(seed.isdecimal() for seed in seeds):
        raise ConfigError(f"FIRST and LAST must be whole numbers; got {' '.join(seeds)}.")
    write_json(target, collection(name, *[int(seed) for seed in seeds]))
    return 0


def _split(verb: str, words: list[str], n_files: int) -> tuple[list[str], dict[str, str]]:
    """The files, and the parameters to be replaced."""
    files = [word for word in words if "=" not in word]
    changes = dict(word.split("=", 1) for word in words if "=" in word)
    if len(files) != n_files:
        raise ConfigError(f"{verb} takes {n_files} files; got {len(files)}. Usage: {USAGE[verb]}.")
    return files, changes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
