"""`python -m blis.fit`: known coefficients are found again, doubts are said, and blis.run uses what was learned."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from blis.fit import main
from blis.run import main as run
from experiments.recovery.traces import ALPHA_US, BETA_US, CLUSTER, TRUE, write_trace
from tests.commands.conftest import Ran

SERVER = (
    *("cluster.instances=1", "cluster.kv_blocks=60000", "cluster.tensor_parallel=1", "cluster.model=null"),
    "cluster.step_token_budget=2048",
)
#: Coefficients that nothing was measured with.
OTHERS = "cluster.latency={kind:affine,alpha_us:[1600,3.5,1800],beta_us:[6900,17.7,2.8]}"
STEPS = "parameters=[step_us,prompt_token_us,decode_us]"
GIVEN = "cluster.latency={kind:affine,alpha_us:[2000,4,900],beta_us:[6900,17.7,2.8]}"
NAMES = ("request_us", "request_us_per_token", "output_token_us", "step_us", "prompt_token_us", "decode_us")


@pytest.fixture
def fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Ran:
        capsys.readouterr()
        return Ran(main([*arguments, *SERVER]), *capsys.readouterr())

    return command


def loads(folder: Path, n: int, noise: float = 0.0, seed: int = 1) -> list[str]:
    """An idle server, one that decodes as much as it can, and one that reads as much as it can."""
    idle = write_trace(folder / "idle.yaml", 0.5, n, seed=seed, noise=noise)
    decodes = write_trace(folder / "decodes.yaml", 200, 2 * n, seed=seed + 1, noise=noise, prompt=100, output=150)
    reads = write_trace(folder / "reads.yaml", 60, n, seed=seed + 2, noise=noise, prompt=1500, output=8)
    return [f"real={trace}" for trace in (idle, decodes, reads)]


def found(ran: Ran) -> dict[str, Any]:
    assert ran.status == 0, ran.err
    document: dict[str, Any] = json.loads(ran.out)
    return document


def values(document: dict[str, Any]) -> dict[str, float]:
    return {name: one["value"] for name, one in document["parameters"].items()}


def test_step_coefficients_are_found_again_within_two_percent(fit: Callable[..., Ran], tmp_path: Path) -> None:
    document = found(
        fit(*loads(tmp_path, 60), GIVEN, STEPS, "replays=1", "draws=50", "output=json", "output.folder=out")
    )
    learned = values(document)
    assert list(learned) == list(NAMES[3:])
    assert list(learned.values()) == pytest.approx(BETA_US, rel=0.02)
    assert document["errors"]["held_out"]["ttft"]["fitted"] < 0.5 * document["errors"]["held_out"]["ttft"]["start"]
    assert document["errors"]["held_out"]["tpot"]["fitted"] < 0.02

    entry = yaml.safe_load((tmp_path / "out/latency.yaml").read_text())
    assert entry["latency"]["alpha_us"] == ALPHA_US
    assert entry["latency"]["beta_us"] == list(learned.values())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_all_six_coefficients_are_found_again(fit: Callable[..., Ran], tmp_path: Path, seed: int) -> None:
    document = found(fit(*loads(tmp_path, 250, seed=10 * seed), OTHERS, "hold_out=0.1", "output=json"))
    learned = values(document)
    assert [learned[name] for name in NAMES[3:]] == pytest.approx(BETA_US, rel=0.02)
    assert [learned[name] for name in NAMES[:3]] == pytest.approx(ALPHA_US, rel=0.05)


@pytest.mark.slow
def test_noise_of_five_percent_is_borne(fit: Callable[..., Ran], tmp_path: Path) -> None:
    document = found(fit(*loads(tmp_path, 250, noise=0.05), OTHERS, "output=json"))
    learned = values(document)
    assert [learned[name] for name in NAMES[3:]] == pytest.approx(BETA_US, rel=0.05)
    assert document["errors"]["held_out"]["e2e"]["fitted"] < 0.06


def test_corrections_of_measured_tables_are_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    truth = {"kind": "silicon", "scale": 1.25, "request_us": 6000.0, "request_us_per_token": 10.0}
    monkeypatch.setitem(CLUSTER, "model", "meta-llama/llama-3.1-8b-instruct")
    traces = [
        f"real={write_trace(tmp_path / f'run{rate}.yaml', rate, 80, seed=rate, latency=truth)}" for rate in (1, 20)
    ]
    served = ("cluster.instances=1", "cluster.kv_blocks=60000", "cluster.step_token_budget=2048")
    told = ("parameters=[scale,request_us]", "replays=1", "draws=50", "output=json")
    capsys.readouterr()
    document = found(Ran(main([*traces, *served, *told]), *capsys.readouterr()))
    assert values(document) == pytest.approx({"scale": 1.25, "request_us": 6000.0}, rel=0.02)
    assert document["latency"]["kind"] == "silicon"


def test_what_was_learned_is_used_by_a_run(
    fit: Callable[..., Ran], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(tmp_path / "latency.yaml").write_text(yaml.safe_dump({"latency": TRUE, "fit": {"warnings": []}}))
    served = ["cluster.model=null", "cluster.kv_blocks=60000", "workload=distribution", "output=json"]
    assert run([*served, "cluster.latency=latency.yaml", "hydra.run.dir=a"]) == 0
    by_file = json.loads(capsys.readouterr().out)
    assert (
        run([*served, "cluster.latency={kind:affine,alpha_us:[2000,4,900],beta_us:[8200,21,31]}", "hydra.run.dir=b"])
        == 0
    )
    assert json.loads(capsys.readouterr().out) == by_file
    saved = yaml.safe_load((tmp_path / "a/config.yaml").read_text())
    assert saved["cluster"]["latency"] == TRUE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("latency: affine", "latency.yaml.latency must be a mapping with a kind; got 'affine'"),
        ("latency: {kind: affin}", "cluster.latency.kind: no choice named 'affin'; did you mean 'affine'?"),
        ("latencies: {kind: affine}", "unknown key 'latencies'; did you mean 'latency'?"),
        ("latency: {kind: affine, beta_us: [1, 2, 3]}", "alpha_us and beta_us must be given together"),
    ],
)
def test_wrong_latency_files_are_refused_in_one_line(
    fit: Callable[..., Ran], tmp_path: Path, text: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "latency.yaml").write_text(text)
    assert run(["cluster.latency=latency.yaml"]) == 2
    error = capsys.readouterr().err
    assert expected in error
    assert error.count("\n") == 1


def test_a_lightly_loaded_server_cannot_tell_steps_from_what_passes_outside_of_them(
    fit: Callable[..., Ran], tmp_path: Path
) -> None:
    trace = write_trace(tmp_path / "idle.yaml", 0.3, 80, noise=0.05)
    ran = fit(f"real={trace}", GIVEN, "replays=1", "draws=50")
    assert ran.status == 0, ran.err
    assert "warning: the runs hardly determine" in ran.err


def test_a_run_that_is_held_out_is_not_learned_from(fit: Callable[..., Ran], tmp_path: Path) -> None:
    idle, decodes, reads = loads(tmp_path, 60)
    document = found(
        fit(idle, decodes, reads.replace("real=", "hold_out="), GIVEN, STEPS, "replays=1", "draws=20", "output=json")
    )
    assert [(one["name"], one["learned"], one["held_out"]) for one in document["runs"]] == [
        ("idle", 60, 0),
        ("decodes", 120, 0),
        ("reads", 0, 60),
    ]
    assert document["errors"]["held_out"]["ttft"]["n"] == 60


def test_same_runs_same_bytes(fit: Callable[..., Ran], tmp_path: Path) -> None:
    trace = write_trace(tmp_path / "run.yaml", 8, 80, noise=0.05)
    told = (f"real={trace}", GIVEN, "parameters=[step_us]", "replays=2", "draws=20", "output=json")
    assert fit(*told).out == fit(*told).out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "real must be given"),
        (("real=run.yaml", "parameters=[step]"), "parameters[0]: no choice named 'step'; did you mean 'step_us'?"),
        (("real=run.yaml", "parameters=[]"), "parameters must be a list of at least one of request_us"),
        (("real=run.yaml", "parameters=[step_us,step_us]"), "parameters must hold each name once"),
        (("real=run.yaml", "hold_out=1"), "hold_out must be a finite number in [0, 0.9]; got 1"),
        (("real=run.yaml", "hold_out=run.yaml"), "hold_out must hold other files than real"),
        (("real=run.yaml", "replays=0"), "replays must be an int in [1, 64]; got 0"),
        (("real=short.yaml",), "real must hold at least 50 answered requests to learn from; got 14"),
        (("real=run.yaml", "cluster.latency=roofline"), "cluster.latency.kind must be affine or silicon for a fit"),
        (("real=run.yaml", "holdout=0.2"), "unknown key 'holdout'; did you mean 'hold_out'?"),
    ],
)
def test_wrong_input_is_refused_in_one_line(
    fit: Callable[..., Ran], tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    write_trace(tmp_path / "run.yaml", 4, 80)
    write_trace(tmp_path / "short.yaml", 4, 20)
    ran = fit(GIVEN, *arguments)
    assert ran.status == 2
    assert expected in ran.err
    assert ran.err.count("\n") == 1


def test_load_of_requests_that_follow_one_another() -> None:
    from blis.calibrating.reading import read_measured
    from blis.fitting.load import load_of

    folder = Path(__file__).parents[1] / "data" / "measured"
    (measured,) = read_measured("real", folder / "vllm-bench-openai-detailed.json")
    load = load_of(measured, 1)
    assert load.in_flight[0] == 0
    sent, last = measured.sent_us, measured.last_us
    expected = [int(((sent < at) & (last >= at)).sum()) for at in sent]
    assert np.array_equal(load.in_flight, expected)
    assert (load.batch >= 1).all()
