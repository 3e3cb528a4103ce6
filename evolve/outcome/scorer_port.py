"""A formula as a scorer of llm-d's router: pseudo-code in the shape of its plugins, and where each number comes from.

The router adds up scores between 0 and 1, so the port ends with the value's place between the smallest and the largest
of all endpoints: alone in a profile with max-score-picker it chooses as the simulator does, but for ties. Grades say
how far a plugin there can know what the formula reads here: `exact` up to the age of what is reported, `approximate`,
or `absent`, to be supplied by the deployment. Names are those of llm-d-router 0.9 and of vLLM's metrics.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from evolve.genomes.expression import ARITY, OVER_INSTANCES, Expression, features, infix, parse

FILE = "scorer-plugin.md"


class Source(NamedTuple):
    """Where a plugin gets a feature from."""

    unit: str
    grade: str
    where: str


_EXACT, _APPROXIMATE, _ABSENT = "exact", "approximate", "absent"
_IN_FLIGHT = "inflight-load-producer: {} of the endpoint"
_PREFIX = "precise-prefix-cache-producer: matched blocks{}"
_PREDICTED = "predicted-latency-producer: predicted {}"

#: Of every feature that a routing formula may read.
SOURCES: Mapping[str, Source] = {
    "queued_requests": Source("requests", _EXACT, "vllm:num_requests_waiting, polled every 50 ms"),
    "running_requests": Source("requests", _EXACT, "vllm:num_requests_running, polled every 50 ms"),
    "queued_tokens": Source("tokens", _APPROXIMATE, _IN_FLIGHT.format("prompt tokens without a first token")),
    "free_blocks": Source(
        "blocks", _EXACT, "(1 - vllm:kv_cache_usage_perc) x num_gpu_blocks of vllm:cache_config_info"
    ),
    "used_share": Source("share", _EXACT, "vllm:kv_cache_usage_perc, polled every 50 ms"),
    "pending_requests": Source("requests", _APPROXIMATE, _IN_FLIGHT.format("requests") + ", less waiting and running"),
    "in_flight_requests": Source("requests", _EXACT, _IN_FLIGHT.format("requests")),
    "effective_load": Source("requests", _APPROXIMATE, _IN_FLIGHT.format("requests")),
    "cached_blocks": Source("blocks", _EXACT, _PREFIX.format("")),
    "cached_share": Source("share", _EXACT, _PREFIX.format(" / total blocks")),
    "affinity_share": Source("share", _EXACT, "approx-prefix-cache-producer: matched blocks / total blocks"),
    "step_us": Source("µs", _APPROXIMATE, "vllm:inter_token_latency_seconds, the mean since the last poll"),
    "last_routed": Source("rank", _EXACT, "a counter of the plugin's own, kept in its PreRequest hook"),
    "least_load": Source("requests", _APPROXIMATE, "the smallest of all endpoints' requests in flight"),
    "mean_load": Source("requests", _APPROXIMATE, "the mean of all endpoints' requests in flight"),
    "hit_rate": Source("share", _EXACT, "vllm:prefix_cache_hits / vllm:prefix_cache_queries"),
    "input_tokens": Source("tokens", _EXACT, "the request's tokens, by a tokenizer in the router"),
    "uncached_tokens": Source("tokens", _EXACT, "the request's tokens, less matched blocks x block size"),
    "urgency": Source("priority", _EXACT, "priority of the request's InferenceObjective"),
    "clock_us": Source("µs", _ABSENT, "time since the deployment began"),
    "sent_tokens": Source("tokens", _EXACT, _IN_FLIGHT.format("uncached prompt tokens without a first token")),
    "sent_requests": Source("requests", _APPROXIMATE, "requests without a first token, counted in the plugin's hooks"),
    "sent_urgent_requests": Source(
        "requests", _APPROXIMATE, "the same, of this request's priority or above, counted in the plugin's hooks"
    ),
    "is_session_home": Source("0 or 1", _EXACT, "session-affinity-scorer: the endpoint of x-session-token"),
    "headroom_share": Source("share", _EXACT, "1 - used share - blocks of the uncached prompt / num_gpu_blocks"),
    "running_context_tokens": Source("tokens", _APPROXIMATE, "used share x num_gpu_blocks x block size"),
    "since_routed_us": Source("µs", _EXACT, "a clock of the plugin's own, kept in its PreRequest hook"),
    "age_us": Source("µs", _EXACT, "time since the request was received"),
    "expected_ttft_us": Source("µs", _APPROXIMATE, _PREDICTED.format("TTFT")),
    "expected_itl_us": Source("µs", _APPROXIMATE, _PREDICTED.format("TPOT")),
    "ttft_slack_us": Source("µs", _APPROXIMATE, "x-llm-d-slo-ttft-ms, less age, less predicted TTFT"),
}

_INFIX = {"add": "+", "sub": "-", "mul": "*"}
_CALLS = {"min": "math.Min", "max": "math.Max", "abs": "math.Abs"}


def scorer_port(policies: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The port of a champion's routing formula, as Markdown; None where routing is no formula.

    Parameters
    ----------
    policies : mapping
        Question -> policy with its parameters, as a bundle has them.
    """
    routing = policies["routing"]
    if routing["policy"] != "program":
        return None
    expression = parse(str(routing["formula"]))
    read = sorted(features(expression))
    rows = [f"| `{name}` | {' | '.join(SOURCES[name])} |" for name in read]
    return "\n".join(
        [
            "# The formula as a scorer of llm-d's router",
            "",
            f"`{infix(expression)}`; the endpoint with the largest value is chosen.",
            "",
            "| reads | unit | there | from |",
            "|---|---|---|---|",
            *rows,
            "",
            "Pseudo-code, in the shape of a `scheduling.Scorer`. Put it alone into a profile, with max-score-picker.",
            "",
            "```go",
            *_code(expression, read),
            "```",
            "",
        ]
    )


