"""The plugins of llm-d-router 0.9, and what each takes as parameters.

Types, names of parameters, kinds and ranges are those that each plugin's own configuration declares (llm-d-router,
`pkg/epp/framework/plugins`; the guides' files for what is younger). A parameter that is a structure of its own is only
checked to be a mapping or a list.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Kind(NamedTuple):
    """What a value must be."""

    form: str  #: int, number, bool, text, duration, mapping, list, conditions
    least: float | None = None
    most: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()


_TEXT, _BOOL, _MAPPING, _LIST = Kind("text"), Kind("bool"), Kind("mapping"), Kind("list")
_COUNT, _POSITIVE = Kind("int", 0), Kind("int", 1)
_AMOUNT, _SHARE = Kind("number", 0), Kind("number", 0, 1)
_DURATION = Kind("duration")
_PREFIX = {"prefixMatchInfoProducerName": _TEXT}
_LOAD = {"inFlightLoadProducerName": _TEXT}
_LATENCY = {"latencyPredictionInfoProducerName": _TEXT}
_PICKER = {"maxNumOfEndpoints": _POSITIVE}
_SESSION = {
    "strategy": Kind("text", choices=("encoded_endpoint_header", "session_id")), "sessionIdConfig": _MAPPING,
    "encodedEndpointHeaderConfig": _MAPPING, "evictionTtlSeconds": _COUNT,
}  # fmt: skip
_DETECTION = {"headroom": _AMOUNT, **_LOAD}

SCORERS: Mapping[str, Mapping[str, Kind]] = {
    "prefix-cache-scorer": {"matchLengthWeight": _SHARE, "matchLengthScaleTokens": _POSITIVE, **_PREFIX},
    "precise-prefix-cache-scorer": {"tokenProcessorConfig": _MAPPING, "indexerConfig": _MAPPING, **_PREFIX},
    "queue-scorer": {},
    "running-requests-size-scorer": {},
    "kv-cache-utilization-scorer": {},
    "load-aware-scorer": {"threshold": _POSITIVE},
    "active-request-scorer": {"idleThreshold": _COUNT, "maxBusyScore": _SHARE, **_LOAD},
    "token-load-scorer": {"queueThresholdTokens": _POSITIVE, **_LOAD, **_PREFIX},
    "context-length-aware": {"label": _TEXT, "enableFiltering": _BOOL},
    "lora-affinity-scorer": {},
    "no-hit-lru-scorer": {
        "lruSize": _POSITIVE, "maxTTFTPenaltyMs": _AMOUNT, "maxTokensInFlightPenalty": _COUNT, **_PREFIX
    },
    "session-affinity-scorer": _SESSION,
    "topology-affinity-scorer": {"levels": _LIST},
    "endpoint-attribute-scorer": {"attribute": _TEXT, "algorithm": _MAPPING},
    "lmetric-scorer": {**_PREFIX, **_LOAD},
    "latency-scorer": {
        "ttftWeight": _AMOUNT, "tpotWeight": _AMOUNT,
        "headroomSelectionStrategy": Kind("text", choices=("least", "most")), "compositeKVWeight": _AMOUNT,
        "compositeQueueWeight": _AMOUNT, "compositePrefixWeight": _AMOUNT, **_LATENCY, **_PREFIX,
    },
}  # fmt: skip
FILTERS: Mapping[str, Mapping[str, Kind]] = {
    "prefix-cache-affinity-filter": {
        "affinityThreshold": _SHARE, "explorationProbability": _SHARE, "maxTTFTPenaltyMs": _AMOUNT,
        "ttftSource": Kind("text", choices=("prefillThroughput", "latencyPredictor")),
        "peakPrefillThroughput": _AMOUNT, "maxTokensInFlightPenalty": _COUNT, **_PREFIX, **_LATENCY, **_LOAD,
    },
    "slo-headroom-tier-filter": {"epsilonExploreNeg": _SHARE, **_LATENCY},
    "utilization-filter": {"conditions": Kind("conditions"), "fallbackOnEmpty": _BOOL, **_LOAD},
    "session-affinity-filter": _SESSION,
    "topology-affinity-filter": {"levels": _LIST},
    "endpoint-attribute-filter": {
        "attribute": _TEXT, "onMissing": Kind("text", choices=("Pass", "Fail")), "fallbackOnEmpty": _BOOL,
        "algorithm": _MAPPING,
    },
    "prefill-filter": {},
    "decode-filter": {},
    "encode-filter": {},
    "served-model-filter": {},
    "by-label": {"label": _TEXT, "validValues": _LIST, "allowsNoLabel": _BOOL},
    "by-label-selector": {"matchLabels": _MAPPING, "matchExpressions": _LIST},
}  # fmt: skip
PICKERS: Mapping[str, Mapping[str, Kind]] = {
    "max-score-picker": _PICKER, "random-picker": _PICKER, "weighted-random-picker": _PICKER
}  # fmt: skip
DETECTORS: Mapping[str, Mapping[str, Kind]] = {
    "utilization-detector": {
        "queueDepthThreshold": _POSITIVE, "kvCacheUtilThreshold": Kind("number", most=1, above=0),
        "metricsStalenessThreshold": _DURATION, **_DETECTION,
    },
    "concurrency-detector": {
        "concurrencyMode": Kind("text", choices=("requests", "tokens", "hybrid")), "maxConcurrency": _POSITIVE,
        "maxTokenConcurrency": _POSITIVE, **_DETECTION,
    },
}  # fmt: skip
FAIRNESS: Mapping[str, Mapping[str, Kind]] = {
    "global-strict-fairness-policy": {},
    "round-robin-fairness-policy": {},
    "program-aware-fairness": {
        "strategy": Kind("text", choices=("las", "drr", "rr")), "weightService": _AMOUNT,
        "weightServiceHeadWait": _AMOUNT, "serviceDecayFactor": _SHARE, "serviceHalfLifeSeconds": _AMOUNT,
        "weightDeficit": _AMOUNT, "weightDrrHeadWait": _AMOUNT, "quantumTokens": _COUNT,
        "deficitHalfLifeSeconds": _AMOUNT, "deferRRCursor": _BOOL,
    },
}  # fmt: skip
ORDERING: Mapping[str, Mapping[str, Kind]] = {
    "fcfs-ordering-policy": {}, "edf-ordering-policy": {}, "slo-deadline-ordering-policy": {}
}  # fmt: skip
USAGE_LIMITS: Mapping[str, Mapping[str, Kind]] = {
    "static-usage-limit-policy": {"threshold": _AMOUNT},
    "priority-holdback-policy": {
        "minCeiling": _SHARE, "maxCeiling": _SHARE, "domain": Kind("text", choices=("rank", "value"))
    },
    "soft-reflective-ceiling-policy": {},
}  # fmt: skip
DECIDERS: Mapping[str, Mapping[str, Kind]] = {
    "always-disagg-pd-decider": {},
    "prefix-based-pd-decider": {"nonCachedTokens": _COUNT, "promptTokens": _COUNT, **_PREFIX},
    "always-disagg-multimodal-decider": {},
}
OTHERS: Mapping[str, Mapping[str, Kind]] = {
    "single-profile-handler": {},
    "disagg-profile-handler": {
        "profiles": _MAPPING, "deciders": _MAPPING,
        "stageOrder": Kind("text", choices=("decode-first", "prefill-first")),
    },
    "pd-profile-handler": {
        "threshold": _COUNT, "prefillProfile": _TEXT, "decodeProfile": _TEXT, "prefixPluginName": _TEXT,
        "hashBlockSize": _COUNT, "primaryPort": _COUNT, "deciderPluginName": _TEXT, "profiles": _MAPPING,
        "deciders": _MAPPING, "stageOrder": Kind("text", choices=("decode-first", "prefill-first")),
    },
    "data-parallel-profile-handler": {"primaryPort": _COUNT},
    "approx-prefix-cache-producer": {
        "autoTune": _BOOL, "blockSizeTokens": _COUNT, "blockSize": _COUNT, "maxPrefixBlocksToMatch": _COUNT,
        "maxPrefixTokensToMatch": _COUNT, "lruCapacityPerServer": _COUNT,
    },
    "precise-prefix-cache-producer": {
        "tokenProcessorConfig": _MAPPING, "indexerConfig": _MAPPING, "kvEventsConfig": _MAPPING,
        "speculativeIndexing": _BOOL, "speculativeTTL": _DURATION,
    },
    "inflight-load-producer": {"addEstimatedOutputTokens": _BOOL, "maxEstimatedOutputTokens": _COUNT, **_PREFIX},
    "burst-prefix-cache-producer": {
        "window": _DURATION, "minColocateBlocks": _COUNT, "maxPerReplica": Kind("int", -1), "maxBatchSize": _POSITIVE,
        "balanceBy": Kind("text", choices=("requests", "tokens")),
    },
    "predicted-latency-producer": {
        "samplingMean": _AMOUNT, "sloBufferFactor": _AMOUNT, "streamingMode": _BOOL, "contextTTL": _DURATION, **_PREFIX
    },
    "token-producer": {"modelName": _TEXT, "vllm": _MAPPING, "udsTokenizerConfig": _MAPPING},
    "probabilistic-admitter": {
        "queueDepthThreshold": _POSITIVE, "kvCacheUtilThreshold": Kind("number", above=0),
        "power": Kind("number", above=0), "k": Kind("number", above=0),
    },
    "latency-slo-admitter": _LATENCY,
    "metrics-data-source": {"scheme": _TEXT, "path": _TEXT, "insecureSkipVerify": _BOOL},
    "endpoint-notification-source": {},
    "k8s-notification-source": {"gvk": _MAPPING},
    "core-metrics-extractor": {"defaultEngine": _TEXT, "engineConfigs": _LIST},
    "openai-parser": {},
}  # fmt: skip

#: All types, and what each takes.
PLUGINS: Mapping[str, Mapping[str, Kind]] = {
    **SCORERS, **FILTERS, **PICKERS, **DETECTORS, **FAIRNESS, **ORDERING, **USAGE_LIMITS, **DECIDERS, **OTHERS
}  # fmt: skip
#: Types that a profile may name.
IN_PROFILES = (*SCORERS, *FILTERS, *PICKERS, *DETECTORS)
