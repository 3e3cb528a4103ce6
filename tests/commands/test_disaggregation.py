"""Prefill and decode apart on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from blis.engine.codes import STATUS_NAMES
from tests.commands.conftest import Ran

FEW = ("workload.rate=10", "workload.num_requests=100")


def test_the_preset_divides_requests_and_counts_them_all(run: Callable[..., Ran]) -> None:
    ran = run("cluster=pd", "disaggregation=always", "prefill_routing=least-loaded", *FEW, "output=json",
              "trace=decisions", "hydra.run.dir=there")  # fmt: skip

    metrics = json.loads(ran.out)
    assert ran.status == 0
    assert metrics["divided_share"] == 1
    assert metrics["transfers"] == 100
    assert sum(metrics.get(f"{name}_requests", 0) for name in STATUS_NAMES) == metrics["injected_requests"] == 100
    rows = pq.read_table(Path("there") / "trace" / "transfers.parquet").to_pylist()
    assert len(rows) == 100
    assert all(row["arrived_us"] > row["started_us"] >= row["prefilled_us"] for row in rows)
    assert {row["prefill_instance"] for row in rows} == {0, 1}
    assert {row["decode_instance"] for row in rows} == {2, 3}


def test_without_it_nobody_hears_of_it(run: Callable[..., Ran], tmp_path: Path) -> None:
    ran = run("workload.num_requests=20", "output=json")

    assert ran.status == 0
    assert "disaggregation" not in yaml.safe_load(next(tmp_path.rglob("policies.yaml")).read_text())
    words = ("transfer", "divided", "awaiting")
    assert not [key for key in json.loads(ran.out) if any(word in key for word in words)]


def test_an_unknown_key_is_refused_with_the_nearest(run: Callable[..., Ran]) -> None:
    ran = run("cluster=pd", "cluster.disaggregation.transfer.bandwith_gb_per_s=1", *FEW)

    assert ran.status == 2
    assert "bandwidth_gb_per_s" in ran.err
