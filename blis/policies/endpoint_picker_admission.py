"""The admitters of llm-d's router configurations, as answers to `admission`.

Plugin types, parameters and defaults are those of llm-d-router 0.9. An admitter acts wherever it is listed, whether or
not a profile names it.
"""

from collections.abc import Mapping
from typing import Any

from blis.foundation.checks import check_keys
from blis.foundation.errors import ConfigError

#: Plugin type -> policy here, and parameter by parameter.
ADMITTERS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "probabilistic-admitter": (
        "probabilistic",
        {
            "queueDepthThreshold": "queue_depth_threshold",
            "kvCacheUtilThreshold": "kv_cache_util_threshold",
            "power": "power",
            "k": "k",
        },
    ),
    "latency-slo-admitter": ("latency-slo", {}),
}
#: Parameters that only say where a plugin gets its signal from.
_SOURCES = ("latencyPredictionInfoProducerName",)


def admission(where: str, plugins: Mapping[str, tuple[str, Mapping[str, Any]]]) -> dict[str, Any] | None:
    """The answer to `admission` that a configuration's admitter is; None without one.

    Parameters
    ----------
    where : str
        Path of the document, for messages.
    plugins : mapping of name to (type, parameters)

    Raises
    ------
    ConfigError
        If there are several, or a parameter is unknown.
    """
    found = [(name, kind, parameters) for name, (kind, parameters) in plugins.items() if kind in ADMITTERS]
    if not found:
        return None
    if len(found) > 1:
        raise ConfigError(f"{where}: plugins must hold one admitter; got {', '.join(name for name, *_ in found)}.")
    ((name, kind, parameters),) = found
    policy, names = ADMITTERS[kind]
    given = check_keys(f"{where}: plugin {name!r}", parameters, (*names, *_SOURCES))
    return {"policy": policy, **{names[key]: value for key, value in given.items() if key in names}}
