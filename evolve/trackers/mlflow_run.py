"""Tell MLflow: one parent run per search with a series per figure, and a child run for each policy worth comparing.

A resumed search goes on in the run that it began. Every point carries a time that follows from its generation alone,
and MLflow keeps one of two equal points, so nothing is doubled however often a generation is told.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blis.foundation.errors import ConfigError
from evolve.trackers import Candidate, GenerationReport, SearchEnd, SearchStart
from evolve.trackers.flat import allowed, genes

#: Where runs are kept unless a URI is given; MLflow's own default follows its version's taste.
DEFAULT_STORE = Path("outputs") / "mlflow.db"
DEFAULT_EXPERIMENT = "evolve"
#: Which run of which store belongs to a run folder.
RUN_FILE = "mlflow.json"

#: Limits of one call of log_batch.
_MOST_METRICS, _MOST_PARAMS = 1000, 100
_LONGEST_TEXT = 500
_MOST_SHOWN = 200
_MS_PER_GENERATION = 1000
_OPENING_S = 30.0  #: how long another process may take to open a store [s]
_MARKER = "evaluations"  #: a figure that every generation has
_PARAMETER_TAGS = ("problem", "algorithm", "suite", "seed")  #: also tags, which a search for runs finds by name
_STATUS = {"finished": "FINISHED", "interrupted": "KILLED"}


class Listener:
    """Keeps a search in an MLflow store.

    Parameters
    ----------
    uri : str, optional
        MLflow tracking URI; by default an sqlite file, `DEFAULT_STORE`, below the working folder.
    experiment : str, optional
        The experiment that holds the runs, made if there is none.
    """

    def __init__(self, uri: str | None = None, experiment: str = DEFAULT_EXPERIMENT) -> None:
        self._uri = store_uri(uri)
        self._experiment = experiment
        self._client: Any = None
        self._run_id = ""
        self._experiment_id = ""
        self._start_ms = 0
        self._known: set[int] = set()  #: generations that the store has
        self._unsent: list[GenerationReport] = []
        self._children: dict[str, Any] = {}  #: candidate -> its run

    def start(self, search: SearchStart) -> None:
        """Make the store, the experiment and the parent run, or go on in the run of the folder."""
        with only_one_opener(self._uri):
            self._client = open_client(self._uri)
            self._experiment_id = _experiment_id(self._client, self._experiment, self._uri)
        run = self._earlier_run(search.folder) if search.is_resumed else None
        if run is None:
            self._close_abandoned(search.folder)
            run = self._new_run(search)
        else:
            self._client.update_run(run.info.run_id, status="RUNNING")
        self._run_id, self._start_ms = run.info.run_id, run.info.start_time
        self._experiment_id = run.info.experiment_id
        self._known = {point.step for point in self._client.get_metric_history(self._run_id, _MARKER)}
        self._log(self._run_id, {}, 0, _without(search.parameters, run.data.params))
        self._client.log_dict(self._run_id, dict(search.config), "config.yaml")
        self._children = self._finished_children()
        for name, figures in search.baselines.items():
            # Their own names: at the end the same figures are told again, measured more closely.
            self._child(Candidate(name, "baseline", {}, {f"search/{key}": value for key, value in figures.items()}))

    def progress(self, evaluations: int) -> None:
        """Nothing: the store is told once per generation."""

    def generation(self, report: GenerationReport) -> None:
        """One batch of points; what could not be sent before is sent first."""
        self._unsent.append(report)
        while self._unsent:
            waiting = self._unsent[0]
            if waiting.generation not in self._known:
                self._log(self._run_id, _figures(waiting), waiting.generation)
                self._known.add(waiting.generation)
            self._unsent.pop(0)

    def end(self, search: SearchEnd) -> None:
        """Send what is left, the candidates and the files, and close the run, if it came to one."""
        if not self._run_id:
            return
        try:
            if self._unsent:
                self.generation(self._unsent.pop())
            final = {f"final/{name}": value for name, value in search.figures.items()}
            self._log(self._run_id, final, max(self._known, default=0))
            for candidate in search.candidates:
                self._child(candidate)
            for path in search.artifacts:
                log_path(self._client, self._run_id, path)
        finally:
            self._client.set_terminated(self._run_id, _STATUS.get(search.status, "FAILED"))

    def _new_run(self, search: SearchStart) -> Any:
        tags = {
            "mlflow.runName": search.name,
            "mlflow.source.name": "evolve.run",
            "mlflow.source.type": "LOCAL",
            "role": "search",
            "run_folder": str(search.folder.resolve()),
            **{name: _text(search.parameters[name]) for name in _PARAMETER_TAGS if name in search.parameters},
            **{allowed(name): _text(value) for name, value in search.tags.items()},
        }
        if (search.folder.resolve().parent / "multirun.yaml").is_file():  # Hydra's mark of a sweep
            tags["sweep_folder"] = str(search.folder.resolve().parent)
        if "git_commit" in search.tags:
            tags["mlflow.source.git.commit"] = search.tags["git_commit"]
        run = self._client.create_run(self._experiment_id, tags=tags, run_name=search.name)
        document = {"uri": self._uri, "run_id": run.info.run_id}
        _write_aside(search.folder / RUN_FILE, json.dumps(document, indent=2) + "\n")
        return run

    def _earlier_run(self, folder: Path) -> Any:
        """The run that this folder's search began, if this store has it."""
        found = run_of(folder)
        if found is None or found[0] != self._uri:
            return None
        from mlflow.exceptions import MlflowException

        try:
            return self._client.get_run(found[1])
        except MlflowException:
            return None

    def _close_abandoned(self, folder: Path) -> None:
        """End a run that was made for this folder and then killed before the folder knew of it, or replaced."""
        where = f"tags.run_folder = '{_quoted(str(folder.resolve()))}' and attributes.status = 'RUNNING'"
        for run in self._client.search_runs([self._experiment_id], where):
            for child in self._children_of(run.info.run_id):
                if child.info.status == "RUNNING":
                    self._client.set_terminated(child.info.run_id, "KILLED")
            self._client.set_terminated(run.info.run_id, "KILLED")

    def _finished_children(self) -> dict[str, Any]:
        """The children by candidate; those that a killed process left half written are deleted, to be written again."""
        found: dict[str, Any] = {}
        for child in self._children_of(self._run_id):
            if child.info.status == "FINISHED":
                found[child.data.tags.get("candidate", child.info.run_id)] = child
            else:
                self._client.set_terminated(child.info.run_id, "KILLED")
                self._client.delete_run(child.info.run_id)
        return found

    def _children_of(self, run_id: str) -> list[Any]:
        """All child runs of a run."""
        where = f"tags.`mlflow.parentRunId` = '{run_id}'"
        found: list[Any] = []
        token: str | None = None
        while True:
            page = self._client.search_runs([self._experiment_id], where, max_results=1000, page_token=token)
            found += page
            token = page.token
            if not token:
                return found

    def _child(self, candidate: Candidate) -> None:
        """The candidate's run: made, or brought up to date if it has been told before."""
        key = f"{candidate.role}: {candidate.name}"
        if key not in self._children:
            tags = {
                "mlflow.parentRunId": self._run_id,
                "mlflow.runName": key,
                "mlflow.source.name": "evolve.run",
                "candidate": key,
                "role": candidate.role,
            }
            # All begin with the search, so that equal points are recognised after a resume.
            run = self._client.create_run(self._experiment_id, start_time=self._start_ms, tags=tags, run_name=key)
            self._children[key] = run
        run = self._children[key]
        parameters = {"role": candidate.role, "policy": candidate.name, **candidate.parameters}
        self._log(run.info.run_id, candidate.figures, 0, _without(parameters, run.data.params))
        self._client.set_terminated(run.info.run_id, "FINISHED", end_time=self._start_ms)
        self._children[key] = self._client.get_run(run.info.run_id)

    def _log(
        self, run_id: str, figures: Mapping[str, float], step: int, parameters: Mapping[str, Any] | None = None
    ) -> None:
        """One call, or as few as MLflow's limits allow."""
        from mlflow.entities import Metric, Param

        time_ms = self._start_ms + _MS_PER_GENERATION * (step + 1)
        metrics = [Metric(allowed(name), float(value), time_ms, step) for name, value in figures.items()]
        params = [Param(allowed(name), _text(value)) for name, value in (parameters or {}).items()]
        while metrics or params:
            self._client.log_batch(run_id, metrics=metrics[:_MOST_METRICS], params=params[:_MOST_PARAMS])
            metrics, params = metrics[_MOST_METRICS:], params[_MOST_PARAMS:]


