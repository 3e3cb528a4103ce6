"""Content addresses: of a policy, and of the question that a board asks."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from evolve.records import Phenotype

_LENGTH = 16


def digest_of(value: Any) -> str:
    """Of plain data."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def digest_of_policy(phenotype: Phenotype) -> str:
    """Of what a policy decides, whatever its file says of where it comes from."""
    return digest_of(_alike([phenotype.policies, phenotype.limits]))


def _alike(value: Any) -> Any:
    """Numbers alike, however they were written: 132 and 132.0 decide the same."""
    if isinstance(value, Mapping):
        return {str(key): _alike(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_alike(part) for part in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
