import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from blis.observing.settings import ObserveSettings
from tests.observing.loopback import Server, serving

#: Five requests at once, whose answers have three tokens.
FIVE = {
    "kind": "distribution",
    "rate": 1000.0,
    "num_requests": 5,
    "arrival": "constant",
    **{f"prompt_tokens_{key}": 0 if key == "stdev" else 20 for key in ("mean", "stdev", "min", "max")},
    **{f"output_tokens_{key}": 0 if key == "stdev" else 3 for key in ("mean", "stdev", "min", "max")},
}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as running:
        yield running


@pytest.fixture
def closed_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def settings() -> Callable[..., ObserveSettings]:
    """The shipped settings with changes; those of the server by names with two underscores."""
    shipped = read_yaml(conf_folder() / "observe.yaml")

    def changed(url: str, workload: dict[str, Any] | None = None, **changes: Any) -> ObserveSettings:
        document = {key: value for key, value in shipped.items() if key not in ("defaults", "hydra", "scenario")}
        document["workload"] = FIVE if workload is None else workload
        document["server"] = {**document["server"], "url": url, "model": "tiny", "probe": False}
        document["scrape_s"] = None
        document["prompt_seed"] = 1
        for key, value in changes.items():
            node, _, name = key.partition("__")
            if name:
                document[node] = {**document[node], name: value}
            else:
                document[node] = value
        return ObserveSettings.from_mapping(document)

    return changed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "observed"
    place.mkdir()
    return place
