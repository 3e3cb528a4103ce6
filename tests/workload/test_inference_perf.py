import numpy as np
import pytest
import yaml
from scipy import stats

from blis.foundation.errors import ConfigError
from blis.workload.kinds.inference_perf import Params, generate

PREFIX = {
    "num_groups": 3,
    "num_prompts_per_group": 4,
    "system_prompt_len": 64,
    "question_len": 20,
    "output_len": 8,
}


@pytest.fixture
def load(file):
    def read(seed=1, prefix=(), load=(), document=(), **mapping):
        load = {"type": "constant", "stages": [{"rate": 2, "duration": 10}], **dict(load)}
        whole = {"shared_prefix": {**PREFIX, **dict(prefix)}, "load": load, **dict(document)}
        path = file("p.yaml", yaml.safe_dump(whole))
        return generate(Params.from_mapping("workload", {"path": path, **mapping}), seed, 16)

    return read


def test_prompts_of_a_group_share_its_system_prompt(load, assert_lawful):
    requests = load(load={"stages": [{"rate": 1.2, "duration": 10}]})

    assert_lawful(requests)
    assert len(requests) == 12  # each prompt once
    assert set(requests.input_tokens.tolist()) == {84}
    assert set(requests.output_tokens.tolist()) == {8}
    assert np.bincount(requests.prefix_group).tolist() == [4, 4, 4]
    assert np.diff(requests.key_offsets).tolist() == [4] * 12  # 64 tokens
    assert requests.n_keys == 12
    assert len(np.unique(requests.prompt)) == 12


def test_a_prompt_that_comes_again_is_the_same_to_its_end(load, assert_lawful):
    requests = load()  # 20 requests of 12 prompts

    assert_lawful(requests)
    assert requests.prompt[12:].tolist() == requests.prompt[:8].tolist()
    assert requests.prefix_group[12:].tolist() == requests.prefix_group[:8].tolist()
    # 84 // 16 = 5 blocks where the prompt comes twice, 4 where it comes once
    assert np.diff(requests.key_offsets).tolist() == [5] * 8 + [4] * 4 + [5] * 8


def test_stages_follow_each_other_at_their_rates(load):
    stages = [{"rate": 2, "duration": 10}, {"rate": 10, "duration": 3}]
    requests = load(load={"stages": stages, "interval": 5})

    assert requests.arrival_us[:20].tolist() == list(range(0, 10_000_000, 500_000))
    assert requests.arrival_us[20:].tolist() == list(range(15_000_000, 18_000_000, 100_000))


def test_poisson_arrivals_have_exponential_gaps(load):
    requests = load(load={"type": "poisson", "stages": [{"rate": 100, "duration": 100}, {"rate": 50, "duration": 10}]})

    assert len(requests) == 10_500
    assert (requests.arrival_us < 100_000_000).sum() == 10_000
    assert stats.kstest(np.diff(requests.arrival_us[:10_000]) / 1e6, stats.expon(scale=0.01).cdf).pvalue > 0.001


def test_the_form_of_inference_perf_is_understood_and_what_has_no_effect_is_noted(load, file):
    path = file(
        "i.yaml",
        yaml.safe_dump(
            {
                "api": {"type": "completion"},
                "data": {"type": "shared_prefix", "shared_prefix": PREFIX},
                "load": {"type": "constant", "stages": [{"rate": 2, "duration": 10}], "num_workers": 4},
            }
        ),
    )
    requests = load(path=path)

    assert requests.keys.tolist() == load().keys.tolist()
    assert requests.notes == (f"{path}: no effect here have api, load.num_workers",)


def test_rate_limit_and_seed_apply(load):
    assert load(rate=4, num_requests=11).arrival_us.tolist() == list(range(0, 2_750_000, 250_000))
    assert load(1).prefix_group.tolist() == load(1).prefix_group.tolist()
    assert load(1).prefix_group.tolist() != load(2).prefix_group.tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prefix": {"num_groups": 0}}, "shared_prefix.num_groups must be an int in [1, 100000000]; got 0."),
        (
            {"prefix": {"system_prompt_length": 3}},
            "unknown key 'system_prompt_length'; did you mean 'system_prompt_len'?",
        ),
        (
            {"prefix": {"question_len": -1}},
            "shared_prefix.question_len must be an int in [0, 2147483647] [tokens]; got -1.",
        ),
        ({"prefix": {"question_len": 0, "system_prompt_len": 0}}, "must have prompts of at least 1 token"),
        ({"load": {"type": "closed"}}, "load.type: no choice named 'closed'"),
        ({"load": {"stages": []}}, "load.stages must be a list of at least one stage"),
        ({"load": {"stages": [{"rate": 0, "duration": 1}]}}, "load.stages[0].rate must be a finite number > 0"),
        ({"load": {"stages": [{"rate": 1}]}}, "load.stages[0]: key 'duration' is required."),
        ({"load": {"stages": [{"rate": 0.1, "duration": 1}]}}, "load.stages must send 1 to 100000000 requests in all"),
        ({"load": {"interval": float("nan")}}, "load.interval must be a finite number ≥ 0 [s]; got nan."),
        ({"document": {"data": {}}}, "must have exactly one of data and shared_prefix."),
        ({"document": {"loads": {}}}, "unknown key 'loads'; did you mean 'load'?"),
    ],
)
def test_wrong_documents_are_refused(load, changes, message):
    with pytest.raises(ConfigError) as error:
        load(**changes)
    assert message in str(error.value)
