import pytest

from blis.cluster.catalog import Deployment, default_deployment, find_coefficients
from blis.cluster.catalog.files import table_rows
from blis.foundation.errors import ConfigError, UnknownChoiceError
from blis.foundation.files import shipped_folder

LLAMA = "meta-llama/llama-3.1-8b-instruct"


def test_the_row_of_a_model_gpu_and_degree_is_found():
    row = find_coefficients(LLAMA, "H100", 2)

    assert row.alpha_us == (1601.350510688092, 3.512476196805965, 1805.5430360826988)
    assert row.beta_us == (6910.420479880494, 17.67057489844186, 2.8377471109943855)
    assert row.kv_blocks == 132139
    assert row.vllm_version == "vllm/vllm-openai:v0.8.4"


def test_without_a_version_the_first_row_in_file_order_wins():
    assert find_coefficients(LLAMA, "H100", 1).kv_blocks == 29205
    assert find_coefficients(LLAMA, "H100", 1).beta_us[0] == 5752.705191348184


@pytest.mark.parametrize("version", ["v0.11.0", "vllm/vllm-openai:v0.11.0"])
def test_a_version_is_taken_whole_or_by_its_tag(version):
    row = find_coefficients(LLAMA, "H100", 1, version)

    assert row.alpha_us == (10326.268121600151, 0.0, 0.0)
    assert row.kv_blocks is None


def test_a_model_is_found_in_any_case_and_without_its_vendor():
    whole = find_coefficients(LLAMA, "H100", 1)

    assert find_coefficients("Meta-Llama/Llama-3.1-8B-Instruct", "H100", 1) == whole
    assert find_coefficients("llama-3.1-8b-instruct", "H100", 1) == whole


def test_of_two_equal_keys_the_earlier_row_wins():
    rows = [row for row in table_rows("coefficients.csv") if row["model"] == "redhatai/phi-4-fp8-dynamic"]
    first, second = (float(row["beta0"]) for row in rows if row["tp"] == "1")

    assert first != second
    assert find_coefficients("redhatai/phi-4-fp8-dynamic", "H100", 1).beta_us[0] == first


def test_the_table_holds_the_published_rows():
    rows = table_rows("coefficients.csv")

    assert len(rows) == 109 + 4
    assert sum(row["gpu"] == "A100-80" for row in rows) == 12
    assert sum(row["vllm_version"].endswith("v0.8.4") for row in rows) == 98
    assert sum(row["vllm_version"].endswith("v0.10.1.1") for row in rows) == 11
    for row in rows:
        find_coefficients(row["model"], row["gpu"], int(row["tp"]), row["vllm_version"])


def test_an_unknown_model_is_answered_with_the_nearest():
    with pytest.raises(UnknownChoiceError) as caught:
        find_coefficients("qwen/qwen3-14", "H100", 1)

    assert str(caught.value).startswith(
        "model must be an id in coefficients.csv; got 'qwen/qwen3-14'; did you mean 'qwen/qwen3-14b'? Ids: "
    )


def test_an_unknown_deployment_lists_those_that_there_are():
    with pytest.raises(UnknownChoiceError) as caught:
        find_coefficients("ibm-granite/granite-3.1-8b-instruct", "L40S", 3)

    assert str(caught.value) == (
        "coefficients: no row of model 'ibm-granite/granite-3.1-8b-instruct' for gpu 'L40S' with "
        "tensor_parallel 3. Rows: A100-80 with tensor_parallel 1, 2; H100 with tensor_parallel 1, 2, 4."
    )


def test_an_unknown_version_lists_those_that_there_are():
    with pytest.raises(UnknownChoiceError) as caught:
        find_coefficients(LLAMA, "H100", 1, "v0.9")

    assert str(caught.value) == (
        "coefficients: no row of model 'meta-llama/llama-3.1-8b-instruct' for gpu 'H100' with "
        "tensor_parallel 1 and vllm_version 'v0.9'. Versions: "
        "vllm/vllm-openai:v0.8.4, vllm/vllm-openai:v0.11.0."
    )


def test_default_deployments_are_the_published_ones():
    assert default_deployment("openai/gpt-oss-120b") == Deployment("H100", 4)
    assert default_deployment("Llama-3.3-70B-Instruct") == Deployment("H100", 4)
    assert len(table_rows("models.csv")) == 30

    with pytest.raises(UnknownChoiceError, match=r"model must be an id in models\.csv; got 'gpt-5'"):
        default_deployment("gpt-5")


def test_an_incomplete_installation_is_named():
    with pytest.raises(ConfigError, match="folder 'absent' must be shipped with the package; found neither"):
        shipped_folder("absent")
