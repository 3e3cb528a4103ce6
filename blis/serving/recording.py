"""The requests that a server got, as a workload that can be simulated, kept and converted like any other."""

from collections.abc import Sequence as Several
from pathlib import Path
from typing import Any

import numpy as np

from blis.foundation.answers import answer
from blis.foundation.errors import ConfigError
from blis.foundation.files import folder_aside
from blis.foundation.placing import place_together
from blis.foundation.units import Int64Vector
from blis.serving.engine import Engine, Sequence
from blis.workload.labels import Labels
from blis.workload.prefixes.keys import PrefixKeys
from blis.workload.requests import Requests
from blis.workload.table import requests_of

#: How a log is written, by the end of its name. Token ids hold all that times depend on: they are replayed exactly.
ENDINGS = {".csv": "trace-csv", ".yaml": "trace-v2", ".yml": "trace-v2", ".jsonl": "mooncake"}


def recorded(engine: Engine) -> Requests:
    """The requests of one engine in the order in which they came, with what they share of prompts and answers.

    Two runs of them, one that knew nothing and one that knows all, have the same times; but for those that were
    cancelled, whose answers are as long as what they had got.
    """
    served = engine.served
    n = len(served)
    outputs = [len(one.output) if one.told_tokens is None else one.told_tokens for one in served]
    size = engine.prepared.cluster.block_size_tokens
    paths = [
        path[: (len(one.prompt) + n_tokens) // size]
        for path, one, n_tokens in zip(engine.block_paths, served, outputs, strict=True)
    ]

    def column(values: Any, dtype: type = np.int64) -> Any:
        return np.fromiter(values, dtype, n)

    return requests_of(
        arrival_us=column(one.arrival_us for one in served),
        input_tokens=column(len(one.prompt) for one in served),
        output_tokens=column(outputs),
        keys=shared_keys(paths, engine.prompts()),
        block_size_tokens=size,
        slo_class=_labels(served, "slo_class"),
        tenant=_labels(served, "tenant_id"),
        session=_labels(served, "session_id", none=True),
        turn=column((one.turn for one in served), np.int32),
        streaming=column((one.labels.get("streaming", False) for one in served), np.bool_),
        model=_labels(served, "model", none=True),
    )


def shared_keys(paths: Several[Int64Vector], prompts: Int64Vector) -> PrefixKeys:
    """Keys of the blocks that more than one request has: those of a path are a run from its beginning."""
    lengths = np.fromiter(map(len, paths), np.int64, len(paths))
    numbers = np.concatenate(paths) if len(paths) else np.zeros(0, np.int64)
    is_shared = np.bincount(numbers)[numbers] > 1 if len(numbers) else np.zeros(0, bool)
    row = np.repeat(np.arange(len(paths)), lengths)
    counts = np.bincount(row[is_shared], minlength=len(paths))
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    keys = np.unique(numbers[is_shared], return_inverse=True)[1].astype(np.int64)
    return PrefixKeys(offsets, keys, prompts)


def writer_of(path: Path) -> str:
    """The kind of log that a file's name asks for.

    Raises
    ------
    ConfigError
        If there is none, or no such folder.
    """
    for ending, kind in ENDINGS.items():
        if path.name.endswith(ending):
            if not path.parent.is_dir() or path.is_dir():
                raise ConfigError(f"record must be a file in a folder that exists; got {str(path)!r}.")
            return kind
    raise ConfigError(f"record must be a path that ends in one of {', '.join(ENDINGS)}; got {str(path)!r}.")


def record_all(engines: Several[Engine], path: Path) -> tuple[list[str], tuple[str, ...]]:
    """Write the requests of all engines, a log for each; which files, and notes on what they cannot hold.

    Of several, each log has the number of its port in its name.
    """
    paths, notes = [], []
    for place, engine in enumerate(engines):
        own = path if len(engines) == 1 else path.with_name(f"{path.stem}-{place}{path.suffix}")
        if not engine.served:
            notes.append(f"{own}: no request came, so there is no log.")
            continue
        notes += write(recorded(engine), own)
        if engine.n_cancelled:
            notes.append(
                f"{own}: {engine.n_cancelled} requests were cancelled; they stand there with the tokens that they "
                "had got, and a replay serves these to their end."
            )
        paths.append(str(own))
    return paths, tuple(notes)


def write(requests: Requests, path: Path) -> tuple[str, ...]:
    """Write a log, all of its files or none; notes on what its format cannot hold."""
    writer = answer("workload", writer_of(path))
    files = writer.files if hasattr(writer, "files") else lambda one: (one,)
    try:
        with folder_aside(path.parent) as aside:
            lost = writer.write(requests, aside / path.name)
            place_together(files(aside / path.name), files(path), True)
    except OSError as error:
        raise ConfigError(f"record: {str(path)!r} cannot be written: {error.strerror or error}.") from error
    return tuple(
        f"{path} does not hold: {loss.what} ({loss.n_requests} requests){f': {loss.why}' if loss.why else ''}"
        for loss in lost
    )


def _labels(served: Several[Sequence], name: str, *, none: bool = False) -> Labels | None:
    """A column of names; None if nobody has one, and -1 for who has none where there may be none."""
    names = [str(one.labels.get(name, "")) for one in served]
    if not any(names):
        return None
    numbers: dict[str, int] = {} if none else {"": 0}
    indices = [-1 if none and not one else numbers.setdefault(one, len(numbers)) for one in names]
    return Labels(np.array(indices, np.int32), tuple(numbers))