def store_uri(uri: str | None = None) -> str:
    """The URI with an absolute path, so that it holds in every folder.

    Raises
    ------
    ConfigError
        If it is no URI: MLflow would read it as a folder, a kind of store that it no longer serves.
    """
    if uri is None:
        return f"sqlite:///{DEFAULT_STORE.resolve()}"
    if "://" not in uri:
        raise ConfigError(
            f"tracker.uri must be a URI such as sqlite:///runs.db or http://host:5000; got {uri!r}; "
            f"did you mean 'sqlite:///{uri}'?"
        )
    prefix = "sqlite:///"
    scheme, _, place = uri.partition("://")
    path, _, options = place.partition("?")
    is_in_memory = not path.strip("/") or ":memory:" in path or "mode=memory" in options
    if scheme.partition("+")[0] == "sqlite" and is_in_memory:
        raise ConfigError(
            f"tracker.uri must name a file, such as sqlite:///runs.db; got {uri!r}, which is kept nowhere."
        )
    if uri.startswith(prefix):
        return f"{prefix}{Path(uri.removeprefix(prefix)).resolve()}"
    return uri


def shown(uri: str) -> str:
    """A URI for people: without a password, and not too long."""
    scheme, separator, rest = uri.partition("://")
    host, slash, path = rest.partition("/")
    text = f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]} ..."


