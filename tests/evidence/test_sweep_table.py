from pathlib import Path

import numpy as np
import pytest

from blis.foundation.errors import ConfigError
from evolve.evidence.sweep_table import median_interval, read_sweep, sweep_figure, sweep_markdown, sweep_plain
from evolve.outcome.figures import save

CHAMPION = """version: 1
routing: least-loaded
lineage:
  problem: routing_weights
  algorithm: {algorithm}
  suite: quick
  seed: {seed}
  fitness: {{train: 1.2, validation: 1.1, test: {test}}}
"""


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    for place, (algorithm, seed, test) in enumerate(
        [("ga", 1, 1.3), ("ga", 2, 1.1), ("ga", 3, 1.2), ("random", 1, 1.2), ("random", 2, 1.15), ("random", 3, 1.0)]
    ):
        (tmp_path / str(place)).mkdir()
        text = CHAMPION.format(algorithm=algorithm, seed=seed, test=test)
        (tmp_path / str(place) / "champion.yaml").write_text(text)
    return tmp_path


def test_algorithms_are_compared_over_seeds(sweep: Path) -> None:
    outcomes, notes = read_sweep(sweep)

    text = sweep_markdown(outcomes, notes)
    ga, random = sweep_plain(outcomes, notes)["algorithms"]

    assert (ga["median"], ga["low"], ga["high"], ga["coverage"]) == (1.2, 1.1, 1.3, 0.75)
    assert (ga["wins_against_random"], ga["pairs_with_random"]) == (2, 3)
    assert random["wins_against_random"] is None
    assert "1.2000 [1.1000, 1.3000] (75 %)" in text
    assert "2 of 3" in text


def test_searches_without_a_test_are_named(sweep: Path) -> None:
    (sweep / "6").mkdir()
    (sweep / "6" / "config.yaml").write_text("seed: 4")
    (sweep / "7").mkdir()
    (sweep / "7" / "champion.yaml").write_text("version: 1\nlineage: {fitness: {search: 1.1}}")

    outcomes, notes = read_sweep(sweep)

    assert len(outcomes) == 6
    assert notes == ["6: left out, it has no champion.", "7: left out, its champion has not taken the test."]


def test_a_folder_without_searches_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be the folder of a search, or of a sweep"):
        read_sweep(tmp_path)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6, 9, 20])
def test_median_intervals_cover_as_often_as_they_say(n: int) -> None:
    samples = np.random.default_rng(3).exponential(1.0, (1500, n))

    found = [median_interval(list(sample)) for sample in samples]

    covered = np.mean([one.low <= np.log(2.0) <= one.high for one in found])
    assert covered == pytest.approx(found[0].coverage, abs=0.03)
    assert found[0].coverage >= 0.95 or (found[0].low, found[0].high) == (min(samples[0]), max(samples[0]))


def test_the_figure_shows_all(sweep: Path, tmp_path: Path) -> None:
    figure = sweep_figure(read_sweep(sweep)[0])

    path = save(figure, tmp_path / "sweep.png")

    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["ga", "random"]
    assert path.stat().st_size > 5000
