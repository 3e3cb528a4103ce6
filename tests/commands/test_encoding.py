"""Media on the command line: encoded with the prompts, or apart."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from blis.engine.codes import STATUS_NAMES
from tests.commands.conftest import Ran

PICTURES = Path(__file__).parents[2] / "docs" / "examples" / "multimodal.yaml"
FEW = ("workload=spec", f"workload.path={PICTURES}", "workload.num_requests=100")


def test_the_preset_encodes_apart_and_counts_all_requests(run: Callable[..., Ran]) -> None:
    ran = run("cluster=epd", "encoding=always-multimodal", "encode_routing=round-robin", *FEW, "output=json",
              "trace=decisions", "hydra.run.dir=there")  # fmt: skip

    metrics = json.loads(ran.out)
    assert ran.status == 0
    assert metrics["encoded_apart_requests"] == metrics["multimodal_requests"] > 50
    assert metrics["encoder_tokens"] == sum(metrics[f"{name}_tokens"] for name in ("image", "audio", "video"))
    assert sum(metrics.get(f"{name}_requests", 0) for name in STATUS_NAMES) == metrics["injected_requests"] == 100
    rows = pq.read_table(Path("there") / "trace" / "encodings.parquet").to_pylist()
    assert len(rows) == metrics["multimodal_requests"]
    assert {row["encode_instance"] for row in rows} == {4}
    assert all(row["arrived_us"] > row["encoded_us"] > row["started_us"] >= row["sent_us"] for row in rows)


def test_left_alone_everybody_encodes_with_the_prompts(run: Callable[..., Ran], tmp_path: Path) -> None:
    ran = run("cluster=epd", *FEW, "output=json")

    metrics = json.loads(ran.out)
    assert (metrics["encoded_apart_requests"], metrics["encode_utilization"]) == (0, 0)
    assert metrics["encoder_busy_s"] > 0
    said = "instances of the role encode were sent nothing (1 of 5): encoding=always-multimodal would send it there"
    assert said in metrics["notes"]
    assert "encoding" not in yaml.safe_load(next(tmp_path.rglob("policies.yaml")).read_text())


def test_without_an_encoder_pictures_are_text(run: Callable[..., Ran]) -> None:
    ran = run("cluster=qwen-7b-h100", *FEW, "output=json")

    assert ran.status == 0
    assert not [key for key in json.loads(ran.out) if "encod" in key or "embedding" in key]


def test_rollouts_fork_runs_that_encode_apart(run: Callable[..., Ran]) -> None:
    ran = run("cluster=epd", "encoding=always-multimodal", "routing=least-loaded", *FEW, "trace=summary",
              "counterfactual=rollout", "counterfactual.decisions=10", "output=json")  # fmt: skip

    assert ran.status == 0


def test_what_cannot_be_is_refused_in_one_line(run: Callable[..., Ran]) -> None:
    for wrong, words in {
        "cluster.encoder.us_per_token=-1": "cluster.encoder.us_per_token must be a finite number",
        "cluster.encoder.tranfer={}": "tranfer",
        "encoding=always-multimodl": "did you mean 'always-multimodal'?",
    }.items():
        ran = run("cluster=epd", wrong, *FEW)
        assert ran.status == 2
        assert words in ran.err
        assert "Traceback" not in ran.err
