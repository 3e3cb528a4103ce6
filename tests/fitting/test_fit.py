"""`python -m blis.fit`: known coefficients are found again, doubts are said, and blis.run uses what was learned."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from blis.cluster.latency import trained_physics
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
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_six_coefficients_are_found_again_within_two_percent(
    fit: Callable[..., Ran], tmp_path: Path, seed: int
) -> None:
    document = found(fit(*loads(tmp_path, 250, seed=10 * seed), OTHERS, "output=json"))
    assert list(values(document).values()) == pytest.approx([*ALPHA_US, *BETA_US], rel=0.02)
    assert document["is_finished"]


@pytest.mark.slow
def test_noise_of_five_percent_is_borne(fit: Callable[..., Ran], tmp_path: Path) -> None:
    document = found(fit(*loads(tmp_path, 250, noise=0.05), OTHERS, "output=json"))
    learned = values(document)
    assert [learned[name] for name in NAMES[3:]] == pytest.approx(BETA_US, rel=0.05)
    assert document["errors"]["held_out"]["e2e"]["fitted"] < 0.06
    for name, true in zip(NAMES, (*ALPHA_US, *BETA_US), strict=True):
        ends = document["parameters"][name]
        width = ends["high"] - ends["low"]
        assert ends["low"] - width / 2 <= true <= ends["high"] + width / 2


@pytest.mark.parametrize(
    ("start", "truth", "share"),
    [
        ("roofline", {"kind": "roofline", "mfu_prefill": 0.35, "mfu_decode": 0.05}, 0.02),
        (
            "trained-physics",
            {
                "kind": "trained-physics",
                "alpha_us": [9000.0, 500.0, 30.0],
                "beta": [1.2 * weight for weight in trained_physics.BETA],
            },
            0.05,
        ),
    ],
)
def test_corrections_of_other_latency_models_are_found_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    start: str,
    truth: dict[str, Any],
    share: float,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(CLUSTER, "model", "meta-llama/llama-3.1-8b-instruct")
    traces = [
        f"real={write_trace(tmp_path / f'run{rate}.yaml', rate, 80, seed=rate, latency=truth, prompt=800)}"
        for rate in (1, 20)
    ]
    served = ("cluster.instances=1", "cluster.kv_blocks=60000", "cluster.tensor_parallel=1", "cluster.hardware=H100")
    capsys.readouterr()
    told = (f"cluster.latency={{kind:{start}}}", "draws=20", "output=json")
    document = found(Ran(main([*traces, *served, *told]), *capsys.readouterr()))
    assert document["latency"]["kind"] == start
    if start == "roofline":
        assert document["latency"]["mfu_prefill"] == pytest.approx(truth["mfu_prefill"], rel=share)
    else:
        assert document["latency"]["beta"] == pytest.approx(truth["beta"], rel=share)
        assert document["latency"]["alpha_us"][0] == pytest.approx(truth["alpha_us"][0], rel=share)


def test_an_interrupted_fit_saves_the_best_so_far_and_says_that_it_is_unfinished(
    fit: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted, as by Ctrl-C or SIGTERM, in the middle of the third step."""
    trace = write_trace(tmp_path / "run.yaml", 20, 80)
    told = (f"real={trace}", GIVEN, "parameters=[step_us,decode_us]", "draws=20", "output.folder=out")
    monkeypatch.setattr("blis.output.progress.counted", interrupted_after(15))
    ran = fit(*told)
    assert ran.status == 130
    assert "coefficients" in ran.out
    assert "warning: unfinished: the fit was interrupted after 2 steps" in ran.err
    assert ran.err.splitlines()[-1] == "error: interrupted"
    entry = yaml.safe_load((tmp_path / "out/latency.yaml").read_text())
    assert entry["fit"]["is_finished"] is False
    assert entry["latency"]["beta_us"][0] == pytest.approx(BETA_US[0], rel=0.2)
    assert json.loads((tmp_path / "out/fit.json").read_text())["is_finished"] is False


def test_a_fit_that_is_interrupted_before_it_has_learned_anything_leaves_nothing(
    fit: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = write_trace(tmp_path / "run.yaml", 20, 80)
    monkeypatch.setattr("blis.output.progress.counted", interrupted_after(3))
    ran = fit(f"real={trace}", GIVEN, "parameters=[step_us,decode_us]", "output.folder=out")
    assert (ran.status, ran.out, ran.err) == (130, "", "error: interrupted\n")
    assert not list(tmp_path.glob("out/*"))


def interrupted_after(n: int) -> Callable[..., Any]:
    """Progress of a command that is interrupted at its n-th part."""

    @contextmanager
    def counted(what: str, of: int | None) -> Iterator[Callable[[], object]]:
        parts = iter(range(1, n))

        def tick() -> None:
            if next(parts, None) is None:
                raise KeyboardInterrupt

        yield tick

    return counted


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
        (("real=run.yaml", "replays=0"), "replays must be an int in [1, 8]; got 0"),
        (("real=short.yaml",), "real must hold at least 50 answered requests to learn from; got 14"),
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


@pytest.mark.parametrize(
    ("kind", "wrong", "expected"),
    [
        ("roofline", "scale", "parameters[0]: no choice named 'scale'. Choices: mfu_decode, mfu_prefill"),
        ("trained-physics", "step_us", "parameters[0]: no choice named 'step_us'"),
    ],
)
def test_each_latency_model_has_names_of_its_own(
    fit: Callable[..., Ran], tmp_path: Path, kind: str, wrong: str, expected: str
) -> None:
    write_trace(tmp_path / "run.yaml", 4, 20)
    ran = fit("real=run.yaml", f"cluster.latency={{kind:{kind}}}", f"parameters=[{wrong}]")
    assert ran.status == 2
    assert expected in ran.err
    assert ran.err.count("\n") == 1
