"""Prices of measured kernels: additive parts, nothing that falls, and the package's own prices."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.catalog import Device, Model, read_device, read_model
from blis.cluster.latency import silicon
from blis.cluster.latency.silicon import Params, coefficients, prepare, step_time
from blis.cluster.steps.file import written
from blis.cluster.steps.shipped import shipped
from blis.engine.batch_sums import SMALLEST, BatchSums
from blis.foundation.errors import ConfigError, UnknownChoiceError
from tests.cluster.steps.small_table import DEPLOYED, small_table

SMALL = coefficients(small_table())


def sums(prompts: int = 0, tokens: int = 0, history: int = 0, decodes: int = 0, context: int = 0) -> BatchSums:
    """So many prompts of equal length behind equal histories, and so many decodes behind equal contexts."""
    x2 = prompts * (2 * tokens * history + tokens * max(0, tokens - 1))
    return BatchSums(prompts, prompts * tokens, prompts * history, x2, 0, decodes, decodes * context)


def llama() -> tuple[Model, Device]:
    return read_model("meta-llama/llama-3.1-8b-instruct"), read_device("H100")


@pytest.mark.parametrize(
    ("batch", "time_us"),
    [
        (sums(decodes=1, context=1000), 4000 + 10 + 3 + 4),
        (sums(decodes=64, context=1000), 4000 + 640 + 192 + 256),
        (sums(prompts=1, tokens=1000), 5000 + 10_000 + 3 + 499.5),
        (sums(prompts=2, tokens=500, history=1000), 5000 + 10_000 + 6 + 1249.5),
        (sums(prompts=1, tokens=1000, decodes=24, context=500), 5000 + 10_240 + 75 + 499.5 + 48),
        (sums(), 1),
    ],
)
def test_a_step_costs_the_sum_of_its_parts(batch: BatchSums, time_us: float) -> None:
    assert step_time(batch, SMALL) == pytest.approx(time_us, abs=1.01)


def test_ranks_share_the_batch_evenly() -> None:
    table = coefficients(small_table(), 1.0, 0.0)
    table[silicon.RANKS] = 4
    whole, share = sums(4, 400, 100, 64, 1000), sums(1, 400, 100, 16, 1000)
    assert step_time(whole, table) == step_time(share, SMALL)


def test_factor_and_overhead_are_those_of_a_server() -> None:
    batch = sums(decodes=64, context=1000)
    assert step_time(batch, coefficients(small_table(), 1.5, 200.0)) == pytest.approx(1.5 * (5088 + 200), abs=1.5)


counts = st.integers(0, 4096)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(shipped())), counts, st.integers(0, 60_000), counts, st.integers(1, 20_000), st.data())
def test_no_step_costs_less_for_having_more_to_do(
    name: str, prompts: int, tokens: int, decodes: int, context: int, data: st.DataObject
) -> None:
    prices = coefficients(silicon.find_table(_deployed(name)))
    tokens = max(tokens, prompts) if prompts else 0
    batch = BatchSums(prompts, tokens, 0, tokens * max(0, tokens - prompts), 0, decodes, decodes * context)
    names = ["prefill_tokens", "prefill_attention_x2", "decode_context_tokens"]
    if not prompts:
        names = ["decode_context_tokens"]
    grown = data.draw(st.sampled_from(names))
    more = batch._replace(**{grown: getattr(batch, grown) + data.draw(st.integers(0, 10**6))})
    assert step_time(more, prices) >= step_time(batch, prices) * (1 - 1e-3)


def _deployed(name: str) -> silicon.Deployed:
    from blis.cluster.steps.file import read_table

    return read_table(shipped()[name]).deployed


def test_context_costs_what_gpus_measure() -> None:
    """64 decodes behind 16 times the context take several times as long; an affine price does not change at all."""
    prices = prepare(Params(), *llama(), 2).coefficients
    near, far = (step_time(sums(decodes=64, context=context), prices) for context in (1024, 16384))
    assert near == pytest.approx(6000, rel=0.05)  # 5.97 ms and 26.1 ms, measured tables of Llama 3.1 8B on 2 x H100
    assert far == pytest.approx(26_100, rel=0.05)


def test_a_file_of_one_s_own_is_used(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    model, device = llama()
    path.write_text(
        written(
            small_table(
                DEPLOYED.__class__(model=model.name.rpartition("/")[2], device="H100", tensor_parallel=1, engine="vllm")
            )
        )
    )
    prices = prepare(Params(table=str(path)), model, device, 1)
    assert step_time(sums(decodes=1, context=1000), prices.coefficients) == 4017


def test_a_table_of_another_deployment_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(written(small_table()))
    with pytest.raises(
        ConfigError, match=r"must be a table of llama-3\.1-8b-instruct--H100--tp1--vllm; got one of small"
    ):
        prepare(Params(table=str(path)), *llama(), 1)


def test_a_deployment_without_a_table_is_told_the_nearest_and_the_command() -> None:
    with pytest.raises(UnknownChoiceError) as caught:
        prepare(Params(), *llama(), 16)
    message = str(caught.value)
    assert "did you mean 'llama-3.1-8b-instruct--H100--tp1--vllm'" in message
    assert "python -m blis.tabulate model=llama-3.1-8b-instruct device=H100 tensor_parallel=16 engine=vllm" in message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"engine": "vlm"}, "did you mean 'vllm'"),
        ({"scale": 0}, "latency.scale must be a finite number > 0"),
        ({"scale": float("nan")}, "latency.scale must be a finite number > 0"),
        ({"step_us": -1}, "latency.step_us must be a finite number in [0"),
        ({"data_parallel": 0}, "latency.data_parallel must be an int in [1, 1024]"),
        ({"table": 3}, "latency.table must be the path of a table"),
        ({"tabel": "x"}, "unknown key 'tabel'; did you mean 'table'"),
    ],
)
def test_wrong_parameters_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Params.from_mapping("latency", given)
    assert message in str(caught.value)


def test_prices_are_those_of_the_measured_kernels() -> None:
    """Within 2 % of what the package says of random steps, but where its own prices fall: there ours may not."""
    engine = pytest.importorskip("aiconfigurator_core.sdk.engine")
    name = "llama-3.1-8b-instruct--H100--tp2--vllm"
    prices = coefficients(silicon.find_table(_deployed(name)))
    handle = engine.EngineHandle.compile("meta-llama/Meta-Llama-3.1-8B", "h100_sxm", "vllm", tp_size=2)
    random, errors = np.random.default_rng(3), []
    for _ in range(150):
        tokens, decodes = int(2 ** random.uniform(5, 13)), int(2 ** random.uniform(0, 8))
        context = int(2 ** random.uniform(6, 13))
        later = tokens + int(2 ** random.uniform(0, 11))  # decodes of a mixed step stand behind a whole prompt
        own = {
            sums(decodes=decodes, context=context): handle.decode_step_latency(decodes, context, 0),
            sums(1, tokens): handle.predict_prefill_latency(1, tokens, 0),
            sums(1, tokens, 0, decodes, later): handle.mixed_step_latency(
                tokens, decodes, tokens, 2 * (later - tokens), 0
            ),
        }
        errors += [step_time(batch, prices) / (1e3 * milliseconds) - 1 for batch, milliseconds in own.items()]
    assert np.quantile(np.abs(errors), 0.9) < 0.02
    assert np.max(np.abs(errors)) < 0.05


@pytest.mark.parametrize("drafts", [1, 3, 7])
def test_drafts_are_priced_as_decodes_that_share_a_context(drafts: int) -> None:
    """The package prices as many decodes that each read a context, by as many layers more as there are drafts."""
    engine = pytest.importorskip("aiconfigurator_core.sdk.engine")
    prices = coefficients(silicon.find_table(_deployed("llama-3.1-8b-instruct--H100--tp2--vllm")))
    model = "meta-llama/Meta-Llama-3.1-8B"
    handle = engine.EngineHandle.compile(model, "h100_sxm", "vllm", tp_size=2, nextn=drafts)
    for decodes, context in ((1, 1024), (16, 1024), (32, 1024), (32, 8000)):
        tokens = decodes * (1 + drafts)
        apart = step_time(sums(decodes=tokens, context=context), prices)
        together = step_time(BatchSums(0, 0, 0, 0, 0, tokens, decodes * context), prices)
        assert step_time(sums(decodes=decodes, context=context), prices) <= together <= apart
        theirs_us = 1e3 * handle.decode_step_latency(decodes, context, 0)
        assert apart * (32 + drafts) / 32 == pytest.approx(theirs_us, rel=0.03)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_no_step_is_cheaper_than_the_smallest(name: str) -> None:
    """Closed loops look ahead by the price of the smallest step."""
    prices = coefficients(silicon.find_table(_deployed(name)))
    least = min(step_time(batch, prices) for batch in SMALLEST)
    for count in (1, 2, 3, 5, 7, 12, 40, 200):
        for context in (1, 2, 17, 400, 9000):
            assert step_time(sums(decodes=count, context=context), prices) >= least
            assert step_time(sums(prompts=count, tokens=context), prices) >= least
            assert step_time(sums(1, context, 30, count, context), prices) >= least
