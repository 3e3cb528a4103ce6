from collections.abc import Callable
from typing import Any

import pytest

from blis.foundation.errors import ConfigError
from evolve.trackers import GenerationReport, SearchEnd, SearchStart, silent
from evolve.trackers.flat import allowed, flat, genes, numbers
from evolve.trackers.opening import Guarded, open_tracker


class Broken(silent.Listener):
    def __init__(self, *when: str) -> None:
        self.when = when
        self.heard: list[str] = []

    def start(self, search: SearchStart) -> None:
        self._hear("start")

    def generation(self, report: GenerationReport) -> None:
        self._hear("generation")

    def end(self, search: SearchEnd) -> None:
        self._hear("end")

    def _hear(self, what: str) -> None:
        self.heard.append(what)
        if what in self.when:
            raise RuntimeError(f"no {what}\nhere")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("mlfow", "did you mean 'mlflow'"),
        ({"name": "mlflow", "url": "x"}, "unknown key 'url'; did you mean 'uri'"),
        ({"name": "console", "uri": "sqlite:///x.db"}, "tracker.uri must be null with tracker 'console'"),
        ({"name": "mlflow", "uri": 3}, "tracker.uri must be a text"),
        ({"name": "mlflow", "experiment": " "}, "tracker.experiment must be a text that is not empty"),
        ({"name": "mlflow", "uri": "runs.db"}, "tracker.uri must be a URI"),
        ({"uri": "x"}, "tracker: no choice named None"),
        (None, "tracker must be a mapping"),
    ],
)
def test_a_wrong_choice_is_named(choice: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_tracker("tracker", choice)


def test_who_cannot_start_is_tried_a_few_times_and_at_the_end(
    search: Callable[..., SearchStart], report: Callable[..., GenerationReport], capsys: pytest.CaptureFixture[str]
) -> None:
    broken, sound = Broken("start"), Broken()
    tracker = Guarded({"broken": broken, "sound": sound})

    tracker.start(search())
    for generation in range(5):
        tracker.generation(report(generation))
    tracker.end(SearchEnd("finished", {}, [], []))

    assert broken.heard == ["start"] * 4
    assert sound.heard == ["start", *["generation"] * 5, "end"]
    assert capsys.readouterr().err == (
        "warning: tracker broken failed; the search goes on without it (RuntimeError: no start here).\n"
    )


def test_who_starts_late_hears_of_what_it_missed(
    search: Callable[..., SearchStart], report: Callable[..., GenerationReport], capsys: pytest.CaptureFixture[str]
) -> None:
    late = Broken("start")
    tracker = Guarded({"late": late})
    tracker.start(search())
    tracker.generation(report(0))

    late.when = ()
    tracker.generation(report(1))
    tracker.generation(report(2))
    tracker.end(SearchEnd("finished", {}, [], []))

    assert late.heard == ["start", "start", "start", "generation", "generation", "generation", "end"]
    assert capsys.readouterr().err.splitlines()[1:] == [
        "note: tracker late has started now, and heard of everything before."
    ]


def test_who_fails_again_and_again_is_spared_until_the_end(
    search: Callable[..., SearchStart], report: Callable[..., GenerationReport], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Broken("generation", "end")
    tracker = Guarded({"broken": broken})

    tracker.start(search())
    for generation in range(9):
        tracker.generation(report(generation))
    tracker.end(SearchEnd("finished", {}, [], []))

    assert broken.heard == ["start", "generation", "generation", "generation", "end"]
    assert capsys.readouterr().err.count("warning") == 1


def test_an_interrupt_is_no_failure_of_a_listener(search: Callable[..., SearchStart]) -> None:
    class Interrupted(silent.Listener):
        def start(self, search: SearchStart) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Guarded({"one": Interrupted()}).start(search())


def test_leaves_have_names() -> None:
    genome = {
        "routing": [{"name": "queue-depth", "weight": 0.5}],
        "limits": {"tokens": [1, 2.5]},
        "rule": "sjf",
        "on": True,
    }

    assert flat(genome) == {
        "routing/queue-depth": 0.5,
        "limits/tokens/0": 1,
        "limits/tokens/1": 2.5,
        "rule": "sjf",
        "on": True,
    }
    assert numbers(genome, "gene") == {
        "gene/routing/queue-depth": 0.5,
        "gene/limits/tokens/0": 1.0,
        "gene/limits/tokens/1": 2.5,
    }


def test_weights_are_told_as_shares() -> None:
    genome = {"routing": {"queue-depth": 3, "no-hit-lru": 1}, "priority": {"policy": "linear", "age": 2.0}, "limit": 64}

    assert genes(genome) == {
        "routing/queue-depth": 0.75,
        "routing/no-hit-lru": 0.25,
        "priority/age": 2.0,
        "limit": 64.0,
    }


@pytest.mark.parametrize("name", ["ttft (p99) @ 5%", "/a//b/", "../x", "", "é!", "a" * 999, "x\n", "a/./b"])
def test_mlflow_takes_every_name(name: str) -> None:
    from mlflow.utils.validation import _validate_metric_name

    name = allowed(name)

    _validate_metric_name(name)  # raises what MLflow would
    assert 0 < len(name) <= 250
