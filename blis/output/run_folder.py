"""What a run leaves behind: metrics, request and instance tables, and what is needed to repeat it."""

import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from blis.command.settings import Settings
from blis.foundation.answers import answer, choices
from blis.foundation.errors import ConfigError
from blis.foundation.files import PACKAGE_FOLDER, folder_aside
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.words import shown
from blis.output.printing import json_text
from blis.policies.binding import DEFAULT_POLICIES
from blis.policies.bundle import Bundle, bundle_text, complete_policy, without_unasked
from blis.result import Result


def write_run(
    folder: Path,
    settings: Settings,
    result: Result,
    metrics: Mapping[str, Any],
    told: Mapping[str, Any] | None = None,
    summary: str | None = None,
) -> None:
    """Write all files of a run; `told` and `summary` are the explanation of a traced one.

    They are made aside and moved into place, so a reader never meets half a file.

    Raises
    ------
    ConfigError
        If the folder cannot be written.
    """
    try:
        with folder_aside(folder) as aside:
            _write_files(aside, settings, result, metrics)
            if told is not None and summary is not None:
                _write_explanation(aside, settings, result, told, summary)
            _remove_stale(folder, aside, settings)
            for path in sorted(aside.rglob("*")):
                if path.is_dir():
                    (folder / path.relative_to(aside)).mkdir(exist_ok=True)
                else:
                    os.replace(path, folder / path.relative_to(aside))
    except OSError as error:
        raise ConfigError(
            f"hydra.run.dir must be a folder that can be written, with room in it; got {shown(str(folder))}: "
            f"{error.strerror or error}."
        ) from error


#: Which files a run makes only if told so, by the key that says it.
_ON_REQUEST = {"plots": ("latency.png", "load.png", "requests.png"), "export_requests": ("trace.yaml", "trace.csv")}


def _remove_stale(folder: Path, aside: Path, settings: Settings) -> None:
    """Remove what an earlier run in this folder made and this one does not: it would pass for this one's."""
    stale = [folder / "explanation.json", folder / "summary.md", *sorted((folder / "trace").glob("*.parquet"))]
    stale += [folder / name for key, names in _ON_REQUEST.items() if _was_told(folder, key) for name in names]
    workload = settings.document["workload"]
    for path in stale:
        is_read = os.path.abspath(path) in (workload.get("path"), workload.get("data_path"))
        if not is_read and not (aside / path.relative_to(folder)).exists():
            path.unlink(missing_ok=True)
    if (folder / "trace").is_dir() and not any((folder / "trace").iterdir()):
        (folder / "trace").rmdir()


def _was_told(folder: Path, key: str) -> bool:
    """Whether the earlier run in this folder had this key set: files of these names may be somebody else's."""
    try:
        earlier = read_yaml(folder / "config.yaml")
    except ConfigError:
        return False
    return isinstance(earlier, Mapping) and earlier.get(key) is True


def _write_files(folder: Path, settings: Settings, result: Result, metrics: Mapping[str, Any]) -> None:
    from blis.output.tables import instance_table, request_table, write_table

    (folder / "metrics.json").write_text(json_text(metrics), encoding="utf-8")
    write_table(request_table(result), folder / "requests.parquet")
    write_table(instance_table(metrics["instances"]), folder / "instances.parquet")
    (folder / "config.yaml").write_text(config_text(settings.document), encoding="utf-8")
    (folder / "policies.yaml").write_text(bundle_text(_bundle(settings)), encoding="utf-8")
    if settings.export_requests:
        from blis.workload.kinds import trace_v2

        trace_v2.write(result.requests, folder / "trace.yaml")
    if settings.plots:
        from blis.output.plots import write_plots

        write_plots(result, folder)


def _write_explanation(folder: Path, settings: Settings, result: Result, told: Mapping[str, Any], summary: str) -> None:
    from blis.output.tables import write_table

    (folder / "explanation.json").write_text(json_text(told), encoding="utf-8")
    (folder / "summary.md").write_text(summary, encoding="utf-8")
    names = choices("trace") if settings.trace == "decisions" else ("rollouts",)
    tables = {name: answer("trace", name).table(result) for name in names}
    (folder / "trace").mkdir()
    for name, table in tables.items():
        if table is not None:
            write_table(table, folder / "trace" / f"{name}.parquet")


def config_text(document: Mapping[str, Any]) -> str:
    """The composed configuration; with it alone a run can be repeated.

    Its head recommends the script `blis`: `python -m` would first look for modules in the folder where it is started.
    """
    try:
        release = version("blis")
    except PackageNotFoundError:
        release = "unknown"
    head = (
        f"# blis {release}, source {source_commit() or 'unknown'}. To repeat this run, in this folder:\n"
        "# blis --config-dir . --config-name config\n"
    )
    return head + yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True)


def source_commit() -> str | None:
    """The commit of the source tree that the package is run from, if it is run from one."""
    git = PACKAGE_FOLDER.parent / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        if (git / name).is_file():
            return (git / name).read_text(encoding="utf-8").strip()
        for line in (git / "packed-refs").read_text(encoding="utf-8").splitlines():
            if line.endswith(f" {name}"):
                return line.partition(" ")[0]
    except OSError:
        pass
    return None


def _bundle(settings: Settings) -> Bundle:
    chosen = {**DEFAULT_POLICIES, **{name: settings.document[name] for name in settings.scenario.policies}}
    completed = {name: complete_policy(name, choice) for name, choice in chosen.items()}
    policies = without_unasked(completed, settings.scenario.cluster.gateway is not None)
    return Bundle(policies, settings.lineage, settings.limits)
