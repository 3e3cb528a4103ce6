from pathlib import Path

import pytest

from evolve.outcome.figures import (
    Interval,
    Story,
    convergence_figure,
    gain_figure,
    save,
    scenarios_figure,
    write_figures,
)


def _story(**changes: object) -> Story:
    weights = [[{"name": "queue-depth", "weight": 0.1 * n}, {"name": "no-hit-lru", "weight": 0.5}] for n in range(4)]
    story = Story(
        name="routing_weights ga seed 1",
        fitness={"best": [0.9, 1.1, 1.0, 1.2], "median": [0.5, 0.8, -0.1, 0.9], "worst": [-9.0, 0.1, 0.1, 0.1]},
        best=[{"routing": value} for value in weights],
        baselines={"round-robin": 0.8, "least-loaded": 1.0},
        scenarios={
            "champion": {"azure": 1.1, "prefix-heavy": 0.9},
            **{f"policy {n}": {"azure": 0.1 * n, "prefix-heavy": 1.0} for n in range(9)},
        },
    )
    return story._replace(**changes)


def test_a_search_leaves_its_figures(tmp_path: Path) -> None:
    written = write_figures(tmp_path, _story())

    assert [path.name for path in written] == ["convergence.png", "genes.png", "scenarios.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)


def test_several_objectives_have_a_front(tmp_path: Path) -> None:
    front = [(1.2, 1.0), (1.0, 1.1)]

    two = write_figures(tmp_path, _story(objectives=("ttft-p99", "goodput"), front=front, candidates=front))
    three = write_figures(tmp_path, _story(objectives=("a", "b", "c"), front=[(1.0, 2.0, 3.0)], candidates=[(1, 1, 1)]))

    assert "pareto.png" in [path.name for path in two]
    assert "pareto.png" in [path.name for path in three]


def test_a_search_that_found_nothing_has_no_figures(tmp_path: Path) -> None:
    story = Story(name="nothing", fitness={"best": [], "median": []}, best=[], baselines={})

    assert write_figures(tmp_path, story) == []


def test_figures_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in write_figures(tmp_path / "1", _story())]

    assert first == [path.read_bytes() for path in write_figures(tmp_path / "2", _story())]


def test_the_best_so_far_never_falls() -> None:
    axes = convergence_figure(_story()).axes[0]

    lines = {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}
    assert lines["best so far"] == [0.9, 1.1, 1.1, 1.2]
    assert lines["least-loaded: 1"] == [1.0, 1.0]


def test_the_strongest_baselines_are_named() -> None:
    _, labels = scenarios_figure(_story()).axes[0].get_legend_handles_labels()

    assert labels == ["policy 8", "policy 7", "policy 6", "policy 5", "policy 4", "other baselines", "champion"]


@pytest.mark.parametrize("genes", [{"rule": "sjf"}, {"cluster.step_token_budget": 4096}, {"routing": [1, 2] * 30}])
def test_any_genome_can_be_drawn(tmp_path: Path, genes: dict[str, object]) -> None:
    written = write_figures(tmp_path, _story(best=[genes, {}]))

    assert written
    assert all(path.stat().st_size > 1000 for path in written)


def test_gains_are_bars_with_intervals(tmp_path: Path) -> None:
    figure = gain_figure({"rr": {"all": Interval(5.0, 1.0, 9.0)}, "ll": {"azure": Interval(-3.0, -4.0, -2.0)}}, "title")

    assert save(figure, tmp_path / "gains.png").is_file()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["all", "azure"]
