import ast
import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from blis.foundation.errors import ConfigError
from blis.workload.kinds import spec
from blis.workload.kinds.servegen import Params, generate

REAL = Path(__file__).parents[3] / "shared" / "data" / "servegen"
WINDOW_S = 600
LENGTHS = {"input_tokens": "{100: 0.5, 200: 0.5}", "output_tokens": "{10: 1.0}"}


@pytest.fixture
def folder(tmp_path):
    """Write the two files of clients {number: (rows, data set)}; a row is (rate, cv, pattern, shape, scale)."""

    def write(clients):
        for number, (rows, dataset) in clients.items():
            lines = (",".join(map(str, (at * WINDOW_S, *row))) for at, row in enumerate(rows))
            (tmp_path / f"chunk-{number}-trace.csv").write_text("\n".join(lines) + "\n")
            (tmp_path / f"chunk-{number}-dataset.json").write_text(json.dumps(dataset))
        return tmp_path

    return write


def requests_of(path, seed=1, **mapping):
    return generate(Params.from_mapping("workload", {"path": str(path), **mapping}), seed, 16)


def gamma(rate, cv):
    return (rate, cv, "Gamma", cv**-2, cv**2 / rate)


def squared_cv(times):
    gaps = np.diff(times)
    return (gaps.std() / gaps.mean()) ** 2


