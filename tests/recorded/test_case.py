"""Recorded cases: what is read, what is refused, and which run they become."""

import csv
import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from blis.foundation.errors import ConfigError
from blis.recorded.case import read_case, simulation_of
from blis.recorded.comparison import verdict_on

CASES = Path(__file__).parent.parent / "data" / "cases"
FEBRUARY, OVERLONG, ROOFLINE, SESSIONS = (
    CASES / name
    for name in (
        "p24_seed_prefix_affinity",
        "p29_overlong_horizon",
        "p31_roofline_cached",
        "p36_duplicate_content_eviction",
    )
)


@pytest.fixture
def changed(tmp_path):
    """Copy a case, with values of case.yaml replaced; "__" in a name leads into a mapping."""

    def copy(source, **changes):
        folder = tmp_path / source.name
        if not folder.exists():
            shutil.copytree(source, folder)
        document = yaml.safe_load((folder / "case.yaml").read_text())
        for path, value in changes.items():
            *outer, last = path.split("__")
            place = document
            for key in outer:
                place = place[key]
            place[last] = value
        (folder / "case.yaml").write_text(yaml.safe_dump(document))
        return folder

    return copy


def rewrite(path, change):
    """Let `change` edit the rows of a CSV file."""
    rows = list(csv.DictReader(path.read_text().splitlines()))
    rows = change(rows) or rows
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_a_case_becomes_requests_and_typed_settings():
    case = read_case(OVERLONG)

    assert case.name == "p29_overlong_horizon"
    assert len(case.requests) == 170
    assert case.requests.block_size_tokens == 16
    assert case.document.semantics == "reference-2026-04"
    assert case.document.kv_blocks == 40
    assert case.document.step_token_budget == 192
    assert case.document.routing_latency_us == 300
    assert case.document.horizon_us == 5458835
    assert case.document.latency_model.output_token_us == 500.0
    assert case.document.traces_routing
    assert case.columns["instance"].values[:2].tolist() == [0, 1]
    assert case.aggregates["completed"] == 53


@pytest.mark.parametrize(
    ("version", "preset"),
    [
        ("2026-02-19", "reference-2026-02"),
        ("2026-02-28", "reference-2026-02"),
        ("2026-03-01", "reference-2026-04"),
        ("2025-12-31", "reference-2026-02"),
        ("2027-01-01", "reference-2026-04"),
    ],
)
def test_the_date_of_the_program_decides_the_semantics(changed, version, preset):
    folder = changed(OVERLONG, made_by__version=version)

    assert read_case(folder).document.semantics == preset


def test_a_date_without_quotes_is_a_date_too(changed):
    folder = changed(OVERLONG)
    text = (folder / "case.yaml").read_text().replace("'2026-04-23'", "2026-04-23")
    (folder / "case.yaml").write_text(text)

    assert read_case(folder).document.semantics == "reference-2026-04"


def test_february_policies_have_our_names():
    assert read_case(FEBRUARY).document.policies["routing"] == {"policy": "prefix-affinity"}


def test_scorers_keep_their_order(changed):
    scorers = [{"name": "vllm-dp", "weight": 2}, {"name": "active-requests", "weight": 0.5}]
    folder = changed(OVERLONG, routing={"policy": "weighted", "scorers": scorers})

    routing = read_case(folder).document.policies["routing"]

    assert routing["scorers"] == (("vllm-dp", 2.0), ("active-requests", 0.5))


def test_information_changes_nothing(changed):
    folder = changed(OVERLONG, notes=["a"], verified="yes", made_by__notes="b", latency__description="c")

    assert verdict_on(read_case(folder)).agrees


def test_an_absent_threshold_or_latency_is_none(changed):
    folder = changed(OVERLONG)
    document = yaml.safe_load((folder / "case.yaml").read_text())
    for key in ("long_prefill_threshold", "max_model_len", "admission_latency_us", "fitness_weights"):
        del document[key]
    (folder / "case.yaml").write_text(yaml.safe_dump(document))

    assert verdict_on(read_case(folder)).agrees


def test_files_may_be_gzipped(changed):
    folder = changed(OVERLONG)
    for name in ("requests.csv", "expected.csv"):
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()

    assert verdict_on(read_case(folder)).agrees