def run_of(folder: Path) -> tuple[str, str] | None:
    """Store and id of the MLflow run of a run folder; None if it was not tracked there."""
    try:
        document = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        return str(document["uri"]), str(document["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def open_client(uri: str) -> Any:
    """An MLflow client that reports to nobody else and does not wait for minutes."""
    import logging

    for name, value in (
        ("MLFLOW_DISABLE_TELEMETRY", "true"),
        ("DO_NOT_TRACK", "true"),
        ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"),
        ("MLFLOW_HTTP_REQUEST_TIMEOUT", "20"),
    ):
        os.environ.setdefault(name, value)  # read by MLflow when it is imported
    for name in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(name).setLevel(logging.WARNING)  # each first use tells of its tables
    from mlflow.tracking import MlflowClient

    path = _sqlite_path(uri)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=uri)


def log_path(client: Any, run_id: str, path: Path) -> None:
    """Keep a file, or a folder under its name, with a run."""
    if path.is_dir():
        client.log_artifacts(run_id, str(path), artifact_path=path.name)
    else:
        client.log_artifact(run_id, str(path))


def log_later(uri: str, run_id: str, paths: Sequence[Path]) -> None:
    """Add files to a run of a search that is over."""
    client = open_client(uri)
    for path in paths:
        log_path(client, run_id, path)


@contextmanager
def only_one_opener(uri: str) -> Iterator[None]:
    """Keep two processes from making the tables of one sqlite file at the same time, which fails both."""
    path = _sqlite_path(uri)
    if path is None:
        yield
        return
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        deadline_s = time.monotonic() + _OPENING_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.05)
        yield


def _sqlite_path(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _experiment_id(client: Any, name: str, uri: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage == "active":
        return str(found.experiment_id)
    path = _sqlite_path(uri)
    # Beside the store, whatever folder a process works in; a server has its own place.
    artifacts = (path.parent / "mlartifacts" / allowed(name)).as_uri() if path is not None else None
    return str(client.create_experiment(name, artifact_location=artifacts))


def _figures(report: GenerationReport) -> dict[str, float]:
    """All points of a generation, the numbers of its best genome among them."""
    return {
        **report.figures,
        **report.speed,
        **{f"gene/{name}": value for name, value in genes(report.best).items()},
        "best/violation": report.best_score.violation,
        _MARKER: float(report.evaluations),
    }


def _text(value: Any) -> str:
    """The value as MLflow keeps it; what is longer is in the artifacts."""
    text = str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 4]} ..."


def _without(parameters: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """What MLflow does not have yet: it takes each parameter once."""
    return {name: value for name, value in parameters.items() if allowed(name) not in known}


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _write_aside(path: Path, text: str) -> None:
    """Write a file so that a reader never meets half of it."""
    aside = path.with_name(f".{path.name}.unfinished")
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, path)