def test_each_window_has_as_many_requests_as_recorded(folder, assert_lawful):
    rows = [gamma(0.5, 2.0), (0, 0, "", 0, 0), (1.25, 1.0, "", 0, 0), (0.75, 0.5, "Weibull", 2.1, 1.5)]
    requests = requests_of(folder({7: (rows, {"0": LENGTHS})}))

    assert_lawful(requests)
    counts = np.bincount(requests.arrival_us // (WINDOW_S * 10**6), minlength=4)
    assert counts.tolist() == [300, 0, 750, 450]
    assert "1 windows of 1 clients have rate 0" in requests.notes
    assert "1 windows name no process but poisson, or none: their gaps are exponential" in requests.notes


@pytest.mark.parametrize("cv", [0.3, 1.0, 3.5])
def test_gamma_gaps_have_the_recorded_mean_and_variation(folder, cv):
    path = folder({1: ([gamma(0.2, cv)] * 400, {"0": LENGTHS})})
    requests = requests_of(path)

    # 400 windows of 120 requests each: the expected square of the CV is exact for any number of gaps
    windows = np.split(requests.arrival_us / 1e6, np.arange(120, 48_000, 120))
    squares = np.array([squared_cv(times) for times in windows])
    means = np.array([np.diff(times).mean() for times in windows])
    assert abs(squares.mean() - cv**2) < 4 * squares.std() / math.sqrt(len(squares))
    assert means == pytest.approx(np.full(400, 5.0), rel=1e-6)


def test_many_gamma_gaps_follow_their_distribution(folder):
    cv = 3.5
    requests = requests_of(folder({1: ([gamma(50, cv)], {"0": LENGTHS})}))

    gaps_s = np.diff(requests.arrival_us) / 1e6
    gaps_s += np.random.default_rng(0).random(len(gaps_s)) * 1e-9  # rounded to whole microseconds: no ties
    sample = gaps_s[gaps_s > 1e-5]
    law = stats.gamma(cv**-2, scale=cv**2 / 50)
    beyond = law.sf(1e-5)
    assert len(sample) / len(gaps_s) == pytest.approx(beyond, abs=0.01)
    assert stats.kstest(sample, lambda gap: 1 - law.sf(gap) / beyond).pvalue > 0.001


@pytest.mark.parametrize(
    ("pattern", "cv", "shape"), [("Weibull", 2.0, 0.5427), ("", 1.0, None), ("poisson", 9.0, None)]
)
def test_other_processes_follow_their_distributions(folder, pattern, cv, shape):
    requests = requests_of(folder({1: ([(50, cv, pattern, 0, 0)], {"0": LENGTHS})}))

    gaps_s = np.diff(requests.arrival_us) / 1e6
    if shape is None:
        law = stats.expon(scale=0.02)
    else:
        law = stats.weibull_min(shape, scale=0.02 / math.gamma(1 + 1 / shape))
    assert stats.kstest(gaps_s, law.cdf).pvalue > 0.001


def test_fitted_gaps_have_the_mean_and_variation_of_shape_and_scale(folder):
    # 3,000 requests whose gaps are 0.05 s in the mean: 150 s of a window of 600 s
    path = folder({1: ([(5.0, 9.9, "Gamma", 0.25, 0.2)] * 30, {"0": LENGTHS})})
    requests = requests_of(path, gaps="fitted")

    windows = np.split(requests.arrival_us / 1e6, np.arange(3000, 90_000, 3000))
    assert [np.ptp(times) for times in windows] == pytest.approx([2999 * 0.05] * 30, abs=1e-3)
    assert np.mean([squared_cv(times) for times in windows]) == pytest.approx(4.0, rel=0.1)
    first = np.array([times[0] % WINDOW_S for times in windows])
    assert stats.kstest(first, stats.uniform(0, 450).cdf).pvalue > 0.001


def test_lengths_follow_the_table_of_their_window(folder):
    dataset = {
        "1000": {"input_tokens": "{7: 1.0}", "output_tokens": "{5: 0.25, 6: 0.75,}"},
        "600": {"input_tokens": "{3: 1e-1, 4: 0.9}", "output_tokens": "{1: 1.0}"},
        "0": LENGTHS,
    }
    requests = requests_of(folder({1: ([(10, 1, "", 0, 0)] * 3, dataset)}))

    # in numeric order of the windows: the window of the trace at 1200 s lies in that of 1000 s
    window = requests.arrival_us // (WINDOW_S * 10**6)
    for at, values, shares in ((0, [100, 200], [0.5, 0.5]), (1, [3, 4], [0.1, 0.9]), (2, [7], [1.0])):
        counts = [(requests.input_tokens[window == at] == value).sum() for value in values]
        assert sum(counts) == 6000
        assert stats.chisquare(counts, np.array(shares) * 6000).pvalue > 0.001 if len(values) > 1 else True
    assert set(requests.output_tokens[window == 1].tolist()) == {1}
    assert (requests.output_tokens[window == 2] == 5).mean() == pytest.approx(0.25, abs=0.03)


def test_prompts_of_several_parts_are_the_sums_of_their_pieces(folder, assert_lawful):
    dataset = {
        "0": {
            "text_tokens": "{50: 1.0}",
            "image_tokens": "{100: 0.5, 300: 0.5}",
            "image_count": "{0: 0.25, 2: 0.75}",
            "audio_tokens": "{0: 1.0}",
            "audio_count": "{0: 1.0}",
            "video_tokens": "{}",
            "video_count": "{}",
            "output_tokens": "{0: 0.5, 8: 0.5}",
        }
    }
    requests = requests_of(folder({1: ([(20, 1, "", 0, 0)], dataset)}))

    assert_lawful(requests)
    assert set(requests.image_tokens.tolist()) == {0, 200, 400, 600}
    assert requests.image_tokens.mean() == pytest.approx(1.5 * 200, rel=0.03)
    assert (requests.input_tokens - requests.image_tokens == 50).all()
    assert set(requests.text_tokens.tolist()) == {50}


def test_ratios_of_reasoning_are_drawn(folder):
    dataset = {"0": {**LENGTHS, "reason_ratio": "{0.25: 0.5, 0.75: 0.5, 1.0: 0.0}"}}
    requests = requests_of(folder({1: ([(10, 1, "", 0, 0)], dataset)}))

    assert set(requests.reason_ratio.tolist()) == {0.25, 0.75}


def test_prompts_of_no_tokens_get_one_and_are_counted(folder):
    dataset = {"0": {"input_tokens": "{0: 1.0}", "output_tokens": "{3: 1.0}"}}
    requests = requests_of(folder({1: ([(0.1, 1, "", 0, 0)], dataset)}))

    assert set(requests.input_tokens.tolist()) == {1}
    assert "60 of 60 prompts have a recorded length of 0 and are 1 token long" in requests.notes


def test_clients_come_in_the_order_of_their_numbers_and_do_not_move_each_other(folder):
    clients = {number: ([gamma(0.3, 2.0)], {"0": LENGTHS}) for number in (10, 9, 2)}
    path = folder(clients)
    both = requests_of(path)
    (path / "chunk-2-trace.csv").unlink()
    (path / "chunk-2-dataset.json").unlink()
    fewer = requests_of(path)

    assert both.tenants == ("chunk-2", "chunk-9", "chunk-10")
    assert both.clients == ("servegen-chunk-2", "servegen-chunk-9", "servegen-chunk-10")
    assert fewer.tenants == ("chunk-9", "chunk-10")
    for name, index in (("chunk-9", 1), ("chunk-10", 2)):
        own, again = both.tenant == index, fewer.tenant == fewer.tenants.index(name)
        assert both.arrival_us[own].tolist() == fewer.arrival_us[again].tolist()
        assert both.input_tokens[own].tolist() == fewer.input_tokens[again].tolist()
    assert requests_of(path, clients=1).tenants == ("chunk-9",)


def test_a_span_picks_windows_and_becomes_time_zero(folder):
    path = folder({1: ([(0, 0, "", 0, 0), *[(0.1 * k, 1, "", 0, 0) for k in (1, 2, 3)]], {"0": LENGTHS})})

    whole, span = requests_of(path), requests_of(path, span_start_s=1000, span_end_s=1800)
    assert len(whole) == 360
    assert whole.arrival_us[0] < 600e6  # the idle window at the start is passed over
    assert "time 0 is second 600 of the recording" in whole.notes
    assert len(span) == 120  # only the window that starts at 1200 s
    assert 200e6 <= span.arrival_us[0] <= span.arrival_us[-1] < 800e6
    assert "time 0 is second 1000 of the recording" in span.notes


def test_rates_scale_to_a_factor_or_a_mean(folder):
    path = folder({k: ([gamma(0.3, 1.0), gamma(0.9, 1.0)], {"0": LENGTHS}) for k in (1, 2)})

    counts = [
        np.bincount(requests.arrival_us // 600_000_000, minlength=2)
        for requests in (requests_of(path, rate_factor=0.5), requests_of(path, rate=12))
    ]
    assert counts[0].tolist() == [180, 540]
    assert counts[1].tolist() == [3600, 10800]


def test_a_fraction_of_a_request_comes_as_often_as_it_is_large(folder):
    path = folder({1: ([(0.001, 1, "", 0, 0)] * 4000, {"0": LENGTHS})})  # 0.6 requests per window

    assert len(requests_of(path)) == pytest.approx(2400, abs=4 * math.sqrt(4000 * 0.24))


def test_limits_keep_the_first_requests(folder):
    path = folder({k: ([gamma(0.3, 1.5)], {"0": LENGTHS}) for k in (1, 2)})
    whole, first, early = requests_of(path), requests_of(path, num_requests=50), requests_of(path, horizon_us=10**8)

    assert first.arrival_us.tolist() == whole.arrival_us[:50].tolist()
    assert early.arrival_us.tolist() == whole.arrival_us[whole.arrival_us < 10**8].tolist()


def test_the_same_seed_gives_the_same_requests_and_another_does_not(folder):
    path = folder({1: ([gamma(0.5, 3.0)], {"0": LENGTHS})})

    assert requests_of(path, 3).arrival_us.tolist() == requests_of(path, 3).arrival_us.tolist()
    assert requests_of(path, 3).arrival_us.tolist() != requests_of(path, 4).arrival_us.tolist()


def test_windows_without_lengths_are_left_out_and_counted(folder):
    dataset = {"600": LENGTHS, "1200": {"input_tokens": "{}", "output_tokens": "{}"}}
    requests = requests_of(folder({1: ([(1, 1, "", 0, 0)] * 3, dataset)}))

    assert len(requests) == 600
    assert "2 windows have a rate but no lengths (empty tables) and are left out" in requests.notes


def test_a_variation_that_few_requests_cannot_have_is_as_high_as_they_allow(folder):
    requests = requests_of(folder({1: ([gamma(0.01, 5.0)] * 200, {"0": LENGTHS})}))  # 6 requests each

    squares = [squared_cv(times) for times in np.split(requests.arrival_us, np.arange(6, 1200, 6))]
    # 5 gaps of one sum have at most 4; a shape sum of 0.05 gives 4 / 1.05
    assert abs(np.mean(squares) - 4 / 1.05) < 4 * np.std(squares) / math.sqrt(200)
    assert "200 windows have too few requests for their recorded CV: it is as high as they allow" in requests.notes


def test_bursts_far_below_a_microsecond_stay_in_their_window(folder):
    requests = requests_of(folder({1: ([gamma(100, 30.0)], {"0": LENGTHS})}))

    assert len(requests) == 60_000
    assert requests.arrival_us[-1] < 600_000_000
    assert (np.diff(requests.arrival_us) == 0).mean() > 0.5


GOOD = "0,1,1,Gamma,1,1\n600,1,1,Gamma,1,1\n"


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        ("", "chunk-1-trace.csv must hold at least one window; it is empty."),
        (GOOD + "1200,1,1\n", "chunk-1-trace.csv, line 3: must have 4 or 6 columns (start, rate, cv, pattern, shape"),
        (GOOD + "x,1,1,Gamma,1,1\n", "line 3, column 1 (start): must be a finite number ≥ 0; got 'x'."),
        (GOOD + "\n1200,nan,1,Gamma,1,1\n", "line 4, column 2 (rate): must be a finite number ≥ 0; got 'nan'."),
        (GOOD + "1200,-1,1,Gamma,1,1\n", "line 3, column 2 (rate): must be a finite number ≥ 0; got '-1'."),
        (GOOD + "1200,1,inf,Gamma,1,1\n", "line 3, column 3 (cv): must be a finite number ≥ 0; got 'inf'."),
        (
            GOOD + "1200,1,1,Gama,1,1\n",
            "line 3, column 4 (pattern): must be one of poisson, exponential, gamma, weibull",
        ),
        (GOOD + "1200,1,1,Gamma,,1\n", "line 3, column 5 (shape): must be a finite number ≥ 0; got ''."),
        (
            GOOD + "600,1,1,Gamma,1,1\n",
            "line 3, column 1 (start): must be after the window before it (600 s); got '600'.",
        ),
        ("0,0,0,\n", "the chosen windows must hold at least one with a rate > 0 and lengths; there is none."),
    ],
)
def test_wrong_traces_are_refused(folder, trace, message):
    path = folder({1: ([], {"0": LENGTHS})})
    (path / "chunk-1-trace.csv").write_text(trace)

    with pytest.raises(ConfigError) as error:
        requests_of(path)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{",
            "chunk-1-dataset.json must be a JSON document; Expecting property name enclosed in double quotes: line 1",
        ),
        ("[]", "must be a mapping of window starts to tables; got []."),
        ('{"x": {}}', "key 'x': must be the start of a window, a number ≥ 0 [s] given once."),
        ('{"0": {}, "0.0": {}}', "key '0.0': must be the start of a window"),
        ('{"0": {}, "0": {}}', "the key '0' is given twice"),
        ('{"0": 3}', "window '0': must be a mapping of names to tables; got 3."),
        ('{"0": {"input_token": "{}"}}', "window '0': unknown key 'input_token'; did you mean 'input_tokens'?"),
        ('{"0": {"input_tokens": {"3": 1}}}', "key 'input_tokens': must be the text of a table; got {'3': 1}."),
        (
            {"input_tokens": "3: 1"},
            "window '0', key 'input_tokens': must be the text of a mapping in braces; got '3: 1'.",
        ),
        ({"input_tokens": "{3: x}"}, "must map a whole length in [0, 2147483647] to a weight ≥ 0; got '3: x'."),
        ({"input_tokens": "{3: nan}"}, "to a weight ≥ 0; got '3: nan'."),
        ({"input_tokens": "{3.5: 1}"}, "must map a whole length"),
        ({"input_tokens": "{-3: 1}"}, "must map a whole length"),
        ({"input_tokens": "{1_0: 1}"}, "must map a whole length"),
        ({"input_tokens": "{3: 1, , 4: 1}"}, "must map a whole length"),
        ({"input_tokens": "{3: 0}"}, "must have at least one weight > 0, and a finite sum; got '{3: 0}'."),
        ({"input_tokens": "{__import__('os'): 1}"}, "must map a whole length"),
        ({"reason_ratio": "{1.5: 1}"}, "window '0', key 'reason_ratio': must map a ratio in [0, 1] to a weight ≥ 0"),
    ],
)
def test_wrong_data_sets_are_refused(folder, text, message):
    path = folder({1: ([gamma(1, 1.0)], {"0": {**LENGTHS, **(text if isinstance(text, dict) else {})}})})
    if isinstance(text, str):
        (path / "chunk-1-dataset.json").write_text(text)

    with pytest.raises(ConfigError) as error:
        requests_of(path)
    assert message in str(error.value)


