"""Command lines of other routers mean policies here, and policies come back from them."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blis.foundation.errors import ConfigError
from blis.policies.binding import bind
from blis.policies.bundle import complete_policy
from evolve.exchange import APPROXIMATE, EXACT, MISSING, Champion, Imported
from evolve.exchange.choosing import router_of
from evolve.exchange.flags.choosing import FEWEST_IN_FLIGHT, RANDOM, SESSION
from evolve.exchange.routers import dynamo, production_stack, sglang, vllm

CACHE_AWARE = {
    "policy": "cache-aware",
    "cache_threshold": 0.25,
    "balance_abs_threshold": 8.0,
    "balance_rel_threshold": 1.1,
}
KV = {"policy": "dynamo-kv", "prefill_load_scale": 2.5, "overlap_score_credit": 0.1, "temperature": 0.3}
PREFIX = {"policy": "weighted", "scorers": {"prefix-affinity": 1.0}, "picker": "largest"}
POWER = {"policy": "power-of-k", "choices": 2}
EVERYWHERE: list[dict[str, Any]] = [
    {"routing": {"policy": "round-robin"}},
    {"routing": RANDOM},
    {"routing": POWER},
    {"routing": FEWEST_IN_FLIGHT},
    {"routing": FEWEST_IN_FLIGHT, "filtering": SESSION},
    {"routing": RANDOM, "filtering": SESSION},
]
GATEWAYS = [
    {"routing": CACHE_AWARE},
    {"routing": CACHE_AWARE, "disaggregation": {"policy": "always"}, "prefill_routing": {"policy": "round-robin"}},
]
CONDITIONAL = {"policy": "conditional", "mode": "isl-or-load", "new_tokens": 70.0, "decode_busy_veto": "on"}
FRONTENDS = [{"routing": KV}, {"routing": KV, "disaggregation": CONDITIONAL}]


def same(question: str, one: Any, other: Any) -> bool:
    a, b = bind(question, question, one), bind(question, question, other)
    return (a.name, a.scorers, a.parameters.tolist()) == (b.name, b.scorers, b.parameters.tolist())


@pytest.mark.parametrize(
    ("router", "policies"),
    [
        *((router, policies) for router in (sglang, vllm, dynamo) for policies in EVERYWHERE),
        *((router, policies) for router in (sglang, vllm) for policies in GATEWAYS),
        *((dynamo, policies) for policies in FRONTENDS),
        (production_stack, EVERYWHERE[0]),
        (production_stack, EVERYWHERE[5]),
        (production_stack, {"routing": PREFIX}),
        (
            production_stack,
            {
                "routing": {"policy": "round-robin"},
                "disaggregation": {"policy": "always"},
                "prefill_routing": {"policy": "round-robin"},
            },
        ),
    ],
)
def test_what_can_be_said_comes_back_unchanged(router: Any, policies: dict[str, Any]) -> None:
    exported = router.export(Champion(policies))
    assert MISSING not in {one.grade for one in exported.signals}

    back = router.read("flags", exported.text or "", None)

    assert set(back.policies) == set(policies)
    for question, policy in policies.items():
        assert same(question, back.policies[question], policy), question


def test_the_least_loaded_is_cache_aware_that_never_follows_the_cache() -> None:
    exported = sglang.export(Champion({"routing": {"policy": "least-loaded"}}))

    lines = [line.rstrip(" \\").strip() for line in (exported.text or "").splitlines()]
    assert lines == [
        "python -m sglang_router.launch_router",
        "--policy cache_aware",
        "--cache-threshold 1.0",
        "--balance-abs-threshold 0",
        "--balance-rel-threshold 1.0",
    ]
    assert [one.grade for one in exported.signals] == [APPROXIMATE]


@pytest.mark.parametrize("router", [sglang, vllm, dynamo])
def test_sums_of_scores_are_not_available_one_by_one(router: Any) -> None:
    policies = {"routing": complete_policy("routing", "weighted")}

    exported = router.export(Champion(policies))

    assert exported.text is None
    assert [one.name.split()[0] for one in exported.signals] == [
        "prefix-affinity", "queue-depth", "kv-utilization", "picker"
    ]  # fmt: skip
    assert {one.grade for one in exported.signals} == {MISSING}


def test_requests_in_flight_of_all_workers_are_limited_by_their_number() -> None:
    policies = {"routing": {"policy": "round-robin"}, "saturation": {"policy": "concurrency", "max_concurrency": 24.0}}
    limits = {"capacity_requests": 50, "ttl_ms": 2000.0}

    alone = sglang.export(Champion(policies, gateway=limits))
    of_four = sglang.export(Champion(policies, gateway=limits, n_instances=4))

    assert "--max-concurrent-requests" not in (alone.text or "")
    assert "--max-concurrent-requests 96" in (of_four.text or "")
    back = sglang.read("flags", of_four.text or "", 4)
    assert back.policies["saturation"]["max_concurrency"] == 24.0
    assert back.gateway == limits
    assert [one.grade for one in sglang.read("flags", of_four.text or "", None).signals] == [EXACT, MISSING]


def test_what_engines_decide_is_not_the_routers() -> None:
    policies = {"routing": {"policy": "round-robin"}, "scheduling": complete_policy("scheduling", "sjf")}

    exported = sglang.export(Champion(policies, limits={"step_token_budget": 4096}))

    assert [(one.question, one.grade) for one in exported.signals] == [
        ("routing", EXACT), ("scheduling", MISSING), ("limits", MISSING)
    ]  # fmt: skip


def read(text: str, router: Any = sglang) -> Imported:
    return router.read("flags.txt", text, None)  # type: ignore[no-any-return]


def test_defaults_comments_and_flags_of_the_deployment() -> None:
    deployed = "sglang-router \\\n  --host 127.0.0.1 --worker-urls http://a:1 http://b:2 \\\n --cache-threshold=0.5\n"
    text = f"# as deployed\n{deployed}"

    assert read(text).policies["routing"] == {
        "policy": "cache-aware", "cache_threshold": 0.5, "balance_abs_threshold": 64.0, "balance_rel_threshold": 1.5
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--polcy random", "unknown flag '--polcy'; did you mean '--policy'?"),
        ("--policy lest_loaded", "--policy: no choice named 'lest_loaded'"),
        ("--policy", "--policy must have 1 value; got ''"),
        ("--policy random --policy random", "--policy must be given once"),
        ("--cache-threshold nan", "--cache-threshold must be a finite number"),
        ("--cache-threshold 1.5", "must be a finite number in"),
        ("--balance-abs-threshold 1.5", "must be a whole number; got '1.5'"),
        ("--policy random extra", "unknown flag 'extra'"),
        ("--policy 'random", "no closing quotation"),
        ("# nothing", "it is empty"),
        ("--policy manual --assignment-mode min_group", "routes in a way that this program does not know"),
        ("--prefill-policy random", "must come with --pd-disaggregation"),
    ],
)
def test_wrong_flags_are_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        read(text)

    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--router-mode direct", "does not know"),
        ("--router-mode kv --router-kv-overlap-score-credit 1.5", "overlap-score-credit must be a finite number"),
        ("--router-mode kv --router-kv-overlap-score-credit-decay 1", "must be 0, as here; got 1"),
        ("--router-conditional-disagg", "must come with --router-mode kv; got round-robin"),
        (
            "--router-mode kv --router-conditional-disagg "
            """--router-conditional-disagg-config '{"policy": "prefill_load"}'""",
            "prefill_busy_threshold must be given",
        ),
        ("--router-policy-config a.yaml", "must not be given"),
    ],
)
def test_what_dynamo_decides_otherwise_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(text, dynamo)


def test_older_names_and_switches_of_dynamo() -> None:
    text = "python -m dynamo.frontend --router-mode kv --kv-overlap-score-weight 0 --no-router-kv-events --http-port 80"

    found = read(text, dynamo)

    assert found.policies["routing"] == {
        "policy": "dynamo-kv", "prefill_load_scale": 0.0, "overlap_score_credit": 0.0, "temperature": 0.0
    }  # fmt: skip
    assert [one.name for one in found.signals if one.grade == MISSING] == ["--no-router-kv-events"]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False)


def test_commands_write_a_file_read_it_back_and_refuse_what_cannot_be_said(tmp_path: Path) -> None:
    champion, flags, back = tmp_path / "champion.yaml", tmp_path / "flags.txt", tmp_path / "back.yaml"
    champion.write_text("version: 1\nrouting: {policy: dynamo-kv, temperature: 0.5}\n")

    written = command("evolve.export", str(champion), "to=dynamo", f"output.file={flags}")
    again = command("evolve.export", str(champion), "to=dynamo", f"output.file={flags}")
    refused = command("evolve.export", str(champion), "to=sglang", "output=json")
    read_back = command("evolve.import_policy", str(flags), f"output.file={back}")

    assert written.returncode == 0, written.stderr
    assert flags.read_text().startswith(f"# {champion} for ai-dynamo 1.6.1\n# fidelity: approximate\n")
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    assert (refused.returncode, '"text": null' in refused.stdout) == (2, True)
    assert refused.stderr.count("\n") == 1
    assert read_back.returncode == 0, read_back.stderr
    assert "temperature: 0.5" in back.read_text()


def test_the_longest_known_beginning_is_prefixaware_and_only_nearly() -> None:
    exported = production_stack.export(Champion({"routing": PREFIX}))

    assert "--routing-logic prefixaware" in (exported.text or "")
    (signal,) = [one for one in exported.signals if one.question == "routing"]
    assert signal.grade == APPROXIMATE
    assert "128 characters" in signal.why


def test_where_the_first_engine_takes_all_it_is_not_the_same_as_in_turn() -> None:
    imported = production_stack.read("flags", "vllm-router --routing-logic disaggregated_prefill", None)

    grades = {one.question: one.grade for one in imported.signals}
    assert grades == {"disaggregation": EXACT, "routing": APPROXIMATE}


@pytest.mark.parametrize(
    ("router", "text", "words"),
    [
        (
            production_stack,
            "vllm-router --routing-logic kvaware",
            "kvaware has no counterpart here: LMCache",
        ),
        (production_stack, "vllm-router --routing-logic priority", "priority has no counterpart here: it goes where"),
        (dynamo, "worker_selection:\n  decode: mine\n", "for --router-policy-config, which is not read here"),
        (dynamo, "router: {use_kv_events: true}\n", "no published schema. Give the flags of ai-dynamo"),
    ],
)
def test_what_has_no_counterpart_is_refused_with_the_reason(router: Any, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        router.read("theirs", text, None)


def test_a_policy_file_of_dynamo_is_known_as_one(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("worker_selection: {decode: mine}\n")

    assert router_of(path, path.read_text()) == "dynamo"