def test_optional_columns_may_be_blank_or_absent(changed):
    folder = changed(OVERLONG)

    def without_labels(rows):
        for row in rows:
            for name in ("slo_class", "tenant", "session", "round"):
                del row[name]
            row["prefix_length"] = row["prefix_length"] if row["prefix_group"] else ""

    rewrite(folder / "requests.csv", without_labels)

    assert verdict_on(read_case(folder)).agrees


def test_rows_need_not_be_in_order_of_arrival(changed):
    """Requests of p36 arrive one at a time, so the order of rows has no influence; conversations then point forward."""
    folder = changed(SESSIONS)
    last = 205

    def backwards(rows):
        assert len({row["arrival_us"] for row in rows}) == len(rows) == last + 1
        for row in rows:
            row["request"] = last - int(row["request"])
            if row.get("context_of"):
                row["context_of"] = last - int(row["context_of"])
        return rows[::-1]

    def renumbered(rows):
        return [{**row, "request": last - int(row["request"])} for row in rows]

    rewrite(folder / "requests.csv", backwards)
    rewrite(folder / "expected.csv", renumbered)

    case = read_case(folder)

    assert case.requests.number.tolist() == list(range(last, -1, -1))
    assert (np.diff(case.requests.arrival_us) > 0).all()
    verdict = verdict_on(case)
    assert verdict.agrees, verdict.examples


def test_a_request_that_continues_itself_is_refused(changed):
    folder = changed(SESSIONS)

    def circle(rows):
        rows[3]["context_of"], rows[4]["context_of"] = "4", "3"

    rewrite(folder / "requests.csv", circle)

    with pytest.raises(ConfigError, match=r"requests.csv, row \d+, column 'context_of': continues itself"):
        read_case(folder)


def test_a_recorded_bucket_may_have_rate_zero(changed):
    folder = changed(OVERLONG, admission={"policy": "token-bucket", "capacity_tokens": 500, "refill_tokens_per_s": 0})

    simulation = simulation_of(read_case(folder))

    assert simulation.prepared.policies["admission"].parameters.tolist() == [500.0, 0.0]


def test_roofline_shapes_become_coefficients(changed):
    from blis.cluster.latency import roofline

    dense = read_case(ROOFLINE).document
    folder = changed(
        ROOFLINE,
        latency__model__experts=8,
        latency__model__experts_per_token=2,
        latency__model__kv_heads=0,
        latency__queueing_us=7,
        latency__per_output_token_us=3,
    )

    mixture = read_case(folder).document

    assert dense.latency == mixture.latency == "roofline"
    assert dense.latency_model.coefficients[roofline.EXPERTS] == 0
    assert mixture.latency_model.coefficients[roofline.EXPERTS] == 8
    assert mixture.latency_model.coefficients[roofline.IDLE_EXPERT_SHARE] == 0.75
    assert (mixture.latency_model.queueing_us, mixture.latency_model.output_token_us) == (7.0, 3.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latency__kind": "magic"}, r"case.yaml: latency.kind: no choice named 'magic'"),
        ({"latency__beta_us": [1, 2]}, r"case.yaml: latency.beta_us must be a list of 3 numbers"),
        ({"routing__policy": "least-loded"}, r"case.yaml: routing.policy: no choice named 'least-loded'; did you mean"),
        ({"routing__ties": "random"}, r"case.yaml: routing.ties must be 'lowest instance index'; got 'random'"),
        ({"routing__policy": "weighted"}, r"case.yaml: routing.scorers must be a list of scorers"),
        (
            {"routing": {"policy": "weighted", "scorers": [{"name": "queue", "weight": 1}]}},
            r"case.yaml: routing.scorers\[0\].name: no choice named 'queue'",
        ),
        (
            {"routing": {"policy": "weighted", "scorers": [{"name": "queue-depth", "weight": 0}]}},
            r"case.yaml: routing.scorers\[0\].weight must be a finite number > 0; got 0",
        ),
        ({"routing__policy": "weighted-cache-load"}, r"case.yaml: routing.cache_weight must be a finite number"),
        ({"admission__policy": "token-bucket"}, r"case.yaml: admission.capacity_tokens must be a finite number"),
        ({"scheduler": "lifo"}, r"case.yaml: scheduler: no choice named 'lifo'"),
        ({"priority_policy": "fair"}, r"case.yaml: priority_policy: no choice named 'fair'"),
        ({"instances": 0}, r"case.yaml: instances must be an int in \[1, 100000\]; got 0"),
        (
            {"kv_blocks_per_instance": "many"},
            r"kv_blocks_per_instance must be an int in \[1, 1099511627776\] \[blocks\]; got",
        ),
        ({"horizon_us": -1}, r"case.yaml: horizon_us must be an int in \[0, 2305843009213693952\] \[µs\]; got -1"),
        ({"made_by__version": "April"}, r"case.yaml: made_by.version must be a date such as '2026-04-23'; got 'April'"),
        ({"cpu_blocks": 5}, r"case.yaml: unknown key 'cpu_blocks'"),
        ({"fitness_weights": {"p98_ttft": 1}}, r"case.yaml: fitness_weights: unknown key 'p98_ttft'"),
        ({"comparable": ["ttft"]}, r"case.yaml: comparable: no choice named 'ttft'; did you mean 'ttft_us'"),
        ({"comparable": []}, r"case.yaml: comparable must name at least one field"),
        ({"comparable": ["score"]}, r"expected.csv: columns score are needed because case.yaml declares them"),
        ({"comparable": "instance"}, r"case.yaml: comparable must be a list of field names; got 'instance'"),
    ],
)
def test_a_wrong_field_is_named_with_its_file(changed, changes, message):
    with pytest.raises(ConfigError, match=message):
        read_case(changed(OVERLONG, **changes))


