"""What a pool is told of speculative decoding, and what is refused."""

from typing import Any

import pytest

from blis.cluster.plan import cluster_plan
from blis.cluster.speculative import Speculative
from blis.foundation.errors import ConfigError
from blis.prepare import prepare
from blis.scenario import Scenario

CLUSTER = {"model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 2}
DRAFTS = {"draft_tokens": 3, "accepted_tokens": 1.8}


def scenario(semantics: str = "corrected", **cluster: Any) -> Scenario:
    workload = {"kind": "distribution", "num_requests": 5, "rate": 10}
    return Scenario.from_mapping({"cluster": CLUSTER | cluster, "workload": workload, "semantics": semantics})


def test_a_pool_drafts_as_the_cluster_does_or_in_its_own_way() -> None:
    own = {"draft_tokens": 5, "accepted_tokens": 0, "draft_token_us": 12}

    common, other = cluster_plan({"speculative": DRAFTS, "instances": [{}, {"speculative": own}]}).pools

    assert common.speculative == Speculative(3, 1.8, 0.0)
    assert other.speculative == Speculative(5, 0.0, 12.0)


def test_nothing_is_drafted_unless_asked_for() -> None:
    assert cluster_plan({}).pools[0].speculative is None
    assert prepare(scenario()).limits.draft_tokens.tolist() == [0]


def test_making_drafts_takes_whole_microseconds() -> None:
    assert Speculative(3, 1.0, 2.5).drafting_us == 7


MAPPING = "cluster.speculative must be a mapping of keys to values"
DRAFT_TOKENS = "cluster.speculative.draft_tokens must be an int in [1, 1024] [tokens]"
ACCEPTED = "cluster.speculative.accepted_tokens must be a finite number in [0, 3] [tokens]"
REFUSED = {
    "text": ("lots", f"{MAPPING}; got 'lots'."),
    "a number": (3, f"{MAPPING}; got 3."),
    "nothing": ({}, "cluster.speculative: key 'draft_tokens' is required. Given: none."),
    "no acceptance": ({"draft_tokens": 3}, "cluster.speculative: key 'accepted_tokens' is required."),
    "a misspelt key": (DRAFTS | {"drafts": 1}, "cluster.speculative: unknown key 'drafts'; did you mean"),
    "no draft": (DRAFTS | {"draft_tokens": 0}, f"{DRAFT_TOKENS}; got 0."),
    "half a draft": (DRAFTS | {"draft_tokens": 2.5}, f"{DRAFT_TOKENS}; got 2.5."),
    "a switch": (DRAFTS | {"draft_tokens": True}, f"{DRAFT_TOKENS}; got True."),
    "negative": (DRAFTS | {"accepted_tokens": -1}, f"{ACCEPTED}; got -1."),
    "more than there are": (DRAFTS | {"accepted_tokens": 3.1}, f"{ACCEPTED}; got 3.1."),
    "not a number": (DRAFTS | {"accepted_tokens": float("nan")}, f"{ACCEPTED}; got nan."),
    "an acceptance of text": (DRAFTS | {"accepted_tokens": "most"}, f"{ACCEPTED}; got 'most'."),
    "an acceptance that is a switch": (DRAFTS | {"accepted_tokens": True}, f"{ACCEPTED}; got True."),
    "an acceptance of null": (DRAFTS | {"accepted_tokens": None}, f"{ACCEPTED}; got None."),
    "negative time": (
        DRAFTS | {"draft_token_us": -1},
        "cluster.speculative.draft_token_us must be a finite number in [0, 1000000] [µs]; got -1.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_drafts_are_refused_in_one_line_that_names_the_field(name: str) -> None:
    given, words = REFUSED[name]

    with pytest.raises(ConfigError) as caught:
        cluster_plan({"speculative": given})

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pool_is_named_where_its_drafts_are_wrong() -> None:
    with pytest.raises(ConfigError, match=r"cluster\.instances\[1\]\.speculative\.draft_tokens must be an int in"):
        cluster_plan({"instances": [{}, {"speculative": {"draft_tokens": -2, "accepted_tokens": 0}}]})


def test_drafts_are_refused_where_two_steps_are_asked_to_be_under_way() -> None:
    with pytest.raises(ConfigError, match="speculative must not be combined with async_scheduling true"):
        prepare(scenario(speculative=DRAFTS, async_scheduling=True))


def test_pools_that_do_not_draft_may_have_two_steps_under_way_beside_one_that_does() -> None:
    pools = [{"speculative": DRAFTS}, {"async_scheduling": True}]

    assert prepare(scenario(instances=pools)).limits.async_scheduling.tolist() == [0, 1]
    assert prepare(scenario("vllm-0.32", instances=pools)).limits.async_scheduling.tolist() == [0, 1]


@pytest.mark.parametrize("semantics", ["reference-2026-04", "reference-2026-02"])
def test_drafts_are_refused_under_the_reference_semantics(semantics: str) -> None:
    with pytest.raises(ConfigError, match=r"speculative needs the semantics corrected or vllm-0\.32"):
        prepare(scenario(semantics, speculative=DRAFTS))