def test_a_missing_twin_is_named(folder):
    path = folder({1: ([gamma(1, 1.0)], {"0": LENGTHS})})
    (path / "chunk-1-dataset.json").unlink()
    with pytest.raises(ConfigError, match=r"chunk-1-trace.csv must have 'chunk-1-dataset.json' beside it"):
        requests_of(path)
    (path / "chunk-1-trace.csv").rename(path / "chunk-one-trace.csv")
    with pytest.raises(ConfigError, match=r"must be named chunk-N-trace.csv or chunk-N-dataset.json"):
        requests_of(path)
    (path / "chunk-one-trace.csv").unlink()
    with pytest.raises(ConfigError, match="there are none"):
        requests_of(path)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"path": "/nowhere"}, "workload.path must be the path of a folder; got '/nowhere'."),
        ({"span_start_s": -1}, "workload.span_start_s must be a finite number ≥ 0 [s]; got -1."),
        ({"span_start_s": 5, "span_end_s": 5}, "workload.span_end_s must be > span_start_s [s]; got 5."),
        ({"rate": 1, "rate_factor": 2}, "workload must have at most one of rate and rate_factor; got both."),
        ({"gaps": "fit"}, "workload.gaps: no choice named 'fit'; did you mean 'fitted'?"),
        ({"clients": 0}, "workload.clients must be an int ≥ 1; got 0."),
        ({"client": 1}, "workload: unknown key 'client'; did you mean 'clients'?"),
    ],
)
def test_wrong_parameters_are_refused(tmp_path, mapping, message):
    with pytest.raises(ConfigError) as error:
        Params.from_mapping("workload", {"path": str(tmp_path), **mapping})
    assert str(error.value).startswith(message)