def _code(expression: Expression, read: list[str]) -> list[str]:
    return [
        "func (s *Formula) Score(ctx context.Context, request *Request, endpoints []Endpoint) map[Endpoint]float64 {",
        "    values := map[Endpoint]float64{}",
        "    for _, e := range endpoints {",
        f"        values[e] = {_go(expression, 'e')}",
        "    }",
        "    low, high := extremes(values)",
        "    for e, value := range values { // equal endpoints: all 1",
        "        values[e] = ratioOr(value-low, high-low, 1)",
        "    }",
        "    return values",
        "}",
        "",
        *(f"func {_camel(name)}(e Endpoint) float64 // {SOURCES[name].unit}: see above" for name in read),
        *_helpers(expression),
    ]


def _go(expression: Expression, endpoint: str) -> str:
    """The value for an endpoint; every operation is total, as in the simulator."""
    word = str(expression.word)
    if expression.is_constant:
        return f"{float(expression.word):g}"
    if expression.is_feature:
        return f"{_camel(word)}({endpoint})"
    if word in OVER_INSTANCES:
        return f"{word}(endpoints, func(o Endpoint) float64 {{ return {_go(expression.operands[0], 'o')} }})"
    operands = [_go(operand, endpoint) for operand in expression.operands]
    if word in _INFIX:
        return f"({operands[0]} {_INFIX[word]} {operands[1]})"
    if word == "if":
        condition = operands[0] if expression.operands[0].word == "less" else f"{operands[0]} > 0"
        return f"choose({condition}, {operands[1]}, {operands[2]})"
    if word == "less":
        return f"{operands[0]} < {operands[1]}"
    return {
        "neg": "-{}",
        "div": "ratioOr({}, {}, 0)",
        "sqrt": "math.Sqrt(math.Abs({}))",
        "log1p": "math.Log1p(math.Abs({}))",
    }.get(word, f"{_CALLS.get(word, word)}({', '.join(['{}'] * ARITY[word])})").format(*operands)


def _helpers(expression: Expression) -> list[str]:
    """What the code calls beside the standard library."""
    used = _operations(expression)
    told = {
        "if": "func choose(condition bool, then, otherwise float64) float64",
        "least": "func least(endpoints []Endpoint, value func(Endpoint) float64) float64 // the smallest value of all",
        "most": "func most(endpoints []Endpoint, value func(Endpoint) float64) float64 // the largest value of all",
    }
    return [
        "func ratioOr(a, b, otherwise float64) float64 // a / b, and otherwise where b is 0",
        *(text for word, text in told.items() if word in used),
    ]


def _operations(expression: Expression) -> set[str]:
    own = {str(expression.word)} if expression.operands else set()
    return own.union(*(_operations(operand) for operand in expression.operands))


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.upper() if part in ("ttft", "itl") else part.capitalize() for part in others)
