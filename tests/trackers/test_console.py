import io
from collections.abc import Callable

import pytest

from evolve.trackers import GenerationReport, SearchEnd, SearchStart
from evolve.trackers.console import Listener
from evolve.trackers.opening import open_tracker

Start, Report = Callable[..., SearchStart], Callable[..., GenerationReport]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _tell(listener: Listener, search: SearchStart, reports: list[GenerationReport]) -> None:
    listener.start(search)
    for report in reports:
        listener.progress(10)
        listener.generation(report)
    listener.end(SearchEnd("interrupted", {}, [], []))


def test_elsewhere_than_on_a_terminal_each_generation_is_a_plain_line(search: Start, report: Report) -> None:
    stream = io.StringIO()

    _tell(Listener(stream), search(generations=5, budget_evaluations=50), [report(0), report(1)])

    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[0] == "routing_weights ga seed 1 started, at most 5 generations and 50 evaluations"
    assert lines[2].startswith("generation 2/5  best 1.1000  median 1.0000  diversity 0.5000  20/50 evaluations, ")
    assert lines[2].endswith(" left")
    assert lines[3].startswith("interrupted after 20 evaluations, ")
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_shows_a_bar(search: Start, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()

    _tell(Listener(stream), search(budget_evaluations=50), [report(0)])

    assert "10/50\x1b[0m evaluations" in stream.getvalue()
    assert "generation 1  best 1.0000  median 1.0000  diversity 0.5000\n" in stream.getvalue()


def test_a_resumed_search_counts_on(search: Start, report: Report) -> None:
    stream = io.StringIO()

    _tell(Listener(stream), search(is_resumed=True, evaluations=10, generations=3), [report(1, budget_evaluations=0)])

    assert "resumed, at most 3 generations" in stream.getvalue()
    assert "generation 2/3" in stream.getvalue()
    assert "20 evaluations" in stream.getvalue()


@pytest.mark.parametrize("name", ["console", "none"])
def test_a_search_without_baselines_or_budget_is_told_too(
    name: str, search: Start, report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    tracker = open_tracker("tracker", name)

    tracker.start(search(baselines={}))
    tracker.generation(report(0, figures={"fitness/best": float("nan")}, budget_evaluations=0))
    tracker.end(SearchEnd("failed", {}, [], []))

    told = capsys.readouterr().err
    assert ("failed after" in told) == (name == "console")
    assert "warning" not in told  # a listener that fails is reported


def test_none_says_nothing(search: Start, report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    tracker = open_tracker("tracker", "none")

    tracker.start(search())
    tracker.progress(3)
    tracker.generation(report(0))
    tracker.end(SearchEnd("finished", {}, [], []))

    assert capsys.readouterr() == ("", "")
