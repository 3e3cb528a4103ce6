"""The learned coefficients as a file that `blis.run` uses: cluster.latency=FILE."""

from collections.abc import Mapping
from typing import Any

import yaml

_HEAD = """\
# Learned by python -m blis.fit. Use: python -m blis.run cluster.latency=THIS_FILE, beside the same cluster's values.
# `latency` is read; `fit` says how it was learned.
"""


def entry_text(latency: Mapping[str, Any], fit: Mapping[str, Any]) -> str:
    """The file's text; the same for the same fit."""
    return _HEAD + yaml.safe_dump(
        {"latency": dict(latency), "fit": dict(fit)}, sort_keys=False, allow_unicode=True, width=120
    )