def test_more_clients_than_there_are_and_missing_shapes_are_refused(folder):
    path = folder({1: ([(1, 1, "Gamma", 0, 1)], {"0": LENGTHS})})
    with pytest.raises(ConfigError, match=r"workload.clients must be at most 1"):
        requests_of(path, clients=2)
    with pytest.raises(ConfigError, match=r"line 1, columns 5 and 6 \(shape, scale\): must be > 0 for gaps: fitted"):
        requests_of(path, gaps="fitted")


def recorded(folder):
    """Windows with requests {(client, start): (count, cv)} and tables {client: {start: fields}} of a real folder."""
    windows, tables = {}, {}
    for path in sorted(folder.glob("*-trace.csv")):
        number = int(path.name.split("-")[1])
        for start, rate, cv, *_ in csv.reader(path.read_text().splitlines()):
            if float(rate) > 0:
                windows[number, int(start)] = (round(float(rate) * WINDOW_S), float(cv))
        dataset = json.loads((folder / f"chunk-{number}-dataset.json").read_text())
        tables[number] = {int(start): fields for start, fields in dataset.items()}
    return windows, tables


@pytest.mark.skipif(not REAL.is_dir(), reason="the recorded data is not here")
@pytest.mark.parametrize("name", ["language-m-small", "multimodal-mm-image", "reason-deepseek-r1"])
def test_real_traffic_has_the_recorded_rates_variations_and_lengths(name, assert_lawful):
    windows, tables = recorded(REAL / name)
    requests = requests_of(REAL / name, span_start_s=0)
    again = [requests_of(REAL / name, seed, span_start_s=0) for seed in (2, 3, 4)]

    assert_lawful(requests)
    clients = [int(tenant.removeprefix("chunk-")) for tenant in requests.tenants]
    ratios = []
    for table in (requests, *again):
        start = table.arrival_us // (WINDOW_S * 10**6) * WINDOW_S
        own = {number: np.flatnonzero(table.tenant == index) for index, number in enumerate(clients)}
        for (number, at), (count, cv) in windows.items():
            bounds = np.searchsorted(start[own[number]], (at, at + 1))
            times = table.arrival_us[own[number][slice(*bounds)]]
            assert abs(len(times) - count) <= 1, (number, at)  # a rate such as 34.831666666666663 is not exact
            if count >= 30 and cv**2 < 0.5 * count and len(np.unique(times)) > 2:
                ratios.append(squared_cv(times) / cv**2)
    ratios = np.array(ratios)
    assert abs(ratios.mean() - 1) < 4 * ratios.std() / math.sqrt(len(ratios)) + 0.01

    window_s = 21_600
    for number, index in ((number, clients.index(number)) for number in clients):
        for at, fields in tables[number].items():
            of_window = (requests.tenant == index) & (requests.arrival_us // (window_s * 10**6) * window_s == at)
            n = int(of_window.sum())
            for field, values in (("input_tokens", requests.input_tokens), ("output_tokens", requests.output_tokens)):
                table = ast.literal_eval(fields.get(field, "{}"))
                if n < 100 or not table:
                    continue
                lengths, weights = np.array(list(table)), np.array(list(table.values()))
                weights /= weights.sum()
                mean, spread = (
                    (lengths * weights).sum(),
                    math.sqrt((lengths**2 * weights).sum() - (lengths @ weights) ** 2),
                )
                assert abs(values[of_window].mean() - mean) <= 4.5 * spread / math.sqrt(n) + 1e-9, (number, at, field)
                assert np.isin(values[of_window], lengths).all()


def test_a_specification_may_take_its_clients_from_a_folder(folder):
    path = folder({k: ([gamma(0.3, 1.0), gamma(0.9, 1.0)], {"0": LENGTHS}) for k in (1, 2)})
    document = {
        "aggregate_rate": 2.4,
        "servegen_data": {"path": str(path), "span_start": 600, "span_end": 0},
        "seed": 1,
    }

    def from_document(seed=1, **mapping):
        return spec.generate(spec.Params.from_mapping("workload", {"spec": {**document, **mapping}}), seed, 16)

    requests = from_document()
    assert requests.arrival_us.tolist() == requests_of(path, span_start_s=600, rate=2.4).arrival_us.tolist()
    assert len(requests) == 1440
    assert requests.notes[0] == "the document's own seed 1 is not used: the run's seed is"
    assert len(from_document(num_requests=7)) == 7
    assert from_document(horizon=10**8).arrival_us[-1] < 10**8
    with pytest.raises(ConfigError, match=r"workload.spec.servegen_data: unknown key 'span'"):
        from_document(servegen_data={"path": str(path), "span": 3})
    with pytest.raises(ConfigError, match=r"workload.spec.profile has no meaning for recorded clients"):
        from_document(profile={"type": "constant"})
