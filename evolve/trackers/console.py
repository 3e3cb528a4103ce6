"""Tell whoever watches: one line per generation on standard error, and on a terminal a live bar of evaluations."""

import math
import sys
import time
from typing import Any, TextIO

from evolve.trackers import GenerationReport, SearchEnd, SearchStart


class Listener:
    """Progress over generations and evaluations.

    Parameters
    ----------
    stream : text file, optional
        Where to write; standard error by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._bar: Any = None  #: rich's display; None where there is no terminal
        self._search: SearchStart | None = None
        self._began_s = 0.0
        self._evaluations = 0
        self._generations = 0  #: told in this process

    def start(self, search: SearchStart) -> None:
        """Say what is searched, and open the bar."""
        self._search = search
        self._began_s = time.perf_counter()
        self._evaluations = search.evaluations
        verb = "resumed" if search.is_resumed else "started"
        limits = [f"{search.generations:,} generations"] if search.generations else []
        limits += [f"{search.budget_evaluations:,} evaluations"] if search.budget_evaluations else []
        self._print(f"{search.name} {verb}, at most {' and '.join(limits) or 'what its budget allows'}")
        if self._target().isatty():
            self._open(search)

    def progress(self, evaluations: int) -> None:
        """Move the bar."""
        self._evaluations += evaluations
        self._move()

    def generation(self, report: GenerationReport) -> None:
        """Say how the generation went."""
        self._evaluations = report.evaluations
        self._generations += 1
        limit = f"/{self._search.generations}" if self._search and self._search.generations else ""
        words = [f"generation {report.generation + 1}{limit}"]
        for key, name in (("fitness/best", "best"), ("fitness/median", "median"), ("diversity", "diversity")):
            if key in report.figures:
                words.append(f"{name} {_number(report.figures[key])}")
        if self._bar is None:
            of = f"/{report.budget_evaluations:,}" if report.budget_evaluations else ""
            words.append(f"{report.evaluations:,}{of} evaluations, {self._speed()}, {self._left(report)}")
        self._print("  ".join(words))
        self._move(self._left(report))

    def end(self, search: SearchEnd) -> None:
        """Close the bar, and say why the search ended."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._search is None:  # stopped before it began
            return
        spent_s = time.perf_counter() - self._began_s
        what = "simulations, finals included" if search.status == "finished" else "evaluations"
        self._print(f"{search.status} after {self._evaluations:,} {what}, {_duration(spent_s)}")

    def _open(self, search: SearchStart) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._bar = Progress(
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("evaluations, {task.fields[speed]}, {task.fields[left]}"),
            console=Console(file=self._target()),
            transient=True,
        )
        total = search.budget_evaluations or None
        self._bar.add_task("", total=total, completed=self._evaluations, speed="...", left="...")
        self._bar.start()

    def _move(self, left: str | None = None) -> None:
        if self._bar is not None:
            fields = {"speed": self._speed()} | ({} if left is None else {"left": left})
            self._bar.update(self._bar.task_ids[0], completed=self._evaluations, **fields)

    def _left(self, report: GenerationReport) -> str:
        """Time that the rest takes at the speed of this process; the limit that comes first counts."""
        shares = []
        if self._search is not None and self._search.generations:
            rest = self._search.generations - report.generation - 1
            shares.append(self._generations / max(1, self._generations + rest))
        if self._search is not None and report.budget_evaluations:
            done = report.evaluations - self._search.evaluations
            shares.append(done / max(1, report.budget_evaluations - self._search.evaluations))
        share = max(shares, default=0.0)
        if share <= 0.0:
            return "time left unknown"
        spent_s = time.perf_counter() - self._began_s
        return f"{_duration(spent_s * max(0.0, 1.0 / share - 1.0))} left"

    def _speed(self) -> str:
        before = self._search.evaluations if self._search else 0
        spent_s = max(time.perf_counter() - self._began_s, 1e-9)
        return f"{(self._evaluations - before) / spent_s:,.0f}/s"

    def _target(self) -> TextIO:
        return self._stream if self._stream is not None else sys.stderr

    def _print(self, line: str) -> None:
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, file=self._target(), flush=True)


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else str(value)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