@pytest.mark.parametrize("name", ["case.yaml", "requests.csv", "expected.csv", "expected.json"])
def test_a_missing_file_is_named(changed, name):
    folder = changed(OVERLONG)
    (folder / name).unlink()

    with pytest.raises(ConfigError, match=rf"{name} is missing; a recorded case needs it"):
        read_case(folder)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("requests.csv", "\n1,", "\n7,", r"requests.csv, row 1, column 'request': must be the row number, from 0"),
        ("requests.csv", "\n1,0,", "\n1,soon,", r"requests.csv, row 1, column 'arrival_us': must be an int ≥ 0"),
        ("requests.csv", "input_tokens", "prompt", r"requests.csv: unknown key 'prompt'"),
        ("requests.csv", "prefix_length", "tenant", r"requests.csv must have one column 'tenant'"),
        ("expected.csv", "\n1,1,", "\n0,1,", r"expected.csv: column 'request' must name each of the 170 requests once"),
        ("expected.csv", "completed", "done", r"expected.csv, row 0, column 'status': must be one of not_started"),
        ("expected.json", "{", "", r"expected.json must be JSON"),
        ("case.yaml", "latency:", "latency: [", r"case.yaml is not a valid YAML file"),
    ],
)
def test_a_malformed_file_is_named_with_the_place(changed, name, old, new, message):
    folder = changed(OVERLONG)
    path = folder / name
    path.write_text(path.read_text().replace(old, new, 1))

    with pytest.raises(ConfigError, match=message):
        read_case(folder)


def test_texts_that_cannot_be_are_refused_with_the_file(changed):
    folder = changed(OVERLONG)

    def too_long(rows):
        rows[0]["prefix_length"] = "1000"

    rewrite(folder / "requests.csv", too_long)

    with pytest.raises(ConfigError, match=r"requests.csv: request 0: prefix_tokens must be within the prompt"):
        read_case(folder)


@pytest.mark.parametrize(
    ("key", "most"),
    [
        ("instances", 100_000),
        ("kv_blocks_per_instance", 2**40),
        ("block_size_tokens", 2**20),
        ("max_running_requests", 2**40),
        ("step_token_budget", 2**40),
        ("long_prefill_threshold", 2**40),
        ("admission_latency_us", 2**53),
        ("routing__snapshot_refresh_us", 2**53),
        ("horizon_us", 2**61),
    ],
)
def test_numbers_are_bounded_as_they_are_in_a_scenario(changed, key, most):
    for value in (most + 1, 10**30, 10**400):
        with pytest.raises(ConfigError, match=rf"case.yaml: {key.replace('__', '.')} must be an int in \[\d, {most}\]"):
            read_case(changed(OVERLONG, **{key: value}))


@pytest.mark.parametrize("column", ["arrival_us", "input_tokens", "output_tokens"])
def test_cells_are_bounded(changed, column):
    for value in (2**62, 10**30):
        folder = changed(OVERLONG)
        rewrite(folder / "requests.csv", lambda rows, value=value: rows[0].update({column: str(value)}))
        with pytest.raises(ConfigError, match=rf"requests.csv, row 0, column '{column}': must be an int"):
            read_case(folder)
